"""What a return takes back: the worked examples, every policy, every refusal.

Money is in cents; the plain rule gives a point per dollar.
"""

from typing import Any

import pytest
from pydantic import BaseModel

from services.earn.returns import RETURNS_MAX
from shared.events.awards import (
    ActivityRefused,
    PointsEarned,
    ReturnAssessed,
    ReturnRefused,
    ReturnWaiting,
)
from shared.events.upstream import Purchase
from shared.program.catalogue import Catalogue
from tests.earnings import Earnings, returned, void
from tests.receipts import BASE, line, program, receipt

SHOP = program(BASE)


def bought(*amounts: int, **fields: Any) -> Purchase:
    """A purchase of lines 1, 2, … of these amounts, one piece each."""
    lines = [line(amount, line_id=str(number)) for number, amount in enumerate(amounts, 1)]
    return receipt(*lines, **fields)


def assessed(facts: list[BaseModel]) -> ReturnAssessed:
    [fact] = facts
    assert isinstance(fact, ReturnAssessed), fact
    return fact


def refusal(facts: list[BaseModel]) -> dict[str, Any]:
    [fact] = facts
    assert isinstance(fact, ReturnRefused), fact
    return fact.model_dump(include={"reason", "line_id", "bought", "returned"}, exclude_none=True)


# the worked examples


def test_e7_an_order_that_is_returned_whole_gives_back_what_it_earned():
    shop = Earnings(SHOP)
    shop.take(bought(4995))
    assert assessed(shop.take(returned(("1", 1, 4995)))).points == shop.earned == 49


@pytest.mark.parametrize(
    ("policy", "points"), [("proportional", 35), ("re_earn", 20), ("refunded", 20)]
)
def test_r1_product_rules_beside_a_rule_per_amount(policy: str, points: int):
    rules = [
        {"rule": "unit", "kind": "per_amount", "points": 1, "per_minor": 1},
        {"rule": "a", "kind": "fixed", "points": 10, "match": {"sku": ["A"]}},
        {"rule": "b", "kind": "fixed", "points": 20, "match": {"sku": ["B"]}},
    ]
    shop = Earnings(program(*rules, returns={"policy": policy}))
    lines = [
        line(amount, line_id=sku, sku=sku) for sku, amount in (("A", 10), ("B", 10), ("C", 20))
    ]
    shop.take(receipt(*lines))
    fact = assessed(shop.take(returned(("C", 1, 20))))
    assert (shop.earned, fact.points, fact.policy) == (70, points, policy)


def test_r8_the_order_is_cancelled_and_takes_back_what_it_earned():
    shop = Earnings(SHOP)
    shop.take(bought(2199))
    assert assessed(shop.take(void())).points == 21


def test_c46_a_receipt_that_comes_back_in_small_steps_gives_back_everything():
    shop = Earnings(program({**BASE, "per_minor": 1000}))
    shop.take(bought(2000))
    steps = [shop.take(returned(("1", 0, 500), event=f"step-{n}")) for n in range(4)]
    assert [assessed(step).points for step in steps] == [1, 0, 1, 0]


@pytest.mark.parametrize("later", [{**BASE, "points": 2}, None])
def test_c13_the_rules_of_the_day_of_purchase_count(later: dict[str, Any] | None):
    shop = Earnings(SHOP)
    shop.take(bought(5000))
    rules = [later] if later else []
    shop.publish(program(*rules, version=2, effective_from="2026-03-04"))
    assert assessed(shop.take(void())).points == 50


# sums that can be checked by hand


def test_an_assessment_shows_its_sum():
    shop = Earnings(SHOP)
    shop.take(bought(1050, 1099))
    first = assessed(shop.take(returned(("1", 1, 1050))))
    assert (first.clawed_before, first.points, first.program_version) == (0, 11, 1)
    fact = assessed(shop.take(returned(("2", 0, 99), event="return-2")))
    assert (fact.earned, fact.earned_on_kept, fact.owed) == (21, 10, 11)
    assert (fact.clawed_before, fact.points) == (11, 0)
    assert [(share.basis_minor, share.exact) for share in fact.breakdown] == [(1000, "10")]


@pytest.mark.parametrize(
    ("policy", "steps"),
    [("re_earn", [11, 10]), ("refunded", [10, 11]), ("proportional", [10, 11])],
)
def test_every_policy_takes_back_everything_in_the_end(policy: str, steps: list[int]):
    shop = Earnings(program(BASE, returns={"policy": policy}))
    shop.take(bought(1050, 1099))
    taken = [
        assessed(shop.take(returned(("1", 1, 1050)))).points,
        assessed(shop.take(void())).points,
    ]
    assert taken == steps


@pytest.mark.parametrize(("lines", "points"), [(("1", 1, 1000), 5), (("2", 1, 1000), 5)])
def test_without_money_or_basis_the_proportion_is_of_what_there_is(
    lines: tuple[str, int, int], points: int
):
    visit = {"rule": "visit", "kind": "per_visit", "points": 10}
    shop = Earnings(program(visit, returns={"policy": "proportional"}))
    shop.take(bought(1000, 1000))
    assert assessed(shop.take(returned(lines))).points == points


SHOES = {"match": {"department": ["SHOES"]}}
ITEMS = {"rule": "items", "kind": "per_item", "points": 5}


@pytest.mark.parametrize(
    ("rule", "lines", "back", "points"),
    [
        ({**BASE, **SHOES}, [line(1000, department="SHOES"), line(3000, line_id="2")],
         ("1", 1, 1000), 10),
        ({**BASE, **SHOES}, [line(1000, department="SHOES"), line(3000, line_id="2")],
         ("2", 1, 3000), 0),
        (ITEMS, [line(1000), line(3000, line_id="2")], ("1", 1, 1000), 2),
        (ITEMS, [line(0, quantity=3), line(0, line_id="2")], ("1", 1, 0), 5),
        (ITEMS, [line(0, quantity=3), line(0, line_id="2")], ("1", 3, 0), 15),
    ],
    ids=["basis", "none of the basis", "money", "pieces", "more pieces"],
)  # fmt: skip
def test_the_proportion_is_of_the_basis_else_of_the_money_else_of_the_pieces(
    rule: dict[str, Any], lines: list[dict[str, Any]], back: tuple[str, int, int], points: int
):
    shop = Earnings(program(rule, returns={"policy": "proportional"}))
    shop.take(receipt(*lines))
    assert assessed(shop.take(returned(back))).points == points


@pytest.mark.parametrize("policy", ["re_earn", "refunded", "proportional"])
def test_a_visit_without_a_piece_is_taken_back_whole(policy: str):
    visit = {"rule": "visit", "kind": "per_visit", "points": 10}
    shop = Earnings(program(visit, returns={"policy": policy}))
    shop.take(receipt(line(0, quantity=0)))
    assert assessed(shop.take(void())).points == 10


@pytest.mark.parametrize("policy", ["re_earn", "refunded", "proportional"])
def test_what_came_back_whole_gives_nothing_on_what_was_kept_however_it_was_refunded(policy: str):
    """Two fifths of it were paid with points, and only these are refunded."""
    paid = [{"method": "points", "amount_minor": 2000}, {"method": "card", "amount_minor": 3000}]
    shop = Earnings(program(BASE, returns={"policy": policy}))
    shop.take(bought(5000, payments=paid))
    back = returned(("1", 1, 5000), refunds=[{"method": "points", "amount_minor": 2000}])
    fact = assessed(shop.take(back))
    assert (fact.earned, fact.earned_on_kept, fact.points) == (30, 0, 30)
    assert fact.refunds == back.refunds


def test_a_visit_counts_as_long_as_anything_is_kept():
    shop = Earnings(program({"rule": "visit", "kind": "per_visit", "points": 10}))
    shop.take(bought(1000, 1000))
    assert assessed(shop.take(returned(("1", 1, 1000)))).points == 0
    assert assessed(shop.take(returned(("2", 1, 1000), event="return-2"))).points == 10


@pytest.mark.parametrize(
    ("refunds", "points"),
    [
        ([], 40),
        ([{"method": "card", "amount_minor": 5000}], 50),
        ([{"method": "points", "amount_minor": 2000}], 30),
    ],
)
def test_a_receipt_that_was_paid_with_points_in_part(refunds: list[dict[str, Any]], points: int):
    """$100, $20 of it paid with points, which earns nothing: 80. Half of it comes back."""
    paid = [{"method": "points", "amount_minor": 2000}, {"method": "card", "amount_minor": 8000}]
    shop = Earnings(SHOP)
    shop.take(bought(5000, 5000, payments=paid))
    fact = assessed(shop.take(returned(("1", 1, 5000), refunds=refunds)))
    assert (fact.earned, fact.points) == (80, points)


def test_tax_goes_back_with_the_money_of_its_line():
    shop = Earnings(program({**BASE, "tax": "in"}))
    shop.take(receipt(line(2000, tax_minor=200, quantity=2)))
    fact = assessed(shop.take(returned(("1", 1, 1000))))
    assert (fact.earned, fact.earned_on_kept) == (22, 11)


def test_lines_with_one_id_come_back_in_their_order():
    shop = Earnings(program(BASE, {**BASE, "rule": "a", "match": {"sku": ["A"]}}))
    shop.take(receipt(line(1000, sku="A"), line(1000, sku="B")))
    assert assessed(shop.take(returned(("1", 1, 1000)))).points == 20
    assert assessed(shop.take(returned(("1", 1, 1000), event="return-2"))).points == 10


def test_an_award_of_nothing_gives_nothing_back():
    shop = Earnings(SHOP)
    shop.take(bought(99))
    fact = assessed(shop.take(void()))
    assert (fact.earned, fact.points) == (0, 0)


def test_keeping_less_never_gives_points():
    """The rule that stands alone gives less than the other one: without its line, more is kept."""
    alone = {
        "rule": "alone",
        "kind": "fixed",
        "points": 1,
        "stackable": False,
        "match": {"sku": ["A"]},
    }
    shop = Earnings(program(BASE, alone))
    shop.take(receipt(line(100, line_id="1", sku="A"), line(5000, line_id="2")))
    fact = assessed(shop.take(returned(("1", 1, 100))))
    assert (fact.earned, fact.earned_on_kept, fact.owed, fact.points) == (1, 50, 0, 0)


# caps and counters go back in the window of the purchase

CAPPED = program({**BASE, "caps": [{"per": "month", "points": 100}]})


@pytest.mark.parametrize(
    ("kept", "clawed", "room"), [(0, 100, 100), (5_000, 50, 50), (10_000, 0, 0), (12_000, 0, 0)]
)
def test_a_cap_has_room_again_for_what_came_back(kept: int, clawed: int, room: int):
    shop = Earnings(CAPPED)
    shop.take(bought(15_000, at="2026-03-03T12:00:00Z"))
    back = returned(("1", 0, 15_000 - kept), occurred_at="2026-04-01T12:00:00Z")
    assert assessed(shop.take(back)).points == clawed
    for number, (day, points) in enumerate((("2026-03-31", room), ("2026-04-01", 100)), 2):
        fields = {"receipt_id": f"receipt-{number}", "event_id": f"event-{number}"}
        [award] = shop.take(bought(20_000, at=f"{day}T12:00:00Z", **fields))
        assert isinstance(award, PointsEarned)
        assert award.points == points


def test_a_cap_that_was_reached_stays_so_for_what_was_kept():
    """The cap had 20 left when it was bought: of 50 kept, 20 still count."""
    shop = Earnings(CAPPED)
    shop.take(bought(8_000, receipt_id="receipt-0", event_id="event-0"))
    shop.take(bought(15_000))
    fact = assessed(shop.take(returned(("1", 0, 10_000))))
    assert (fact.earned, fact.earned_on_kept, fact.points) == (20, 20, 0)


def test_a_purchase_that_came_back_whole_was_no_visit():
    first = {**BASE, "rule": "welcome", "kind": "fixed", "match": {"first_purchase": True}}
    del first["per_minor"]
    shop = Earnings(program({**first, "points": 500}))
    shop.take(bought(100), void())
    [again] = shop.take(bought(100, receipt_id="receipt-2", event_id="event-2"))
    [third] = shop.take(bought(100, receipt_id="receipt-3", event_id="event-3"))
    assert isinstance(again, PointsEarned)
    assert isinstance(third, PointsEarned)
    assert (again.points, third.points) == (500, 0)


def test_what_is_kept_of_a_later_visit_that_no_rule_met_is_no_first_one():
    first = {"rule": "first", "kind": "fixed", "points": 50, "match": {"first_purchase": True}}
    shop = Earnings(program(first))
    shop.take(bought(100), bought(100, 200, receipt_id="receipt-2", event_id="event-2"))
    fact = assessed(shop.take(returned(("1", 1, 100), receipt="receipt-2")))
    assert (fact.earned_on_kept, fact.points) == (0, 0)


@pytest.mark.parametrize(("what", "value"), [("store", "s-7"), ("channel", "app")])
def test_a_rule_for_where_it_was_bought_holds_for_what_is_kept(what: str, value: str):
    shop = Earnings(program({**BASE, "match": {what: [value]}}))
    shop.take(bought(1000, 2000, **{what: value}))
    assert assessed(shop.take(returned(("1", 1, 1000)))).points == 10


def test_other_currencies_go_back_too():
    status = {**BASE, "rule": "status", "points": 2, "currency": "status"}
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "status", "spendable": False},
    ]
    shop = Earnings(program(BASE, status, currencies=currencies))
    shop.take(bought(1000, 2000))
    taken = [
        assessed(shop.take(returned((line_id, 1, amount), event=line_id)))
        for line_id, amount in (("1", 1000), ("2", 2000))
    ]
    assert [fact.points for fact in taken] == [10, 20]
    assert [[(also.currency, also.points) for also in fact.also] for fact in taken] == [
        [("status", 20)],
        [("status", 40)],
    ]


@pytest.mark.parametrize(
    ("policy", "taken"), [("re_earn", (10, 20)), ("refunded", (10, 20)), ("proportional", (10, 5))]
)
def test_a_currency_that_only_some_lines_gave_goes_back_with_them(
    policy: str, taken: tuple[int, int]
):
    status = {**BASE, **SHOES, "rule": "status", "points": 2, "currency": "status"}
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "status", "spendable": False},
    ]
    shop = Earnings(program(BASE, status, currencies=currencies, returns={"policy": policy}))
    shop.take(receipt(line(1000, department="SHOES"), line(3000, line_id="2")))
    fact = assessed(shop.take(returned(("1", 1, 1000))))
    [also] = fact.also
    assert (fact.points, also.points) == taken
    assert also.earned_on_kept == 0
    other = Earnings(program(BASE, status, currencies=currencies, returns={"policy": policy}))
    other.take(receipt(line(1000, department="SHOES"), line(3000, line_id="2")))
    [also] = assessed(other.take(returned(("2", 1, 3000)))).also
    assert also.points == (20 - taken[1])


# before the purchase


def test_a_return_that_comes_first_waits_for_its_purchase():
    shop = Earnings(SHOP)
    [waits] = shop.take(returned(("1", 1, 1000)))
    assert isinstance(waits, ReturnWaiting)
    award, fact = shop.take(bought(1000, 2000))
    assert isinstance(award, PointsEarned)
    assert (award.points, assessed([fact]).points) == (30, 10)
    assert shop.take(bought(1000, 2000), returned(("1", 1, 1000))) == []


def test_all_that_waits_is_decided_in_the_order_in_which_it_came():
    shop = Earnings(SHOP)
    facts = shop.take(
        returned(("1", 1, 1000)), void(), returned(("2", 1, 2000)), bought(1000, 2000)
    )
    said = [type(fact) for fact in facts]
    assert said == [ReturnWaiting, ReturnWaiting, PointsEarned, ReturnAssessed, ReturnAssessed]
    assert shop.clawed == shop.earned == 30


def test_what_waits_too_much_is_refused_when_the_purchase_comes():
    shop = Earnings(SHOP)
    shop.take(returned(("1", 1, 9000)))
    _, fact = shop.take(bought(1000))
    assert refusal([fact])["reason"] == "more_than_bought"
    assert assessed(shop.take(void())).points == 10


def test_a_return_of_a_purchase_that_nothing_rewards_is_refused():
    shop = Earnings(program(BASE, effective_from="2026-04-01"))
    [refused] = shop.take(bought(1000))
    assert isinstance(refused, ActivityRefused)
    assert refusal(shop.take(void())) == {"reason": "purchase_not_rewarded"}


# refusals, the first reason is told


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (returned(("3", 9, 1)), {"reason": "line_unknown", "line_id": "3"}),
        (
            returned(("2", 1, 2001)),
            {"reason": "more_than_bought", "line_id": "2", "bought": 2000, "returned": 2001},
        ),
        (
            returned(("2", 2, 9999)),
            {"reason": "more_than_bought", "line_id": "2", "bought": 1, "returned": 2},
        ),
        (
            returned(("1", 0, 600), ("1", 0, 600)),
            {"reason": "more_than_bought", "line_id": "1", "bought": 1000, "returned": 1200},
        ),
        (
            returned(("1", 1, 1000), refunds=[{"method": "cash", "amount_minor": 1}]),
            {"reason": "more_than_paid", "bought": 0, "returned": 1},
        ),
        (returned(("3", 1, 1000), currency="EUR"), {"reason": "other_currency"}),
    ],
)
def test_a_return_that_cannot_be(back: Any, said: dict[str, Any]):
    shop = Earnings(SHOP)
    shop.take(bought(1000, 2000))
    assert refusal(shop.take(back)) == said
    assert assessed(shop.take(void())).points == 30


def test_what_came_back_before_counts():
    shop = Earnings(SHOP)
    shop.take(bought(1000))
    shop.take(returned(("1", 1, 700)))
    assert refusal(shop.take(returned(("1", 0, 301), event="return-2"))) == {
        "reason": "more_than_bought",
        "line_id": "1",
        "bought": 1000,
        "returned": 1001,
    }


def test_a_return_under_a_version_that_is_not_published_is_refused():
    shop = Earnings(SHOP)
    shop.take(bought(1000))
    shop.service.catalogue = Catalogue()
    assert refusal(shop.take(void())) == {"reason": "version_unknown"}


@pytest.mark.parametrize(
    ("policy", "back"), [("re_earn", ("1", 1, 100)), ("refunded", ("2", 1, 10**7))]
)
def test_what_no_fact_can_hold_of_what_was_kept_or_came_back_is_out_of_range(
    policy: str, back: tuple[str, int, int]
):
    """The rule that stands alone gives far less than the other one, which alone is too much."""
    alone = {"rule": "alone", "kind": "fixed", "points": 1, "stackable": False}
    most = {**BASE, "points": 10**6, "per_minor": 1}
    rules = program(most, {**alone, "match": {"sku": ["A"]}}, returns={"policy": policy})
    shop = Earnings(rules)
    shop.take(receipt(line(100, line_id="1", sku="A"), line(10**7, line_id="2")))
    assert refusal(shop.take(returned(back))) == {"reason": "out_of_range"}


def test_what_counts_only_once_something_came_back_is_counted_then():
    """Without the line of the rule that stands alone, the other rule fills its month."""
    alone = {"rule": "alone", "kind": "fixed", "points": 1, "stackable": False}
    capped = {**BASE, "caps": [{"per": "month", "points": 60}]}
    shop = Earnings(program(capped, {**alone, "match": {"sku": ["A"]}}))
    shop.take(receipt(line(100, line_id="1", sku="A"), line(5000, line_id="2")))
    shop.take(returned(("1", 1, 100)))
    [award] = shop.take(bought(5000, receipt_id="receipt-2", event_id="event-2"))
    assert isinstance(award, PointsEarned)
    assert award.points == 10


def test_returns_of_one_receipt_are_limited():
    said = {"reason": "too_many_returns", "bought": RETURNS_MAX, "returned": RETURNS_MAX + 1}
    known, unknown = Earnings(SHOP), Earnings(SHOP)
    known.take(bought(1000))
    for shop in (known, unknown):
        steps = [returned(("1", 0, 1), event=f"step-{n}") for n in range(RETURNS_MAX)]
        shop.take(*steps)
        assert refusal(shop.take(returned(("1", 0, 1), event="one-more"))) == said
