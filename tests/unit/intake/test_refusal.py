"""What a publisher is told of an event that is not taken: where, and what was found."""

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.refusal import FOUND_LENGTH_MAX, Refused, of_faults
from services.intake.strict_json import NESTING_MAX, load
from shared.events.quarantine import Reason
from shared.events.upstream import Review
from tests.unit.program.test_kinds import WHO

NAME = "one line of printable characters without a blank at either end"
INSTANT = "an instant with its offset such as 2026-03-01T09:30:00+01:00"
LATE = "9001-01-01T00:00:00Z"


def fault(**fields: Any) -> Refused:
    """What is told of a review with these fields."""
    told = {name: value for name, value in {**WHO, **fields}.items() if value is not None}
    with pytest.raises(ValidationError) as raised:
        Review.model_validate_json(json.dumps(told))
    return of_faults(raised.value)


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"member": None}, Reason.MISSING_FIELD, "member: Field required"),
        (
            {"rating": 101},
            Reason.OUT_OF_RANGE,
            "rating: Input should be less than or equal to 100, found 101",
        ),
        ({"rating": 1.5}, Reason.FRACTIONAL, "rating: Input should be a valid integer, found 1.5"),
        ({"member": 7}, Reason.INVALID, "member: Input should be a valid string, found 7"),
        (
            {"member": " jo"},
            Reason.INVALID,
            f"member: Input should be {NAME}, found ' jo'",
        ),
        (
            {"occurred_at": "soon"},
            Reason.INVALID,
            f"occurred_at: Input should be {INSTANT}, found 'soon'",
        ),
        (
            {"occurred_at": LATE},
            Reason.IN_THE_FUTURE,
            f"occurred_at: Input should be less than 9000-01-01T00:00:00Z, found '{LATE}'",
        ),
    ],
)
def test_the_first_fault_gives_the_reason_and_what_was_found_is_told(
    fields: dict[str, Any], reason: Reason, detail: str
):
    assert fault(**fields) == Refused(reason, detail)


@pytest.mark.parametrize(
    ("member", "told"),
    [(10 ** (FOUND_LENGTH_MAX - 1), ""), (10**FOUND_LENGTH_MAX, "…")],
)
def test_of_what_was_found_only_so_much_is_told(member: int, told: str):
    assert fault(member=member).detail.endswith(f"found 1{'0' * (FOUND_LENGTH_MAX - 1)}{told}")


def test_of_what_is_no_json_only_the_place_is_told():
    with pytest.raises(ValidationError) as raised:
        Review.model_validate_json(rb'{"member": "\ud83d"}')
    refused = of_faults(raised.value)
    assert refused.reason is Reason.NOT_JSON
    assert re.fullmatch(r"body: Invalid JSON: .+ at line 1 column \d+", refused.detail)


def test_several_faults_are_told_in_order_and_the_rest_is_counted():
    missing = dict.fromkeys(("event_id", "source", "brand", "member", "occurred_at"))
    five = "; ".join(f"{name}: Field required" for name in missing)
    assert fault(**missing).detail == five
    assert fault(**missing, sku=7, rating=101).detail == f"{five}; and 2 more"


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b'{"a":\n 1,}', Reason.NOT_JSON, "line 2 column 4: "),
        (b'{"a": 1} and more', Reason.NOT_JSON, "found 'and more'"),
        (b"ab\xff\xfecdef", Reason.WRONG_ENCODING, "found ff fe 63 64 (hex) at byte 2"),
        (b'{"a": 1, "b": 2, "b": 3}', Reason.DUPLICATE_FIELD, "'b' stands twice in one object"),
        (b'{"a": NaN}', Reason.NOT_A_NUMBER, "NaN is no number"),
        (b"[" * 33 + b"]" * 33, Reason.NESTED_TOO_DEEPLY, f"more than {NESTING_MAX} objects"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, Reason.NESTED_TOO_DEEPLY, "arrays deep"),
    ],
)
def test_what_is_no_json_of_ours_is_told_with_its_place(value: bytes, reason: Reason, detail: str):
    refused = load(value)
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert detail in refused.detail


def test_what_is_just_deep_enough_is_read():
    assert load(b"[" * NESTING_MAX + b"]" * NESTING_MAX) is not None
    assert load(b"[[]]") == [[]]
