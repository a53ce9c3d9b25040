"""What each kind of rule gives, how rules stand beside each other, and several currencies."""

from typing import Any

import pytest

from shared.events.awards import RuleShare
from shared.events.upstream import CustomAction, Purchase, Review
from shared.program.earning import Award, Rewarded, award, rewards
from shared.program.misses import MISSES_TOLD_MAX
from tests.receipts import BASE, earned, line, program, receipt

DOUBLE = {"rule": "double", "kind": "multiplier", "factor": 2}
BONUS = {"rule": "bonus", "kind": "fixed", "points": 5}
ITEMS = {"rule": "items", "kind": "per_item", "points": 3}
BACK = {"rule": "back", "kind": "cash_back", "share": "2%"}
RATES = [
    {"from_minor": 100_000, "points": 1, "per_minor": 1_000},
    {"from_minor": 300_000, "points": 1, "per_minor": 900},
]
TIERED = {"rule": "tiered", "kind": "tiered", "rates": RATES}
REVIEW = {"rule": "review", "kind": "action", "actions": ["review"], "points": 50}
RUN: dict[str, Any] = {
    "rule": "run",
    "kind": "action",
    "actions": ["ran"],
    "points": 10,
    "per": {"attribute": "metres", "of": 1_000},
}
SHOES = {"match": {"department": ["SHOES"]}}
WHO = {
    "event_id": "event-2",
    "source": "app",
    "brand": "shop",
    "member": "jo",
    "occurred_at": "2026-03-03T12:00:00Z",
}


def action(name: str, **attributes: Any) -> CustomAction:
    return CustomAction.model_validate({**WHO, "action": name, "attributes": attributes})


def worth(rules: Any, activity: Rewarded | Purchase) -> Award:
    found = award(rules, activity)
    assert isinstance(found, Award)
    return found


def misses(found: Award) -> dict[str, str]:
    return {missed.rule: missed.reason for missed in found.why_not}


@pytest.mark.parametrize(
    ("case", "rules", "lines", "points"),
    [
        ("pieces", [ITEMS], [line(100, quantity=4), 100], 15),
        ("pieces in whole steps", [{**ITEMS, "items": 2}], [line(100, quantity=5)], 6),
        ("pieces by their part", [{**ITEMS, "items": 2, "steps": "linear"}],
         [line(100, quantity=5)], 7),
        ("pieces of some lines", [{**ITEMS, **SHOES}],
         [line(1, quantity=9), line(1, quantity=2, department="SHOES")], 6),
        ("pieces doubled", [ITEMS, DOUBLE], [line(100, quantity=4)], 24),
        ("cash back", [BACK], [1_999], 39),
        ("cash back with tax", [{**BACK, "tax": "in"}], [line(1_999, tax_minor=101)], 42),
        ("cash back doubled", [BACK, DOUBLE], [1_999], 79),
        ("E11", [TIERED], [196_000], 196),
        ("E11 below the first rate", [TIERED], [20_000], 0),
        ("C32 the exact boundary", [TIERED], [100_000], 100),
        ("C32 one short of it", [TIERED], [99_999], 0),
        ("C32 one short of the second", [TIERED], [299_999], 299),
        ("C32 the second", [TIERED], [300_000], 333),
        ("a tiered rate of money with its tax", [{**TIERED, "tax": "in"}],
         [line(99_000, tax_minor=1_000)], 100),
        ("a tiered rate doubled", [TIERED, DOUBLE], [300_000], 666),
        ("a tiered rate, doubled on some lines", [TIERED, {**DOUBLE, **SHOES}],
         [200_000, line(100_000, department="SHOES")], 444),
    ],
)  # fmt: skip
def test_a_purchase_is_worth(case: str, rules: list[dict[str, Any]], lines: Any, points: int):
    assert earned(program(*rules), receipt(*lines)).points == points


def test_the_breakdown_says_how_many_pieces():
    found = earned(program(BASE, ITEMS), receipt(line(250, quantity=4)))
    assert [share.model_dump(exclude_none=True) for share in found.breakdown] == [
        {"rule": "base", "basis_minor": 250, "rate": "1/100", "exact": "5/2"},
        {"rule": "items", "basis_minor": 0, "exact": "12", "count": 4},
    ]


def alone(name: str, points: int, priority: int = 0) -> dict[str, Any]:
    return {
        "rule": name,
        "kind": "fixed",
        "points": points,
        "stackable": False,
        "priority": priority,
    }


@pytest.mark.parametrize(
    ("case", "rules", "points", "aside"),
    [
        ("E5 alone", [alone("a", 100), BASE], 100, {"base"}),
        ("E5 priority", [alone("a", 50, 5), alone("b", 200, 20)], 200, {"a"}),
        ("the larger one does not win", [alone("a", 500, 5), alone("b", 200, 20)], 200, {"a"}),
        ("equal priority: the first name", [alone("b", 500, 5), alone("a", 200, 5)], 200, {"b"}),
        ("a multiplier keeps its base", [BASE, {**DOUBLE, "stackable": False}, BONUS], 38,
         {"bonus"}),
        ("of one rule", [BASE, ITEMS, {**DOUBLE, "rules": ["base"], "stackable": False}], 38,
         {"items"}),
        ("who gives nothing does not stand alone", [{**alone("a", 100), **SHOES}, BASE], 19, set()),
        ("nor does what it multiplies",
         [BASE, {**ITEMS, **SHOES}, {**DOUBLE, "rules": ["items"], "stackable": False}], 19, set()),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_stackable_stands_alone(
    case: str, rules: list[dict[str, Any]], points: int, aside: set[str]
):
    found = earned(program(*rules), receipt(1_900))
    assert found.points == points
    told = {name for name, why in misses(found).items() if why == "stands_aside"}
    assert told == aside


@pytest.mark.parametrize(
    ("case", "switch", "lines", "payments", "points", "share"),
    [
        ("E10 off", {}, [10_000], {"points": 2_000, "card": 8_000}, 480, "4/5"),
        ("E10 on", {"earns": True}, [10_000], {"points": 2_000, "card": 8_000}, 600, None),
        ("all of it", {}, [10_000], {"points": 10_000}, 0, "0"),
        ("more than all", {}, [10_000], {"points": 12_000}, 0, "0"),
        ("by another name", {"methods": ["stars"]}, [10_000], {"stars": 5_000}, 300, "1/2"),
        ("thirds are exact", {}, [300], {"points": 100}, 12, "2/3"),
        ("tax is paid too", {}, [line(8_000, tax_minor=2_000)], {"points": 5_000}, 240, "1/2"),
        ("by card", {}, [10_000], {"card": 10_000}, 600, None),
        ("C19 the reward's own line", {}, [line(500, kind="reward")], {}, 0, None),
    ],
)
def test_c20_the_part_paid_with_points_earns_if_the_program_says_so(
    case: str, switch: Any, lines: Any, payments: dict[str, int], points: int, share: str | None
):
    six = {**BASE, "points": 6}
    document = program(six).model_dump(mode="json", exclude_none=True)
    document["earn"]["paid_with_points"] = switch
    paid = [{"method": method, "amount_minor": amount} for method, amount in payments.items()]
    found = earned(type(program(six)).model_validate(document), receipt(*lines, payments=paid))
    assert (found.points, found.earning_share) == (points, share)


@pytest.mark.parametrize(("amount", "points"), [(300_000, 333), (299_999, 299)])
def test_the_rate_is_that_of_the_part_that_was_not_paid_with_points(amount: int, points: int):
    paid = [{"method": "points", "amount_minor": 50_000}]
    assert earned(program(TIERED), receipt(amount + 50_000, payments=paid)).points == points


def test_a_receipt_of_nothing_that_was_paid_with_points_earns_as_any_other():
    free = receipt(line(0, quantity=2), payments=[{"method": "points", "amount_minor": 100}])
    found = earned(program(ITEMS), free)
    assert (found.points, found.earning_share) == (6, None)


@pytest.mark.parametrize("count", [1, MISSES_TOLD_MAX + 1])
def test_of_rules_about_an_action_the_first_say_why_they_gave_nothing(count: int):
    rules = [{**RUN, "rule": f"run-{number}"} for number in range(count)]
    told = misses(worth(program(*rules), action("ran", metres=0)))
    assert list(told) == [f"run-{number}" for number in range(min(count, MISSES_TOLD_MAX))]
    assert set(told.values()) == {"below_one_step"}


def test_a_rule_about_an_action_may_stand_alone_too():
    first = {**REVIEW, "rule": "first", "points": 5, "stackable": False}
    found = worth(program(REVIEW, first), Review.model_validate(WHO))
    assert (found.points, misses(found)) == (5, {"review": "stands_aside"})


def test_a_purchase_that_was_paid_with_points_says_so():
    paid = [{"method": "points", "amount_minor": 1_000}]
    found = earned(program(BASE), receipt(1_000, payments=paid))
    assert misses(found) == {"base": "paid_with_points"}


def test_e13_a_reward_on_the_receipt_earns_nothing_and_the_rest_does():
    rules = program({**BASE, "points": 1, "per_minor": 100})
    lines = [line(500), line(500, kind="reward")]
    assert earned(rules, receipt(*lines)).points == 5


CURRENCIES = [
    {"currency": "points", "spendable": True},
    {"currency": "status", "spendable": False},
]
STATUS = {**BASE, "rule": "status", "currency": "status"}


def test_e8_one_activity_earns_in_several_currencies():
    rules = program(BASE, DOUBLE, STATUS, currencies=CURRENCIES)
    found = earned(rules, receipt(10_000))
    assert (found.points, [(each.currency, each.points) for each in found.also]) == (
        200,
        [("status", 100)],
    )
    assert [share.currency for share in found.breakdown] == [None, "status", None]


def test_each_currency_is_rounded_by_itself():
    rules = program(BASE, STATUS, currencies=CURRENCIES, rounding="ceil")
    found = earned(rules, receipt(101))
    assert (found.points, [each.points for each in found.also]) == (2, [2])


def test_rules_that_stand_alone_do_not_touch_another_currency():
    rules = program(alone("a", 100), BASE, STATUS, currencies=CURRENCIES)
    found = earned(rules, receipt(10_000))
    assert (found.points, [each.points for each in found.also]) == (100, [100])


@pytest.mark.parametrize(
    ("rules", "activity", "points"),
    [
        ([REVIEW], Review.model_validate(WHO), 50),
        ([REVIEW, DOUBLE, BONUS], Review.model_validate(WHO), 50),
        ([RUN], action("ran", metres=5_200), 50),
        ([RUN], action("ran", metres=999), 0),
        ([RUN], action("ran", metres=-5), 0),
        ([{**RUN, "per": {"attribute": "metres"}}], action("ran", metres=1), 10),
        ([{**REVIEW, "per": {"attribute": "rating"}}], Review.model_validate(WHO), 0),
        ([RUN], action("ran", metres="far"), 0),
        ([RUN], action("ran", metres=True), 0),
        ([RUN], action("ran"), 0),
        ([{**RUN, "per": {**RUN["per"], "steps": "linear"}}], action("ran", metres=5_200), 52),
        ([RUN, {**RUN, "rule": "also", "per": None}], action("ran", metres=1_000), 20),
        ([{**RUN, "per": None, "match": {"brand": ["other"]}}], action("ran"), 0),
        ([{**RUN, "per": None, "effective_from": "2027-01-01"}], action("ran"), 0),
        ([{**RUN, "per": None, "match": {"weekday": ["tuesday"]}}], action("ran"), 10),
    ],
)
def test_an_action_is_worth(rules: list[dict[str, Any]], activity: Rewarded, points: int):
    found = worth(program(*rules, brands=["shop", "other"]), activity)
    assert (found.points, found.basis_minor) == (points, 0)
    assert bool(found.why_not) is (points == 0)


def test_a_program_rewards_the_actions_that_its_rules_are_about():
    rules = program(BASE, RUN)
    assert rewards(rules, receipt(100))
    assert rewards(rules, action("ran"))
    assert not rewards(rules, action("swam"))
    assert not rewards(rules, Review.model_validate(WHO))


def test_purchases_do_not_meet_the_rules_of_actions_nor_actions_those_of_purchases():
    rules = program(BASE, RUN)
    assert misses(earned(rules, receipt(0))) == {"base": "no_amount"}
    assert misses(worth(rules, action("ran"))) == {"run": "below_one_step"}


def test_a_program_of_many_rules_tells_of_the_nearest_ones_why_not():
    many = [
        {**BASE, "rule": f"sku-{number}", "match": {"sku": [f"sku-{number}"]}}
        for number in range(500)
    ]
    late = {**BASE, "rule": "late", "match": {"hours": ["13:00-14:00"]}}
    assert misses(earned(program(*many, late), receipt(100))) == {"late": "other_time"}
    assert len(earned(program(*many), receipt(line(100, sku="x"))).why_not) == 10


@pytest.mark.parametrize(("steps", "exact"), [("whole_steps", "50"), ("linear", "52")])
def test_an_action_tells_what_it_has_counted_and_reads_no_money(steps: str, exact: str):
    rule = {**RUN, "per": {**RUN["per"], "steps": steps}}
    assert worth(program(rule), action("ran", metres=5_200)).breakdown == (
        RuleShare(rule="run", basis_minor=0, exact=exact, count=5_200),
    )
    plain = worth(program({**RUN, "per": None}), action("ran", metres=5_200))
    assert plain.breakdown == (RuleShare(rule="run", basis_minor=0, exact="10"),)


def test_a_number_of_nothing_is_no_step():
    linear = {**RUN, "per": {**RUN["per"], "steps": "linear"}}
    assert worth(program(linear), action("ran", metres=0)).breakdown == ()


def test_in_each_currency_another_rule_may_stand_alone():
    alone = {"kind": "fixed", "stackable": False}
    stamps = {"currency": "stamps"}
    rules = program(
        *(BASE, {**BASE, **stamps, "rule": "stamp"}),
        {**alone, "rule": "gift", "points": 7},
        {**alone, **stamps, "rule": "card", "points": 3},
        currencies=[
            {"currency": "points", "spendable": True},
            {"currency": "stamps", "spendable": False},
        ],
    )
    found = worth(rules, receipt(2_000))
    assert (found.points, [each.points for each in found.also]) == (7, [3])
    assert [share.rule for share in found.breakdown] == ["gift", "card"]
