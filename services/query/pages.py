"""What the routes of reads share: their documented problems, and pages with a cursor."""

from typing import Annotated

from fastapi import Query

from services.query.limits import CURSOR_LENGTH_MAX, PAGE_MAX
from services.query.problems import Code, Problem, documented

BIGINT_MAX = 2**63 - 1

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


def number_of(cursor: str | None) -> int:
    """The number that a cursor is; without one the greatest. Raises `cursor_malformed`."""
    if cursor is None:
        return BIGINT_MAX
    if cursor.isascii() and cursor.isdigit() and int(cursor) <= BIGINT_MAX:
        return int(cursor)
    raise Problem(Code.CURSOR_MALFORMED)
