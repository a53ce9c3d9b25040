"""Answers about the service itself and what it has taken in."""

from typing import Annotated

from pydantic import Field

from services.query.answers.base import Answer


class Accepted(Answer):
    """Events that are on the log."""

    ids: Annotated[list[str], Field(description="The events' ids, in the order of the request")]


class Health(Answer):
    """Whether the process, and what it stands on, does its work; a text says why not."""

    status: Annotated[str, Field(examples=["ready"])]
    checks: dict[str, str] = {}
