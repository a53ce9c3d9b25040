"""Programs as data: what is published, and publishing a version."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.programs import (
    ProgramList,
    ProgramSummary,
    ProgramVersion,
    PublishedVersion,
)
from services.query.bodies import DocumentAsked, body_of, documented_body, program_of
from services.query.context import Parts, ProgramName, check_program
from services.query.problems import Code, Problem, documented
from services.query.told import as_json
from shared.events import registry
from shared.events.facts import ProgramPublished
from shared.events.topics import PROGRAMS
from shared.events.wire import context
from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.document import published
from shared.program.model import VERSION_MAX, Program
from shared.program.oddities import oddities
from shared.stream.log import Outgoing

router = APIRouter(prefix="/programs", tags=["programs"])

Number = Annotated[int, Path(ge=1, le=VERSION_MAX, description="The version's number")]
DOCUMENT = {
    "program": "cafe",
    "version": 1,
    "name": "Café",
    "effective_from": "2026-01-01",
    "timezone": "America/New_York",
    "money": "USD",
    "brands": ["cafe"],
    "earn": {
        "rules": [{"rule": "base", "kind": "per_amount", "points": 1, "per_minor": 100}],
    },
    "expiry": {"after": "12M_U"},
    "redemption": {"cash_off": {"points": 1, "minor": 1, "minimum": 500, "multiple": 500}},
}


@router.get(
    "",
    summary="All programs",
    response_model=ProgramList,
    responses=documented(Code.KAFKA_UNAVAILABLE),
)
async def programs(parts: Parts) -> Response:
    """Every program with its published versions."""
    catalogue = await parts.published.catalogue()
    found = [_summary(catalogue, name) for name in catalogue.programs]
    return as_json({"programs": found})


@router.get(
    "/{program}",
    summary="One program",
    response_model=ProgramSummary,
    responses=documented(Code.PROGRAM_UNKNOWN, Code.KAFKA_UNAVAILABLE),
)
async def program(parts: Parts, program: ProgramName) -> Response:
    """A program's published versions, and which of them counts now."""
    catalogue = await parts.published.catalogue()
    if not catalogue.versions(program):
        raise Problem(Code.PROGRAM_UNKNOWN)
    return as_json(_summary(catalogue, program))


@router.get(
    "/{program}/versions/{version}",
    summary="One version of a program",
    response_model=ProgramVersion,
    responses=documented(
        Code.PROGRAM_UNKNOWN, Code.VERSION_UNKNOWN, Code.INVALID, Code.KAFKA_UNAVAILABLE
    ),
)
async def version(parts: Parts, program: ProgramName, version: Number) -> Response:
    """The document of a version, as it was published."""
    catalogue = await parts.published.catalogue()
    if not catalogue.versions(program):
        raise Problem(Code.PROGRAM_UNKNOWN)
    found = catalogue.version(program, version)
    if found is None:
        raise Problem(Code.VERSION_UNKNOWN)
    return as_json(_version(catalogue, found))


@router.put(
    "/{program}/versions/{version}",
    summary="Publish a version of a program",
    response_model=PublishedVersion,
    responses={
        201: {"model": PublishedVersion, "description": "Published"},
        **documented(
            Code.NOT_JSON,
            Code.PROGRAM_UNKNOWN,
            Code.VERSION_CONFLICT,
            Code.BODY_TOO_LARGE,
            Code.UNSUPPORTED_MEDIA_TYPE,
            Code.INVALID,
            Code.BUSY,
            Code.KAFKA_UNAVAILABLE,
        ),
    },
    openapi_extra=documented_body("Program", a_cafe=DOCUMENT),
)
async def publish(
    request: Request, parts: Parts, program: ProgramName, version: Number
) -> Response:
    """Versions never change: the same document again is answered 200, another one 409."""
    check_program(program)
    draft = program_of((await body_of(request, DocumentAsked)).root)
    _check_address(draft, program, version)
    catalogue = await parts.published.newest()
    known = _with(catalogue, draft) is catalogue
    if not known:
        await parts.publisher.publish(PROGRAMS, [_record(draft)])
        catalogue = await parts.published.newest()
        _with(catalogue, draft)
    answer = _version(catalogue, draft)
    answer["warnings"] = [message for _, message in oddities(draft)]
    return as_json(answer, 200 if known else 201)


def _check_address(draft: Program, program: str, version: int) -> None:
    named = {"program": (draft.program, program), "version": (draft.version, version)}
    wrong = [
        {"field": field, "message": f"the address says {expected}", "found": str(found)}
        for field, (found, expected) in named.items()
        if found != expected
    ]
    if wrong:
        raise Problem(Code.INVALID, errors=wrong)


def _with(catalogue: Catalogue, draft: Program) -> Catalogue:
    try:
        return catalogue.with_version(draft)
    except CatalogueError as error:
        raise Problem(Code.VERSION_CONFLICT, str(error)) from error


def _record(draft: Program) -> Outgoing:
    fact = published(draft)
    named = f"{draft.program}@{draft.version}"
    headers = context(
        id=named,
        source="query",
        type=registry.TYPE_OF[ProgramPublished],
        subject=draft.program,
        time_ms=int(datetime.now(UTC).timestamp() * 1_000),
    )
    return Outgoing(named.encode(), registry.encode(fact), headers)


def _summary(catalogue: Catalogue, name: str) -> dict[str, Any]:
    live = catalogue.version_at(name, datetime.now(UTC))
    versions = [
        {
            "version": found.version,
            "name": found.name,
            "effective_from": found.starts_at,
            "in_force": found is live,
        }
        for found in catalogue.versions(name)
    ]
    return {"program": name, "versions": versions}


def _version(catalogue: Catalogue, found: Program) -> dict[str, Any]:
    live = catalogue.version_at(found.program, datetime.now(UTC))
    return {
        "program": found.program,
        "version": found.version,
        "effective_from": found.starts_at,
        "in_force": found == live,
        "document": published(found).document,
    }
