"""Exact numbers as people write them in a program: `3`, `3/2`, `1.5`, `50%`.

Guarantees: the number written is the number used; nothing binary comes between. Does not round.
"""

import re
from fractions import Fraction
from math import gcd
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_WHOLE = r"(?:0|[1-9][0-9]{0,11})"
NUMBER_PATTERN = rf"^{_WHOLE}(?:/[1-9][0-9]{{0,11}}|\.[0-9]{{1,9}})?$"
SHARE_PATTERN = rf"^{_WHOLE}(?:/[1-9][0-9]{{0,11}}|\.[0-9]{{1,9}})?%?$"
_NUMBER = re.compile(NUMBER_PATTERN)


def read_number(value: object) -> Fraction:
    """A number from an int or text; raises ValueError with what is allowed."""
    if isinstance(value, Fraction):
        return value
    is_written = isinstance(value, int | str) and not isinstance(value, bool)
    text = str(value) if is_written else ""
    if not _NUMBER.fullmatch(text):
        raise ValueError('a whole number, not below zero, or exact text such as "3/2" or "1.5"')
    return Fraction(text)


def read_share(value: object) -> Fraction:
    """A part of a whole: as `read_number`, or a percentage in text."""
    if isinstance(value, str) and value.endswith("%"):
        return read_number(value[:-1]) / 100
    return read_number(value)


def write_ratio(numerator: int, denominator: int) -> str:
    """A ratio in lowest terms: ``349/100``, ``20``. The denominator is above zero."""
    divisor = gcd(numerator, denominator)
    if divisor == denominator:
        return str(numerator // divisor)
    return f"{numerator // divisor}/{denominator // divisor}"


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": pattern}]}
    )


Number = Annotated[
    Fraction, BeforeValidator(read_number), PlainSerializer(str), _schema(NUMBER_PATTERN)
]
Share = Annotated[
    Fraction,
    Field(gt=0, le=1),
    BeforeValidator(read_share),
    PlainSerializer(str),
    _schema(SHARE_PATTERN),
]
