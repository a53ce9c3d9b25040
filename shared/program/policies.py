"""What a program says about the account side: holds, claw-backs, refunds, adjustments, transfers.

Guarantees: every section is optional, and what it leaves out has the default that stands here. Says
what shall happen; what then happens to points is the ledger's.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from shared.events.base import POINTS_MAX, Id
from shared.program.calendar import instant_after
from shared.program.durations import Duration, Period, Unit, read_duration
from shared.program.section import Section

OPEN_HOLDS_MAX = 1_000
"""Most open holds that any program may allow one account: all of them are looked at together."""
OPERATORS_MAX = 1_000
ADJUSTED_MOST = 100_000
TRANSFERRED_MOST = 100_000

Most = Annotated[int, Field(ge=1, le=POINTS_MAX, strict=True)]


def _read_elapsed(value: object) -> Duration:
    duration = read_duration(value)
    if not duration.clock:
        raise ValueError("seconds, minutes or hours, at least one, such as 15m")
    return duration


ElapsedTime = Annotated[
    Duration,
    BeforeValidator(_read_elapsed),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,9}[smh]$"}),
]
"""Time of the clock: the same length in every zone and on every day."""


class ReturnPolicy(StrEnum):
    """How many points a return takes back, of those that its purchase earned."""

    RE_EARN = "re_earn"
    """All but what the rules give for what was kept."""
    REFUNDED = "refunded"
    """What the rules give for what came back."""
    PROPORTIONAL = "proportional"
    """The share of the points that came back of the money that earned them."""


class Deficit(StrEnum):
    """What becomes of points that a claw-back takes from what was spent already."""

    CARRIED = "carried"
    WRITTEN_OFF = "written_off"
    UNSPENT_ONLY = "unspent_only"


class Spent(StrEnum):
    """What becomes of points that were spent on an order that is called off."""

    GIVEN_BACK = "given_back"
    STAYS_SPENT = "stays_spent"
    """Redemptions and rewards cannot be cancelled."""


class Holds(Section):
    """Points set aside for a checkout: how long, and how many holds at once."""

    lapse_after: ElapsedTime = Duration(15, Unit.MINUTE)
    """The time to live of a hold that names none."""
    longest: ElapsedTime = Duration(24, Unit.HOUR)
    open_most: Annotated[int, Field(ge=1, le=OPEN_HOLDS_MAX, strict=True)] = 50

    @model_validator(mode="after")
    def _the_longest_is_longest(self) -> Self:
        if self.longest_time < self.lapse_time:
            raise _inconsistent(
                f"found {self.longest}; allowed: {self.lapse_after} (lapse_after) or longer",
                "longest",
            )
        return self

    @property
    def lapse_time(self) -> timedelta:
        """`lapse_after` as elapsed time."""
        return self.lapse_after.clock or timedelta()

    @property
    def longest_time(self) -> timedelta:
        """`longest` as elapsed time."""
        return self.longest.clock or timedelta()


class Returns(Section):
    """What a return takes back, also of points that were spent, and a refund to late lots."""

    policy: ReturnPolicy = ReturnPolicy.RE_EARN
    deficit: Deficit = Deficit.CARRIED
    write_off_after: Period | None = None
    """When what is still due is written off; only with, and always with, `written_off`."""
    grace: Period | None = None
    """How long points live that come back to a lot past its date; without it they are gone."""
    spent: Spent = Spent.GIVEN_BACK

    @model_validator(mode="after")
    def _a_date_belongs_to_writing_off(self) -> Self:
        dated = self.write_off_after is not None
        if dated and self.deficit is not Deficit.WRITTEN_OFF:
            raise _inconsistent(
                f"found {self.write_off_after}; allowed: only with `deficit: written_off`",
                "write_off_after",
            )
        if not dated and self.deficit is Deficit.WRITTEN_OFF:
            raise _inconsistent("`written_off` needs write_off_after, such as 90D", "deficit")
        if self.grace is not None and not self.grace.count:
            raise _inconsistent(f"found {self.grace}; allowed: a time that passes", "grace")
        if self.grace is not None and self.spent is Spent.STAYS_SPENT:
            raise _inconsistent(
                f"found {self.grace}; allowed: only with `spent: given_back`", "grace"
            )
        return self

    def write_off_at(self, t: datetime, local: ZoneInfo) -> datetime | None:
        """When points that are due from t on are written off, if ever."""
        if self.write_off_after is None:
            return None
        return instant_after(t, self.write_off_after, local)

    def grace_until(self, t: datetime, local: ZoneInfo) -> datetime | None:
        """Until when points live that come back at t to a lot past its date, if at all."""
        return None if self.grace is None else instant_after(t, self.grace, local)


class Adjustments(Section):
    """How many points an operator may add or deduct at once."""

    most: Most = ADJUSTED_MOST
    operators: Annotated[dict[Id, Most], Field(max_length=OPERATORS_MAX)] = {}
    """Operators with a limit of their own."""

    def limit(self, operator: str) -> int:
        """The most points of one adjustment by this operator."""
        return self.operators.get(operator, self.most)


class Transfers(Section):
    """How many points a member may give to another at once."""

    minimum: Most = 1
    most: Most = TRANSFERRED_MOST

    @model_validator(mode="after")
    def _the_most_is_no_less(self) -> Self:
        if self.most < self.minimum:
            raise _inconsistent(f"found {self.most}; allowed: {self.minimum} or more", "most")
        return self


def outlives(written_off: Duration, longest: timedelta) -> bool:
    """Whether a write-off comes after every hold of that length has lapsed, in any zone."""
    if (elapsed := written_off.clock) is not None:
        return elapsed > longest
    days = {Unit.WEEK: 7, Unit.MONTH: 28, Unit.YEAR: 365}.get(written_off.unit, 1)
    return timedelta(days=days * written_off.count) > longest + timedelta(hours=2)


def _inconsistent(message: str, *within: str) -> PydanticCustomError:
    return PydanticCustomError("inconsistent", "{message}", {"message": message, "within": within})
