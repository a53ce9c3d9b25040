"""Moments that a rule may ask for: weekdays, hours of the day, days and spans of days.

As programs write them: `08:00-11:00` (until, not through, its end; `22:00-02:00` passes midnight),
`2026-12-24` and `2026-12-24..2026-12-26` (with their last day), `12-24` and `12-24..12-26` (every
year). All are those of the program's time zone; minutes are those of its clocks. Reads no clock.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

MINUTES = 24 * 60
_HOURS = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_DAY = r"(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}"
_DAYS = re.compile(rf"({_DAY})(?:\.\.({_DAY}))?")
_LEAP_YEAR = 2000
_YEARLY = len("12-24")

Span = tuple[int, int]
"""From a number on, up to another one that does not belong to it."""


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEKDAYS = tuple(Weekday)


def minutes_of(text: str) -> tuple[Span, ...]:
    """The minutes of the day that hours name; raises ValueError with what is allowed."""
    parts = _HOURS.fullmatch(text)
    if parts is None:
        raise ValueError("hours such as 08:00-11:00, or 22:00-02:00 past midnight")
    hour, minute, end_hour, end_minute = map(int, parts.groups())
    first, last = hour * 60 + minute, end_hour * 60 + end_minute
    if first >= MINUTES or last > MINUTES or max(minute, end_minute) >= 60:  # noqa: PLR2004
        raise ValueError("hours from 00:00 to 24:00")
    if first == last:
        raise ValueError("hours that end at another time than they begin")
    return ((first, last),) if first < last else ((0, last), (first, MINUTES))


def days_of(text: str) -> tuple[bool, tuple[Span, ...]]:
    """Whether days are of every year, and which: by `ordinal`, or by `day_of_year`."""
    parts = _DAYS.fullmatch(text)
    if parts is None or (parts[2] is not None and len(parts[1]) != len(parts[2])):
        raise ValueError(
            "a day (2026-12-24, every year: 12-24) or days (2026-12-24..2026-12-26, 12-24..12-26)"
        )
    yearly = len(parts[1]) == _YEARLY
    first, last = (_number(part, yearly=yearly) for part in (parts[1], parts[2] or parts[1]))
    if first <= last:
        return yearly, ((first, last + 1),)
    if not yearly:
        raise ValueError("days whose last one is not before the first")
    return yearly, ((0, last + 1), (first, _number("12-31", yearly=True) + 1))


def day_of_year(day: date) -> int:
    """The place of a day in a leap year, the same in every year."""
    return day.replace(year=_LEAP_YEAR).toordinal()


def _number(text: str, *, yearly: bool) -> int:
    try:
        return date.fromisoformat(f"{_LEAP_YEAR}-{text}" if yearly else text).toordinal()
    except ValueError as error:
        raise ValueError(f"days that exist ({error})") from None


class Timeline:
    """Bits that hold from point to point, found in logarithmic time.

    Made of spans `(from, until, bits)` (None: open): a bit holds where one of its spans is.
    """

    __slots__ = ("_bits", "_starts")

    def __init__(self, spans: Iterable[tuple[Any, Any, int]], otherwise: int = 0) -> None:
        spans = list(spans)
        bounds = {bound for start, end, _ in spans for bound in (start, end) if bound is not None}
        self._starts: Sequence[Any] = sorted(bounds)
        self._bits = [otherwise, *(otherwise for _ in self._starts)]
        place = {start: number for number, start in enumerate(self._starts, 1)}
        for start, end, bits in spans:
            first = 0 if start is None else place[start]
            last = len(self._bits) if end is None else place[end]
            for number in range(first, last):
                self._bits[number] |= bits

    def at(self, point: Any) -> int:
        """The bits that hold at a point."""
        return self._bits[bisect_right(self._starts, point)]


def _checked(reads: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        reads(text)
        return text

    return AfterValidator(check)


Hours = Annotated[
    str,
    Field(strict=True),
    _checked(minutes_of),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_HOURS.pattern}$", "examples": ["08:00-11:00"]}
    ),
]
Days = Annotated[
    str,
    Field(strict=True),
    _checked(days_of),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_DAYS.pattern}$", "examples": ["2026-12-24", "12-24"]}
    ),
]
