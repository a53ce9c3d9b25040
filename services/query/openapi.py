"""The OpenAPI document: what FastAPI derives, with the bodies and problems that it does not see."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.query.bodies import (
    AdjustmentAsked,
    DateAsked,
    FulfilmentAsked,
    HoldAsked,
    MergeAsked,
    OperatorAsked,
    PartAsked,
    PreviewAsked,
    RedemptionAsked,
    RewardAsked,
    StockAsked,
    TransferAsked,
)
from services.query.problems import MEDIA_TYPE, ProblemDetails
from shared.events import registry
from shared.events.json_schema import AsWritten
from shared.program.model import Program

REF = "#/components/schemas/{model}"
MODELS: tuple[type[BaseModel], ...] = (
    ProblemDetails,
    RedemptionAsked,
    HoldAsked,
    PartAsked,
    OperatorAsked,
    AdjustmentAsked,
    DateAsked,
    RewardAsked,
    MergeAsked,
    TransferAsked,
    FulfilmentAsked,
    StockAsked,
    PreviewAsked,
    Program,
    *registry.UPSTREAM.values(),
)
"""Models that FastAPI does not see: it neither reads those bodies nor writes those answers."""
FRAMEWORKS = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Make the app serve this document."""
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(derive())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The derived document with all schemas, and without the framework's own form of errors."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in MODELS],
        ref_template=REF,
        schema_generator=AsWritten,
    )
    schemas = document["components"]["schemas"]
    for name, schema in definitions["$defs"].items():
        assert schemas.setdefault(name, schema) == schema, f"two schemas have the name {name}"
    schemas["Problem"] = schemas.pop("ProblemDetails", schemas.get("Problem"))
    for name in FRAMEWORKS:
        schemas.pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            _without_framework_errors(operation["responses"])
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _without_framework_errors(responses: dict[str, Any]) -> None:
    """FastAPI adds its own 422 wherever there are parameters; ours stands where it can be."""
    content = responses.get("422", {}).get("content", {})
    content.pop("application/json", None)
    if "422" in responses and MEDIA_TYPE not in content:
        del responses["422"]
