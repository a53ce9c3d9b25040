"""From when to when points count: activation and expiry of a program, purchase by purchase."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.program.model import Program
from shared.program.validity import Validity
from tests.receipts import program


def under(zone: str = "America/New_York", **sections: Any) -> Program:
    return program(timezone=zone, **sections)


@pytest.mark.parametrize(
    ("case", "expiry", "occurred_at", "expires_at"),
    [
        ("X2", "1M", "2026-01-25T23:59:59-05:00", "2026-02-26T00:00:00-05:00"),
        ("X3", "0M", "2026-01-01T00:00:00-05:00", "2026-01-02T00:00:00-05:00"),
        ("X9 year", "1Y", "2027-03-01T12:00:00-05:00", "2028-03-02T00:00:00-05:00"),
        ("X9 days", "365D", "2027-03-01T12:00:00-05:00", "2028-03-01T00:00:00-05:00"),
        ("X13", "12M_U", "2020-01-05T12:00:00-05:00", "2021-02-01T00:00:00-05:00"),
        ("X15", "6M_U", "2026-03-03T12:00:00-05:00", "2026-10-01T00:00:00-04:00"),
        ("X17", "90D", "2026-01-01T08:00:00-05:00", "2026-04-02T00:00:00-04:00"),
        ("the local day counts", "0D", "2026-01-02T04:59:59Z", "2026-01-02T05:00:00Z"),
        ("from its midnight on", "0D", "2026-01-02T05:00:00Z", "2026-01-03T05:00:00Z"),
        ("hours are elapsed time", "24h", "2026-03-07T12:00:00-05:00", "2026-03-08T13:00:00-04:00"),
        ("a day is a local day", "1D", "2026-03-07T12:00:00-05:00", "2026-03-09T00:00:00-04:00"),
        ("seconds", "30s", "2026-03-07T12:00:00Z", "2026-03-07T12:00:30Z"),
    ],
)
def test_a_lot_expires_after_its_last_day(
    case: str, expiry: str, occurred_at: str, expires_at: str
):
    purchase = datetime.fromisoformat(occurred_at)
    active_from, until = Validity(under(expiry={"after": expiry})).dates(purchase) or (None, None)
    assert active_from is purchase
    assert until == datetime.fromisoformat(expires_at)
    assert until.tzinfo is UTC


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "America/New_York", "UTC", "Pacific/Kiritimati"])
def test_x16_the_instant_of_expiry_is_the_end_of_the_last_local_day(zone: str):
    purchase = datetime.fromisoformat("2026-01-25T12:00:00Z")
    _, until = Validity(under(zone, expiry={"after": "1M"})).dates(purchase) or (None, None)
    assert until is not None
    there = under(zone).zone
    last = purchase.astimezone(there).date().replace(month=2)
    assert (until - timedelta(microseconds=1)).astimezone(there).date() == last
    assert until.astimezone(there).date() == last + timedelta(days=1)


@pytest.mark.parametrize(
    ("activation", "active_from"),
    [
        ("0s", "2026-03-03T12:00:00-05:00"),
        ("0D", "2026-03-03T12:00:00-05:00"),
        ("90m", "2026-03-03T13:30:00-05:00"),
        ("5D", "2026-03-08T00:00:00-05:00"),
        ("6D", "2026-03-09T00:00:00-04:00"),
        ("5D_U", "2026-03-09T00:00:00-04:00"),
        ("0M_U", "2026-04-01T00:00:00-04:00"),
    ],
)
def test_points_are_active_after_their_wait_and_never_before_the_purchase(
    activation: str, active_from: str
):
    validity = Validity(under(activation={"after": activation}))
    purchase = datetime.fromisoformat("2026-03-03T12:00:00-05:00")
    assert validity.dates(purchase) == (datetime.fromisoformat(active_from), None)


@pytest.mark.parametrize(
    ("counts_from", "expires_at"),
    [("earning", "2026-03-07T00:00:00-05:00"), ("activation", "2026-03-12T00:00:00-04:00")],
)
def test_expiry_counts_from_earning_or_from_activation(counts_from: str, expires_at: str):
    expiry = {"after": "3D", "counts_from": counts_from}
    validity = Validity(under(activation={"after": "5D"}, expiry=expiry))
    dates = validity.dates(datetime.fromisoformat("2026-03-03T12:00:00-05:00"))
    assert dates is not None
    assert dates[1] == datetime.fromisoformat(expires_at)


@pytest.mark.parametrize(
    "sections", [{"expiry": {"after": "100Y"}}, {"activation": {"after": "100Y"}}]
)
def test_dates_that_no_fact_can_hold_are_none(sections: dict[str, Any]):
    late = datetime(8950, 1, 1, tzinfo=UTC)
    assert Validity(under(**sections)).dates(late) is None
    assert Validity(under()).dates(late) == (late, None)
