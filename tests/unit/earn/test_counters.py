"""Counters: what members have used, batch after batch, with repeats, returns and versions."""

from fractions import Fraction
from typing import Any

import pytest

from services.earn.counters import COUNTER, key_of, of_facts
from services.earn.projection import DECISION
from shared.program.model import Program
from shared.program.past import Counter
from tests.receipts import BASE
from tests.shops import Shop
from tests.verified import verified

CAPPED: dict[str, Any] = {
    "program": "corner",
    "version": 1,
    "name": "Corner",
    "effective_from": "2026-01-01",
    "timezone": "UTC",
    "money": "USD",
    "brands": ["corner"],
    "earn": {
        "rules": [
            BASE,
            {"rule": "first", "kind": "fixed", "points": 50, "match": {"first_purchase": True}},
            {
                "rule": "weekly",
                "kind": "fixed",
                "points": 5,
                "caps": [{"times": 1, "per": "week"}],
            },
        ],
        "caps": [{"points": 100, "per": "day"}],
    },
}


@pytest.fixture
def corner() -> Shop:
    return Shop(Program.model_validate(CAPPED)).on("2026-03-03")


def returned(shop: Shop, member: str, receipt: str, line: str, amount: int) -> Shop:
    lines = [{"line_id": line, "quantity": 1, "amount_minor": amount}]
    return shop.happens("retail.return.v1", member, receipt_id=receipt, currency="USD", lines=lines)


def test_a_member_comes_again_and_again_in_one_batch_and_over_several(corner: Shop):
    with corner.at_once():
        corner.sells("jo", 2_000).sells("jo", 2_000).sells("al", 2_000)
    corner.sells("jo", 2_000)
    assert corner.points("jo") == [75, 20, 5]
    assert corner.points("al") == [75]
    assert corner.counter("jo", "visits") == 3
    assert corner.counter("jo", "points") == 100
    assert corner.counter("al", "times:weekly") == 1


def test_a_repeat_of_an_event_counts_once(corner: Shop):
    corner.sells("jo", 2_000)
    before = dict(corner.ledger.stores["earn"].tables[COUNTER].rows)
    corner.repeats().repeats()
    assert dict(corner.ledger.stores["earn"].tables[COUNTER].rows) == before


def test_a_return_gives_back_what_its_purchase_has_used(corner: Shop):
    corner.sells("jo", 2_000, 3_000)  # 50 and 50 and 5: clipped to 100
    receipt = corner.receipt()
    assert corner.counter("jo", "points") == 100
    returned(corner, "jo", receipt, "1", 3_000)
    assert corner.counter("jo", "points") == 75
    corner.sells("jo", 9_000)
    assert corner.points("jo")[-1] == 25
    returned(corner, "jo", receipt, "0", 2_000)
    assert corner.counter("jo", "points") == 25
    assert corner.counter("jo", "visits") == 1
    assert corner.counter("jo", "times:weekly") == 0
    assert corner.balances("jo").balance == 25


@pytest.mark.parametrize(
    ("policy", "left"), [("re_earn", 100), ("refunded", 0), ("proportional", 67)]
)
def test_caps_on_all_points_count_what_a_return_has_left_of_them(policy: str, left: int):
    rules = Program.model_validate({**CAPPED, "returns": {"policy": policy}})
    shop = Shop(rules).on("2026-03-03").sells("jo", 10_000, 5_000)  # 205: clipped to 100
    returned(shop, "jo", shop.receipt(), "1", 5_000)
    assert shop.counter("jo", "points") == left == shop.balances("jo").balance
    shop.sells("jo", 50_000)
    assert shop.points("jo") == [100, 100 - left]


@pytest.mark.parametrize(
    ("policy", "department", "counted"),
    [
        ("re_earn", "SHOES", [100, 100]),
        ("refunded", "SHOES", [100, 0]),
        ("re_earn", "SOCKS", [0, 0]),
    ],
)
def test_so_do_caps_on_another_currency(policy: str, department: str, counted: list[int]):
    status = {**BASE, "rule": "status", "points": 2, "currency": "status"}
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "status", "spendable": False},
    ]
    earning = {
        "rules": [BASE, {**status, "match": {"department": ["SHOES"]}}],
        "caps": [{"points": 100, "per": "day", "currency": "status"}],
    }
    rules = {**CAPPED, "currencies": currencies, "earn": earning, "returns": {"policy": policy}}
    shop = Shop(Program.model_validate(rules)).on("2026-03-03")
    lines = [{"amount_minor": each, "department": department} for each in (10_000, 5_000)]
    shop.sells("jo", *lines)
    counters = [shop.counter("jo", "points:status")]
    returned(shop, "jo", shop.receipt(), "1", 5_000)
    assert [*counters, shop.counter("jo", "points:status")] == counted


def test_what_is_kept_of_a_purchase_that_no_rule_met_is_no_first_one():
    first = [rule for rule in CAPPED["earn"]["rules"] if rule["rule"] == "first"]
    rules = {**CAPPED, "earn": {**CAPPED["earn"], "rules": first}}
    shop = Shop(Program.model_validate(rules)).on("2026-03-03").sells("jo", 100)
    shop.sells("jo", 100, 100)
    returned(shop, "jo", shop.receipt(), "1", 100)
    assert shop.points("jo") == [50, 0]
    assert shop.counter("jo", "points") == 50


def test_c40_a_new_version_touches_neither_balances_nor_counters_nor_history(corner: Shop):
    corner.sells("jo", 2_000)
    seen = corner.balances("jo"), dict(corner.ledger.stores["earn"].tables[DECISION].rows)
    rules = {"rules": [{**BASE, "points": 2}], "caps": [{"points": 200, "per": "day"}]}
    changed = {**CAPPED, "version": 2, "effective_from": "2026-03-03T15:00:00Z", "earn": rules}
    corner.publishes(Program.model_validate(changed))
    assert corner.balances("jo") == seen[0]
    assert dict(corner.ledger.stores["earn"].tables[DECISION].rows) == seen[1]
    corner.sells("jo", 1_000).says(points=10, program_version=1)
    corner.on("2026-03-03T15:00").sells("jo", 9_000).says(points=115, desired=180)
    assert corner.counter("jo", "points") == 200


def test_verification_decides_again_what_counters_had_a_part_in(corner: Shop):
    corner.sells("jo", 2_000, 3_000)
    receipt = corner.receipt()
    with corner.at_once():
        corner.sells("jo", 2_000).sells("al", 4_000).sells("jo", 9_000)
    returned(corner, "jo", receipt, "1", 3_000)
    corner.publishes(
        Program.model_validate({**CAPPED, "version": 2, "effective_from": "2026-03-04"})
    )
    corner.on("2026-03-04").sells("jo", 2_000).repeats()
    report = verified(corner.ledger)
    assert report.findings == []
    assert corner.counter("jo", "visits") == 4
    assert corner.counter("jo", "points") == sum(corner.points("jo")) - 25


def test_a_visit_counts_whether_or_not_a_rule_asks_for_it_and_an_action_is_none():
    action = {"rule": "survey", "kind": "action", "actions": ["survey"], "points": 5}
    capped = {"rules": [BASE, action], "caps": [{"points": 100, "per": "day"}]}
    for earn in ({"rules": [BASE, action]}, capped):
        shop = Shop(Program.model_validate({**CAPPED, "earn": earn})).on("2026-03-03")
        shop.sells("jo", 500).sells("jo", 500).does("jo", "survey")
        assert shop.counter("jo", "visits") == 2


def test_parts_of_points_are_counted_exactly():
    base = {**BASE, "caps": [{"points": 4, "per": "month"}]}
    shop = Shop(Program.model_validate({**CAPPED, "earn": {"rules": [base]}})).on("2026-03-03")
    for minor, used in ((150, Fraction(3, 2)), (100, Fraction(5, 2)), (50, 3), (100, 4), (1, 4)):
        shop.sells("jo", minor)
        assert shop.counter("jo", "rule:base") == used


def test_a_counter_names_its_period_and_one_that_is_zero_has_no_row(corner: Shop):
    corner.sells("jo", 0)
    rows = corner.ledger.stores["earn"].tables[COUNTER].rows.values()
    kept = {(row.account, row.counter, row.period, row.value) for row in rows}
    assert kept == {
        ("corner:jo", "visits", "", "1"),
        ("corner:jo", "points", "2026-03-03", "55"),
        ("corner:jo", "times:weekly", "2026-W10", "1"),
    }
    corner.sells("jo", 0)
    assert corner.counter("jo", "times:weekly") == 1


def test_a_fold_of_facts_asks_for_the_counters_that_they_add_to(corner: Shop):
    said = corner.sells("jo", 2_000).award()
    none = said.model_copy(update={"activity_type": "loyalty.activity.review.v1", "counted": ()})
    counters = [Counter("visits"), Counter("points", "2026-03-03")]
    counters.append(Counter("times:weekly", "2026-W10"))
    asked = of_facts([said, none, said])
    assert sorted(asked) == sorted(key_of("corner:jo", counter) for counter in counters)
