"""From when to when points count: activation and expiry of a program, purchase by purchase."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.program.model import Program
from shared.program.validity import Validity
from tests.receipts import BASE, earned, program, receipt


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
    ("case", "expiry", "occurred_on", "last_day"),
    [
        ("X14", {"dates": ["04-15"]}, "2026-01-02", "2026-04-15"),
        ("X14", {"dates": ["2026-04-15"]}, "2026-03-31", "2026-04-15"),
        ("on the day itself", {"dates": ["04-15"]}, "2026-04-15", "2026-04-15"),
        ("the year after", {"dates": ["04-15"]}, "2026-04-16", "2027-04-15"),
        ("the next of several", {"dates": ["04-15", "10-15"]}, "2026-04-16", "2026-10-15"),
        ("none is left", {"dates": ["2026-04-15"]}, "2026-04-16", None),
        ("29 February of a common year", {"dates": ["02-29"]}, "2026-01-02", "2026-02-28"),
        ("29 February of a leap year", {"dates": ["02-29"]}, "2027-03-01", "2028-02-29"),
        ("to the end of the day", {"after": "90D", "round_up": "day"}, "2026-01-01", "2026-04-01"),
        ("of the week", {"after": "1D", "round_up": "week"}, "2026-03-03", "2026-03-08"),
        ("of the month", {"after": "1D", "round_up": "month"}, "2026-02-03", "2026-02-28"),
        ("of the quarter", {"after": "1M", "round_up": "quarter"}, "2026-03-03", "2026-06-30"),
        ("of the first", {"after": "1D", "round_up": "quarter"}, "2026-01-02", "2026-03-31"),
        ("a 31st", {"after": "0D", "round_up": "quarter"}, "2026-05-31", "2026-06-30"),
        ("the first half", {"after": "1D", "round_up": "half_year"}, "2026-01-02", "2026-06-30"),
        ("a day among yearly ones", {"dates": ["2026-06-01", "04-15"]}, "2026-05-01", "2026-06-01"),
        ("a yearly day before it", {"dates": ["2026-06-01", "04-15"]}, "2026-04-01", "2026-04-15"),
        ("its own quarter", {"after": "0D", "round_up": "quarter"}, "2026-12-31", "2026-12-31"),
        ("of the half-year", {"after": "3M", "round_up": "half_year"}, "2026-04-30", "2026-12-31"),
        ("of the year", {"after": "1Y", "round_up": "year"}, "2026-04-30", "2027-12-31"),
        ("a day, rounded", {"dates": ["04-15"], "round_up": "quarter"}, "2026-01-01", "2026-06-30"),
        ("leap day and a year", {"after": "1Y"}, "2028-02-29", "2029-02-28"),
        ("leap day and four", {"after": "4Y"}, "2028-02-29", "2032-02-29"),
        ("the end of a month", {"after": "1M"}, "2026-01-31", "2026-02-28"),
        ("and of the next", {"after": "2M"}, "2026-01-31", "2026-03-31"),
    ],
)  # fmt: skip
def test_a_lot_is_good_through_its_last_day(
    case: str, expiry: dict[str, Any], occurred_on: str, last_day: str | None
):
    for name in ("America/New_York", "Etc/GMT+12", "Pacific/Kiritimati", "Europe/London"):
        program = under(name, expiry=expiry)
        noon = datetime.fromisoformat(f"{occurred_on}T12:00:00").replace(tzinfo=program.zone)
        _, until = Validity(program).dates(noon) or (None, None)
        last = until and (until - timedelta(microseconds=1)).astimezone(program.zone).date()
        assert last == (last_day and datetime.fromisoformat(last_day).date()), name


@pytest.mark.parametrize(
    ("occurred_on", "enrolled_on", "last_day"),
    [
        ("2026-03-03", "2020-06-01", "2026-05-31"),
        ("2026-06-01", "2020-06-01", "2027-05-31"),
        ("2026-05-31", "2020-06-01", "2026-05-31"),
        ("2026-03-03", "2020-02-29", "2027-02-27"),
        ("2027-12-31", "2020-02-29", "2028-02-28"),
        ("2026-03-03", "2026-03-03", "2027-03-02"),
        ("2026-03-03", "2026-12-01", "2027-11-30"),
        ("2026-03-03", None, "2027-03-02"),
    ],
)
def test_points_last_until_the_anniversary_of_the_enrolment(
    occurred_on: str, enrolled_on: str | None, last_day: str
):
    program = under("UTC", expiry={"anniversary": True})
    enrolled = date.fromisoformat(enrolled_on) if enrolled_on else None
    noon = datetime.fromisoformat(f"{occurred_on}T12:00:00Z")
    _, until = Validity(program).dates(noon, enrolled) or (None, None)
    assert until is not None
    assert (until - timedelta(days=1)).date() == date.fromisoformat(last_day)


@pytest.mark.parametrize(
    ("on", "active_from"),
    [
        (["2026-04-01", "2026-03-15"], "2026-03-15T00:00:00-04:00"),
        (["03-01"], "2027-03-01T00:00:00-05:00"),
        (["03-03"], "2026-03-03T12:00:00-05:00"),
        (["2026-03-01"], "2026-03-03T12:00:00-05:00"),
    ],
)
def test_points_are_active_on_the_next_of_some_days(on: list[str], active_from: str):
    purchase = datetime.fromisoformat("2026-03-03T12:00:00-05:00")
    validity = Validity(under(activation={"dates": on}))
    assert validity.dates(purchase) == (datetime.fromisoformat(active_from), None)


def test_x7_activation_expiry_and_the_new_year_are_one_instant():
    program = under(activation={"dates": ["2026-01-01"]}, expiry={"dates": ["2025-12-31"]})
    purchase = datetime.fromisoformat("2025-06-01T12:00:00-04:00")
    midnight = datetime.fromisoformat("2026-01-01T00:00:00-05:00")
    assert Validity(program).dates(purchase) == (midnight, midnight)


def test_e12_points_are_spendable_on_the_fifth_day():
    rules = program(BASE, timezone="Europe/London", activation={"after": "5D"})
    worth = earned(rules, receipt(1299, at="2026-03-26T12:00:00Z"))
    assert worth.points == 12
    assert worth.active_from == datetime.fromisoformat("2026-03-31T00:00:00+01:00")


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


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("within", "last"), [("0D", "2026-03-03"), ("1D", "2026-03-04"), ("0M_U", "2026-03-31")]
)
def test_a_window_ends_with_its_last_day_in_the_programs_zone(zone: str, within: str, last: str):
    program = under(zone, activation={"on": "delivered", "within": within})
    for clock in ("00:00:00", "23:59:59"):
        bought = datetime.fromisoformat(f"2026-03-03T{clock}").replace(tzinfo=program.zone)
        until, _ = Validity(program).dates(bought) or (bought, None)
        assert until.tzinfo is UTC
        assert (until - timedelta(microseconds=1)).astimezone(program.zone).date() == (
            date.fromisoformat(last)
        )
        assert until.astimezone(program.zone).date() > date.fromisoformat(last)


def test_a_window_of_hours_is_elapsed_time():
    validity = Validity(under(activation={"on": "delivered", "within": "24h"}))
    until, _ = validity.dates(datetime.fromisoformat("2026-03-07T12:00:00-05:00")) or (None, None)
    assert until == datetime.fromisoformat("2026-03-08T17:00:00Z")
    assert until.tzinfo is UTC


@pytest.mark.parametrize(
    ("expiry", "enrolled_on", "until"),
    [
        ({"after": "3D"}, None, "2026-03-07T00:00:00-05:00"),
        ({"after": "3D", "counts_from": "activation"}, None, "2026-03-14T00:00:00-04:00"),
        ({"anniversary": True}, "2020-03-05", "2026-03-05T00:00:00-05:00"),
        (
            {"anniversary": True, "counts_from": "activation"},
            "2020-03-05",
            "2027-03-05T00:00:00-05:00",
        ),
        ({"dates": ["8999-12-30"]}, None, "8999-12-31T00:00:00-05:00"),
        ({"dates": ["8999-12-31"]}, None, None),
        ({}, None, None),
    ],
)
def test_points_that_an_event_makes_active_end_as_their_terms_say(
    expiry: dict[str, Any], enrolled_on: str | None, until: str | None
):
    waits = {"on": "delivered", "within": "30D"}
    validity = Validity(under(activation=waits, expiry=expiry))
    bought = datetime.fromisoformat("2026-03-03T12:00:00-05:00")
    came = datetime.fromisoformat("2026-03-10T12:00:00-04:00")
    enrolled = date.fromisoformat(enrolled_on) if enrolled_on else None
    found = validity.activated(bought, came, enrolled)
    assert found == (until and datetime.fromisoformat(until))


@pytest.mark.parametrize(
    ("zone", "last_day", "holds"),
    [
        ("UTC", "8999-12-30", True),
        ("UTC", "8999-12-31", False),
        ("Etc/GMT+12", "8999-12-30", True),
        ("Etc/GMT+12", "8999-12-31", False),
    ],
)
def test_the_last_instant_that_a_fact_can_hold(zone: str, last_day: str, holds: bool):
    late = datetime(8999, 12, 1, 12, tzinfo=UTC)
    ends = Validity(under(zone, expiry={"dates": [last_day]})).dates(late)
    assert (ends is not None) == holds
    days = (date.fromisoformat(last_day) - late.date()).days
    begins = Validity(under(zone, activation={"after": f"{days + 1}D"})).dates(late)
    assert (begins is not None) == holds
    slides = Validity(under(zone, expiry={"after": f"{days}D", "extended_by": ["purchase"]}))
    assert (slides.after_act(late) is not None) == holds


def test_what_never_ends_is_not_extended():
    assert Validity(under()).after_act(datetime(2026, 3, 3, tzinfo=UTC)) is None


def test_the_terms_of_a_rule_stand_before_those_of_the_program_one_by_one():
    rule = {**BASE, "activation": {"after": "2D"}}
    expiry = {"after": "5D", "extended_by": ["purchase"]}
    both = under("UTC", earn={"rules": [rule]}, expiry=expiry)
    own, of_rule = Validity(both), Validity(both, both.earn.rules[0])
    bought = datetime(2026, 3, 3, 12, tzinfo=UTC)
    end = datetime(2026, 3, 9, tzinfo=UTC)
    assert own.dates(bought) == (bought, end)
    assert of_rule.dates(bought) == (datetime(2026, 3, 5, tzinfo=UTC), end)
    assert [act.value for act in own.extended_by] == ["purchase"]
    assert of_rule.extended_by == own.extended_by
