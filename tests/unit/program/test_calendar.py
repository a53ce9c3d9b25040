"""Days, midnights and last days, in zones where midnight is not what it seems."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.program.calendar import (
    end_of,
    end_of_when,
    first_day,
    last_day,
    start_of,
    start_of_day,
    zone,
)
from shared.program.durations import Unit, read_duration


@pytest.mark.parametrize(
    ("case", "duration", "earned_on", "last"),
    [
        ("X2", "1M", "2026-01-25", "2026-02-25"),
        ("X3", "0M", "2026-01-01", "2026-01-01"),
        ("X9 year", "1Y", "2027-03-01", "2028-03-01"),
        ("X9 days", "365D", "2027-03-01", "2028-02-29"),
        ("X13", "12M_U", "2020-01-05", "2021-01-31"),
        ("X15", "6M_U", "2026-03-03", "2026-09-30"),
        ("X17", "90D", "2026-01-01", "2026-04-01"),
        ("a month clamps", "1M", "2026-01-31", "2026-02-28"),
        ("in a leap year too", "1M", "2028-01-31", "2028-02-29"),
        ("clamping does not stick", "2M", "2026-01-31", "2026-03-31"),
        ("a year from a leap day", "1Y", "2028-02-29", "2029-02-28"),
        ("four years from a leap day", "4Y", "2028-02-29", "2032-02-29"),
        ("months over the year's end", "2M", "2026-12-31", "2027-02-28"),
        ("weeks", "2W", "2026-03-03", "2026-03-17"),
        ("to the Sunday", "0W_U", "2026-03-03", "2026-03-08"),
        ("a Sunday is its own", "0W_U", "2026-03-08", "2026-03-08"),
        ("a Monday begins a week", "0W_U", "2026-03-09", "2026-03-15"),
        ("weeks to the Sunday", "1W_U", "2026-12-28", "2027-01-10"),
        ("to the day's end", "3D_U", "2026-03-03", "2026-03-06"),
        ("to the month's end", "0M_U", "2028-02-01", "2028-02-29"),
        ("clamped, then to the end", "1M_U", "2026-01-31", "2026-02-28"),
        ("to the year's end", "1Y_U", "2026-03-03", "2027-12-31"),
        ("on its last day", "0Y_U", "2026-12-31", "2026-12-31"),
    ],
)
def test_something_is_valid_through_its_last_day(
    case: str, duration: str, earned_on: str, last: str
):
    day = date.fromisoformat(earned_on)
    assert last_day(day, read_duration(duration)) == date.fromisoformat(last)


@pytest.mark.parametrize(
    ("duration", "first"),
    [
        ("0D", "2026-03-03"),
        ("5D", "2026-03-08"),
        ("5D_U", "2026-03-09"),
        ("1W_U", "2026-03-16"),
        ("1M", "2026-04-03"),
        ("1M_U", "2026-05-01"),
        ("1Y_U", "2028-01-01"),
    ],
)
def test_something_that_waits_begins_on_the_day_or_when_the_rounded_unit_is_over(
    duration: str, first: str
):
    assert first_day(date(2026, 3, 3), read_duration(duration)) == date.fromisoformat(first)


@pytest.mark.parametrize(
    ("case", "name", "day", "instant"),
    [
        ("X3", "America/New_York", "2026-01-02", "2026-01-02T05:00:00Z"),
        ("summer time", "America/New_York", "2026-07-02", "2026-07-02T04:00:00Z"),
        ("the day it begins", "America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"),
        ("the day after", "America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"),
        ("the day it ends", "America/New_York", "2026-11-01", "2026-11-01T04:00:00Z"),
        ("the day after that", "America/New_York", "2026-11-02", "2026-11-02T05:00:00Z"),
        ("UTC-12", "Etc/GMT+12", "2026-01-02", "2026-01-02T12:00:00Z"),
        ("UTC+14", "Pacific/Kiritimati", "2026-01-02", "2026-01-01T10:00:00Z"),
        ("half an hour", "Asia/Kolkata", "2026-01-02", "2026-01-01T18:30:00Z"),
        ("three quarters", "Pacific/Chatham", "2026-01-02", "2026-01-01T10:15:00Z"),
        ("skipped: 00:00 to 01:00", "Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"),
        ("passed twice: 01:00 to 00:00", "America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
        ("23:00 passed twice", "Asia/Beirut", "2026-10-25", "2026-10-24T22:00:00Z"),
        ("back over midnight", "America/St_Johns", "2006-10-29", "2006-10-29T03:30:00Z"),
        ("skipped from 23:30 on", "America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
        ("no such day", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ("the day after it", "Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
    ],
)
def test_a_day_starts_when_the_day_before_is_over(case: str, name: str, day: str, instant: str):
    local = zone(name)
    start = start_of_day(date.fromisoformat(day), local)
    assert start == datetime.fromisoformat(instant)
    assert start.tzinfo is UTC
    before = (start - timedelta(seconds=1)).astimezone(local)
    assert before.date() < date.fromisoformat(day)


@pytest.mark.parametrize("unit", [Unit.DAY, Unit.HOUR, Unit.MINUTE, Unit.SECOND])
def test_a_day_is_the_end_of_its_smaller_units(unit: Unit):
    assert end_of(date(2026, 3, 3), unit) == date(2026, 3, 3)


def test_a_when_is_a_local_day_or_an_instant():
    local = zone("America/New_York")
    assert start_of("2026-07-01", local).isoformat() == "2026-07-01T04:00:00+00:00"
    assert end_of_when("2026-07-01", local).isoformat() == "2026-07-02T04:00:00+00:00"
    instant = "2026-07-01T08:00:00+02:00"
    assert start_of(instant, local) == end_of_when(instant, local)
    assert start_of(instant, local).isoformat() == "2026-07-01T06:00:00+00:00"


@pytest.mark.parametrize(
    "name", ["", "EST ", "../etc/passwd", "New_York", "localtime", "/UTC", "zones"]
)
def test_a_zone_has_an_iana_name(name: str):
    with pytest.raises(ValueError, match="IANA name of a time zone"):
        zone(name)
