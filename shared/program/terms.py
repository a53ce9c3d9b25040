"""When points can be spent and when they are gone, as a program or one of its rules says it.

Guarantees: what was read can be computed. Does not compute: that is `validity`'s.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.base import Id
from shared.events.upstream import SIGN_UP
from shared.program.calendar import Day, Span
from shared.program.durations import AT_ONCE, Period, PeriodOrNever
from shared.program.inconsistent import inconsistent
from shared.program.section import Section

DAYS_MAX = 1_000

Days = Annotated[tuple[Day, ...], Field(min_length=1, max_length=DAYS_MAX)]


class CountsFrom(StrEnum):
    """The day from which an expiry is counted."""

    EARNING = "earning"
    ACTIVATION = "activation"


class Act(StrEnum):
    """What a member does that may extend an expiry."""

    EARNING = "earning"
    """An award of points, whatever for."""
    PURCHASE = "purchase"
    """A purchase, also one without points."""
    ACTION = "action"
    """Something that rules reward and that is no purchase, also without points."""
    REDEMPTION = "redemption"
    """Points that are spent: as cash off, a captured hold, a reward."""


class Otherwise(StrEnum):
    """What becomes of points whose event did not come in time."""

    CANCELLED = "cancelled"
    ACTIVATED = "activated"


class Activation(Section):
    """When points can be spent: at once, `after` a while, at the next of some days, or on an event.

    If all of those days are past it is at once. An event is a custom action of the name `on` that
    names the receipt (or the activity) of the award; if it does not happen `within` a time, the
    points are cancelled, or activated then.
    """

    after: Period = AT_ONCE
    dates: Days | None = None
    on: Id | None = None
    within: Period | None = None
    otherwise: Otherwise = Otherwise.CANCELLED

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.dates is not None and self.after != AT_ONCE:
            raise inconsistent("found `after` too; allowed: either after or dates", "dates")
        if self.on is not None and (self.dates is not None or self.after != AT_ONCE):
            raise inconsistent("found another too; allowed: one of after, dates, on", "on")
        if self.on is not None and self.within is None:
            raise inconsistent("an event needs `within`, such as 30D: until when it may come", "on")
        if self.on == SIGN_UP:
            raise inconsistent(f"found {SIGN_UP}, by which members enrol; allowed: another", "on")
        if self.on is None and self.within is not None:
            raise inconsistent("only with `on`: the event that is waited for", "within")
        return self


class Expiry(Section):
    """When points are gone that nobody spent: never, or at the end of a last day.

    That day lies `after` a while, or is the next of some days (if all of those are past: never), or
    the last one of the member's own year: the day before the next anniversary of the enrolment;
    the enrolment itself is the first activity unless a sign-up told it. It may be rounded up.

    With `extended_by` it slides: `after` is counted anew from each of these acts, for all points
    that this expiry dates and that are not gone. A date never becomes an earlier one.
    """

    after: PeriodOrNever = None
    dates: Days | None = None
    anniversary: Literal[True] | None = None
    round_up: Span | None = None
    counts_from: CountsFrom = CountsFrom.EARNING
    extended_by: Annotated[tuple[Act, ...], Field(max_length=len(Act))] = ()

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        kinds = (self.after is not None, self.dates is not None, self.anniversary is not None)
        if sum(kinds) > 1:
            raise inconsistent("found several; allowed: one of after, dates, anniversary")
        if self.round_up is not None and not any(kinds):
            raise inconsistent("there is nothing to round up: points never expire", "round_up")
        if self.round_up is not None and self.after is not None and self.after.clock is not None:
            raise inconsistent(
                f"found {self.after}; allowed: days, weeks, months or years, where it is rounded",
                "after",
            )
        if self.extended_by and self.after is None:
            raise inconsistent("only with `after`: a time since the act", "extended_by")
        return self
