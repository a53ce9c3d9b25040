"""The headers of each kind of message, as schemas: what stands in them on the wire.

Kafka's headers are bytes. Where a schema gives a text, it is that text in UTF-8; where it says
`format: binary`, the bytes are what they are.
"""

from typing import Any

from shared.events import registry
from shared.events.quarantine import DETAIL_LENGTH_MAX, ORIGINAL, REPLAYED, Reason

Json = dict[str, Any]


def headers_of(wire_type: str) -> str:
    """The name of the schema in `HEADERS` that a message's headers have."""
    if wire_type in registry.UPSTREAM:
        return "UpstreamHeaders"
    if wire_type in registry.ACTIVITY or wire_type in registry.COMMANDS:
        return "InputHeaders"
    return "EventHeaders" if wire_type == "loyalty.program.published.v1" else "FactHeaders"


def _text(description: str, **more: object) -> Json:
    return {"type": "string", "description": description, **more}


def _bytes(description: str) -> Json:
    return _text(description, format="binary")


def _event_with(description: str, required: list[str], properties: Json) -> Json:
    event = {"$ref": "#/components/schemas/EventHeaders"}
    own = {"type": "object", "required": required, "properties": properties}
    return {"description": description, "allOf": [event, own]}


CONTEXT: Json = {
    "ce_specversion": _text("version of CloudEvents", const="1.0"),
    "ce_id": _text("identity of the event; of our own, the id derived from its cause"),
    "ce_source": _text("who wrote the event: the service, or the upstream system"),
    "ce_type": _text("wire type with its version: the name of the message"),
    "ce_subject": _text("whom the event is about: the record's key"),
    "ce_time": _text("when the event was decided or happened", format="date-time"),
    "content-type": _text("media type of the value", const="application/json"),
}
INPUT: Json = {
    "cause": _text("business identity, a JSON array of texts"),
    "body": _bytes("digest by which two bodies of one identity are compared; may be empty"),
    "src": _text("where the input stood, topic/partition/offset; absent without one"),
}
CHAIN: Json = {
    "time": _text("the decision's time, milliseconds since 1970", pattern="^[0-9]+$"),
    "seq": _text("position in the chain, counted from 1", pattern="^[1-9][0-9]*$"),
    "prev": _bytes("hash of the valid record before it in the chain, 32 bytes"),
    "hash": _bytes("SHA-256 over prev, the other headers and the value, 32 bytes"),
}

HEADERS: Json = {
    "EventHeaders": {
        "type": "object",
        "description": "The context of a CloudEvent of our own.",
        "required": list(CONTEXT),
        "properties": CONTEXT,
    },
    "UpstreamHeaders": {
        "type": "object",
        "description": (
            "The context of a CloudEvent in binary mode. Without `ce_type`, an event in structured "
            "mode is taken too, and plain JSON, which names its `type` or is what its topic is for."
        ),
        "properties": {
            **CONTEXT,
            "content-type": _text("application/json, or application/cloudevents+json"),
        },
    },
    "InputHeaders": _event_with(
        "Of activity and commands: the context, and what the input is the same as.",
        ["cause", "body"],
        INPUT,
    ),
    "FactHeaders": _event_with(
        "Of every fact: its context, its input, and its place in the chain.",
        ["cause", "body", *CHAIN],
        {**INPUT, **CHAIN},
    ),
    "QuarantineHeaders": {
        "type": "object",
        "description": f"The headers that the record arrived with have the prefix `{ORIGINAL}`.",
        "required": ["id", "reason", "detail", "by", "src"],
        "properties": {
            "id": _text("the same for every copy of the same input", format="uuid"),
            "reason": _text("why it could not be taken", enum=[reason.value for reason in Reason]),
            "detail": _text("the reason for people", maxLength=DETAIL_LENGTH_MAX),
            "by": _text("the service that set it aside"),
            "src": _text("where the input stood, topic/partition/offset"),
            "cut": _text("how many bytes of the original are missing", pattern="^[1-9][0-9]*$"),
            REPLAYED: _text(
                "there if the record of this id was replayed: a note, without its bytes"
            ),
        },
    },
}
"""The schemas of headers, by name."""
