"""What intake writes: activity in the contract's encoding; what is set aside is what arrived."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings

from services.intake.decide import Recognised, read
from services.intake.records import activity
from shared.events import quarantine, registry
from shared.events.bought import in_normal_form
from shared.events.ids import activity_cause
from shared.events.quarantine import Reason
from shared.events.topics import PURCHASES
from shared.events.upstream import Purchase
from shared.events.wire import Source
from shared.stream.records import set_aside
from tests.strategies.poison import ARRIVED_MS, encoded, purchase, purchases

SRC = Source(PURCHASES.name, 2, 7)


class Arrived(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


def recognised(body, wire_type="retail.purchase.v1"):
    said = read(PURCHASES.name, encoded(body), (("ce_type", wire_type.encode()),), ARRIVED_MS)
    assert isinstance(said, Recognised), said
    return said


@settings(deadline=None)
@given(purchases())
def test_the_value_is_the_contracts_encoding(body):
    said = recognised(body)
    account = f"p:{body['member']}"
    record = activity(account, said, SRC)
    assert record.value is not None
    read_back: Any = registry.decode(said.type, record.value)
    assert registry.encode(read_back) == record.value
    told = said.activity
    normal = in_normal_form(told) if isinstance(told, Purchase) else told
    assert (read_back.account, read_back.activity) == (account, normal)
    assert record.key == account.encode()


@pytest.mark.parametrize("name", registry.UPSTREAM)
def test_every_upstream_type_becomes_its_activity(name):
    said = recognised({**purchase(), "action": "a"}, name)
    becomes = name.replace("retail.", "loyalty.activity.")
    assert said.type == registry.newest_type(becomes)
    record = activity("p:2", said, SRC)
    assert record.value is not None
    assert registry.encode(registry.decode(said.type, record.value)) == record.value


def test_a_resend_has_the_same_value_and_cause_wherever_it_stood():
    one = activity("p:2", recognised(purchase()), SRC)
    other = activity("p:2", recognised(purchase()), Source("retail.reviews.v1", 0, 1))
    assert one._replace(headers=()) == other._replace(headers=())
    assert dict(one.headers) | {"src": b""} == dict(other.headers) | {"src": b""}


def test_the_headers_say_whose_it_is_what_it_is_and_where_it_came_from():
    said = recognised(purchase())
    named = dict(activity("p:2", said, SRC).headers)
    cause = activity_cause("p:2", said.activity)
    assert named == {
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
        "ce_id": str(cause.id).encode(),
        "ce_source": b"grocer-pos",
        "ce_type": b"loyalty.activity.purchase.v2",
        "ce_subject": b"p:2",
        "ce_time": b"2026-09-20T14:00:00.000+00:00",
        "cause": cause.text.encode(),
        "body": said.content,
        "src": b"retail.purchases.v1/2/7",
    }


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"store-1", b"{", (("ce_type", b"x"), ("ce_type", b"y"))),
        (None, None, ()),
        (b"\xff", b"\xfe", (("nothing", None), ("", b"\xff"))),
    ],
)
def test_what_is_set_aside_is_what_arrived(key, value, headers):
    record = Arrived(PURCHASES.name, 2, 7, ARRIVED_MS, key, value, headers)
    item = set_aside(record, Reason.NOT_JSON, "why", by="intake")
    read_back = quarantine.decode(item.key, item.value, quarantine.encode(item))
    assert read_back == item
    assert (read_back.source, read_back.by) == (SRC, "intake")
    assert (read_back.key, read_back.value, read_back.headers) == (key, value, headers)
