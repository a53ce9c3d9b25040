"""Programs as people write them: YAML to `Program` and back, with errors that say what to change.

Guarantees: a problem names line, field, what was found and what is allowed; all problems of a
document are told at once where they do not hide each other. No number passes through a binary
fraction.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from shared.events.base import in_words
from shared.events.facts import ProgramPublished
from shared.program.model import Program
from shared.program.oddities import oddities
from shared.program.plain_yaml import NotPlain, Path, Place, read
from shared.program.rules import Rule
from shared.program.section import Section

FOUND_CHARACTERS_MAX = 60
KINDS: Mapping[str, type[Section]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(get_args(Rule)[0])
}


class Problem(NamedTuple):
    """What is wrong, or odd, and where. Line and column count from 1; `field` may be empty."""

    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        """For people: ``line 12: earn.rules[0].points: found -1; allowed: …``."""
        return ": ".join(part for part in (f"line {self.line}", self.field, self.message) if part)


class Reading(NamedTuple):
    """A document that was read: its program, or else the problems; and what is odd about it."""

    program: Program | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_program(text: str) -> Reading:
    """The program in YAML text, or what is wrong with it."""
    try:
        data, places = read(text)
    except NotPlain as error:
        return Reading(None, (Problem(*error.place, "", error.message),))
    try:
        program = Program.model_validate(data)
    except ValidationError as error:
        problems = [_at(fault.path, fault.message, places) for fault in faults(error, data)]
        return Reading(None, tuple(sorted(problems)))
    warnings = (_at(path, message, places) for path, message in oddities(program))
    return Reading(program, warnings=tuple(warnings))


def published(program: Program) -> ProgramPublished:
    """The fact that this version is published; `Program.model_validate` reads its document."""
    return ProgramPublished(
        program=program.program,
        version=program.version,
        effective_from=program.starts_at,
        document=program.model_dump(mode="json", exclude_none=True),
    )


_OF_NAME = "[key]"
"""Ends the location of a fault of a name, behind the name."""


class Fault(NamedTuple):
    """What is wrong with a document's data: where, what is written there, and what to change."""

    path: Path
    found: object
    message: str


def faults(error: ValidationError, data: object) -> list[Fault]:
    """What the model has found in the data of a document."""
    found = []
    for detail in error.errors(include_url=False):
        path, written = _path(detail["loc"], data)
        if _counts_what_was_taken(detail, written):
            continue
        within: Path = detail.get("ctx", {}).get("within", ())
        message = _message({**detail, "input": written})
        found.append(Fault((*path, *within), written, message))
    return found


def _counts_what_was_taken(detail: Mapping[str, Any], written: object) -> bool:
    """Whether a list is only too short without its items that are told to be wrong."""
    return (
        detail["type"] == "too_short"
        and isinstance(written, list)
        and len(written) >= detail["ctx"]["min_length"]
    )


def _at(path: Path, message: str, places: Mapping[Path, Place]) -> Problem:
    """A problem at the place of its field, or of the nearest part around it that is written."""
    around = path
    while around not in places:
        around = around[:-1]
    return Problem(*places[around], _field(path), message)


def _path(loc: Iterable[str | int], data: Any) -> tuple[Path, Any]:
    """The path in the document of a location in the model, and what is written there.

    The model's location names the kinds of rules too, the document's does not; and where a name
    is wrong that the document gives to something, the name is what is written.
    """
    path: Path = ()
    for part in loc:
        if part == _OF_NAME:
            return path, path[-1]
        if isinstance(data, dict) and part not in data and data.get("kind") == part:
            continue
        path = (*path, part)
        is_item = isinstance(data, list) and isinstance(part, int)
        is_field = isinstance(data, dict) and part in data
        data = data[part] if is_item or is_field else None
    return path, data


def _field(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _message(detail: Mapping[str, Any]) -> str:
    match detail["type"]:
        case "missing":
            return "this field is missing"
        case "extra_forbidden":
            return _unknown(detail["loc"])
        case "inconsistent":
            return str(detail["msg"])
        case "union_tag_not_found":
            return f"this rule has no kind; allowed: {', '.join(KINDS)}"
        case "union_tag_invalid":
            return f"found the kind {_told(detail['ctx']['tag'])}; allowed: {', '.join(KINDS)}"
        case _:
            return f"found {_told(detail['input'])}; allowed: {_allowed(detail)}"


def _allowed(detail: Mapping[str, Any]) -> str:
    match detail["type"]:
        case "model_type" | "dict_type":
            return "fields, each with its value"
        case "tuple_type":
            return "a list"
        case "too_short":
            return f"{detail['ctx']['min_length']} or more values"
        case "too_long":
            return f"at most {detail['ctx']['max_length']} values"
        case "string_pattern_mismatch":
            return in_words(detail["ctx"]["pattern"])
        case "string_type" if isinstance(detail["input"], int):
            return f'text (write it in quotes: "{_told(detail["input"])}")'
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return str(detail["msg"]).replace("Input should be ", "")


def _unknown(loc: tuple[str | int, ...]) -> str:
    *around, name = loc
    fields = list(_section(around).model_fields)
    near = difflib.get_close_matches(str(name), fields, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no field of this name; {meant}allowed: {', '.join(fields)}"


def _section(loc: Iterable[str | int]) -> type[Section]:
    """The model at a location."""
    section: type[Section] = Program
    for part in loc:
        if part in KINDS:
            section = KINDS[str(part)]
        elif isinstance(part, str):
            section = next(_sections(section.model_fields[part].annotation))
    return section


def _sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)


def _told(found: object) -> str:
    match found:
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    text = json.dumps(found, ensure_ascii=False, default=str)
    return text if len(text) <= FOUND_CHARACTERS_MAX else f"{text[:FOUND_CHARACTERS_MAX]}…"
