"""What earn concludes about an activity: what it is worth, or why no program rewards it.

Pure: the same activity, program and cause give the same fact. A purchase gives an award also when
it is worth nothing; what cannot be rewarded is refused with a reason. Never raises for an input.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from shared.events.activity import ActivityRecorded
from shared.events.awards import ActivityRefused, DatedPoints, PointsEarned
from shared.events.bought import Bought
from shared.events.ids import Cause, part_id
from shared.events.registry import first_type
from shared.program.earning import Award, OutOfRange, Rewarded, award, counters, rewards
from shared.program.model import Program
from shared.program.past import NOTHING, Counter, Past

PastOf = Callable[[Sequence[Counter]], Past]
"""What counters of the member stand at."""


def no_past(_counters: Sequence[Counter]) -> Past:
    """Of somebody who was never here."""
    return NOTHING


class Refusal(StrEnum):
    """Why an activity is not rewarded; of several reasons the first one here is told."""

    NO_PROGRAM_IN_FORCE = "no_program_in_force"
    NOT_IN_PROGRAM = "not_in_program"
    OTHER_BRAND = "other_brand"
    OUT_OF_RANGE = "out_of_range"


def decide(
    recorded: ActivityRecorded, program: Program | None, cause: Cause, past_of: PastOf = no_past
) -> PointsEarned | ActivityRefused:
    """The award of a recorded activity, under the version in force at its time (None: no version).

    The award's id is that of the activity's cause. `past_of` is asked for the counters that the
    version reads.
    """
    if program is None:
        at = recorded.activity.occurred_at.isoformat()
        return refused(recorded, Refusal.NO_PROGRAM_IN_FORCE, f"no version counts at {at}")
    activity = recorded.activity
    if not isinstance(activity, Rewarded) or not rewards(program, activity):
        detail = f"no rule of version {program.version} is about it"
        return refused(recorded, Refusal.NOT_IN_PROGRAM, detail)
    if activity.brand not in program.brands:
        detail = f"{activity.brand} is not in version {program.version}"
        return refused(recorded, Refusal.OTHER_BRAND, detail)
    worth = award(program, activity, past_of(counters(program, activity)))
    if isinstance(worth, OutOfRange):
        return refused(recorded, Refusal.OUT_OF_RANGE, worth.detail)
    return _earned(recorded, activity, program, worth, cause)


def _earned(
    recorded: ActivityRecorded, activity: Rewarded, program: Program, worth: Award, cause: Cause
) -> PointsEarned:
    """The fact of an award; of a purchase with what its returns are assessed on."""
    bought: dict[str, Any] = {}
    if isinstance(activity, Bought):
        bought = {
            "store": activity.store,
            "receipt_id": activity.receipt_id,
            "money": activity.currency,
            "channel": activity.channel,
            "lines": activity.lines,
            "payments": activity.payments,
        }
    return PointsEarned(
        account=recorded.account,
        award_id=cause.id,
        activity_type=first_type(type(recorded)),
        source=activity.source,
        event_id=activity.event_id,
        brand=activity.brand,
        occurred_at=activity.occurred_at,
        basis_minor=worth.basis_minor,
        program_version=program.version,
        rounding=worth.rounding.value,
        breakdown=worth.breakdown,
        why_not=worth.why_not,
        points=worth.points,
        active_from=worth.active_from,
        expires_at=worth.expires_at,
        desired=worth.desired,
        caps=worth.caps,
        also=worth.also,
        earning_share=worth.earning_share,
        counted=worth.counted,
        parts=tuple(
            DatedPoints(lot_id=part_id(recorded.account, cause.id, number), **part._asdict())
            for number, part in enumerate(worth.parts, 1)
        ),
        sliding=worth.sliding,
        awaits=worth.awaits,
        extends=worth.extends,
        balance_cap=program.earn.balance_cap,
        enrolled_on=worth.enrolled_on,
        **bought,
    )


def refused(recorded: ActivityRecorded, reason: StrEnum, detail: str) -> ActivityRefused:
    """An activity of which nothing comes, and why."""
    return ActivityRefused(
        account=recorded.account,
        activity_type=first_type(type(recorded)),
        source=recorded.activity.source,
        event_id=recorded.activity.event_id,
        reason=reason.value,
        detail=detail,
    )
