"""What must hold for every zone, day and duration.

1. A day starts at the first instant from which on the local date is that day or later: one second
   before it is earlier, and days start in their order.
2. A lot is good for all of its last local day and gone at the instant after it, in every zone.
3. A longer duration never ends earlier, an earlier day never ends later, and rounding up never
   shortens.
4. A duration reads back as it was written.
5. Points are never active before their purchase.
6. Rounding up to the end of a span never shortens, and an earlier day never ends later; the next of
   some days is never before the day itself.
"""

from datetime import UTC, date, datetime, time, timedelta
from importlib import resources

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.program.calendar import (
    Span,
    add,
    anniversary_after,
    day_of,
    end_of_span,
    last_day,
    next_of,
    start_of_day,
    zone,
)
from shared.program.durations import Duration, Unit, read_duration
from shared.program.validity import Validity
from tests.receipts import program

ZONES = resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
EXTREMES = [
    *("Etc/GMT+12", "Pacific/Kiritimati", "America/New_York", "Africa/Cairo", "America/Havana"),
    *("Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Asia/Beirut", "Antarctica/Troll"),
]
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ON_CALENDAR = [Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.YEAR]

zones = st.sampled_from(EXTREMES) | st.sampled_from(ZONES)
days = st.dates(date(1970, 1, 2), date(2150, 12, 31))
FIRST, LAST = (datetime.combine(date(year, 1, 1), time.min) for year in (1971, 2150))
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
durations = st.builds(Duration, st.integers(0, 100), st.sampled_from(ON_CALENDAR), st.booleans())


@settings(deadline=None)
@given(zones, days)
def test_1_a_day_starts_when_the_days_before_are_over(name: str, day: date):
    local = zone(name)
    start = start_of_day(day, local)
    assert day_of(start, local) >= day
    assert day_of(start - SECOND, local) < day
    assert start <= start_of_day(day + DAY, local)


@settings(deadline=None)
@given(zones, instants, durations)
def test_2_a_lot_is_valid_through_its_last_day(name: str, at: datetime, duration: Duration):
    dates = Validity(program(timezone=name, expiry={"after": str(duration)})).dates(at)
    assert dates is not None
    assert dates[1] is not None
    last = last_day(day_of(at, zone(name)), duration)
    assert day_of(dates[1] - SECOND, zone(name)) <= last
    assert day_of(dates[1], zone(name)) > last
    assert dates[1] > at


@settings(deadline=None)
@given(days, days, durations, st.integers(0, 50))
def test_3_longer_and_later_never_end_earlier(one: date, other: date, base: Duration, more: int):
    longer = Duration(base.count + more, base.unit, base.to_end)
    rounded = Duration(base.count, base.unit, to_end=True)
    assert last_day(one, longer) >= last_day(one, base)
    assert last_day(max(one, other), base) >= last_day(min(one, other), base)
    assert last_day(one, rounded) >= last_day(one, base) >= add(one, base) >= one


@settings(deadline=None)
@given(st.builds(Duration, st.integers(0, 100), st.sampled_from(Unit), st.just(False)) | durations)
def test_4_a_duration_reads_back_as_written(duration: Duration):
    assert read_duration(str(duration)) == duration


@settings(deadline=None)
@given(zones, instants, durations)
def test_5_points_are_never_active_before_their_purchase(
    name: str, at: datetime, duration: Duration
):
    dates = Validity(program(timezone=name, activation={"after": str(duration)})).dates(at)
    assert dates is not None
    assert dates[0] >= at


@settings(deadline=None)
@given(
    days, days, st.sampled_from(Span), st.lists(days.map(str) | days.map(lambda d: f"{d:%m-%d}"))
)
def test_6_spans_and_named_days_lie_ahead_in_order(one, other, span: Span, named: list[str]):
    first, second = sorted((one, other))
    assert first <= end_of_span(first, span) <= end_of_span(second, span)
    soon, later = next_of(named, first), next_of(named, second)
    assert soon is None or soon >= first
    assert later is None or (later >= second and soon is not None and soon <= later)
    assert first < anniversary_after(first, of=other) <= add(first, read_duration("366D"))
