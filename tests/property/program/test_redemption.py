"""What must hold for every cash-off rule, ask, balance and order.

1. What is spent is never more than asked, available, capped, or worth more than the order's share.
2. What is spent is at least the minimum, a multiple, and worth exactly its value.
3. Clipping takes as much as it may: one step more breaks a limit.
4. A refusal is justified by its numbers, and reasons keep their precedence.
5. Asking for what was granted grants it again.
"""

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.points import RefusalReason
from shared.program.model import AboveLimit, CashOffRules
from shared.program.redemption import CashOff, Refused, cash_off, smallest


def _rules(**terms: Any) -> CashOffRules:
    return CashOffRules.model_validate({k: v for k, v in terms.items() if v is not None})


small = st.integers(1, 12)
rules = st.builds(
    _rules,
    points=small,
    minor=small,
    minimum=st.none() | st.integers(1, 200),
    multiple=st.none() | st.integers(1, 50),
    max_share=st.none() | st.sampled_from(["50%", "1/3", "12.5%", 1]),
    cap=st.none() | st.integers(1, 500),
    above_limit=st.sampled_from(["clip", "refuse"]),
)
asks = st.integers(0, 600)
balances = st.integers(0, 600)
orders = st.none() | st.integers(0, 600)


def allowed(terms: CashOffRules, order: int | None) -> Fraction | None:
    """The largest value in minor units, by the definition; None: no limit by value."""
    if order is None:
        return None if terms.max_share is None else Fraction(0)
    return order * (terms.max_share or Fraction(1))


def fits(terms: CashOffRules, points: int, order: int | None) -> bool:
    """Whether the program's limits allow so many points."""
    value, limit = Fraction(points * terms.minor, terms.points), allowed(terms, order)
    return (terms.cap is None or points <= terms.cap) and (limit is None or value <= limit)


def steps(terms: CashOffRules) -> int:
    """The smallest number of points that is a multiple and worth whole minor units."""
    points = terms.multiple
    while points * terms.minor % terms.points:
        points += terms.multiple
    return points


@settings(deadline=None)
@given(rules, asks, balances, orders)
def test_1_and_2_what_is_spent_keeps_every_limit(terms, asked, available, order):
    worth = cash_off(terms, asked, available, order)
    if isinstance(worth, Refused):
        return
    assert worth.points <= min(asked, available)
    assert fits(terms, worth.points, order)
    assert worth.points >= terms.minimum
    assert worth.points % terms.multiple == 0
    assert worth.value_minor == Fraction(worth.points * terms.minor, terms.points)


@settings(deadline=None)
@given(rules, asks, balances, orders)
def test_3_clipping_takes_as_much_as_it_may(terms, asked, available, order):
    worth = cash_off(terms, asked, available, order)
    if isinstance(worth, CashOff):
        more = worth.points + steps(terms)
        assert more > min(asked, available) or not fits(terms, more, order)
        if terms.above_limit is AboveLimit.REFUSE:
            assert worth.points == asked


@settings(deadline=None)
@given(rules, asks, balances, orders)
def test_4_a_refusal_is_justified(terms, asked, available, order):
    refused = cash_off(terms, asked, available, order)
    if isinstance(refused, CashOff):
        return
    minimum, numbers = smallest(terms), refused.numbers
    match refused.reason:
        case RefusalReason.BELOW_MINIMUM:
            assert numbers["minimum"] == minimum
            assert asked < minimum or not fits(terms, minimum, order)
        case RefusalReason.NOT_A_MULTIPLE:
            assert asked >= minimum
            assert asked % numbers["multiple"]
        case RefusalReason.INSUFFICIENT_POINTS:
            assert asked >= minimum
            assert numbers["available"] == available
            assert asked >= available + numbers["missing"] > available
        case RefusalReason.LIMIT_REACHED:
            assert terms.above_limit is AboveLimit.REFUSE
            assert available >= asked > numbers["limit"]
        case _:
            raise AssertionError(refused)


@settings(deadline=None)
@given(rules, asks, balances, orders)
def test_5_what_was_granted_is_granted_again(terms, asked, available, order):
    worth = cash_off(terms, asked, available, order)
    if isinstance(worth, CashOff):
        assert cash_off(terms, worth.points, available, order) == worth
