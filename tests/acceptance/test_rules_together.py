"""Rules of several kinds on one receipt: what stands beside what, what multiplies, what clips."""

from typing import Any

import pytest

from shared.events.commands import AdjustPoints, HoldPoints
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

WHOLE = {**BASE, "steps": "whole_steps"}
TEN = {"rule": "ten", "kind": "fixed", "points": 10}
TWICE = {"rule": "twice", "kind": "multiplier", "factor": 2}
HALF_MORE = {"rule": "half-more", "kind": "multiplier", "factor": "3/2"}
ALONE = {"stackable": False}
SHOES = {"match": {"department": ["SHOES"]}}
TOGETHER = [
    ("bonuses are not multiplied", [BASE, TWICE, HALF_MORE, TEN], 1_050, 41),
    ("a multiplier alone leaves its base", [BASE, TWICE, {**HALF_MORE, **ALONE}, TEN], 1_050, 15),
    ("whole steps are multiplied whole", [WHOLE, TWICE], 1_999, 38),
    ("a bonus alone takes the place of all", [WHOLE, {**TEN, **ALONE}], 1_999, 10),
    (
        "the higher priority stands alone",
        [WHOLE, {**TEN, **ALONE, "priority": 20}, {**TEN, **ALONE, "rule": "a", "points": 50}],
        1_999,
        10,
    ),
    (
        "of one priority the first name",
        [WHOLE, {**TEN, **ALONE}, {**TEN, **ALONE, "rule": "a", "points": 50}],
        1_999,
        50,
    ),
    ("a multiplier of some lines", [{**BASE, "per_minor": 50}, {**TWICE, **SHOES}], 1_050, 21),
    ("nothing is nothing", [BASE, TWICE], 0, 0),
]


@pytest.mark.parametrize(
    ("rules", "amount", "points"), [row[1:] for row in TOGETHER], ids=[row[0] for row in TOGETHER]
)
def test_rules_together(rules: list[dict[str, Any]], amount: int, points: int):
    Shop(under(*rules)).sells("ann", amount).says(points=points)


def test_a_multiplier_of_whole_steps_counts_the_steps_of_its_own_lines():
    tens = {**WHOLE, "per_minor": 1_000}
    shoes = {"amount_minor": 1_500, "department": "SHOES"}
    Shop(under(tens, {**TWICE, **SHOES})).sells("ann", shoes, 700).says(points=3)


def test_a_cap_of_a_rule_and_then_one_of_all():
    capped = {**BASE, "points": 2, "caps": [{"points": 50, "per": "transaction"}]}
    earn = {
        "rules": [capped, {**TEN, "points": 30}],
        "caps": [{"points": 70, "per": "transaction"}],
    }
    shop = Shop(under(earn=earn)).sells("ann", 5_000).says(points=70, desired=130)
    assert [(cap.rule, cap.limit) for cap in shop.award().caps] == [("base", 50), (None, 70)]


def test_an_offer_that_stands_alone_leaves_room_once_it_is_used_up():
    once = {**TEN, **ALONE, "points": 100, "caps": [{"times": 1, "per": "day"}]}
    shop = Shop(under(BASE, once)).on("2026-03-02").sells("ann", 1_000).says(points=100)
    shop.sells("ann", 1_000).says(points=10)


@pytest.mark.parametrize(
    ("rounding", "cents", "points"),
    [
        ("half_up", 99, 0),
        ("half_up", 100, 1),
        ("half_up", 300, 2),
        ("ceil", 1, 1),
        ("floor", 399, 1),
    ],
)
def test_the_one_rounding(rounding: str, cents: int, points: int):
    rule = {**BASE, "per_minor": 200}
    Shop(under(earn={"rules": [rule], "rounding": rounding})).sells("ann", cents).says(
        points=points
    )


def test_tax_counts_in_the_part_that_was_paid_with_points():
    payments = [
        {"method": "points", "amount_minor": 2_000},
        {"method": "card", "amount_minor": 9_000},
    ]
    line = {"amount_minor": 10_000, "tax_minor": 1_000}
    Shop(under()).sells("ann", line, payments=payments).says(points=81)  # 90/110 of 100


def test_money_of_another_currency_earns_nothing_and_says_so():
    shop = Shop(under())
    line = {"line_id": "1", "sku": "a", "amount_minor": 1_000}
    shop.happens("retail.purchase.v1", "ann", receipt_id="r", currency="EUR", lines=[line])
    shop.says(points=0).tells("base", "other_currency")


def test_what_runs_count_for_a_day_at_most_and_numbers_that_are_none():
    run = {
        "rule": "run",
        "kind": "action",
        "actions": ["run"],
        "points": 2,
        "per": {"attribute": "km"},
        "caps": [{"points": 30, "per": "day"}],
    }
    shop = Shop(under(run)).on("2026-03-02")
    for km, points in ((10, 20), (10, 10), (-5, 0), ("ten", 0), (True, 0)):
        shop.does("ann", "run", km=km).says(points=points)
    shop.does("ann", "run").says(points=0)


def test_an_operator_has_a_limit_and_a_deduction_may_go_below_zero():
    shop = Shop(under(adjustments={"most": 100, "operators": {"boss": 1_000}})).sells("ann", 1_000)

    def adjusts(direction: str, points: int, actor: str = "eve", **how: bool) -> Shop:
        named = {"direction": direction, "points": points, "actor": actor, "reason": "a slip"}
        return shop.asks("ann", AdjustPoints, **named, **how)

    adjusts("add", 101).declines("limit_reached", limit=100)
    adjusts("add", 101, "boss").has("ann", available=111, added=101)
    adjusts("deduct", 50).has("ann", available=61, deducted=50)
    adjusts("deduct", 80).declines("insufficient_points", available=61, missing=19)
    adjusts("deduct", 80, below_zero=True).has("ann", available=0, deficit=19)
    shop.sells("ann", 2_500).has("ann", available=6, deficit=0)
    assert verified(shop.ledger).findings == []


def test_a_share_of_an_order_in_multiples():
    half = {"points": 1, "minor": 1, "minimum": 500, "multiple": 500, "max_share": "50%"}
    shop = Shop(under(cash_off=half)).sells("ann", 2_000_000)
    shop.redeems("ann", 10_000, order_minor=9_990).has("ann", redeemed=4_500)
    shop.redeems("ann", 10_000, order_minor=999).declines("below_minimum", minimum=500)
    shop.asks("ann", HoldPoints, points=4_999, order_minor=20_000).has("ann", held=4_500)
