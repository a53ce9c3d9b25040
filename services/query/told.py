"""Answers as bytes: JSON, and what is told of a member, with the token of its snapshot."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from services.query.reading import Snapshot
from services.query.tokens import HEADER
from shared.events.base import split_account


def as_json(
    content: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Any content."""
    return Response(to_json(content), status, headers=headers, media_type="application/json")


def of_member(account: str, snapshot: Snapshot, content: Mapping[str, Any]) -> Response:
    """What a snapshot says of a member: whose it is, the content, its token and its instant."""
    program, member = split_account(account)
    token = str(snapshot.token)
    told = {
        "program": program,
        "member": member,
        **content,
        "token": token,
        "as_of": snapshot.rows[0]["as_of"],
    }
    return as_json(told, headers={HEADER: token})
