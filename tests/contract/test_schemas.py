"""The schemas say what the models do: what one refuses, the other refuses too.

1. every schema is a valid one, and takes its golden examples
2. an example with one value changed is taken by both or refused by both
3. what JSON Schema cannot say is listed here, and nothing else
4. the program's schema refuses nothing that the model takes (but a duration that is null, which
   the model reads as `never` and an editor had better ask about), and knows every field
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from cli.contracts.files import openapi_document
from cli.contracts.schemas import program_schema, schema_path, wire_schemas
from shared.events import registry
from shared.program.model import Program
from tests.contract.goldens import canonical, load

SCHEMAS = wire_schemas()
PROGRAMS = sorted((Path(__file__).parents[2] / "programs").glob("*.yaml"))
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    1.5,
    10**18,
    "",
    "1",
    " blank",
    "two\nlines",
    "x" * 2_000,
    "2026-03-14T18:05:00",
    "2026-03-14",
    [],
    ["x"],
    [None],
    {},
    {"x": 1},
)


def validator(wire_type: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        SCHEMAS[schema_path(wire_type)], validate_formats=True
    )


def model_takes(wire_type: str, data: object) -> bool:
    try:
        registry.decode(wire_type, canonical(data))
    except ValueError:
        return False
    return True


def changed(data: Any) -> Iterator[tuple[str, Any]]:
    """Every copy of `data` in which one value at any depth is another, is missing, or is new."""
    for value in WRONG:
        yield f"= {value!r}"[:40], value
    if isinstance(data, dict):
        yield "+ unknown", {**data, "unknown": 1}
        for key, value in data.items():
            yield f"- {key}", {name: kept for name, kept in data.items() if name != key}
            for where, other in changed(value):
                yield f"{key} {where}", {**data, key: other}
    elif isinstance(data, list):
        for index, value in enumerate(data):
            for where, other in changed(value):
                yield f"[{index}] {where}", [*data[:index], other, *data[index + 1 :]]


@pytest.mark.parametrize("path", [*SCHEMAS, "program.schema.json"])
def test_a_schema_is_one(path):
    schema = {**SCHEMAS, **program_schema()}[path]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)


def test_every_type_has_a_schema_with_an_identity_of_its_own():
    assert set(SCHEMAS) == {schema_path(wire_type) for wire_type in registry.WIRE}
    assert len({schema["$id"] for schema in SCHEMAS.values()}) == len(SCHEMAS)


def test_defaults_are_values_that_may_be_written():
    """What a schema names as a default is data of the contract, not the inside of a model."""
    for path, schema in {**SCHEMAS, **program_schema(), **openapi_document()}.items():
        for where, part in defaulted(schema):
            rooted = {**part, **{name: schema.get(name, {}) for name in ("$defs", "components")}}
            fits = jsonschema_rs.Draft202012Validator(rooted).is_valid(part["default"])
            assert fits, f"{path}: {where}: {part['default']!r}"


def defaulted(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema that names a default."""
    if isinstance(schema, dict):
        if "default" in schema:
            yield where, schema
        for key, value in schema.items():
            if key != "default":
                yield from defaulted(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for value in schema:
            yield from defaulted(value, where)


@pytest.mark.parametrize("wire_type", sorted(registry.WIRE))
def test_the_golden_examples_fit(wire_type):
    golden = load(wire_type)
    validator(wire_type).validate(golden.full)
    validator(wire_type).validate(golden.minimal)


@pytest.mark.parametrize("wire_type", sorted(registry.WIRE))
def test_schema_and_model_agree_on_every_change(wire_type):
    schema = validator(wire_type)
    disagreed = [
        (where, "model takes it" if model_takes(wire_type, data) else "schema takes it")
        for where, data in changed(load(wire_type).full)
        if schema.is_valid(data) != model_takes(wire_type, data)
    ]
    assert disagreed == []


@pytest.mark.parametrize(
    ("wire_type", "change", "schema_takes"),
    [
        # JSON Schema has one kind of number; the models tell 1.0 from 1
        ("retail.review.v1", {"rating": 5.0}, True),
        ("loyalty.points.expired.v1", {"points": 10.0}, True),
        # the range of instants has no words in JSON Schema
        ("retail.review.v1", {"occurred_at": "1969-12-31T23:59:59Z"}, True),
        ("retail.review.v1", {"occurred_at": "9000-01-01T00:00:00Z"}, True),
        # tolerant spellings of an instant
        ("retail.review.v1", {"occurred_at": "2026-03-14 18:05:00-04:00"}, False),
        ("retail.review.v1", {"occurred_at": "2026-03-14T18:05-04:00"}, False),
    ],
)
def test_where_schema_and_model_differ(wire_type, change, schema_takes):
    data = {**load(wire_type).full, **change}
    assert validator(wire_type).is_valid(data) is schema_takes
    assert model_takes(wire_type, data) is not schema_takes


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_programs_that_come_along_fit_the_schema_of_programs(path):
    schema = jsonschema_rs.Draft202012Validator(program_schema()["program.schema.json"])
    document = json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))
    schema.validate(document)
    refused = [
        where
        for where, data in changed(document)
        if program_takes(data) and not schema.is_valid(data) and not where.endswith("after = None")
    ]
    assert refused == []
    for unknown in ({**document, "earns": {}}, {**document, "earn": {**document["earn"], "x": 1}}):
        assert not schema.is_valid(unknown)


def program_takes(data: object) -> bool:
    try:
        Program.model_validate_json(canonical(data))
    except ValueError:
        return False
    return True
