"""Conditions in CEL (the Common Expression Language): which names they know, and their check.

A condition is typed: it compares texts with texts and whole numbers with whole numbers, gives true
or false, has no loops but over lists, and cannot see a binary fraction. Guarantees: what was
checked can be evaluated; a fault is told with its line and column in the condition. What an
evaluation cannot do (a key that is not in a map, an overflow, too long a search) is false.
"""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from cel_expr_python import cel

CONDITION_LENGTH_MAX = 1_000
CONDITIONS_REMEMBERED_MAX = 4_096
FAULTS_TOLD_MAX = 3

_TEXTS = cel.Type.List(cel.Type.STRING)
_NUMBERS = cel.Type.Map(cel.Type.STRING, cel.Type.INT)
_OF_ALL: Mapping[str, Any] = {
    "member.tier": cel.Type.STRING,
    "member.segments": _TEXTS,
    "member.visits": cel.Type.INT,
    "time.date": cel.Type.STRING,
    "time.weekday": cel.Type.STRING,
    "time.month": cel.Type.INT,
    "time.day": cel.Type.INT,
    "time.hour": cel.Type.INT,
    "time.minute": cel.Type.INT,
}
PURCHASE: Mapping[str, Any] = {
    **_OF_ALL,
    "purchase.brand": cel.Type.STRING,
    "purchase.store": cel.Type.STRING,
    "purchase.channel": cel.Type.STRING,
    "purchase.total_minor": cel.Type.INT,
    "purchase.tax_minor": cel.Type.INT,
    "purchase.discount_minor": cel.Type.INT,
    "purchase.items": cel.Type.INT,
    "purchase.skus": _TEXTS,
    "purchase.departments": _TEXTS,
    "purchase.categories": _TEXTS,
    "purchase.product_types": _TEXTS,
    "purchase.product_brands": _TEXTS,
    "purchase.minor_by_sku": _NUMBERS,
    "purchase.minor_by_department": _NUMBERS,
    "purchase.minor_by_category": _NUMBERS,
    "purchase.minor_by_product_type": _NUMBERS,
    "purchase.minor_by_product_brand": _NUMBERS,
    "purchase.minor_by_payment_method": _NUMBERS,
}
"""What a condition about purchases knows; texts that are absent are empty."""
ACTION: Mapping[str, Any] = {
    **_OF_ALL,
    "action.name": cel.Type.STRING,
    "action.brand": cel.Type.STRING,
    "action.text": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "action.number": _NUMBERS,
    "action.flag": cel.Type.Map(cel.Type.STRING, cel.Type.BOOL),
    "review.sku": cel.Type.STRING,
    "review.rating": cel.Type.INT,
}
"""What a condition about actions knows; a review without a rating has -1."""

_ENVIRONMENTS = {
    "purchase": cel.NewEnv(variables=PURCHASE),
    "action": cel.NewEnv(variables=ACTION),
}
_VARIABLES = {"purchase": PURCHASE, "action": ACTION}
_TEXT = re.compile(r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_FRACTION = re.compile(
    r"(?<![\w.])(?:[0-9]*\.[0-9]+|[0-9]+\.(?![\w])|[0-9]+(?=[eE][+-]?[0-9]))(?:[eE][+-]?[0-9]+)?"
    r"|\b(?:double|dyn)\b"
)
_UNKNOWN = re.compile(r"(undeclared reference to '([^']*)') \(in container ''\)")
_FAULT = re.compile(r"ERROR: <input>:([0-9]+):([0-9]+): (.*)")


class Condition(NamedTuple):
    """A condition that was checked, and the names that it reads."""

    expression: Any
    names: tuple[str, ...]

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether it is true of these values. What cannot be evaluated is not."""
        try:
            found = self.expression.eval(data=values)
        except RuntimeError:
            return False
        return found.value() is True


@lru_cache(maxsize=CONDITIONS_REMEMBERED_MAX)
def condition(text: str, about: str) -> Condition:
    """The condition in `text` about a `purchase` or an `action`; ValueError with what is wrong."""
    if len(text) > CONDITION_LENGTH_MAX:
        raise ValueError(f"a condition of at most {CONDITION_LENGTH_MAX} characters")
    plain = _TEXT.sub(lambda found: " " * len(found.group()), text)
    if fraction := _FRACTION.search(plain):
        where = _place(text, fraction.start())
        raise ValueError(f"whole numbers, since conditions are exact; {where} has {fraction[0]}")
    try:
        expression = _ENVIRONMENTS[about].compile(text)
    except RuntimeError as error:
        raise ValueError(f"a condition in CEL; {_faults(str(error), about)}") from None
    if expression.return_type() != cel.Type.BOOL:
        kind = expression.return_type().name().lower()
        raise ValueError(f"a condition that is true or false; this one gives {kind}")
    names = tuple(name for name in _VARIABLES[about] if re.search(rf"\b{name}\b", plain))
    return Condition(expression, names)


def _faults(told: str, about: str) -> str:
    found = _FAULT.findall(told)[:FAULTS_TOLD_MAX]
    return "; ".join(
        f"line {line}, column {column}: {_UNKNOWN.sub(partial(_meant, about), what)}"
        for line, column, what in found
    )


def _meant(about: str, unknown: re.Match[str]) -> str:
    """The fault of a name that is not known, with the nearest one that is."""
    said, name = unknown.groups()
    _, _, last = name.rpartition(".")
    known = {known.rpartition(".")[2]: known for known in _VARIABLES[about]}
    near = difflib.get_close_matches(last, known, n=1)
    return f"{said} (did you mean {known[near[0]]}?)" if near else said


def _place(text: str, at: int) -> str:
    line, start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    return f"line {line}, column {at - start + 1}"
