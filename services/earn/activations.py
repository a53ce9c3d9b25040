"""Events for which points of awards wait: a parcel that was delivered, a stay that was completed.

An event is a custom action that names what it is about among its attributes: `receipt_id`, a
receipt of its brand, or `event_id`, an activity of its source. Pure; says which lots are active and
until when, by the terms under which they were awarded. What has become of them is redeem's.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.earn.decide import refused
from shared.events.activity import CustomActionRecorded
from shared.events.awards import ActivatedLot, ActivityRefused, Awaits, AwardActivated, PointsEarned
from shared.events.ids import Cause, cause, receipt_cause
from shared.program.model import Program
from shared.program.validity import Validity


class Refusal(StrEnum):
    """Why an event makes nothing active; of several reasons the first one here is told."""

    AWARD_UNKNOWN = "award_unknown"
    NOTHING_WAITS = "nothing_waits"
    TOO_LATE = "too_late"


def is_awaited(program: Program, action: str) -> bool:
    """Whether points of this version may wait for an event of this name."""
    terms = (program.activation, *(rule.activation for rule in program.earn.rules))
    return any(each is not None and each.on == action for each in terms)


def about(recorded: CustomActionRecorded) -> UUID | None:
    """The award that an action names, if it names one."""
    activity = recorded.activity
    receipt, event = (activity.attributes.get(name) for name in ("receipt_id", "event_id"))
    if isinstance(receipt, str):
        return receipt_cause(recorded.account, activity.brand, receipt).id
    if isinstance(event, str):
        return cause("activity", recorded.account, activity.source, event).id
    return None


def activated(
    recorded: CustomActionRecorded, award: PointsEarned | None, program: Program | None, of: Cause
) -> AwardActivated | ActivityRefused:
    """What the event makes active of an award; `program` is the version that the award names."""
    activity = recorded.activity
    if award is None or program is None:
        return refused(recorded, Refusal.AWARD_UNKNOWN, "no award of what it names is known")
    waiting = [each for each in _waiting(award) if each[1].event == activity.action]
    if not waiting:
        detail = f"no points of it wait for {activity.action}"
        return refused(recorded, Refusal.NOTHING_WAITS, detail)
    lots = tuple(
        ActivatedLot(
            lot_id=lot_id,
            expires_at=_validity(program, awaits).activated(
                award.occurred_at, activity.occurred_at, award.enrolled_on
            ),
        )
        for lot_id, awaits, until in waiting
        if activity.occurred_at < until
    )
    if not lots:
        last = max(until for _, _, until in waiting)
        return refused(recorded, Refusal.TOO_LATE, f"they waited until {last.isoformat()}")
    return AwardActivated(
        account=recorded.account,
        activation_id=of.id,
        award_id=award.award_id,
        event=activity.action,
        source=activity.source,
        event_id=activity.event_id,
        brand=activity.brand,
        occurred_at=activity.occurred_at,
        program_version=award.program_version,
        lots=lots,
    )


def _waiting(award: PointsEarned) -> Iterator[tuple[UUID, Awaits, datetime]]:
    """The lots of an award that wait, what for, and until when: its parts first."""
    for part in award.parts:
        if part.awaits is not None:
            yield part.lot_id, part.awaits, part.active_from
    if award.awaits is not None and award.points > sum(part.points for part in award.parts):
        yield award.award_id, award.awaits, award.active_from


def _validity(program: Program, awaits: Awaits) -> Validity:
    rules = (rule for rule in program.earn.rules if rule.rule == awaits.rule)
    return Validity(program, next(rules, None))
