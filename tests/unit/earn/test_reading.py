"""What earn reads on the topic of activities: of every version, and what is none."""

import json
from typing import Any

import pytest

from services.earn.service import Earn
from shared.events.activity import PurchaseRecorded
from shared.events.ids import activity_cause
from shared.events.quarantine import Reason
from shared.events.registry import encode
from shared.stream.memory import MemoryRecord
from shared.stream.service import Input, Unreadable
from tests.contract.goldens import canonical, load

OLD, NEW = "loyalty.activity.purchase.v1", "loyalty.activity.purchase.v2"


def read(wire_type: str, value: bytes | None, **headers: bytes) -> Input | Unreadable | None:
    named = {"ce_type": wire_type.encode(), "body": b"digest", **headers}
    record = MemoryRecord("activity", 0, 0, 0, b"", value, tuple(named.items()))
    return Earn().read(record)


@pytest.mark.parametrize("example", ["full", "minimal"])
def test_a_purchase_of_the_first_version_is_the_same_as_one_of_the_second(example: str):
    old, new = (canonical(getattr(load(name), example)) for name in (OLD, NEW))
    first, second = read(OLD, old), read(NEW, new)
    assert isinstance(first, Input)
    assert isinstance(second, Input)
    assert isinstance(first.message, PurchaseRecorded)
    assert first._replace(record=second.record) == second
    assert first.cause == activity_cause(first.account, first.message.activity)
    assert encode(first.message) == new


@pytest.mark.parametrize(
    ("wire_type", "change", "reason"),
    [
        ("", {}, Reason.UNKNOWN_TYPE),
        ("loyalty.activity.purchase.v9", {}, Reason.UNKNOWN_TYPE),
        ("loyalty.points.earned.v1", {}, Reason.UNKNOWN_TYPE),
        (NEW, {"activity": {}}, Reason.INVALID),
        (NEW, {"activity": None}, Reason.INVALID),
        (OLD, {"activity": {}}, Reason.INVALID),
        (OLD, {"activity": None}, Reason.INVALID),
        (OLD, {"activity": {"lines": [{"line_id": "1"}]}}, Reason.INVALID),
        (OLD, {"activity": {"lines": 7}}, Reason.INVALID),
    ],
)
def test_what_is_no_activity_is_set_aside_with_the_reason(
    wire_type: str, change: dict[str, Any], reason: Reason
):
    value = json.dumps({**load(NEW).full, **change}).encode()
    said = read(wire_type, value)
    assert isinstance(said, Unreadable)
    assert said.reason is reason


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"null"])
@pytest.mark.parametrize("wire_type", [OLD, NEW])
def test_a_body_that_is_none_is_set_aside(wire_type: str, value: bytes | None):
    said = read(wire_type, value)
    assert isinstance(said, Unreadable)
    assert said.reason is Reason.INVALID
