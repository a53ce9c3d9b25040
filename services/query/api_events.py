"""Events from upstream systems that would rather speak HTTP than Kafka."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from services.query.answers.service import Accepted
from services.query.context import Parts
from services.query.incoming import BATCHED, JSON, STRUCTURED, Incoming, read_events
from services.query.limits import EVENTS_MAX
from services.query.problems import Code, documented
from shared.events import registry
from shared.events.topics import Topic
from shared.stream.log import Outgoing

router = APIRouter(tags=["events"])

LINE = {"line_id": "1", "sku": "1082185", "department": "PRODUCE", "amount_minor": 138}
PURCHASE = {
    "event_id": "31198570044",
    "source": "grocer-pos",
    "brand": "grocer",
    "store": "330",
    "receipt_id": "31198570044",
    "member": "900",
    "occurred_at": "2026-01-01T10:00:00-05:00",
    "currency": "USD",
    "lines": [LINE],
}
PLAIN = {"type": "retail.purchase.v1", **PURCHASE}
ENVELOPE = {
    "specversion": "1.0",
    "id": "31198570044",
    "source": "grocer-pos",
    "type": "retail.purchase.v1",
    "data": PURCHASE,
}
_ANY_OF = [{"$ref": f"#/components/schemas/{m.__name__}"} for m in registry.UPSTREAM.values()]
_TYPED = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": list(registry.UPSTREAM)}},
}
_PLAIN = {"allOf": [_TYPED, {"anyOf": _ANY_OF}]}
_STRUCTURED = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"enum": list(registry.UPSTREAM)},
        "data": {"anyOf": _ANY_OF},
    },
}


def _list_of(schema: Mapping[str, object]) -> dict[str, object]:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": EVENTS_MAX}


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {"anyOf": [_PLAIN, _list_of(_PLAIN)]},
                "examples": {"one": {"value": PLAIN}, "several": {"value": [PLAIN]}},
            },
            STRUCTURED: {"schema": _STRUCTURED, "examples": {"one": {"value": ENVELOPE}}},
            BATCHED: {
                "schema": _list_of(_STRUCTURED),
                "examples": {"several": {"value": [ENVELOPE]}},
            },
        },
    }
}


@router.post(
    "/events",
    status_code=202,
    summary="Publish upstream events",
    response_model=Accepted,
    responses=documented(
        Code.NOT_JSON,
        Code.BODY_TOO_LARGE,
        Code.EVENT_TOO_LARGE,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.INVALID,
        Code.BUSY,
        Code.KAFKA_UNAVAILABLE,
    ),
    openapi_extra=BODY,
)
async def publish(request: Request, parts: Parts) -> Response:
    """One event or up to 1,000, as CloudEvents 1.0 or as plain JSON with its `type`.

    CloudEvents may be structured, batched, or binary with `ce-` headers. All events are taken, or
    none. The answer comes after Kafka's acknowledgement; after a 503 send them again: repeats
    count once.
    """
    events = await read_events(request)
    await asyncio.gather(
        *(parts.publisher.publish(topic, records) for topic, records in _by_topic(events).items())
    )
    ids = to_json({"ids": [event.id for event in events]})
    return Response(ids, 202, media_type="application/json")


def _by_topic(events: list[Incoming]) -> dict[Topic, list[Outgoing]]:
    found: dict[Topic, list[Outgoing]] = {}
    for event in events:
        found.setdefault(event.topic, []).append(event.record)
    return found
