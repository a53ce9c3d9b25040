"""Why rules gave nothing: the reasons, in their precedence, and of which rules they are told.

Guarantees: the reason told is true and the first one that holds. An award tells it of all rules
asked, or of those that came nearest where they are many. What stands in several places of a
program's document is looked up, never searched.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from shared.events.awards import RuleMissed
from shared.program.matching import Found
from shared.program.stages import Base, Share, bits

MISSES_REMEMBERED_MAX = 4_096
MISSES_TOLD_MAX = 10
"""Rules of which an award says why they gave nothing."""


class Missed(StrEnum):
    """Why a rule gave nothing; of several reasons the first one here is told."""

    OTHER_CURRENCY = "other_currency"
    NOT_IN_EFFECT = "not_in_effect"
    OTHER_BRAND = "other_brand"
    OTHER_STORE = "other_store"
    OTHER_CHANNEL = "other_channel"
    OTHER_PAYMENT = "other_payment"
    OTHER_TIME = "other_time"
    OTHER_TIER = "other_tier"
    OTHER_SEGMENT = "other_segment"
    OTHER_VISIT = "other_visit"
    NO_MATCHING_LINE = "no_matching_line"
    EXCLUDED = "excluded"
    CONDITION_NOT_MET = "condition_not_met"
    LIMIT_REACHED = "limit_reached"
    STANDS_ASIDE = "stands_aside"
    NOTHING_TO_MULTIPLY = "nothing_to_multiply"
    NO_AMOUNT = "no_amount"
    PAID_WITH_POINTS = "paid_with_points"
    BELOW_ONE_STEP = "below_one_step"


OTHERWISE = {
    "brand": Missed.OTHER_BRAND,
    "store": Missed.OTHER_STORE,
    "channel": Missed.OTHER_CHANNEL,
    "payment_method": Missed.OTHER_PAYMENT,
    "weekday": Missed.OTHER_TIME,
    "hours": Missed.OTHER_TIME,
    "dates": Missed.OTHER_TIME,
    "tier": Missed.OTHER_TIER,
    "segment": Missed.OTHER_SEGMENT,
    "first_purchase": Missed.OTHER_VISIT,
    "visit_number": Missed.OTHER_VISIT,
    "every_visits": Missed.OTHER_VISIT,
}
"""Why a rule missed whose test of a circumstance failed."""


class Outcome(NamedTuple):
    """What became of the rules that were asked about an activity, as bits.

    `base` are the base rules, if the activity is a purchase.
    """

    asked: int
    in_effect: int
    found: Found
    share: Share
    base: Mapping[int, Base] | None
    is_other_currency: bool = False
    used_up: int = 0
    unmet: int = 0
    aside: int = 0


@lru_cache(maxsize=MISSES_REMEMBERED_MAX)
def missed(rule: str, reason: Missed) -> RuleMissed:
    """What is told of one rule."""
    return RuleMissed(rule=rule, reason=reason.value)


def nearest(found: Found, asked: int) -> Iterator[int]:
    """Of the rules asked, all if they are few; else those that match a line, or just the first."""
    if asked.bit_count() <= MISSES_TOLD_MAX:
        return bits(asked)
    near = 0
    for line in found.lines:
        near |= line
    return islice(bits(near & asked or asked), MISSES_TOLD_MAX)


def reason(outcome: Outcome, bit: int) -> Missed:
    """Why a rule gave nothing."""
    found = outcome.found
    if outcome.is_other_currency:
        return Missed.OTHER_CURRENCY
    if not outcome.in_effect & bit:
        return Missed.NOT_IN_EFFECT
    for field, admitted in found.circumstances.items():
        if not admitted & bit:
            return OTHERWISE[field]
    if outcome.base is not None and not any(line & bit for line in found.lines):
        return Missed.NO_MATCHING_LINE
    if not any(group.rules & bit for group in found.groups):
        return Missed.EXCLUDED
    for rules, why in (
        (outcome.unmet, Missed.CONDITION_NOT_MET),
        (outcome.used_up, Missed.LIMIT_REACHED),
        (outcome.aside, Missed.STANDS_ASIDE),
    ):
        if rules & bit:
            return why
    return _of_amount(outcome, bit)


def _of_amount(outcome: Outcome, bit: int) -> Missed:
    """Why a rule that was asked, and read something, makes nothing of it."""
    if outcome.base is None:
        return Missed.BELOW_ONE_STEP
    base = outcome.base.get(bit)
    if base is None:
        return Missed.NOTHING_TO_MULTIPLY
    if not base.measure(outcome.found.groups):
        return Missed.NO_AMOUNT
    if not base.items and not outcome.share[0]:
        return Missed.PAID_WITH_POINTS
    return Missed.BELOW_ONE_STEP
