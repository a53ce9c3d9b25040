"""Hours and days as programs write them: which minutes and days they are, and what is refused."""

from datetime import date

import pytest

from shared.program.moments import day_of_year, days_of, minutes_of


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("08:00-11:00", ((480, 660),)),
        ("08:05-08:59", ((485, 539),)),
        ("00:00-24:00", ((0, 1_440),)),
        ("23:59-00:00", ((0, 0), (1_439, 1_440))),
        ("22:30-02:15", ((0, 135), (1_350, 1_440))),
    ],
)
def test_hours_are_minutes_until_and_not_through_their_end(
    text: str, spans: tuple[tuple[int, int], ...]
):
    assert minutes_of(text) == spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8:00-11:00", "hours such as 08:00-11:00"),
        ("08:00", "hours such as 08:00-11:00"),
        ("24:00-25:00", "from 00:00 to 24:00"),
        ("24:00-08:00", "from 00:00 to 24:00"),
        ("08:00-24:01", "from 00:00 to 24:00"),
        ("08:60-11:00", "from 00:00 to 24:00"),
        ("08:00-11:60", "from 00:00 to 24:00"),
        ("08:00-08:00", "another time than they begin"),
    ],
)
def test_what_are_no_hours_is_refused(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        minutes_of(text)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-12-24", date(2026, 12, 24), date(2026, 12, 24)),
        ("2026-12-24..2027-01-02", date(2026, 12, 24), date(2027, 1, 2)),
        ("2026-12-24..2026-12-24", date(2026, 12, 24), date(2026, 12, 24)),
    ],
)
def test_days_of_one_year_have_their_last_day(text: str, first: date, last: date):
    assert days_of(text) == (False, ((first.toordinal(), last.toordinal() + 1),))


@pytest.mark.parametrize(
    ("text", "within", "without"),
    [
        ("12-24", ["12-24"], ["12-23", "12-25"]),
        ("12-24..12-26", ["12-24", "12-26"], ["12-23", "12-27"]),
        ("12-24..01-06", ["12-24", "12-31", "01-01", "01-06"], ["12-23", "01-07"]),
        ("02-29", ["02-29"], ["02-28", "03-01"]),
    ],
)
def test_days_of_every_year_may_pass_its_end(text: str, within: list[str], without: list[str]):
    yearly, spans = days_of(text)
    assert yearly
    for days, holds in ((within, True), (without, False)):
        for day in days:
            number = day_of_year(date.fromisoformat(f"2028-{day}"))
            assert any(start <= number < end for start, end in spans) == holds, day
    after = day_of_year(date(2028, 12, 31)) + 1
    assert all(start < end <= after for start, end in spans)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("24.12.", "a day"),
        ("2026-12-24..12-26", "a day"),
        ("12-24..2026-12-26", "a day"),
        ("2026-12-26..2026-12-24", "not before the first"),
        ("2026-02-29", "days that exist"),
        ("02-30", "days that exist"),
    ],
)
def test_what_are_no_days_is_refused(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        days_of(text)
