"""Durations as they are written, and what is said about those that are not."""

import pytest

from shared.program.durations import AT_ONCE, Duration, Unit, read_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", Duration(30, Unit.SECOND)),
        ("40m", Duration(40, Unit.MINUTE)),
        ("1h", Duration(1, Unit.HOUR)),
        ("5D", Duration(5, Unit.DAY)),
        ("7W", Duration(7, Unit.WEEK)),
        ("10M", Duration(10, Unit.MONTH)),
        ("15Y", Duration(15, Unit.YEAR)),
        ("5D_U", Duration(5, Unit.DAY, to_end=True)),
        ("7W_U", Duration(7, Unit.WEEK, to_end=True)),
        ("10M_U", Duration(10, Unit.MONTH, to_end=True)),
        ("15Y_U", Duration(15, Unit.YEAR, to_end=True)),
        ("0s", AT_ONCE),
        ("0M", Duration(0, Unit.MONTH)),
    ],
)
def test_x18_a_duration_is_read_and_written(text: str, duration: Duration):
    assert read_duration(text) == duration
    assert str(duration) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1M_D", r"1M, or 1M_U to round up .*no suffix _D"),
        ("30s_U", r"30s; _U rounds up days, weeks, months and years only"),
        ("1h_U", r"1h; _U rounds up days"),
        ("101Y", r"at most 36600 days, or `never`"),
        ("9999999999D", r"at most 36600 days"),
        *[
            (text, r"a whole number with s, m, h, D, W, M or Y")
            for text in (
                "",
                "M",
                "12",
                "12 M",
                "-1M",
                "1.5M",
                "01M",
                "1d",
                "1M_",
                "1M_u",
                "٣M",
                "1M\n",
            )
        ],
    ],
)
def test_x18_another_text_is_refused_with_what_is_allowed(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        read_duration(text)


@pytest.mark.parametrize("value", [12, True, None, ["1M"]])
def test_a_duration_is_text(value: object):
    with pytest.raises(ValueError, match="a whole number with"):
        read_duration(value)
