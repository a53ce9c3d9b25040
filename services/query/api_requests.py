"""What the routes of writes share: their documented answers; and what became of a request."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.query.answers import PendingRequest
from services.query.context import MemberId, Parts, ProgramName, account_of, token_header
from services.query.keys import KEY_PROBLEMS
from services.query.outcomes import Outcome
from services.query.problems import Code, documented
from services.query.redemptions import REQUEST, Ticket
from shared.events.facts import RefusalReason

router = APIRouter(prefix="/programs/{program}/members/{member}/requests", tags=["requests"])

AWAY = (Code.BUSY, Code.POSTGRES_UNAVAILABLE, Code.KAFKA_UNAVAILABLE)
UNREAD = (Code.PROGRAM_UNKNOWN, Code.ACCOUNT_UNKNOWN)
TAKEN = (
    Code.NOT_JSON,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID,
    Code.IDEMPOTENCY_CONFLICT,
)
"""What can be wrong with the body of a write."""


REFUSALS = tuple(Code(reason.value) for reason in RefusalReason)
"""Whatever redeem may say no with."""


def decided(what: str, *refusals: Code, keyed: bool = True) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a write that redeem decides; without a key there is no body."""
    keys = (*KEY_PROBLEMS, *TAKEN) if keyed else (Code.INVALID,)
    return {
        200: {"description": what, **token_header()},
        202: {
            "model": PendingRequest,
            "description": "Accepted, not decided yet: `Location` answers as this would have",
            "headers": {
                "Location": {"description": "The status", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}},
            },
        },
        **documented(*keys, *UNREAD, Code.ACCOUNT_BLOCKED, *refusals, Code.UNDECIDABLE, *AWAY),
    }


@router.get(
    "/{request_id}",
    summary="What became of a request",
    response_model=Outcome,
    responses={
        **decided("Done", *REFUSALS, Code.IDEMPOTENCY_CONFLICT, keyed=False),
        **documented(Code.TICKET_MALFORMED, *UNREAD, Code.REQUEST_UNKNOWN),
    },
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    request_id: Annotated[UUID, Path(description="The request's id")],
    ticket: Annotated[str | None, Query(description="As the link of a 202 has it")] = None,
) -> Response:
    """As the request itself was answered, or would have been; 202 while it is not decided."""
    account = account_of(program, member)
    read = None if ticket is None else Ticket.read(ticket)
    return await parts.redemptions.status(account, request_id, read, REQUEST)
