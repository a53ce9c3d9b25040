"""The shared shapes: what is taken as a number, an instant or a name, and what is not."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.events import base

NUMBERS = {
    "AmountMinor": (base.AmountMinor, 0, base.AMOUNT_MINOR_MAX),
    "Points": (base.Points, 0, base.POINTS_MAX),
    "Quantity": (base.Quantity, 0, base.QUANTITY_MAX),
    "Version": (base.Version, 1, None),
}


def read(kind: Any, text: str) -> Any:
    return TypeAdapter(kind).validate_json(text)


def refuses(kind: Any, text: str) -> bool:
    try:
        read(kind, text)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["1.0", "1.5", "1e2", '"1"', "true", "null", "[1]", "{}", "-1", "NaN", "Infinity", "-0.0"],
)
def test_a_number_is_an_integer_and_nothing_like_it(name, text):
    assert refuses(NUMBERS[name][0], text)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_limits(name):
    kind, least, most = NUMBERS[name]
    assert read(kind, str(least)) == least
    assert refuses(kind, str(least - 1))
    if most is not None:
        assert read(kind, str(most)) == most
        assert refuses(kind, str(most + 1))
        assert refuses(kind, str(2**63))
        assert refuses(kind, "9" * 4_000)


@pytest.mark.parametrize(
    "text",
    [
        "330",
        "a",
        "a b",
        "Größe 42",
        "日本",
        "a:b/c",
        "'; drop table lot; --",
        "\\",
        '"',
        "x" * base.ID_LENGTH_MAX,
        "🛒" * base.ID_LENGTH_MAX,
    ],
)
def test_a_name_is_taken_as_it_is(text):
    assert read(base.Id, json.dumps(text)) == text
    assert read(base.Id, json.dumps(text, ensure_ascii=False)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a\n",
        "\ta",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "a\x00b",
        "\x00",
        "a\x1bb",
        "a\x7fb",
        "a\x85b",
        "a\x9fb",
        "a\u00a0",
        "a\u2028",
        "\ud800",
        "a\udfffb",
        "x" * (base.ID_LENGTH_MAX + 1),
    ],
)
def test_blank_ends_control_characters_and_lengths_are_refused_in_a_name(text):
    assert refuses(base.Id, json.dumps(text))


@pytest.mark.parametrize("text", ["1", "1.5", "true", "null", "[]", "{}", '["a"]'])
def test_a_name_is_text(text):
    for kind in (base.Id, base.Slug, base.AccountKey, base.Currency):
        assert refuses(kind, text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (base.Slug, ["grocer", "g", "grocer-2", "2x4"], ["Grocer", "-a", "a-", "a_b", "a:b", ""]),
        (base.Slug, ["a" * 64], ["a" * 65, "a\n", "größe"]),
        (base.Currency, ["USD", "EUR"], ["usd", "US", "USDX", "U$D", "USD\n", ""]),
        (base.AccountKey, ["g:1", "g:" + "x" * 255], ["g:", "g:" + "x" * 256]),
    ],
)
def test_operators_names_are_narrow(kind, good, bad):
    assert not [text for text in good if refuses(kind, json.dumps(text))]
    assert not [text for text in bad if not refuses(kind, json.dumps(text))]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-14T18:05:00-04:00", datetime(2026, 3, 14, 22, 5, tzinfo=UTC)),
        ("2026-03-14T22:05:00Z", datetime(2026, 3, 14, 22, 5, tzinfo=UTC)),
        ("2026-03-14t22:05:00.125z", datetime(2026, 3, 14, 22, 5, 0, 125_000, tzinfo=UTC)),
        ("2026-03-14 22:05:00+00:00", datetime(2026, 3, 14, 22, 5, tzinfo=UTC)),
        ("2026-03-15T11:50:00+13:45", datetime(2026, 3, 14, 22, 5, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", base.INSTANT_MIN),
        ("8999-12-31T23:59:59Z", base.INSTANT_END - timedelta(seconds=1)),
    ],
)
def test_an_instant_is_read_with_its_offset(text, utc):
    assert read(base.Instant, json.dumps(text)) == utc
    assert TypeAdapter(base.Instant).validate_python(text) == utc


NO_INSTANTS = [
    "1773525900",
    "1773525900.5",
    '"1773525900"',
    '"-1"',
    "0",
    "true",
    "null",
    "{}",
    '""',
    '"today"',
    '"2026-03-14"',
    '"2026-03-14T18:05:00"',
    '"2026-03-14T18:05:00 America/New_York"',
    '"2026-02-30T00:00:00Z"',
    '"2026-03-14T24:00:00Z"',
    '"2026-03-14T18:05:60Z"',
    '"2026-03-14T18:05:00+24:00"',
    '"0001-01-01T00:00:00+10:00"',
    '"1969-12-31T23:59:59Z"',
    '"1970-01-01T00:00:00+00:01"',
    '"9000-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59-10:00"',
    '"٢٠٢٦-03-14T18:05:00Z"',
]


@pytest.mark.parametrize("text", NO_INSTANTS)
def test_a_count_a_local_time_and_a_time_out_of_range_are_no_instant(text):
    assert refuses(base.Instant, text)
    with pytest.raises(ValidationError):
        TypeAdapter(base.Instant).validate_python(json.loads(text))


def test_a_datetime_is_an_instant_only_with_its_offset():
    adapter = TypeAdapter(base.Instant)
    at = datetime(2026, 3, 14, 18, 5, tzinfo=timezone(timedelta(hours=-4)))
    assert adapter.validate_python(at) is at
    with pytest.raises(ValidationError, match="timezone"):
        adapter.validate_python(at.replace(tzinfo=None))


def test_the_missing_offset_is_told_from_other_faults():
    """Intake names it as a reason of its own."""
    with pytest.raises(ValidationError) as raised:
        read(base.Instant, '"2026-03-14T18:05:00"')
    assert [error["type"] for error in raised.value.errors()] == ["timezone_aware"]


@settings(deadline=None)
@given(st.integers(0, base.millis(base.INSTANT_END) - 1))
def test_milliseconds_are_exact_both_ways(at_ms):
    assert base.millis(base.instant(at_ms)) == at_ms


@settings(deadline=None)
@given(
    st.datetimes(
        min_value=(base.INSTANT_MIN + timedelta(days=1)).replace(tzinfo=None),
        max_value=(base.INSTANT_END - timedelta(days=1)).replace(tzinfo=None),
        timezones=st.timezones(),
    )
)
def test_milliseconds_round_down_and_know_no_zone(at):
    same = at.astimezone(UTC)
    assert base.millis(at) == base.millis(same)
    assert timedelta(0) <= same - base.instant(base.millis(at)) < timedelta(milliseconds=1)


@settings(deadline=None)
@given(st.from_regex(r"\A[a-z0-9-]{1,20}\Z"), st.text(min_size=1))
def test_an_account_is_split_as_it_was_made(program, member):
    assert base.split_account(base.account_key(program, member)) == (program, member)
