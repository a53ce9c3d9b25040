"""The OpenAPI document: complete, consistent, and with examples that are what they exemplify."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from services.query.problems import KINDS, MEDIA_TYPE, Code, ProblemDetails
from tests.api import unstarted

METHODS = {"get", "post", "put", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return unstarted().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield f"{method} {path}", operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_everything_that_is_referred_to_is_there(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_errors_are_problems_with_an_example_of_each_code(document):
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert list(response["content"]) == [MEDIA_TYPE], (name, status)
                examples = response["content"][MEDIA_TYPE]["examples"]
                assert examples, (name, status)
                for code, example in examples.items():
                    ProblemDetails.model_validate(example["value"])
                    assert example["value"]["code"] == code
                    assert example["value"]["status"] == int(status)


def test_every_operation_but_health_and_metrics_can_fail(document):
    sure = {"get /v1/health/live", "get /v1/metrics"}
    for name, operation in operations(document):
        if name not in sure:
            assert any(status.startswith("5") for status in operation["responses"]), name


def test_every_operation_says_what_it_does(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name


def test_examples_of_bodies_are_valid(document):
    for name, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**media["schema"], "components": document["components"]}
            validator = jsonschema_rs.validator_for(schema)
            assert media["examples"], name
            for example in media["examples"].values():
                validator.validate(example["value"])


def test_the_framework_leaves_no_errors_of_its_own(document):
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_codes_of_the_document_are_all_codes(document):
    assert set(document["components"]["schemas"]["Code"]["enum"]) == {code.value for code in Code}
    assert all(kind.title for kind in KINDS.values())
