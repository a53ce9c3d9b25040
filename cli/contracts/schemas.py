"""JSON Schemas (2020-12): one per wire type, and one of the program document.

What a schema cannot say stands in the models alone: JSON Schema takes `1.0` for an integer, the
models do not.
"""

from typing import Any

from pydantic import BaseModel

from shared.events import registry
from shared.events.json_schema import AsWritten
from shared.program.model import Program


def schema_path(wire_type: str) -> str:
    """Where the schema of a wire type stands, below the folder of the contracts."""
    return f"schemas/{wire_type}.json"


def wire_schemas() -> dict[str, Any]:
    """A schema per registered wire type, by path."""
    return {
        schema_path(wire_type): _schema(wire_type, model)
        for wire_type, model in sorted(registry.WIRE.items())
    }


def program_schema() -> dict[str, Any]:
    """The schema of the program document, for editors and for other tools, by path."""
    return {"program.schema.json": _schema("program", Program)}


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "$schema": AsWritten.schema_dialect,
        "$id": f"urn:tessera:{name}",
        **model.model_json_schema(schema_generator=AsWritten),
    }
