"""The generated contracts as files: written, or compared with what is on disk.

Guarantees: the same code gives the same bytes; a file of ours that nothing generates any more is
removed, or reported. Everything below `schemas/` is ours, and the files that the generators name.
"""

import difflib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cli.contracts.asyncapi import asyncapi
from cli.contracts.schemas import program_schema, wire_schemas
from services.query.app import create_app
from shared.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contracts"
DIFF_LINES_MAX = 20

Documents = dict[str, Any]


def asyncapi_document() -> Documents:
    """The topics and messages, by path."""
    return {"asyncapi.yaml": asyncapi()}


def openapi_document() -> Documents:
    """The HTTP API, by path; made without a look at the environment."""
    return {"openapi.json": create_app(Settings.model_construct()).openapi()}


GENERATORS: tuple[Callable[[], Documents], ...] = (
    wire_schemas,
    program_schema,
    asyncapi_document,
    openapi_document,
)


def generate() -> dict[str, str]:
    """Every contract as text, by its path below the folder."""
    documents = {path: data for generator in GENERATORS for path, data in generator().items()}
    return {path: _text(path, data) for path, data in sorted(documents.items())}


def write(folder: Path = FOLDER) -> list[str]:
    """Bring the folder up to date; the paths that were written or removed."""
    texts = generate()
    changed = []
    for path, text in texts.items():
        if _on_disk(folder / path) != text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
            changed.append(path)
    for path in _left_over(folder, texts):
        (folder / path).unlink()
        changed.append(path)
    return changed


def differences(folder: Path = FOLDER) -> list[str]:
    """What is not on disk as the code says it, file by file; empty if all is as it must be."""
    texts = generate()
    found = []
    for path, text in texts.items():
        there = _on_disk(folder / path)
        if there is None:
            found.append(f"missing   {path}")
        elif there != text:
            found.append("\n".join(_difference(path, there, text)))
    return [*found, *(f"left over {path}" for path in _left_over(folder, texts))]


def _on_disk(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _left_over(folder: Path, texts: dict[str, str]) -> list[str]:
    there = (path.relative_to(folder).as_posix() for path in (folder / "schemas").glob("*"))
    return sorted(path for path in there if path not in texts)


def _difference(path: str, there: str, text: str) -> Iterator[str]:
    lines = list(
        difflib.unified_diff(
            there.splitlines(), text.splitlines(), "on disk", path, n=1, lineterm=""
        )
    )[2:]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    yield f"changed   {path} (+{added} -{removed})"
    yield from (f"    {line}" for line in lines[:DIFF_LINES_MAX])
    if len(lines) > DIFF_LINES_MAX:
        yield f"    ... {len(lines) - DIFF_LINES_MAX} more lines"


def _text(path: str, data: Any) -> str:
    written = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if path.endswith(".yaml"):
        # read back: one object in two places becomes two, which YAML writes without anchors
        plain = json.loads(written)
        written = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return written
