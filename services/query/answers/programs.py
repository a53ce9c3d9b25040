"""Answers about programs, and about what a purchase would earn under one."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from services.query.answers.base import Answer
from shared.events.awards import Awaits, CapReached, EarnedIn, Extension, RuleMissed, RuleShare


class PartWorth(Answer):
    """Points whose rules have dates of their own."""

    rules: list[str]
    points: int
    active_from: datetime
    expires_at: datetime | None
    sliding: bool
    awaits: Awaits | None


class Worth(Answer):
    """What a purchase would earn."""

    program: str
    member: str
    program_version: int
    draft: Annotated[bool, Field(description="Under the document in the request, not a version")]
    occurred_at: datetime
    points: int
    basis_minor: int
    money: str
    rounding: str
    breakdown: list[RuleShare]
    why_not: list[RuleMissed]
    active_from: datetime
    expires_at: datetime | None
    parts: Annotated[list[PartWorth], Field(description="Those of the points with other dates")]
    sliding: Annotated[bool, Field(description="What the member does extends the date")]
    awaits: Annotated[Awaits | None, Field(description="The event that they wait for")]
    extends: Annotated[Extension | None, Field(description="Until when it extends other points")]
    desired: Annotated[int, Field(description="What it would be without caps")]
    caps: list[CapReached]
    also: Annotated[list[EarnedIn], Field(description="Points of the program's other currencies")]
    earning_share: Annotated[str | None, Field(description="The part not paid with points")]
    enrolled_on: Annotated[
        date | None, Field(description="The day whose anniversaries count, where dates go by them")
    ]


class VersionSummary(Answer):
    """One published version."""

    version: int
    name: str
    effective_from: datetime
    in_force: Annotated[bool, Field(description="It counts now")]


class ProgramSummary(Answer):
    """A program and its published versions, by number."""

    program: str
    versions: list[VersionSummary]


class ProgramList(Answer):
    """All programs, by name."""

    programs: list[ProgramSummary]


class ProgramVersion(Answer):
    """One immutable version of a program."""

    program: str
    version: int
    effective_from: datetime
    in_force: bool
    document: dict[str, Any]


class PublishedVersion(ProgramVersion):
    """A version that was published, and what is odd about it."""

    warnings: list[str]
