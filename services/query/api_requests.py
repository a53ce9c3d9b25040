"""What became of a request that was not decided in time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.query.context import MemberId, Parts, ProgramName, account_of
from services.query.outcomes import Outcome
from services.query.problems import Code
from services.query.redemptions import REQUEST
from services.query.writes import REFUSALS, STATUS, TicketText, decided, ticket_of

router = APIRouter(prefix="/programs/{program}/members/{member}/requests", tags=["requests"])


@router.get(
    "/{request_id}",
    summary="What became of a request",
    response_model=Outcome,
    responses=decided("Done", *REFUSALS, *STATUS, Code.REQUEST_UNKNOWN, keyed=False),
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    request_id: Annotated[UUID, Path(description="The request's id")],
    ticket: TicketText = None,
) -> Response:
    """As the request itself was answered, or would have been; 202 while it is not decided."""
    account = account_of(program, member)
    return await parts.redemptions.status(account, request_id, ticket_of(ticket), REQUEST)
