"""What earn concludes about an activity: what it is worth, or why no program rewards it.

Pure: the same activity, program and cause give the same fact. A purchase gives an award also when
it is worth nothing; what cannot be rewarded is refused with a reason. Never raises for an input.
"""

from enum import StrEnum

from shared.events.activity import ActivityRecorded, PurchaseRecorded
from shared.events.facts import ActivityRefused, PointsEarned
from shared.events.ids import Cause
from shared.events.registry import TYPE_OF
from shared.program.earning import OutOfRange, award
from shared.program.model import Program


class Refusal(StrEnum):
    """Why an activity is not rewarded; of several reasons the first one here is told."""

    NO_PROGRAM_IN_FORCE = "no_program_in_force"
    NOT_IN_PROGRAM = "not_in_program"
    OTHER_BRAND = "other_brand"
    OUT_OF_RANGE = "out_of_range"


def decide(
    recorded: ActivityRecorded, program: Program | None, cause: Cause
) -> PointsEarned | ActivityRefused:
    """The award of a recorded activity, under the version in force at its time (None: no version).

    The award's id is that of the activity's cause.
    """
    if program is None:
        at = recorded.activity.occurred_at.isoformat()
        return _refused(recorded, Refusal.NO_PROGRAM_IN_FORCE, f"no version counts at {at}")
    if not isinstance(recorded, PurchaseRecorded):
        return _refused(recorded, Refusal.NOT_IN_PROGRAM, "not yet in any program")
    purchase = recorded.activity
    if purchase.brand not in program.brands:
        detail = f"{purchase.brand} is not in version {program.version}"
        return _refused(recorded, Refusal.OTHER_BRAND, detail)
    worth = award(program, purchase)
    if isinstance(worth, OutOfRange):
        return _refused(recorded, Refusal.OUT_OF_RANGE, worth.detail)
    return PointsEarned(
        account=recorded.account,
        award_id=cause.id,
        activity_type=TYPE_OF[PurchaseRecorded],
        source=purchase.source,
        event_id=purchase.event_id,
        brand=purchase.brand,
        store=purchase.store,
        receipt_id=purchase.receipt_id,
        occurred_at=purchase.occurred_at,
        money=purchase.currency,
        basis_minor=worth.basis_minor,
        program_version=program.version,
        rounding=worth.rounding.value,
        breakdown=worth.breakdown,
        why_not=worth.why_not,
        points=worth.points,
        active_from=worth.active_from,
        expires_at=worth.expires_at,
    )


def _refused(recorded: ActivityRecorded, reason: Refusal, detail: str) -> ActivityRefused:
    return ActivityRefused(
        account=recorded.account,
        activity_type=TYPE_OF[type(recorded)],
        source=recorded.activity.source,
        event_id=recorded.activity.event_id,
        reason=reason.value,
        detail=detail,
    )
