"""When a member enrolled: the day whose anniversaries some expiries count by.

It is the day that a sign-up tells, else that of the activity which is decided first; what is known
already is never decided anew. A sign-up is a custom action of that name, of its own local day or of
the day that it names as `enrolled_on` (of a member who comes from another system). Reads no clock.
"""

from datetime import date

from shared.events.upstream import SIGN_UP, Activity, CustomAction
from shared.program.model import Program

TOLD = "enrolled_on"
"""The attribute by which a sign-up names another day than its own: `2019-05-17`."""


def is_sign_up(activity: Activity) -> bool:
    """Whether the activity tells an enrolment."""
    return isinstance(activity, CustomAction) and activity.action == SIGN_UP


def is_counted_by(program: Program) -> bool:
    """Whether points of this version may end on an anniversary."""
    terms = (program.expiry, *(rule.expiry for rule in program.earn.rules))
    return any(expiry is not None and bool(expiry.anniversary) for expiry in terms)


def first_day(activity: Activity, day: date) -> date | None:
    """The enrolment of a member of whom this activity, of this local day, is the first.

    None for a sign-up that names no day, or one that is still to come.
    """
    told = activity.attributes.get(TOLD) if isinstance(activity, CustomAction) else None
    if told is None or not is_sign_up(activity):
        return day
    try:
        enrolled_on = date.fromisoformat(str(told))
    except ValueError:
        return None
    return enrolled_on if enrolled_on.isoformat() == told and enrolled_on <= day else None
