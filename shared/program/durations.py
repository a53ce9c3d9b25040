"""Durations as programs write them: `30s 40m 1h 5D 7W 10M 15Y`, and `12M_U` for "to its end".

The suffix `_U` rounds up to the end of the unit that the duration is counted in; it belongs to
days, weeks (Monday to Sunday), months and years. Their meaning on a calendar is `calendar`'s.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_MAX = timedelta(days=36_600)
"""A little over a century; a longer duration is a slip of the pen, or `never`."""
DURATION_PATTERN = r"^(?:0|[1-9][0-9]{0,9})(?:[smh]|[DWMY](?:_U)?)$"
_PARTS = re.compile(r"(0|[1-9][0-9]{0,9})([smhDWMY])(_[A-Z])?")
_ALLOWED = "a whole number with s, m, h, D, W, M or Y (40m are minutes, 10M months), such as 90D"


class Unit(StrEnum):
    """What a duration is counted in: time of the clock (small) or of the calendar (capital)."""

    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "D"
    WEEK = "W"
    MONTH = "M"
    YEAR = "Y"


_LENGTH = {
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
    Unit.MONTH: timedelta(days=30),
    Unit.YEAR: timedelta(days=366),
}
_CLOCK = (Unit.SECOND, Unit.MINUTE, Unit.HOUR)


@dataclass(frozen=True, slots=True)
class Duration:
    """A count of units; `to_end` rounds up to the end of the unit."""

    count: int
    unit: Unit
    to_end: bool = False

    @property
    def clock(self) -> timedelta | None:
        """The elapsed time, for seconds, minutes and hours; None for units of the calendar."""
        return self.count * _LENGTH[self.unit] if self.unit in _CLOCK else None

    def __str__(self) -> str:
        """As it is written in a program."""
        return f"{self.count}{self.unit.value}{'_U' if self.to_end else ''}"


AT_ONCE = Duration(0, Unit.SECOND)


def read_duration(value: object) -> Duration:
    """A duration from its text; raises ValueError with what is allowed."""
    if isinstance(value, Duration):
        return value
    parts = _PARTS.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError(_ALLOWED)
    count, unit, suffix = int(parts[1]), Unit(parts[2]), parts[3]
    if count > DURATION_MAX // _LENGTH[unit]:
        raise ValueError(f"at most {DURATION_MAX.days} days, or `never` where it may stand")
    if suffix is None:
        return Duration(count, unit)
    if suffix != "_U":
        raise ValueError(
            f"{count}{unit.value}, or {count}{unit.value}_U to round up to the end of the unit; "
            f"there is no suffix {suffix}"
        )
    if unit in _CLOCK:
        raise ValueError(f"{count}{unit.value}; _U rounds up days, weeks, months and years only")
    return Duration(count, unit, to_end=True)


def _read_or_never(value: object) -> Duration | None:
    if value is None:
        raise ValueError(f"`never`, or {_ALLOWED}")
    return None if value == "never" else read_duration(value)


def _write_or_never(duration: Duration | None) -> str:
    return "never" if duration is None else str(duration)


Period = Annotated[
    Duration,
    BeforeValidator(read_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
PeriodOrNever = Annotated[
    Duration | None,
    BeforeValidator(_read_or_never),
    PlainSerializer(_write_or_never, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^never$|{DURATION_PATTERN}"}),
]
