"""The AsyncAPI 3.0 document: topics as channels, wire types as messages, who sends what.

Made from the table of topics and the registry. Headers are described as they stand on the wire, in
CloudEvents' binary mode; payloads refer to the JSON Schemas beside the document.
"""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from cli.contracts.schemas import schema_path
from shared import __version__
from shared.events import facts, registry
from shared.events.quarantine import DETAIL_LENGTH_MAX, ORIGINAL, Reason
from shared.events.topics import (
    ACTIVITY,
    AWARDS,
    COMMANDS,
    KEYED,
    LEDGER,
    PROGRAMS,
    PURCHASES,
    QUARANTINE,
    REFERRALS,
    REVIEWS,
    TOPICS,
    Kind,
    Topic,
)

Json = dict[str, Any]

BINDING = "0.5.0"
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
QUARANTINED = "quarantined"
"""The message on the quarantine topic: it has no wire type, its value is what arrived."""
OUTSIDE = {"upstream", "operators"}
"""Writers and readers that are no part of Tessera, so that none of its operations is theirs."""

OF_ANY_CHAIN = ("loyalty.chain.opened.v1", "loyalty.input.rejected.v1")
CARRIED: dict[Topic, tuple[str, ...]] = {
    PURCHASES: ("retail.purchase.v1", "retail.return.v1"),
    REVIEWS: ("retail.review.v1", "retail.custom-action.v1"),
    REFERRALS: ("retail.referral.v1",),
    ACTIVITY: tuple(registry.ACTIVITY),
    COMMANDS: tuple(registry.COMMANDS),
    AWARDS: (*OF_ANY_CHAIN, "loyalty.points.earned.v1", "loyalty.activity.refused.v1"),
    LEDGER: (
        *OF_ANY_CHAIN,
        "loyalty.points.credited.v1",
        "loyalty.points.redeemed.v1",
        "loyalty.redemption.refused.v1",
        "loyalty.points.expired.v1",
    ),
    PROGRAMS: ("loyalty.program.published.v1",),
    QUARANTINE: (QUARANTINED,),
}
"""Which messages a topic carries."""


def asyncapi() -> Json:
    """The whole document, as data."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tessera",
        "info": {
            "title": "Tessera",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": dict(_messages()),
            "schemas": {
                "EventHeaders": EVENT_HEADERS,
                "FactHeaders": FACT_HEADERS,
                "QuarantineHeaders": QUARANTINE_HEADERS,
            },
        },
    }


DESCRIPTION = (
    "Purchases and other activities in, points facts out, on Apache Kafka. Every message is a "
    "CloudEvent 1.0 in Kafka's binary mode: the value is the event's data as JSON, its context "
    "stands in the headers. Fields at their default are left out of the value. Facts are "
    "linked: each record of a fact topic names the hash of the valid record before it (`prev`); "
    "a record whose `prev` or `hash` is not right is void, and every reader skips it."
)


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": (
            f"Key: {topic.keyed_by}. Written by {_listed(topic.writers)}, read by "
            f"{_listed(topic.readers)}. Kept {_kept(topic.kind)}."
        ),
        "messages": {name: _ref("components", "messages", name) for name in CARRIED[topic]},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    name: _setting(name, value) for name, value in topic.config().items()
                },
                "bindingVersion": BINDING,
            }
        },
        "x-kind": topic.kind.value,
        "x-key": topic.keyed_by,
        "x-writers": list(topic.writers),
        "x-readers": list(topic.readers),
        "x-partitioning": PARTITIONED if topic in KEYED else "any",
    }


PARTITIONED = (
    "murmur2(key) mod the number of partitions, chosen once for all topics keyed by account"
)


def _kept(kind: Kind) -> str:
    match kind:
        case Kind.UPSTREAM:
            return "as long as the operator chooses"
        case Kind.INPUT:
            return "longer than the longest outage"
        case Kind.FACTS:
            return "for ever"
        case Kind.PROGRAMS:
            return "for ever, compacted: every version under a key of its own"
        case Kind.QUARANTINE:
            return "90 days"
        case _:
            assert_never(kind)


def _setting(name: str, value: str) -> object:
    """A topic's setting in the type that the binding asks for."""
    if name == "cleanup.policy":
        return value.split(",")
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if value.removeprefix("-").isdecimal() else value


def _operations() -> Iterator[tuple[str, Json]]:
    for topic in TOPICS:
        for action, services in (("send", topic.writers), ("receive", topic.readers)):
            for service in services:
                if service in OUTSIDE:
                    continue
                yield (
                    f"{service.replace(' ', '-')}.{action}.{topic.name}",
                    {
                        "action": action,
                        "channel": _ref("channels", topic.name),
                        "messages": [
                            _ref("channels", topic.name, "messages", name)
                            for name in CARRIED[topic]
                        ],
                        "tags": [{"name": service}],
                    },
                )


def _messages() -> Iterator[tuple[str, Json]]:
    for wire_type, model in sorted(registry.WIRE.items()):
        fact = registry.FACTS.get(wire_type) not in {None, facts.ProgramPublished}
        yield (
            wire_type,
            {
                "name": wire_type,
                "title": model.__name__,
                "summary": inspect.cleandoc(model.__doc__ or "").partition("\n")[0],
                "contentType": "application/json",
                "headers": _ref("components", "schemas", "FactHeaders" if fact else "EventHeaders"),
                "payload": {
                    "schemaFormat": JSON_SCHEMA,
                    "schema": {"$ref": f"./{schema_path(wire_type)}"},
                },
                "bindings": {"kafka": {"key": _key(wire_type), "bindingVersion": BINDING}},
            },
        )
    yield (
        QUARANTINED,
        {
            "name": QUARANTINED,
            "title": "Quarantined",
            "summary": "What could not be taken, as it arrived; the reason stands in the headers.",
            "contentType": "application/octet-stream",
            "headers": _ref("components", "schemas", "QuarantineHeaders"),
            "bindings": {
                "kafka": {
                    "key": {"description": "The key that the record arrived with."},
                    "bindingVersion": BINDING,
                }
            },
        },
    )


def _key(wire_type: str) -> Json:
    if wire_type == "loyalty.chain.opened.v1":
        return {"type": "string", "description": "The chain: topic/partition."}
    if wire_type in registry.UPSTREAM:
        return {"description": "Anything: what is read is the value."}
    keys = {topic.keyed_by for topic, names in CARRIED.items() if wire_type in names}
    return {"type": "string", "description": f"The {keys.pop()}."}


def _ref(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(path)}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _text(description: str, **more: object) -> Json:
    return {"type": "string", "description": description, **more}


def _bytes(description: str, length: int) -> Json:
    return _text(f"{description}, {length} raw bytes", format="binary")


EVENT_HEADERS: Json = {
    "type": "object",
    "description": "The context of a CloudEvent, each header in UTF-8.",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": _text("version of CloudEvents", const="1.0"),
        "ce_id": _text("identity of the event; of a fact, the id derived from its cause"),
        "ce_source": _text("who wrote the event: the service, or the upstream system"),
        "ce_type": _text("wire type with its version: the name of the message"),
        "ce_subject": _text("the account, of our own messages"),
        "ce_time": _text("when the event was decided or happened", format="date-time"),
        "content-type": _text("media type of the value", const="application/json"),
    },
}

FACT_HEADERS: Json = {
    "description": "Of every fact: its context, its input, and its place in the chain.",
    "allOf": [
        _ref("components", "schemas", "EventHeaders"),
        {
            "type": "object",
            "required": ["ce_subject", "ce_time", "cause", "body", "time", "seq", "prev", "hash"],
            "properties": {
                "cause": _text("business identity of the input, a JSON array of texts"),
                "body": _text("digest of the input's body; empty without one", format="binary"),
                "src": _text("where the input stood, topic/partition/offset; absent without one"),
                "time": _text("the decision's time, milliseconds since 1970", pattern="^[0-9]+$"),
                "seq": _text("position in the chain, counted from 1", pattern="^[1-9][0-9]*$"),
                "prev": _bytes("hash of the valid record before it in the chain", 32),
                "hash": _bytes("SHA-256 over prev, the other headers and the value", 32),
            },
        },
    ],
}

QUARANTINE_HEADERS: Json = {
    "type": "object",
    "description": f"The headers that the record arrived with have the prefix `{ORIGINAL}`.",
    "required": ["id", "reason", "detail", "by", "src"],
    "properties": {
        "id": _text("the same for every copy of the same input", format="uuid"),
        "reason": _text("why it could not be taken", enum=[reason.value for reason in Reason]),
        "detail": _text("the reason for people", maxLength=DETAIL_LENGTH_MAX),
        "by": _text("the service that set it aside"),
        "src": _text("where the input stood, topic/partition/offset"),
    },
}
