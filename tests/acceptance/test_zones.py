"""Days end when they end where the program is: at both ends of the earth, and where clocks jump.

The complaint is C31: a date set to local midnight that was stored eleven hours early.
"""

from datetime import datetime
from typing import Any

import pytest

from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

LAST_DAYS = [
    # zone, bought at, the last minute of a month's points, the instant at which they are gone
    ("Pacific/Kiritimati", "2026-01-31T10:30:00Z", "2026-03-01T23:59", "2026-03-02T00:00"),
    ("Pacific/Kiritimati", "2026-01-31T09:59:59Z", "2026-02-28T23:59", "2026-03-01T00:00"),
    ("Etc/GMT+12", "2026-02-01T11:59:59Z", "2026-02-28T23:59", "2026-03-01T00:00"),
    ("Etc/GMT+12", "2026-02-01T12:00:00Z", "2026-03-01T23:59", "2026-03-02T00:00"),
    ("America/New_York", "2026-02-08T06:30:00Z", "2026-03-08T23:59", "2026-03-09T00:00"),
    ("America/New_York", "2026-10-01T05:30:00Z", "2026-11-01T23:59", "2026-11-02T00:00"),
    ("Australia/Lord_Howe", "2026-03-05T12:00:00Z", "2026-04-05T23:59", "2026-04-06T00:00"),
    # there is no midnight: clocks go from 23:59 to 01:00
    ("Africa/Cairo", "2026-03-23T12:00:00Z", "2026-04-23T23:59", "2026-04-24T01:00"),
    # there is no 30 December: it is the 31st behind the 29th
    ("Pacific/Apia", "2011-11-29T20:00:00Z", "2011-12-29T23:59", "2011-12-31T00:00"),
]


@pytest.mark.parametrize(("zone", "bought", "last", "gone"), LAST_DAYS)
def test_points_of_a_month_are_good_through_their_last_day(
    zone: str, bought: str, last: str, gone: str
):
    shop = Shop(under(expiry={"after": "1M"}, timezone=zone))
    shop.ledger.now = datetime.fromisoformat(bought)
    shop.sells("ann", 10_000).has("ann", available=100)
    shop.has("ann", on=last, available=100)
    shop.has("ann", on=gone, available=0, expired=100)
    assert verified(shop.ledger).findings == []


def test_the_version_of_the_day_of_purchase_counts_from_local_midnight_on():
    new_york: dict[str, Any] = {"timezone": "America/New_York"}
    double = under({**BASE, "points": 2}, **new_york, version=2, effective_from="2026-03-08")
    shop = Shop(under(**new_york)).publishes(double)
    shop.on("2026-03-07T23:59").sells("ann", 1_000).says(points=10, program_version=1)
    shop.on("2026-03-08T00:00").sells("ann", 1_000).says(points=20, program_version=2)
    shop.sells("ann", 1_000, occurred_at="2026-03-08T04:59:59Z").says(points=10)


def test_a_night_is_one_night_also_when_it_is_an_hour_short():
    hours = {"hours": ["22:00-02:00"]}
    night = {"rule": "night", "kind": "fixed", "points": 5, "match": hours}
    shop = Shop(under(BASE, night, timezone="America/New_York"))
    for at, points in (
        ("2026-03-07T21:59", 1),
        ("2026-03-07T22:00", 6),
        ("2026-03-08T01:59", 6),
        ("2026-03-08T03:00", 1),
    ):
        shop.on(at).sells("ann", 100).says(points=points)


def test_a_week_is_an_iso_week_and_a_late_purchase_belongs_to_its_own():
    week = {"points": 100, "per": "week"}
    shop = Shop(under(earn={"rules": [BASE], "caps": [week]}))
    shop.on("2026-12-31").sells("ann", 8_000).says(points=80)
    shop.on("2027-01-03").sells("ann", 8_000).says(points=20)
    shop.on("2027-01-04").sells("ann", 8_000).says(points=80)
    shop.sells("ann", 8_000, occurred_at="2027-01-03T23:59:59Z").says(points=0)


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        ("Pacific/Kiritimati", "2026-01-31T09:59:59Z", "2026-01-31T10:00:00Z"),
        ("Etc/GMT+12", "2026-02-01T11:59:59Z", "2026-02-01T12:00:00Z"),
    ],
)
def test_a_month_of_a_cap_is_one_of_the_zone(zone: str, last: str, first: str):
    month = {"points": 100, "per": "month"}
    shop = Shop(under(earn={"rules": [BASE], "caps": [month]}, timezone=zone)).on("2026-02-05")
    for at, points in ((last, 80), (first, 80), (last, 20), (first, 20)):
        shop.sells("ann", 8_000, occurred_at=at).says(points=points)


ROUNDED_UP = [
    ("week", "2026-04-05T23:59", "2026-04-06T00:00"),
    ("month", "2026-04-30T23:59", "2026-05-01T00:00"),
    ("quarter", "2026-06-30T23:59", "2026-07-01T00:00"),
    ("half_year", "2026-06-30T23:59", "2026-07-01T00:00"),
    ("year", "2026-12-31T23:59", "2027-01-01T00:00"),
]


@pytest.mark.parametrize(("unit", "last", "gone"), ROUNDED_UP)
def test_a_month_rounded_up(unit: str, last: str, gone: str):
    expiry = {"after": "1M", "round_up": unit}
    shop = Shop(under(expiry=expiry, timezone="Asia/Kathmandu")).on("2026-03-04")
    shop.sells("ann", 1_000).has("ann", on=last, available=10).has("ann", on=gone, available=0)


def test_days_of_every_year_and_leap_days():
    dates = {"dates": ["02-29", "12-24..01-02"]}
    rule = {"rule": "feasts", "kind": "fixed", "points": 5, "match": dates}
    shop = Shop(under(rule, timezone="Pacific/Auckland"))
    for at, points in (
        ("2024-02-29", 5),
        ("2025-02-28", 0),
        ("2025-03-01", 0),
        ("2025-12-23T23:59", 0),
        ("2025-12-24T00:00", 5),
        ("2026-01-02T23:59", 5),
        ("2026-01-03T00:00", 0),
    ):
        shop.on(at).sells("ann", 100).says(points=points)


def test_what_is_written_off_after_days_is_so_at_the_same_time_of_the_clock():
    returns = {"deficit": "written_off", "write_off_after": "7D"}
    shop = Shop(under(returns=returns, timezone="Europe/Berlin"))
    shop.on("2026-03-25T10:00").sells("ann", 10_000).sells("bob", 10_000)
    for member, receipt in (("ann", "receipt-1"), ("bob", "receipt-2")):
        shop.redeems(member, 100)
        shop.returns(member, receipt, line_id="0", quantity=1, amount_minor=10_000)
    shop.on("2026-04-01T09:59").sells("ann", 3_000).has("ann", available=0, deficit=70)
    shop.on("2026-04-01T10:00").sells("bob", 3_000).has("bob", available=30, deficit=0)
    assert verified(shop.ledger).findings == []
