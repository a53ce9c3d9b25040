"""Pages for people: the API's documentation, and what each problem's `type` points at.

Rendered here from the OpenAPI document, without scripts and without anything from another server,
so that it can be read on a machine that has no way out.
"""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from pydantic_core import to_json

from services.query.problems import Code, Problem, example

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { background: #f4f4f2; padding: .7rem; overflow-x: auto; font-size: 13px }
section { border-top: 1px solid #ccc; margin-top: 1.5rem }
h3 code { font-size: 1rem } .get { color: #06639b } .post, .put { color: #9b4a06 }
table { border-collapse: collapse } td, th { text-align: left; padding: .1rem .8rem .1rem 0 }
td { vertical-align: top } summary { cursor: pointer }
"""


def install(app: FastAPI) -> None:
    """Serve the pages."""
    pages: dict[str, str] = {}

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> Response:
        if "docs" not in pages:
            pages["docs"] = "\n".join(page(app.openapi()))
        return HTMLResponse(pages["docs"])

    @app.get("/problems/{code}", include_in_schema=False)
    async def problem(code: str) -> Response:
        if code not in set(Code):
            raise Problem(Code.NOT_FOUND)
        return Response(to_json(example(Code(code))), media_type="application/json")


def page(document: Mapping[str, Any]) -> Iterator[str]:
    """The document as HTML."""
    title = escape(document["info"]["title"])
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    yield f"<h1>{title} {escape(document['info']['version'])}</h1>"
    yield from (
        f"<p>{_text(paragraph)}</p>" for paragraph in document["info"]["description"].split("\n\n")
    )
    yield '<p>For tools: <a href="/openapi.json">openapi.json</a></p>'
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from _operation(method, path, operation)
    yield "</html>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<section><h2>{escape(operation['summary'])}</h2>"
    yield f'<h3><code><span class="{method}">{method.upper()}</span> {escape(path)}</code></h3>'
    yield f"<p>{_text(operation['description'])}</p>"
    if parameters := operation.get("parameters"):
        yield "<table>"
        yield from (_parameter(parameter) for parameter in parameters)
        yield "</table>"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        for shown in content.get("examples", {}).values():
            yield f"<p>Body, <code>{escape(media)}</code>:</p>{_json(shown['value'])}"
    for status, response in operation["responses"].items():
        yield from _response(status, response)
    yield "</section>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    needed = "required" if parameter.get("required") else ""
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}"
        f"<td>{needed}<td>{_text(parameter.get('description', ''))}"
    )


def _response(status: str, response: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary>{escape(status)} {_text(response['description'])}</summary>"
    for content in response.get("content", {}).values():
        for shown in content.get("examples", {}).values():
            yield _json(shown["value"])
        if "examples" not in content and "$ref" in content.get("schema", {}):
            model = content["schema"]["$ref"].rpartition("/")[2]
            yield f"<p>Schema <code>{escape(model)}</code></p>"
    yield "</details>"


def _text(markdown: str) -> str:
    """Plain text with `code` in it."""
    parts = escape(markdown).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
