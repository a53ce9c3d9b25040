"""Every version ever written is read as it was meant, and written as it was.

1. every registered type, and every retired one, has a golden file, and no file is left over
2. examples are read, and written byte for byte as they stand
3. what is left out is read as the listed defaults, and nothing else is left out
4. a retired version becomes the newest one
The checks are checked: each kind of fault is made once, and found.
"""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from shared.events import points, registry, upstream
from shared.events.base import Upstream
from tests.contract.goldens import FOLDER, Golden, canonical, faults, load, reachable

TYPES = sorted({*registry.WIRE, *registry.UPCASTS})


def test_every_type_has_a_golden_file_and_no_file_is_left_over():
    assert sorted(path.name.removesuffix(".json") for path in FOLDER.iterdir()) == TYPES


@pytest.mark.parametrize("wire_type", TYPES)
def test_the_golden_file_holds(wire_type):
    golden = load(wire_type)
    assert golden.type == wire_type
    assert faults(golden) == []


@pytest.mark.parametrize("wire_type", TYPES)
def test_wire_types_end_in_their_version(wire_type):
    assert wire_type.rpartition(".v")[2].isdecimal()


def test_a_model_has_one_wire_type():
    assert len(registry.TYPE_OF) == len(registry.WIRE)


class Part(BaseModel):
    """A part with a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    count: int
    unit: str = "piece"


class Greeting(BaseModel):
    """A type of the tests' own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    parts: tuple[Part, ...] = ()
    loud: bool = False


GREETING = Golden(
    "test.greeting.v1",
    full={"text": "hello", "parts": [{"count": 2, "unit": "box"}], "loud": True},
    minimal={"text": "hello"},
    defaults={"Greeting": {"parts": [], "loud": False}, "Part": {"unit": "piece"}},
)


class OtherDefault(BaseModel):
    """A greeting whose default was changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    parts: tuple[Part, ...] = ()
    loud: bool = True


class DefaultDropped(BaseModel):
    """A greeting whose optional field was made required."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    parts: tuple[Part, ...] = ()
    loud: bool


class FieldAdded(Greeting):
    """A greeting with a further optional field."""

    at_night: bool = False


class FieldRenamed(BaseModel):
    """A greeting with a field renamed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    words: str
    parts: tuple[Part, ...] = ()
    loud: bool = False


class OtherPart(BaseModel):
    """A part whose default was changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    count: int
    unit: str = "box"


OtherPart.__name__ = "Part"


class DeeperDefault(BaseModel):
    """A greeting with another default inside a part that the minimal example leaves out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    parts: tuple[OtherPart, ...] = ()
    loud: bool = False


for _model in (OtherDefault, DefaultDropped, FieldAdded, FieldRenamed, DeeperDefault):
    _model.__name__ = "Greeting"


@pytest.fixture
def wire(monkeypatch):
    """Registers a model, and an upcast, for one test."""

    def register(wire_type: str, model: type[BaseModel]) -> None:
        monkeypatch.setitem(registry.WIRE, wire_type, model)

    return register


def test_nothing_is_found_when_a_golden_file_holds(wire):
    wire("test.greeting.v1", Greeting)
    assert faults(GREETING) == []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (OtherDefault, "minimal: Greeting is read with {'parts': [], 'loud': True}"),
        (OtherDefault, "full: is written as"),
        (DefaultDropped, "minimal: cannot be read"),
        (FieldAdded, "full: Greeting names ['at_night'] wrongly"),
        (FieldAdded, "Greeting: defaults are"),
        (FieldRenamed, "minimal: cannot be read"),
        (DeeperDefault, "Part: defaults are {'unit': 'box'}"),
    ],
)
def test_a_changed_contract_is_found(wire, model, said):
    wire("test.greeting.v1", model)
    assert [fault for fault in faults(GREETING) if fault.startswith(said)]


@pytest.mark.parametrize(
    ("golden", "said"),
    [
        (GREETING._replace(full={"text": "hello", "loud": True}), "full: Greeting names ['parts']"),
        (GREETING._replace(full={**GREETING.full, "parts": []}), "full: is written as"),
        (GREETING._replace(full={**GREETING.full, "parts": []}), "full: shows no ['Part']"),
        (GREETING._replace(minimal={"text": "hello", "loud": True}), "minimal: Greeting names"),
        (GREETING._replace(minimal={"text": "hello", "loud": False}), "minimal: is written as"),
        (GREETING._replace(minimal={"loud": True}), "minimal: cannot be read"),
        (GREETING._replace(defaults={"Part": {"unit": "piece"}}), "Greeting: defaults are"),
        (GREETING._replace(defaults={}), "minimal: Greeting is read with"),
        (GREETING._replace(type="test.unknown.v1"), "test.unknown.v1: not registered"),
    ],
)
def test_a_golden_file_that_says_too_little_is_found(wire, golden, said):
    wire("test.greeting.v1", Greeting)
    assert [fault for fault in faults(golden) if fault.startswith(said)]


class Salute(BaseModel):
    """The third version of a greeting."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    words: tuple[str, ...]
    volume: int = 1


def first_to_second(data: dict[str, Any]) -> dict[str, Any]:
    return {"words": data["text"], **({"volume": 2} if data.get("loud") else {})}


def second_to_third(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "words": data["words"].split()}


RETIRED = Golden(
    "test.greeting.v1",
    full={"text": "hello there", "loud": True},
    minimal={"text": "hello"},
    upcast={"full": {"words": ["hello", "there"], "volume": 2}, "minimal": {"words": ["hello"]}},
)


@pytest.fixture
def retired(monkeypatch):
    monkeypatch.setitem(registry.WIRE, "test.greeting.v3", Salute)
    monkeypatch.setitem(registry.UPCASTS, "test.greeting.v1", ("test.greeting.v2", first_to_second))
    monkeypatch.setitem(registry.UPCASTS, "test.greeting.v2", ("test.greeting.v3", second_to_third))


def test_a_retired_version_is_read_as_the_newest(retired):
    assert faults(RETIRED) == []
    read = registry.decode("test.greeting.v1", canonical(RETIRED.full))
    assert read == Salute(words=("hello", "there"), volume=2)
    assert registry.decode("test.greeting.v2", b'{"words":"hi"}') == Salute(words=("hi",))


def test_a_wrong_upcast_is_found(retired, monkeypatch):
    monkeypatch.setitem(
        registry.UPCASTS, "test.greeting.v2", ("test.greeting.v3", lambda data: {"words": ["?"]})
    )
    assert [fault for fault in faults(RETIRED) if fault.startswith("full: becomes")]


def test_an_upcast_is_as_strict_as_a_plain_read(monkeypatch):
    """Data that went through an upcast is held to JSON's types, as the bytes of any message are."""
    old = "retail.purchase.v0"
    monkeypatch.setitem(registry.UPCASTS, old, ("retail.purchase.v1", lambda data: data))
    good = load("retail.purchase.v1").full
    assert registry.decode(old, canonical(good)) == upstream.Purchase.model_validate(good)
    for wrong in (1773525900, "1773525900", "2026-03-14T18:05:00"):
        with pytest.raises(ValueError, match="occurred_at"):
            registry.decode(old, canonical({**good, "occurred_at": wrong}))


def test_an_unknown_type_is_named():
    with pytest.raises(registry.UnknownType, match=r"retail\.purchase\.v9"):
        registry.decode("retail.purchase.v9", b"{}")


@pytest.mark.parametrize("wire_type", sorted(registry.UPSTREAM))
def test_upstream_types_leave_unknown_fields_out(wire_type):
    golden = load(wire_type)
    read = registry.decode(wire_type, canonical({**golden.full, "loyalty_card": "4711"}))
    assert registry.encode(read) == canonical(golden.full)


@pytest.mark.parametrize(
    "wire_type", sorted({*registry.ACTIVITY, *registry.COMMANDS, *registry.FACTS})
)
def test_own_types_refuse_unknown_fields(wire_type):
    with pytest.raises(ValueError, match="loyalty_card"):
        registry.decode(wire_type, canonical({**load(wire_type).full, "loyalty_card": "4711"}))


def test_own_models_are_strict_and_frozen_in_every_part():
    for wire_type, model in registry.WIRE.items():
        for part in reachable(model):
            assert part.model_config.get("frozen"), part
            tolerant = issubclass(part, Upstream)
            assert part.model_config.get("extra") == ("ignore" if tolerant else "forbid"), part
            assert tolerant or wire_type not in registry.UPSTREAM, part


def test_the_order_of_refusal_reasons_is_part_of_the_contract():
    """Precedence is the order of the enumeration: a moved member is a changed contract."""
    assert json.dumps([reason.value for reason in points.RefusalReason]) == json.dumps(
        [
            "program_unknown",
            "account_unknown",
            "account_blocked",
            "reward_unknown",
            "reward_not_available",
            "transfer_not_allowed",
            "below_minimum",
            "not_a_multiple",
            "insufficient_points",
            "limit_reached",
            "hold_unknown",
            "hold_expired",
            "hold_not_open",
            "redemption_unknown",
            "lot_unknown",
            "lot_not_pending",
            "lot_expired",
            "lot_not_expired",
            "date_not_later",
            "reward_not_open",
            "code_known",
            "transfer_unknown",
            "account_merged",
            "merge_not_allowed",
            "hold_open",
            "transfer_open",
            "merge_unknown",
            "cancellation_not_allowed",
        ]
    )
