"""Exact numbers and shares, from text to text."""

from fractions import Fraction

import pytest

from shared.program.exact import read_number, read_share, write_ratio


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (0, Fraction(0)),
        (3, Fraction(3)),
        ("3", Fraction(3)),
        ("3/2", Fraction(3, 2)),
        ("2/4", Fraction(1, 2)),
        ("1.5", Fraction(3, 2)),
        ("0.1", Fraction(1, 10)),
        ("0.000000001", Fraction(1, 10**9)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_the_number_written_is_the_number_used(written: object, number: Fraction):
    assert read_number(written) == number


@pytest.mark.parametrize(
    "written",
    [0.5, True, None, [], -1, "", "-1", "+1", "1/0", "1/-2", "1e3", ".5", "1.", "1,5",
     " 1", "50%", "nan", "٣"],
)  # fmt: skip
def test_what_is_not_exact_or_below_zero_is_refused(written: object):
    with pytest.raises(ValueError, match="a whole number, not below zero, or exact text"):
        read_number(written)


@pytest.mark.parametrize(
    ("written", "share"),
    [("50%", Fraction(1, 2)), ("12.5%", Fraction(1, 8)), ("1/3", Fraction(1, 3)), (1, Fraction(1))],
)
def test_a_share_may_be_a_percentage(written: object, share: Fraction):
    assert read_share(written) == share


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [(349, 100, "349/100"), (200, 100, "2"), (0, 7, "0"), (6, 4, "3/2"), (1, 1, "1")],
)
def test_a_ratio_is_written_in_lowest_terms(numerator: int, denominator: int, text: str):
    assert write_ratio(numerator, denominator) == text
