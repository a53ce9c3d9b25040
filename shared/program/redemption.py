"""Points as money off an order: how many of those asked can be spent, and what they are worth.

Guarantees: exact (the points spent are worth a whole number of minor units, and the value never
exceeds the order's allowed share); a refusal is a value with its numbers, and of several reasons
the first in `RefusalReason` is told. Knows no lots: which points are spent is the ledger's.

What is asked above the program's limits is clipped, or refused, as the program says. What is asked
above the available points is refused; only for an order, under a program that clips, is the ask an
upper bound ("as much of this order as my points pay") and clipped to them too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd, lcm

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.events.points import RefusalReason
from shared.program.model import AboveLimit, CashOffRules


@dataclass(frozen=True, slots=True)
class CashOff:
    """Points that can be spent, and the money off that they buy."""

    points: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing can be spent, and the numbers, named as in `RedemptionRefused`."""

    reason: RefusalReason
    numbers: Mapping[str, int] = field(default_factory=dict)


def cash_off(
    rules: CashOffRules | None, asked: int, available: int, order_minor: int | None
) -> CashOff | Refused:
    """What `asked` points buy off an order of `order_minor` (None: no order), or why not.

    No rules: the program gives no money off. A program that limits the share of an order gives
    nothing without one.
    """
    if rules is None:
        return Refused(RefusalReason.REWARD_NOT_AVAILABLE)
    multiple = _multiple(rules)
    minimum = smallest(rules)
    limit = _limit(rules, order_minor)
    if asked < minimum:
        return _refused(RefusalReason.BELOW_MINIMUM, minimum=minimum)
    if rules.above_limit is AboveLimit.REFUSE:
        return _exactly(rules, asked, available, multiple, limit)
    points = min(asked, limit)
    points -= points % multiple
    if points < minimum:
        return _refused(RefusalReason.BELOW_MINIMUM, minimum=minimum, limit=limit)
    if points > available:
        missing = points - available
        points = available - available % multiple if order_minor is not None else 0
        if points < minimum:
            return _refused(RefusalReason.INSUFFICIENT_POINTS, available=available, missing=missing)
    return _worth(rules, points)


def smallest(rules: CashOffRules) -> int:
    """The fewest points that can be redeemed: the minimum, up to the next multiple."""
    multiple = _multiple(rules)
    return -(-rules.minimum // multiple) * multiple


def _exactly(
    rules: CashOffRules, asked: int, available: int, multiple: int, limit: int
) -> CashOff | Refused:
    """The points asked, or a refusal: nothing is clipped."""
    if asked % multiple:
        return _refused(RefusalReason.NOT_A_MULTIPLE, multiple=multiple)
    if asked > available:
        missing = asked - available
        return _refused(RefusalReason.INSUFFICIENT_POINTS, available=available, missing=missing)
    if asked > limit:
        return _refused(RefusalReason.LIMIT_REACHED, limit=limit)
    return _worth(rules, asked)


def _multiple(rules: CashOffRules) -> int:
    """The smallest step of points that fits the program's and buys whole minor units."""
    return lcm(rules.multiple, rules.points // gcd(rules.points, rules.minor))


def _limit(rules: CashOffRules, order_minor: int | None) -> int:
    """The most points that the cap, the order and the largest amount of money allow."""
    if order_minor is None:
        value = 0 if rules.max_share is not None else AMOUNT_MINOR_MAX
    elif rules.max_share is None:
        value = min(order_minor, AMOUNT_MINOR_MAX)
    else:
        value = min(order_minor, AMOUNT_MINOR_MAX) * rules.max_share.numerator
        value //= rules.max_share.denominator
    points = value * rules.points // rules.minor
    return points if rules.cap is None else min(points, rules.cap)


def _refused(reason: RefusalReason, **numbers: int) -> Refused:
    return Refused(reason, {name: min(number, POINTS_MAX) for name, number in numbers.items()})


def _worth(rules: CashOffRules, points: int) -> CashOff:
    return CashOff(points, points * rules.minor // rules.points)
