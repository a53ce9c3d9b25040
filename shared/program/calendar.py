"""Dates and instants of a program: its time zone, its midnights, when lots begin and end.

Guarantees: valid through the last day. A lot ends at the first instant after its last local day, in
whatever zone and at whatever change of the clocks; months and years clamp to the last day of a
month. Time zones are those of the `tzdata` package that the project is locked to, so that every
machine computes the same instants. Reads no clock.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from shared.events.base import INSTANT_END, INSTANT_MIN
from shared.program.durations import Duration, Unit

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = re.compile(r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}")
_LEAP_YEAR = 2000
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


class Span(StrEnum):
    """What an expiry may be rounded up to the end of."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


_UNIT_OF = {
    Span.DAY: Unit.DAY,
    Span.WEEK: Unit.WEEK,
    Span.MONTH: Unit.MONTH,
    Span.YEAR: Unit.YEAR,
}


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises ValueError with what is allowed."""
    if name not in _zone_names():
        raise ValueError("the IANA name of a time zone, such as America/New_York")
    table = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(BytesIO(table), key=name)


def day_of(instant: datetime, local: ZoneInfo) -> date:
    """The local day on which an instant falls."""
    return instant.astimezone(local).date()


def start_of_day(day: date, local: ZoneInfo) -> datetime:
    """The first instant, in UTC, from which on it is `day` or later there.

    Midnight is usually that, but clocks that are moved may skip it or pass it twice. Where they go
    back over midnight, the day begins for good when it begins again: the search ends there.
    """
    midnight = datetime.combine(day, time.min, local)
    once, again = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    if once == again:
        return once
    early, late = min(once, again), max(once, again)
    seconds = range((late - early) // SECOND)
    passed = bisect_left(seconds, day, key=lambda s: day_of(early + s * SECOND, local))
    return early + passed * SECOND


def add(day: date, duration: Duration) -> date:
    """The day that lies a number of days, weeks, months or years later; months clamp."""
    match duration.unit:
        case Unit.DAY:
            return day + duration.count * DAY
        case Unit.WEEK:
            return day + duration.count * 7 * DAY
        case Unit.MONTH:
            return _months_later(day, duration.count)
        case Unit.YEAR:
            return _months_later(day, 12 * duration.count)
        case Unit.SECOND | Unit.MINUTE | Unit.HOUR:
            raise ValueError(f"{duration} is time of the clock, not of the calendar")


def end_of(day: date, unit: Unit) -> date:
    """The last day of the unit in which `day` lies: itself, its Sunday, its month's or year's."""
    match unit:
        case Unit.WEEK:
            return day + (7 - day.isoweekday()) * DAY
        case Unit.MONTH:
            return day.replace(day=monthrange(day.year, day.month)[1])
        case Unit.YEAR:
            return day.replace(month=12, day=31)
        case Unit.DAY | Unit.SECOND | Unit.MINUTE | Unit.HOUR:
            return day


def end_of_span(day: date, span: Span) -> date:
    """The last day of the quarter, the half-year, or the smaller or larger span of a day."""
    match span:
        case Span.QUARTER | Span.HALF_YEAR:
            months = 3 if span is Span.QUARTER else 6
            return end_of(day.replace(day=1, month=-(-day.month // months) * months), Unit.MONTH)
        case _:
            return end_of(day, _UNIT_OF[span])


def next_of(days: Iterable[str], day: date) -> date | None:
    """The first of these days on or after `day`; `04-15` is a day of every year, else of one.

    A 29 February of every year is the 28th where there is none. None if all are past.
    """
    coming: list[date] = []
    for written in days:
        if _DATE.fullmatch(written):
            coming.append(date.fromisoformat(written))
        else:
            month, number = map(int, written.split("-"))
            years = (day.year, day.year + 1)
            coming += [date(y, month, min(number, monthrange(y, month)[1])) for y in years]
    return min((each for each in coming if each >= day), default=None)


def anniversary_after(day: date, of: date) -> date:
    """The first day after `day` that is `of` in its year; in a common year 29 February clamps."""
    this_year = _months_later(of, 12 * (day.year - of.year))
    return this_year if this_year > day else _months_later(of, 12 * (day.year + 1 - of.year))


def last_day(day: date, duration: Duration) -> date:
    """The last local day on which something that began on `day` is valid."""
    later = add(day, duration)
    return end_of(later, duration.unit) if duration.to_end else later


def first_day(day: date, duration: Duration) -> date:
    """The local day at whose start something that waits since `day` begins.

    `5D` begins on the fifth day after; what is rounded up begins when the rounded unit is over.
    """
    return last_day(day, duration) + DAY if duration.to_end else add(day, duration)


def instant_after(t: datetime, duration: Duration, local: ZoneInfo) -> datetime:
    """The instant, in UTC, a duration after t: the same time of a later local day.

    Seconds, minutes and hours elapse; what is rounded up ends when the rounded unit is over.
    """
    if (elapsed := duration.clock) is not None:
        return t.astimezone(UTC) + elapsed
    here = t.astimezone(local)
    if duration.to_end:
        return start_of_day(last_day(here.date(), duration) + DAY, local)
    later = datetime.combine(add(here.date(), duration), here.time(), local)
    return later.replace(fold=here.fold).astimezone(UTC)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def start_of(when: str, local: ZoneInfo) -> datetime:
    """The instant at which a `When` begins: its first instant if it is a day."""
    if _DATE.fullmatch(when):
        return start_of_day(date.fromisoformat(when), local)
    return datetime.fromisoformat(when).astimezone(UTC)


def end_of_when(when: str, local: ZoneInfo) -> datetime:
    """The instant at which a `When` is over: the end of it if it is a day."""
    if _DATE.fullmatch(when):
        return start_of_day(date.fromisoformat(when) + DAY, local)
    return datetime.fromisoformat(when).astimezone(UTC)


def _check_when(text: str) -> str:
    if not (_DATE.fullmatch(text) or _INSTANT.fullmatch(text)):
        raise ValueError(
            "a day (2027-01-31), or an instant with its offset (2027-01-31T00:00:00-05:00)"
        )
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"a day and time that exist ({error})") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if not INSTANT_MIN + DAY <= instant < INSTANT_END - DAY:
        raise ValueError(f"dates from {INSTANT_MIN.year} to {INSTANT_END.year - 1}")
    return text


def _check_zone(name: str) -> str:
    zone(name)
    return name


def _check_day(text: str) -> str:
    parts = _DAY.fullmatch(text)
    written = "" if parts is None else text if parts[1] else f"{_LEAP_YEAR}-{text}"
    try:
        date.fromisoformat(written)
    except ValueError:
        raise ValueError("a day (2027-04-15), or a day of every year (04-15)") from None
    return text


Day = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_check_day),
    WithJsonSchema({"type": "string", "examples": ["2027-04-15", "04-15"]}),
]
"""A local day, of one year or of every year."""
When = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_check_when),
    WithJsonSchema({"type": "string", "examples": ["2027-01-31", "2027-01-31T00:00:00-05:00"]}),
]
"""A local day, or an instant with its offset."""
ZoneName = Annotated[str, Field(strict=True), AfterValidator(_check_zone)]
