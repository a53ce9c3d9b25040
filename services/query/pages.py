"""What the routes of reads share: their documented problems, and pages with a cursor."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.query.limits import CURSOR_LENGTH_MAX, PAGE_MAX
from services.query.problems import Code, Problem, documented

BIGINT_MAX = 2**63 - 1
_HEX = re.compile(r"[0-9a-f]{32}")

UNKNOWN = (Code.PROGRAM_UNKNOWN, Code.ACCOUNT_UNKNOWN)
"""Why an account is not there."""
AWAY = (Code.BUSY, Code.POSTGRES_UNAVAILABLE, Code.KAFKA_UNAVAILABLE)
"""Why a server does not answer."""
READ = (*UNKNOWN, Code.TOKEN_MALFORMED, *AWAY, Code.NOT_CAUGHT_UP)
"""What can go wrong with a read of a member."""
READ_PROBLEMS = documented(*READ)
PAGE_PROBLEMS = documented(*READ, Code.CURSOR_MALFORMED, Code.INVALID)

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Most rows of the page")]
Cursor = Annotated[
    str | None, Query(max_length=CURSOR_LENGTH_MAX, description="`next` of the page before")
]


def order_of(cursor: str | None) -> tuple[int, UUID]:
    """The order and the id that a cursor names; without one the greatest."""
    if cursor is None:
        return BIGINT_MAX, UUID(int=2**128 - 1)
    order, _, row_id = cursor.partition("-")
    return number_of(order), _id_of(row_id)


def cursor_of(order: int, row_id: UUID) -> str:
    """The cursor of a row: what two rows of an account never have in common."""
    return f"{order}-{row_id.hex}"


def _id_of(text: str) -> UUID:
    """The id in a cursor. Raises `cursor_malformed`."""
    if _HEX.fullmatch(text) is None:
        raise Problem(Code.CURSOR_MALFORMED)
    return UUID(text)


def number_of(cursor: str | None) -> int:
    """The number that a cursor is; without one the greatest. Raises `cursor_malformed`."""
    if cursor is None:
        return BIGINT_MAX
    if cursor.isascii() and cursor.isdigit() and int(cursor) <= BIGINT_MAX:
        return int(cursor)
    raise Problem(Code.CURSOR_MALFORMED)
