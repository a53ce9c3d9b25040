"""Points as money off: limits, multiples, values, and the order of refusals."""

from typing import Any

import pytest

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.events.points import RefusalReason
from shared.program.model import CashOffRules
from shared.program.redemption import CashOff, Refused, cash_off, smallest


def rules(**terms: Any) -> CashOffRules:
    return CashOffRules.model_validate({"points": 1, "minor": 1, **terms})


B1 = rules(minimum=500, max_share="50%")
B9 = rules(minimum=100, multiple=100, cap=99_999)
GROCER = rules(minimum=500, multiple=500)
EXACT = rules(minimum=500, multiple=100, cap=2_000, max_share="1/2", above_limit="refuse")
ENOUGH = 10**6


@pytest.mark.parametrize(
    ("case", "terms", "asked", "available", "order", "points"),
    [
        ("B1 asks what it has", B1, 1_000, 5_000, 10_000, 1_000),
        ("B1 has less", B1, 1_000, 700, 10_000, 700),
        ("B1 share", B1, 10_000, 10_000, 10_000, 5_000),
        ("B1 share, odd order", B1, 10_000, 10_000, 2_001, 1_000),
        ("B9 steps", B9, 250, ENOUGH, None, 200),
        ("B9 cap", B9, 100_000, ENOUGH, None, 99_900),
        ("no more than the order", rules(), 700, ENOUGH, 650, 650),
        ("has less, in multiples", GROCER, 2_000, 1_730, 5_000, 1_500),
        ("exactly the minimum", GROCER, 500, 500, None, 500),
        ("exactly the minimum is there", GROCER, 1_000, 500, 5_000, 500),
        ("a third of the order", rules(max_share="1/3"), 1_000, ENOUGH, 1_000, 333),
        ("exact is exact", EXACT, 1_500, 1_500, 3_000, 1_500),
    ],
)
def test_points_are_clipped_to_what_is_allowed(
    case: str, terms: CashOffRules, asked: int, available: int, order: int | None, points: int
):
    assert cash_off(terms, asked, available, order) == CashOff(points, points)


@pytest.mark.parametrize(
    ("case", "terms", "asked", "available", "order", "reason", "numbers"),
    [
        ("no rules", None, 500, 500, None, "reward_not_available", {}),
        ("B3", B1, 400, ENOUGH, 10_000, "below_minimum", {"minimum": 500}),
        ("B9", B9, 99, ENOUGH, None, "below_minimum", {"minimum": 100}),
        ("zero", rules(), 0, ENOUGH, 100, "below_minimum", {"minimum": 1}),
        ("a share of a small order", B1, 600, ENOUGH, 900, "below_minimum",
         {"minimum": 500, "limit": 450}),
        ("a share of no order", B1, 600, ENOUGH, None, "below_minimum",
         {"minimum": 500, "limit": 0}),
        ("an order of nothing", rules(), 600, ENOUGH, 0, "below_minimum",
         {"minimum": 1, "limit": 0}),
        ("below the first multiple", rules(multiple=500), 499, ENOUGH, None, "below_minimum",
         {"minimum": 500}),
        ("not that many", GROCER, 2_000, 1_730, None, "insufficient_points",
         {"available": 1_730, "missing": 270}),
        ("not that many, clipped", GROCER, 2_300, 1_730, None, "insufficient_points",
         {"available": 1_730, "missing": 270}),
        ("one point could be spent, but more were asked", rules(), 100, 60, None,
         "insufficient_points", {"available": 60, "missing": 40}),
        ("too few for the order", GROCER, 2_000, 499, 5_000, "insufficient_points",
         {"available": 499, "missing": 1_501}),
        ("none", rules(), 100, 0, 5_000, "insufficient_points", {"available": 0, "missing": 100}),
        ("exact: below all", EXACT, 450, 0, 0, "below_minimum", {"minimum": 500}),
        ("exact: no multiple", EXACT, 550, 0, 0, "not_a_multiple", {"multiple": 100}),
        ("exact: too few", EXACT, 600, 500, 0, "insufficient_points",
         {"available": 500, "missing": 100}),
        ("exact: over the share", EXACT, 600, 600, 1_000, "limit_reached", {"limit": 500}),
        ("exact: over the cap", EXACT, 2_100, ENOUGH, 10**6, "limit_reached", {"limit": 2_000}),
        ("exact: no order", EXACT, 600, 600, None, "limit_reached", {"limit": 0}),
    ],
)  # fmt: skip
def test_a_refusal_tells_the_first_reason_and_its_numbers(
    case: str,
    terms: CashOffRules | None,
    asked: int,
    available: int,
    order: int | None,
    reason: str,
    numbers: dict[str, int],
):
    refused = cash_off(terms, asked, available, order)
    assert refused == Refused(RefusalReason(reason), numbers)


@pytest.mark.parametrize(
    ("terms", "asked", "worth"),
    [
        (rules(minor=3), 3_030, CashOff(3_030, 9_090)),
        (rules(points=100, minor=3), 3_030, CashOff(3_000, 90)),
        (rules(points=10, minor=4), 99, CashOff(95, 38)),
        (rules(points=3, minor=1, multiple=2), 100, CashOff(96, 32)),
        (rules(points=3, minor=1, multiple=2), 6, CashOff(6, 2)),
    ],
)
def test_the_points_spent_are_worth_whole_minor_units(
    terms: CashOffRules, asked: int, worth: CashOff
):
    found = cash_off(terms, asked, ENOUGH, None)
    assert found == worth
    assert isinstance(found, CashOff)
    assert isinstance(found.value_minor, int)


def test_the_minimum_is_the_next_multiple_that_is_worth_money():
    assert smallest(rules(points=3, minor=1, minimum=100)) == 102
    assert smallest(rules(minimum=500, multiple=300)) == 600
    assert smallest(rules()) == 1


def test_the_value_is_no_more_than_a_fact_can_hold():
    worth = cash_off(rules(minor=1_000), POINTS_MAX, POINTS_MAX, None)
    assert worth == CashOff(AMOUNT_MINOR_MAX // 1_000, AMOUNT_MINOR_MAX)


@pytest.mark.parametrize("terms", [{"points": 0}, {"minor": 0}, {"max_share": 0}, {"multiple": 0}])
def test_b3_a_ratio_of_zero_does_not_validate(terms: dict[str, int]):
    with pytest.raises(ValueError, match="greater than"):
        rules(**terms)
