"""Golden files: a full and a minimal example of every wire type and version ever written.

The full example names every field of every part with something else than its default; the minimal
one names what is required and nothing more. Defaults are left out on the wire, so what a reader
puts in their place is a part of the contract: the file lists them. A retired version keeps its
file, with what its examples become in the newest version.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from shared.events import registry

FOLDER = Path(__file__).parent / "golden"


class Golden(NamedTuple):
    """One golden file; `upcast` is for retired versions only."""

    type: str
    full: dict[str, Any]
    minimal: dict[str, Any]
    defaults: dict[str, dict[str, Any]] = {}
    upcast: dict[str, dict[str, Any]] = {}


def load(wire_type: str) -> Golden:
    """The golden file of a wire type."""
    return Golden(**json.loads((FOLDER / f"{wire_type}.json").read_text(encoding="utf-8")))


def canonical(data: object) -> bytes:
    """The bytes in which `data` stands on the wire."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def faults(golden: Golden) -> list[str]:
    """What the code does otherwise than the golden file says; empty is as it must be."""
    if golden.type in registry.UPCASTS:
        return list(_retired(golden))
    if golden.type not in registry.WIRE:
        return [f"{golden.type}: not registered"]
    return list(_current(golden, registry.WIRE[golden.type]))


def _current(golden: Golden, model: type[BaseModel]) -> Iterator[str]:
    for name, example in (("full", golden.full), ("minimal", golden.minimal)):
        try:
            message = registry.decode(golden.type, canonical(example))
        except ValidationError as error:
            yield f"{name}: cannot be read: {error}"
            continue
        if (written := registry.encode(message)) != canonical(example):
            yield f"{name}: is written as {written.decode()}"
        yield from _leaves_out(golden, name, message)
    for part in reachable(model):
        if (found := defaults(part)) != golden.defaults.get(part.__name__, {}):
            yield f"{part.__name__}: defaults are {found}"


def _leaves_out(golden: Golden, name: str, message: BaseModel) -> Iterator[str]:
    seen = set()
    for part in instances(message):
        model = type(part)
        seen.add(model)
        fields = model.model_fields
        expected = set(fields) if name == "full" else set(fields) - set(defaults(model))
        if part.model_fields_set != expected:
            wrong = sorted(part.model_fields_set ^ expected)
            yield f"{name}: {model.__name__} names {wrong} wrongly"
        left_out = {
            field: to_jsonable_python(getattr(part, field))
            for field in fields
            if field not in part.model_fields_set
        }
        listed = golden.defaults.get(model.__name__, {}) if name == "minimal" else {}
        if left_out != listed:
            yield f"{name}: {model.__name__} is read with {left_out}, listed are {listed}"
    if name == "full" and (missing := set(reachable(type(message))) - seen):
        yield f"full: shows no {sorted(model.__name__ for model in missing)}"


def _retired(golden: Golden) -> Iterator[str]:
    newest = golden.type
    while newest in registry.UPCASTS:
        newest, _ = registry.UPCASTS[newest]
    for name, example in (("full", golden.full), ("minimal", golden.minimal)):
        message = registry.decode(golden.type, canonical(example))
        if type(message) is not registry.WIRE[newest]:
            yield f"{name}: becomes a {type(message).__name__}, not {newest}"
        if (written := registry.encode(message)) != canonical(golden.upcast[name]):
            yield f"{name}: becomes {written.decode()}"


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """What a reader puts in place of fields that are left out, as JSON data."""
    return {
        name: to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def reachable(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and every model that its fields can hold."""
    found: list[type[BaseModel]] = []
    waiting: list[Any] = [model]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind in found:
                continue
            found.append(kind)
            waiting.extend(field.annotation for field in kind.model_fields.values())
        waiting.extend(get_args(kind))
    return found


def instances(value: object) -> Iterator[BaseModel]:
    """A message and every part of it that is a model."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from instances(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from instances(item)
