"""From when to when the points of an award can be spent, by a program's activation and expiry.

Guarantees: all instants are UTC but that of an activation at once, which is the purchase's own.
Remembers the instants of the days it has seen, since calendars are dear.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.events.base import INSTANT_END
from shared.program.calendar import DAY, day_of, first_day, last_day, start_of_day
from shared.program.durations import AT_ONCE, Duration
from shared.program.model import CountsFrom, Program

DAYS_REMEMBERED_MAX = 4_096

Later = Callable[[datetime], datetime]


class Validity:
    """The activation and expiry of one version of a program."""

    def __init__(self, program: Program) -> None:
        activation, expiry = program.activation.after, program.expiry.after
        self._begin = None if activation == AT_ONCE else _later(activation, program.zone, _begins)
        self._end = None if expiry is None else _later(expiry, program.zone, _ends)
        self._from_activation = program.expiry.counts_from is CountsFrom.ACTIVATION

    def dates(self, occurred_at: datetime) -> tuple[datetime, datetime | None] | None:
        """`active_from`, never before the purchase, and `expires_at` (None: never).

        None instead of both if one of them lies beyond what a fact can hold.
        """
        active_from, expires_at = occurred_at, None
        if self._begin is not None:
            active_from = max(occurred_at, self._begin(occurred_at))
            if active_from >= INSTANT_END:
                return None
        if self._end is not None:
            expires_at = self._end(active_from if self._from_activation else occurred_at)
            if expires_at >= INSTANT_END:
                return None
        return active_from, expires_at


def _later(duration: Duration, local: ZoneInfo, on_calendar: Callable[..., datetime]) -> Later:
    if (elapsed := duration.clock) is not None:
        return lambda instant: instant.astimezone(UTC) + elapsed

    @lru_cache(maxsize=DAYS_REMEMBERED_MAX)
    def of_day(day: date) -> datetime:
        return on_calendar(day, duration, local)

    return lambda instant: of_day(day_of(instant, local))


def _begins(day: date, duration: Duration, local: ZoneInfo) -> datetime:
    return start_of_day(first_day(day, duration), local)


def _ends(day: date, duration: Duration, local: ZoneInfo) -> datetime:
    return start_of_day(last_day(day, duration) + DAY, local)
