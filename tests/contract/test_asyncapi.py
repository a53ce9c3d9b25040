"""The AsyncAPI document is well made, and says what the tables say.

1. every object has the fields that AsyncAPI 3.0 asks for and no other (extensions apart)
2. every reference leads somewhere: inside the document, or to a schema beside it
3. channels, messages and operations are those of the topics and the registry
4. headers are described as they are written
"""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from cli.contracts.asyncapi import CARRIED, OUTSIDE, QUARANTINED, asyncapi
from cli.contracts.headers import CHAIN, CONTEXT, INPUT, headers_of
from cli.contracts.schemas import wire_schemas
from shared.chain.link import HASH, PREV, SEQ, Head, link
from shared.events import registry, wire
from shared.events.ids import cause, digest
from shared.events.quarantine import Quarantined, Reason, encode
from shared.events.topics import KEYED, TOPICS, Kind
from tests.contract.goldens import canonical, load

DOCUMENT = asyncapi()
CHANNELS = DOCUMENT["channels"]
MESSAGES = DOCUMENT["components"]["messages"]
HEADERS = DOCUMENT["components"]["schemas"]

REFERENCE = {
    "type": "object",
    "required": ["$ref"],
    "additionalProperties": False,
    "properties": {"$ref": {"type": "string"}},
}
TEXT = {"type": "string", "minLength": 1}
SHAPE = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations", "components"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "id": {"type": "string", "format": "uri"},
        "defaultContentType": {"const": "application/json"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "additionalProperties": False,
            "properties": {
                "title": TEXT,
                "version": TEXT,
                "description": TEXT,
                "license": {"type": "object", "required": ["name"]},
            },
        },
        "channels": {
            "type": "object",
            "propertyNames": {"pattern": r"^[A-Za-z0-9_.\-]+$"},
            "additionalProperties": {
                "type": "object",
                "required": ["address", "messages", "bindings"],
                "additionalProperties": False,
                "patternProperties": {"^x-": {}},
                "properties": {
                    "address": TEXT,
                    "description": TEXT,
                    "messages": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": REFERENCE,
                    },
                    "bindings": {
                        "type": "object",
                        "required": ["kafka"],
                        "additionalProperties": False,
                        "properties": {
                            "kafka": {
                                "type": "object",
                                "required": ["topicConfiguration", "bindingVersion"],
                                "additionalProperties": False,
                                "properties": {
                                    "bindingVersion": {"const": "0.5.0"},
                                    "topicConfiguration": {
                                        "type": "object",
                                        "properties": {
                                            "cleanup.policy": {
                                                "type": "array",
                                                "items": {"enum": ["compact", "delete"]},
                                            },
                                            "retention.ms": {"type": "integer", "minimum": -1},
                                            "retention.bytes": {"type": "integer", "minimum": -1},
                                            "max.message.bytes": {"type": "integer", "minimum": 0},
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
            },
        },
        "operations": {
            "type": "object",
            "propertyNames": {"pattern": r"^[A-Za-z0-9_.\-]+$"},
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel", "messages"],
                "additionalProperties": False,
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"type": "array", "minItems": 1, "items": REFERENCE},
                    "tags": {
                        "type": "array",
                        "items": {"type": "object", "required": ["name"]},
                    },
                },
            },
        },
        "components": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "messages": {
                    "type": "object",
                    "propertyNames": {"pattern": r"^[A-Za-z0-9_.\-]+$"},
                    "additionalProperties": {
                        "type": "object",
                        "required": ["name", "contentType", "headers", "bindings"],
                        "additionalProperties": False,
                        "properties": {
                            "name": TEXT,
                            "title": TEXT,
                            "summary": TEXT,
                            "contentType": TEXT,
                            "headers": REFERENCE,
                            "payload": {
                                "type": "object",
                                "required": ["schemaFormat", "schema"],
                                "additionalProperties": False,
                                "properties": {"schemaFormat": TEXT, "schema": REFERENCE},
                            },
                            "bindings": {
                                "type": "object",
                                "required": ["kafka"],
                                "additionalProperties": False,
                                "properties": {
                                    "kafka": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "required": ["key", "bindingVersion"],
                                        "properties": {
                                            "key": {"type": "object"},
                                            "bindingVersion": {"const": "0.5.0"},
                                        },
                                    }
                                },
                            },
                        },
                    },
                },
                "schemas": {"type": "object", "additionalProperties": {"type": "object"}},
            },
        },
    },
}


def references(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(data, list):
        for value in data:
            yield from references(value)


def resolved(reference: str) -> Any:
    """What a reference inside the document leads to. Raises KeyError."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def headers_fit(name: str, headers: wire.Headers) -> bool:
    """Whether headers are as `components/schemas/<name>` says; bytes are shown as Latin-1 text."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": HEADERS}}
    texts = {key: value.decode("latin-1") for key, value in headers}
    fits: bool = jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(texts)
    return fits


def test_the_document_has_the_shape_of_asyncapi_3():
    jsonschema_rs.validate(SHAPE, DOCUMENT, validate_formats=True)


@pytest.mark.parametrize("part", ["channels", "operations", "info"])
def test_a_document_without_a_part_has_not(part):
    without = {name: value for name, value in DOCUMENT.items() if name != part}
    assert not jsonschema_rs.is_valid(SHAPE, without)


def test_every_reference_leads_somewhere():
    schemas = wire_schemas()
    found = list(references(DOCUMENT))
    assert len(found) > 2 * len(registry.WIRE)
    for reference in found:
        if reference.startswith("./"):
            assert reference.removeprefix("./") in schemas
        else:
            assert resolved(reference), reference


def test_channels_are_the_topics():
    assert list(CHANNELS) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        channel = CHANNELS[topic.name]
        assert channel["address"] == topic.name
        assert channel["x-kind"] == topic.kind
        assert channel["x-key"] == topic.keyed_by
        assert channel["x-writers"] == list(topic.writers)
        assert channel["x-readers"] == list(topic.readers)
        assert channel["x-partitioning"].startswith("murmur2") is (topic in KEYED)
        settings = channel["bindings"]["kafka"]["topicConfiguration"]
        assert {name: written_as_kafka(value) for name, value in settings.items()} == topic.config()


def written_as_kafka(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_messages_are_the_registered_types_and_each_is_carried():
    assert set(MESSAGES) == {*registry.WIRE, QUARANTINED}
    assert {name for names in CARRIED.values() for name in names} == set(MESSAGES)
    for topic in TOPICS:
        for name, reference in CHANNELS[topic.name]["messages"].items():
            assert resolved(reference["$ref"])["name"] == name
    for name in registry.WIRE:
        schema = MESSAGES[name]["payload"]["schema"]["$ref"]
        assert schema == f"./schemas/{name}.json"


def test_a_fact_stands_on_the_topic_of_its_only_writer():
    of_any_chain = {"loyalty.chain.opened.v1", "loyalty.input.rejected.v1"}
    chains = [topic for topic in TOPICS if topic.kind is Kind.FACTS]
    for topic in chains:
        assert of_any_chain < set(CARRIED[topic])
    for name in set(MESSAGES) - of_any_chain - set(registry.UPSTREAM):
        assert len([topic for topic in TOPICS if name in CARRIED[topic]]) == 1, name


def test_operations_are_the_writers_and_readers():
    expected = {
        (service, action, topic.name)
        for topic in TOPICS
        for action, services in (("send", topic.writers), ("receive", topic.readers))
        for service in services
        if service not in OUTSIDE
    }
    found = set()
    for operation in DOCUMENT["operations"].values():
        name = operation["channel"]["$ref"].removeprefix("#/channels/")
        found.add((operation["tags"][0]["name"], operation["action"], name))
        assert [
            reference["$ref"].rpartition("/")[2] for reference in operation["messages"]
        ] == list(CHANNELS[name]["messages"])
    assert found == expected
    assert len(DOCUMENT["operations"]) == len(expected)


def test_headers_of_an_event_are_as_they_are_written():
    headers = wire.context(
        id="1", source="/intake", type="loyalty.activity.purchase.v2", subject="g:1", time_ms=0
    )
    assert headers_fit("EventHeaders", headers)
    for name in CONTEXT:
        assert not headers_fit("EventHeaders", [item for item in headers if item[0] != name])
    assert not headers_fit("InputHeaders", headers)
    assert headers_fit("InputHeaders", [*headers, ("cause", b"[]"), ("body", digest(b"{}"))])


def test_headers_of_a_fact_are_as_they_are_written():
    value = canonical(load("loyalty.points.credited.v1").full)
    named = cause("award", "g:1", "a1")
    plain = [
        *wire.context(
            id=named.id,
            source="redeem",
            type="loyalty.points.credited.v1",
            subject="g:1",
            time_ms=5,
        ),
        ("cause", named.text.encode()),
        ("body", digest(b"{}")),
        ("src", wire.Source("loyalty.awards.v1", 3, 7).encode()),
    ]
    headers, _ = link(Head(bytes(32), 0, 0), plain, value, time_ms=5)
    assert headers_fit("FactHeaders", headers)
    assert {name for name, _ in headers} == {*CONTEXT, *INPUT, *CHAIN}
    for name in ("cause", "body", "time", SEQ, PREV, HASH):
        assert not headers_fit("FactHeaders", [item for item in headers if item[0] != name]), name


def test_headers_of_upstream_events_are_up_to_upstream():
    assert headers_fit("UpstreamHeaders", [])
    assert headers_fit("UpstreamHeaders", [("ce_type", b"retail.purchase.v1"), ("trace", b"7")])
    assert not headers_fit("UpstreamHeaders", [("ce_specversion", b"0.3")])


def test_every_message_has_the_headers_of_its_kind():
    for name in registry.WIRE:
        assert MESSAGES[name]["headers"] == {"$ref": f"#/components/schemas/{headers_of(name)}"}
    kinds = {"EventHeaders", "UpstreamHeaders", "InputHeaders", "FactHeaders"}
    assert {headers_of(name) for name in registry.WIRE} == kinds


def test_headers_in_quarantine_are_as_they_are_written():
    item = Quarantined(
        wire.Source("retail.purchases.v1", 0, 1), Reason.NOT_JSON, "", "intake", None, b"{", ()
    )
    assert headers_fit("QuarantineHeaders", encode(item))
    assert headers_fit("QuarantineHeaders", encode(item._replace(bytes_cut=7)))
    assert not headers_fit("QuarantineHeaders", [("reason", b"bored"), *encode(item)[2:]])
    assert not headers_fit("QuarantineHeaders", [*encode(item), ("cut", b"some")])


def test_summaries_are_one_line():
    for message in MESSAGES.values():
        assert re.fullmatch(r"[A-Z`].+[.)]", message["summary"]), message["summary"]
