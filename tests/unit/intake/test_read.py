"""Reading upstream records: a normal form for good ones, a reason for every kind of poison.

1. `read` never raises, whatever the bytes, headers and topics
2. what is taken has each field once: a body with a field twice is never taken
3. the normal form depends on the content alone, not on how it was written
4. the content leaves out event id and source, and nothing else
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import decide, strict_json
from services.intake.decide import AHEAD_MS_MAX, Recognised, read
from services.intake.refusal import Refused
from services.intake.strict_json import NESTING_MAX, load
from shared.events import registry
from shared.events.base import LINES_MAX, instant
from shared.events.bought import in_normal_form
from shared.events.quarantine import DETAIL_LENGTH_MAX, Reason
from shared.events.topics import PURCHASES, RECORD_BYTES_MAX, REFERRALS, REVIEWS
from shared.events.upstream import Purchase
from tests.strategies.poison import (
    ARRIVED_MS,
    BINARY,
    POISON,
    STRUCTURED,
    encoded,
    line,
    mutated,
    purchase,
    purchases,
    structured,
)


def take(value: bytes | None, headers: Any = BINARY, topic: str = PURCHASES.name) -> Recognised:
    said = read(topic, value, headers, ARRIVED_MS)
    assert isinstance(said, Recognised), said
    return said


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_every_kind_of_poison_has_its_reason(poison):
    said = read(poison.topic, poison.value, poison.headers, ARRIVED_MS)
    assert isinstance(said, Refused), said
    assert said.reason is poison.reason
    assert poison.detail in said.detail
    assert 0 < len(said.detail) <= DETAIL_LENGTH_MAX


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (encoded(purchase()), BINARY),
        (encoded(purchase()), (("ce_type", b"retail.purchase.v1"),)),
        (encoded(purchase()), ()),
        (encoded(purchase()), (("content-type", None), ("ce_type", None), ("x", b"\xff"))),
        (encoded(purchase()), (("content-type", b"application/json"),)),
        (encoded({"type": "retail.purchase.v1", **purchase()}), ()),
        (structured(purchase()), STRUCTURED),
        (structured(purchase()), (("content-type", b"Application/CloudEvents+JSON"),)),
        (json.dumps(purchase()).encode(), BINARY),
        (json.dumps(purchase(), indent=2).encode(), BINARY),
        (json.dumps(purchase(), indent="\t").replace('":', '" :').encode(), BINARY),
        (encoded(dict(reversed(purchase().items()))), BINARY),
        (encoded({**purchase(), "loyalty_tier": {"name": ['"brand":', 1.5]}}), BINARY),
        (encoded(purchase(payments=[])), BINARY),
        (encoded(purchase()).replace(b'"member"', b'"m\\u0065mber"'), BINARY),
        (encoded(purchase()).replace(b'"r1"', b'"\\u0072\\u0031"'), BINARY),
        (encoded(purchase()).replace(b'"r1"', b'"\\u0072\\u0031"'), ()),
    ],
)
def test_the_same_purchase_has_one_normal_form_however_it_is_written(value, headers):
    assert take(value, headers) == take(encoded(purchase()))


CARD = {"method": "card", "amount_minor": 100}
BACK = {"line_id": "1", "quantity": 1, "amount_minor": 100}


@pytest.mark.parametrize(
    ("wire_type", "further"),
    [
        ("retail.purchase.v1", {}),
        ("retail.purchase.v1", {"payments": [CARD, CARD]}),
        ("retail.purchase.v1", {"store": 'the "corner"\\'}),
        ("retail.return.v1", {"lines": [BACK, BACK]}),
        ("retail.return.v1", {"lines": [BACK], "refunds": [CARD, CARD]}),
        ("retail.custom-action.v1", {"action": "ran", "attributes": {"km": 5, "city": "Rome"}}),
    ],
)
def test_a_plain_body_is_taken_apart_once(
    wire_type: str, further: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """To look at it more closely takes three times as long."""
    body = {**purchase(), **further}
    fields = registry.UPSTREAM[wire_type].model_fields
    plain = encoded({name: value for name, value in body.items() if name in fields})
    monkeypatch.setattr(strict_json, "load", lambda _: pytest.fail("it was looked at again"))
    assert take(plain, (("ce_type", wire_type.encode()),)).activity.member == "2"


@pytest.mark.parametrize(
    ("topic", "wire_type", "body"),
    [
        (PURCHASES, "loyalty.activity.purchase.v2", {}),
        (REVIEWS, "loyalty.activity.review.v1", {"rating": 80}),
        (REFERRALS, "loyalty.activity.referral.v1", {"advocate": "7"}),
        (PURCHASES, "loyalty.activity.return.v1", {"type": "retail.return.v1"}),
        (PURCHASES, "loyalty.activity.void.v1", {"type": "retail.void.v1"}),
        (REVIEWS, "loyalty.activity.purchase.v2", {"type": "retail.purchase.v1"}),
        (
            REVIEWS,
            "loyalty.activity.custom-action.v1",
            {"type": "retail.custom-action.v1", "action": "a"},
        ),
    ],
)
def test_a_body_that_names_no_type_is_of_the_topics_own(topic, wire_type, body):
    assert take(encoded({**purchase(), **body}), (), topic.name).type == wire_type


def test_the_normal_form_is_the_contracts_encoding():
    said = take(encoded(purchase()))
    assert isinstance(said.activity, Purchase)
    assert said.normal == registry.encode(in_normal_form(said.activity))


@pytest.mark.parametrize(
    ("ms", "is_taken"), [(0, True), (AHEAD_MS_MAX, True), (AHEAD_MS_MAX + 1, False)]
)
def test_a_time_up_to_the_tolerance_ahead_is_taken(ms, is_taken):
    body = encoded(purchase(occurred_at=instant(ARRIVED_MS + ms).isoformat()))
    assert isinstance(read(PURCHASES.name, body, BINARY, ARRIVED_MS), Recognised) is is_taken


def test_limits_themselves_are_taken():
    longest = take(encoded(purchase(lines=[line()] * LINES_MAX))).activity
    assert isinstance(longest, Purchase)
    assert len(longest.lines) == LINES_MAX
    full = encoded(purchase(note="@"))
    take(full.replace(b"@", b"x" * (RECORD_BYTES_MAX - len(full) + 1)))
    take(full.replace(b'"@"', b"[" * (NESTING_MAX - 1) + b"]" * (NESTING_MAX - 1)))


@pytest.mark.parametrize(("missing", "is_taken"), [(0, True), (1, False)])
def test_what_is_small_enough_as_it_was_written_is_so_in_normal_form(
    missing: int, is_taken: bool, monkeypatch: pytest.MonkeyPatch
):
    """Seconds are written out there."""
    lines = [{"line_id": "1", "sku": "s", "amount_minor": 1}]
    value = encoded(purchase(occurred_at="2026-09-20T10:00Z", lines=lines))
    monkeypatch.setattr(decide, "RECORD_BYTES_MAX", len(value) + len(":00") - missing)
    said = read(PURCHASES.name, value, BINARY, ARRIVED_MS)
    told = Refused(Reason.TOO_LARGE, f"{len(value) + 3} bytes in normal form")
    assert (said == told) is not is_taken
    assert isinstance(said, Recognised) is is_taken


@pytest.mark.parametrize(
    ("change", "content", "identities"),
    [
        ({}, True, (True, True)),
        ({"event_id": "e2"}, True, (True, False)),
        ({"source": "web"}, True, (True, False)),
        ({"receipt_id": "r2"}, False, (False, True)),
        ({"brand": "other"}, False, (False, True)),
        ({"member": "3"}, False, (True, True)),
        ({"store": "3"}, False, (True, True)),
        ({"occurred_at": "2026-09-20T10:00:01-04:00"}, False, (True, True)),
        ({"lines": [line()]}, False, (True, True)),
    ],
)
def test_what_is_the_same_event_and_what_the_same_content(change, content, identities):
    one, other = take(encoded(purchase())), take(encoded(purchase(**change)))
    assert (one.content == other.content) is content
    same = tuple(a == b for a, b in zip(one.identities, other.identities, strict=True))
    assert same == identities


def test_the_order_of_attributes_is_no_content():
    body = {**purchase(), "type": "retail.custom-action.v1", "action": "a"}
    one = take(encoded({**body, "attributes": {"x": 1, "y": "2"}}), ())
    other = take(encoded({**body, "attributes": {"y": "2", "x": 1}}), ())
    assert one == other
    assert len(one.identities) == 1


def test_an_attribute_may_have_the_name_of_a_field():
    action = (("ce_type", b"retail.custom-action.v1"),)
    attributes = {"a": 1, "brand": "x"}
    body = {**purchase(), "action": "a", "attributes": attributes}
    one, other = take(encoded(body), action), take(encoded({**body, "member": "3"}), action)
    assert one.content != other.content


def test_the_same_fields_of_another_type_are_another_content():
    body = encoded(purchase())
    review = take(body, (("ce_type", b"retail.review.v1"),))
    referral = take(body, (("ce_type", b"retail.referral.v1"),))
    assert review.normal == referral.normal
    assert review.content != referral.content


@settings(deadline=None, max_examples=100)
@given(purchases())
def test_any_good_purchase_is_taken_and_its_content_is_all_but_who_sent_it(body):
    one = take(encoded(body))
    other = take(encoded({**body, "event_id": "another", "source": "sender"}))
    assert one.content == other.content
    assert json.loads(one.normal)["member"] == body["member"]


@settings(deadline=None, max_examples=200)
@given(mutated(), st.sampled_from([BINARY, STRUCTURED, ()]))
def test_a_broken_purchase_is_refused_or_each_of_its_fields_is_there_once(value, headers):
    said = read(PURCHASES.name, value, headers, ARRIVED_MS)
    if isinstance(said, Recognised):
        assert not isinstance(load(value), Refused)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_type", "ce_specversion", "content-type", "x"]) | st.text(max_size=5),
        st.none()
        | st.binary(max_size=20)
        | st.sampled_from([b"retail.purchase.v1", b"1.0", b"application/cloudevents+json"]),
    ),
    max_size=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda data: (
        st.lists(data, max_size=3) | st.dictionaries(st.text(max_size=5), data, max_size=3)
    ),
)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([PURCHASES.name, REVIEWS.name, "other"]),
    st.none() | st.binary(max_size=60) | JSON.map(encoded),
    HEADERS,
    st.integers(0, 2**42),
)
def test_no_bytes_make_it_raise(topic, value, headers, arrived_ms):
    assert isinstance(read(topic, value, headers, arrived_ms), Recognised | Refused)
