"""Events as they come over HTTP: envelopes, and what is told about those that are wrong."""

import json
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from services.query.incoming import TOPIC_OF, Incoming, read_events
from services.query.limits import ERRORS_TOLD_MAX, EVENT_BYTES_MAX, EVENTS_MAX
from services.query.problems import Code, Problem
from shared.events import registry
from shared.events.topics import PURCHASES

PURCHASE: dict[str, Any] = {
    "event_id": "e1",
    "source": "pos",
    "brand": "shop",
    "receipt_id": "r1",
    "member": "jo",
    "occurred_at": "2026-01-01T10:00:00-05:00",
    "currency": "USD",
    "lines": [{"line_id": "1", "sku": "7", "amount_minor": 1_999}],
}
PLAIN = {"type": "retail.purchase.v1", **PURCHASE}
WRAPPED = {
    "specversion": "1.0",
    "id": "ce",
    "source": "s",
    "type": "retail.purchase.v1",
    "data": PURCHASE,
}
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"


async def read(body: Any, written: str = JSON, **headers: str) -> list[Incoming]:
    """What the reader makes of a request with this body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    raw = [(b"content-type", written.encode())]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw}
    return await read_events(Request(scope, receive))


async def refused(body: Any, written: str = JSON, **headers: str) -> Problem:
    with pytest.raises(Problem) as problem:
        await read(body, written, **headers)
    return problem.value


async def test_an_event_is_published_in_normal_form():
    [event] = await read({**PLAIN, "cashier": "Ann", "lines": [{**PURCHASE["lines"][0], "x": 1}]})
    assert (event.id, event.topic, event.record.key) == ("e1", PURCHASES, b"jo")
    assert json.loads(event.record.value or b"") == {
        **PURCHASE,
        "lines": [{"line_id": "1", "sku": "7", "amount_minor": 1_999}],
    }
    assert dict(event.record.headers)["ce_time"] == b"2026-01-01T15:00:00.000+00:00"


@pytest.mark.parametrize(
    ("body", "written"),
    [(PLAIN, JSON), ([PLAIN], JSON), (WRAPPED, JSON), (WRAPPED, STRUCTURED)],
)
async def test_forms_of_one_event_give_one_record(body: Any, written: str):
    assert await read(body, written) == await read(PLAIN)


async def test_in_binary_mode_the_headers_name_the_event():
    headers = {"ce_type": "retail.purchase.v1", "ce_id": "other", "ce_source": "s"}
    assert await read(PURCHASE, **headers) == await read(PLAIN)


def test_every_upstream_type_has_a_topic():
    assert set(TOPIC_OF) == set(registry.UPSTREAM)


WRONG = [
    (7, ""),
    (None, ""),
    ({}, "type"),
    ({**PLAIN, "type": "retail.purchase.v9"}, "type"),
    ({**PLAIN, "type": 7}, "type"),
    ({**PLAIN, "type": ["retail.purchase.v1"]}, "type"),
    ({**WRAPPED, "specversion": "0.3"}, "specversion"),
    ({**WRAPPED, "specversion": 1}, "specversion"),
    ({k: v for k, v in WRAPPED.items() if k != "data"}, "data"),
    ({**PLAIN, "member": ""}, "member"),
    ({**PLAIN, "member": "a\x00b"}, "member"),
    ({**PLAIN, "member": "~reward~mug"}, "member"),
    ({**PLAIN, "occurred_at": "2026-01-01T10:00:00"}, "occurred_at"),
    ({**PLAIN, "occurred_at": 1_700_000_000}, "occurred_at"),
    ({**PLAIN, "lines": [{**PURCHASE["lines"][0], "amount_minor": -1}]}, "lines.0.amount_minor"),
    ({**PLAIN, "lines": [{**PURCHASE["lines"][0], "amount_minor": 1e3}]}, "lines.0.amount_minor"),
    (
        {**PLAIN, "lines": [{**PURCHASE["lines"][0], "amount_minor": 10**40}]},
        "lines.0.amount_minor",
    ),
    ({**PLAIN, "lines": {}}, "lines"),
]


@pytest.mark.parametrize(("event", "field"), WRONG)
async def test_a_wrong_event_is_told_with_its_place(event: Any, field: str):
    problem = await refused([PLAIN, event])
    assert problem.code is Code.INVALID
    faults = problem.numbers["errors"]
    assert isinstance(faults, list)
    assert {fault["index"] for fault in faults} == {1}
    assert field in {fault["field"] for fault in faults}


@pytest.mark.parametrize("data", [7, None, "x", []])
async def test_data_that_is_no_object_is_told(data: Any):
    problem = await refused({**WRAPPED, "data": data}, STRUCTURED)
    assert problem.code is Code.INVALID


@pytest.mark.parametrize("count", [0, EVENTS_MAX + 1])
async def test_a_batch_holds_one_to_a_thousand_events(count: int):
    problem = await refused([PLAIN] * count)
    assert (problem.code, problem.numbers["limit"]) == (Code.INVALID, EVENTS_MAX)


async def test_at_most_some_errors_are_told():
    faults = (await refused([7] * EVENTS_MAX)).numbers["errors"]
    assert isinstance(faults, list)
    assert len(faults) == ERRORS_TOLD_MAX


@pytest.mark.parametrize("written", ["text/plain", "application/xml", "application/octet-stream"])
async def test_other_media_types_are_refused(written: str):
    assert (await refused(PLAIN, written)).code is Code.UNSUPPORTED_MEDIA_TYPE


async def test_an_event_that_no_record_holds_is_refused():
    names = ("sku", "category", "department", "product_type", "product_brand")
    line = {"line_id": "é" * 128, "amount_minor": 1} | dict.fromkeys(names, "é" * 128)
    problem = await refused([PLAIN, {**PLAIN, "lines": [line] * 1_000}])
    assert (problem.code, problem.numbers["index"]) == (Code.EVENT_TOO_LARGE, 1)
    assert problem.numbers["limit"] == EVENT_BYTES_MAX


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "data", "specversion", "member", "lines", "é\x00"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.one_of(
        ANY_JSON,
        st.builds(
            lambda field, value: {**PLAIN, field: value}, st.sampled_from(list(PLAIN)), ANY_JSON
        ),
        st.builds(
            lambda field, value: {**WRAPPED, field: value}, st.sampled_from(list(WRAPPED)), ANY_JSON
        ),
    )
)
async def test_any_json_is_taken_or_refused_as_a_problem(body: Any):
    for event in await taken(body):
        wire_type = dict(event.record.headers)["ce_type"].decode()
        assert registry.encode(registry.decode(wire_type, event.record.value or b""))


async def taken(body: Any) -> list[Incoming]:
    """The events of a body; none if it is refused as the sender's mistake."""
    try:
        return await read(body)
    except Problem as problem:
        told = json.loads(problem.body)
        assert 400 <= told["status"] < 500
        return []


@given(st.binary(max_size=200))
async def test_any_bytes_are_taken_or_refused_as_a_problem(body: bytes):
    problem = await refused(body)
    assert problem.status < 500
