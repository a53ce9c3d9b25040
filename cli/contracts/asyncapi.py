"""The AsyncAPI 3.0 document: topics as channels, wire types as messages, who sends what.

Made from the table of topics and the registry. Headers are described as they stand on the wire, in
CloudEvents' binary mode; payloads refer to the JSON Schemas beside the document.
"""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from cli.contracts.headers import HEADERS, headers_of
from cli.contracts.schemas import schema_path
from shared.events import registry
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
from shared.version import VERSION

Json = dict[str, Any]

BINDING = "0.5.0"
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
QUARANTINED = "quarantined"
"""The message on the quarantine topic: it has no wire type, its value is what arrived."""
OUTSIDE = {"upstream", "operators"}
"""Writers and readers that are no part of Tessera, so that none of its operations is theirs."""

OF_ANY_CHAIN = ("loyalty.chain.opened.v1", "loyalty.input.rejected.v1")
CARRIED: dict[Topic, tuple[str, ...]] = {
    PURCHASES: tuple(registry.UPSTREAM),
    REVIEWS: tuple(registry.UPSTREAM),
    REFERRALS: tuple(registry.UPSTREAM),
    ACTIVITY: tuple(registry.ACTIVITY),
    COMMANDS: tuple(registry.COMMANDS),
    AWARDS: (
        *OF_ANY_CHAIN,
        "loyalty.points.earned.v1",
        "loyalty.activity.refused.v1",
        "loyalty.return.waiting.v1",
        "loyalty.award.activated.v1",
        "loyalty.return.assessed.v1",
        "loyalty.return.refused.v1",
    ),
    LEDGER: (
        *OF_ANY_CHAIN,
        "loyalty.points.credited.v1",
        "loyalty.points.redeemed.v1",
        "loyalty.redemption.refused.v1",
        "loyalty.points.expired.v1",
        "loyalty.points.held.v1",
        "loyalty.hold.captured.v1",
        "loyalty.hold.released.v1",
        "loyalty.hold.lapsed.v1",
        "loyalty.redemption.cancelled.v1",
        "loyalty.points.clawed-back.v1",
        "loyalty.deficit.written-off.v1",
        "loyalty.points.added.v1",
        "loyalty.points.deducted.v1",
        "loyalty.lot.extended.v1",
        "loyalty.expiry.extended.v1",
        "loyalty.lot.reinstated.v1",
        "loyalty.award.confirmed.v1",
        "loyalty.request.refused.v1",
        "loyalty.reward.reserved.v1",
        "loyalty.reward.issued.v1",
        "loyalty.reward.refused.v1",
        "loyalty.reward.fulfilled.v1",
        "loyalty.reward.cancelled.v1",
        "loyalty.reward.unit-settled.v1",
        "loyalty.stock.added.v1",
        "loyalty.stock.unit-taken.v1",
        "loyalty.stock.unit-refused.v1",
        "loyalty.stock.unit-returned.v1",
        "loyalty.transfer.sent.v1",
        "loyalty.transfer.received.v1",
        "loyalty.transfer.settled.v1",
        "loyalty.transfer.returned.v1",
        "loyalty.merge.requested.v1",
        "loyalty.merge.accepted.v1",
        "loyalty.merge.declined.v1",
        "loyalty.merge.part-moved.v1",
        "loyalty.merge.part-taken.v1",
        "loyalty.input.forwarded.v1",
        "loyalty.parcel.settled.v1",
    ),
    PROGRAMS: ("loyalty.program.published.v1",),
    QUARANTINE: (QUARANTINED,),
}
"""Which messages a topic carries; of upstream events, any topic carries any."""


def asyncapi() -> Json:
    """The whole document, as data."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tessera",
        "info": {
            "title": "Tessera",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": dict(_messages()),
            "schemas": HEADERS,
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
        yield (
            wire_type,
            {
                "name": wire_type,
                "title": model.__name__,
                "summary": inspect.cleandoc(model.__doc__ or "").partition("\n")[0],
                "contentType": "application/json",
                "headers": _ref("components", "schemas", headers_of(wire_type)),
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
