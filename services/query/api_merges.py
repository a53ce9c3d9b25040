"""Merges: all of a member's account goes to another member's."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.moves import MergeSeen
from services.query.api_corrections import WHO
from services.query.bodies import MergeAsked
from services.query.context import MemberId, Parts, ProgramName, account_of, context_of
from services.query.outcomes import MergeMade
from services.query.problems import Code
from services.query.writes import STATUS, TicketText, command_of, decided, keyed, ticket_of
from shared.events.base import account_key
from shared.events.merges import MergeAccount

router = APIRouter(prefix="/programs/{program}/members/{member}/merges", tags=["merges"])

MergeId = Annotated[UUID, Path(description="The id of the merge: of its request")]
REFUSALS = (
    Code.ACCOUNT_MERGED,
    Code.MERGE_NOT_ALLOWED,
    Code.HOLD_OPEN,
    Code.TRANSFER_OPEN,
)


@router.post(
    "",
    summary="Merge the account of a member into another one",
    response_model=MergeMade,
    responses=decided("All is in the other account", *REFUSALS),
    openapi_extra=keyed("MergeAsked", "case-820", into_901={"into": "901", **WHO}),
)
async def merge(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Points keep their dates and everything its id; what comes for this member goes on there.

    A refusal with `account_unknown`, `account_blocked` or `account_merged` may be about either.
    """

    def command(*, into: str, **fields: Any) -> MergeAccount:
        return MergeAccount(to=account_key(program, into), **fields)

    account = account_of(program, member)
    asked = await command_of(request, account, command, MergeAsked)
    return await context_of(request).merges.ask(asked)


@router.get(
    "/{merge_id}",
    summary="How far a merge has come",
    response_model=MergeSeen,
    responses=decided(
        "All is in the other account", *REFUSALS, *STATUS, Code.MERGE_UNKNOWN, keyed=False
    ),
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    merge_id: MergeId,
    ticket: TicketText = None,
) -> Response:
    """202 while parts are on their way, 409 if the other account was not to be had."""
    account = account_of(program, member)
    return await parts.merges.status(account, merge_id, ticket_of(ticket))
