"""From when to when the points of an award can be spent, by a program's activation and expiry.

Guarantees: all instants are UTC but that of an activation at once, which is the purchase's own.
Remembers the instants of the days it has seen, since calendars are dear.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.events.base import INSTANT_END
from shared.program.calendar import (
    DAY,
    anniversary_after,
    day_of,
    end_of_span,
    first_day,
    last_day,
    next_of,
    start_of_day,
)
from shared.program.durations import AT_ONCE, Duration
from shared.program.model import Program
from shared.program.rules import EarnRule
from shared.program.terms import Activation, CountsFrom, Expiry

DAYS_REMEMBERED_MAX = 4_096

Begins = Callable[[datetime], datetime]
Ends = Callable[[datetime, date | None], datetime | None]


class Validity:
    """The activation and expiry of one version of a program, or of one of its rules."""

    def __init__(self, program: Program, rule: EarnRule | None = None) -> None:
        """What the rule does not say is the program's."""
        activation, expiry = program.activation, program.expiry
        if rule is not None:
            activation, expiry = rule.activation or activation, rule.expiry or expiry
        self._begin = _begin(activation, program.zone)
        self._end = _end(expiry, program.zone)
        self._from_activation = expiry.counts_from is CountsFrom.ACTIVATION
        self.activation = activation
        self.extended_by = expiry.extended_by
        """The acts that extend it; without any it does not slide."""

    def dates(
        self, occurred_at: datetime, enrolled_on: date | None = None
    ) -> tuple[datetime, datetime | None] | None:
        """`active_from`, never before the purchase, and `expires_at` (None: never).

        None instead of both if one of them lies beyond what a fact can hold.
        """
        active_from, expires_at = occurred_at, None
        if self._begin is not None:
            active_from = max(occurred_at, self._begin(occurred_at))
            if active_from >= INSTANT_END:
                return None
        if self._end is not None:
            since = active_from if self._from_activation else occurred_at
            expires_at = self._end(since, enrolled_on)
            if expires_at is not None and expires_at >= INSTANT_END:
                return None
        return active_from, expires_at

    def activated(
        self, occurred_at: datetime, at: datetime, enrolled_on: date | None = None
    ) -> datetime | None:
        """Until when points are good that an event makes active at an instant (None: for ever)."""
        since = at if self._from_activation else occurred_at
        until = self._end(since, enrolled_on) if self._end is not None else None
        return until if until is not None and until < INSTANT_END else None

    def after_act(self, at: datetime) -> datetime | None:
        """Until when points are good that an act at this instant extends.

        None if that lies beyond what a fact can hold: then they are not extended.
        """
        until = self._end(at, None) if self._end is not None else None
        return until if until is not None and until < INSTANT_END else None


def _begin(terms: Activation, local: ZoneInfo) -> Begins | None:
    days, after = terms.dates, terms.after
    if terms.within is not None:
        within = terms.within
        return lambda instant: _end_of_window(instant, within, local)
    if days is None and after == AT_ONCE:
        return None
    if days is None and (elapsed := after.clock) is not None:
        return lambda instant: instant.astimezone(UTC) + elapsed

    @lru_cache(maxsize=DAYS_REMEMBERED_MAX)
    def start(day: date) -> datetime:
        first = first_day(day, after) if days is None else next_of(days, day) or day
        return start_of_day(first, local)

    return lambda instant: start(day_of(instant, local))


def _end_of_window(instant: datetime, within: Duration, local: ZoneInfo) -> datetime:
    """When it is too late for an event: after the last day of the window."""
    if (elapsed := within.clock) is not None:
        return instant.astimezone(UTC) + elapsed
    return start_of_day(last_day(day_of(instant, local), within) + DAY, local)


def _end(terms: Expiry, local: ZoneInfo) -> Ends | None:
    if terms.after is None and terms.dates is None and terms.anniversary is None:
        return None
    if terms.after is not None and (elapsed := terms.after.clock) is not None:
        return lambda instant, _: instant.astimezone(UTC) + elapsed

    @lru_cache(maxsize=DAYS_REMEMBERED_MAX)
    def end(day: date, enrolled_on: date | None) -> datetime | None:
        last = _last_day(terms, day, enrolled_on)
        if last is None:
            return None
        if terms.round_up is not None:
            last = end_of_span(last, terms.round_up)
        return start_of_day(last + DAY, local)

    if terms.anniversary is None:
        return lambda instant, _: end(day_of(instant, local), None)
    return lambda instant, enrolled_on: end(day_of(instant, local), enrolled_on)


def _last_day(terms: Expiry, day: date, enrolled_on: date | None) -> date | None:
    """The last day of points that count from `day`; None: they never end."""
    if terms.dates is not None:
        return next_of(terms.dates, day)
    if terms.after is not None:
        return last_day(day, terms.after)
    since = enrolled_on or day
    return anniversary_after(max(day, since), since) - DAY
