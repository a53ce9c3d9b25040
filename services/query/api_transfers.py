"""Transfers: points that a member gives to another."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.moves import TransferSeen
from services.query.bodies import TransferAsked
from services.query.context import MemberId, Parts, ProgramName, account_of, context_of
from services.query.outcomes import TransferMade
from services.query.problems import Code
from services.query.writes import STATUS, TicketText, command_of, decided, keyed, ticket_of
from shared.events.base import account_key
from shared.events.transfers import TransferPoints

router = APIRouter(prefix="/programs/{program}/members/{member}/transfers", tags=["transfers"])

TransferId = Annotated[UUID, Path(description="The id of the transfer: of its request")]
REFUSALS = (
    Code.TRANSFER_NOT_ALLOWED,
    Code.BELOW_MINIMUM,
    Code.INSUFFICIENT_POINTS,
    Code.LIMIT_REACHED,
)


@router.post(
    "",
    summary="Give points to another member",
    response_model=TransferMade,
    responses=decided("Received by the other account", *REFUSALS),
    openapi_extra=keyed("TransferAsked", "app-gift-9", fifty_for_901={"to": "901", "points": 50}),
)
async def transfer(request: Request, program: ProgramName, member: MemberId) -> Response:
    """The answer is the last word: what the other account does not take is not given away.

    A refusal with `account_unknown` or `account_blocked` may be about either account.
    """

    def command(*, to: str, **fields: Any) -> TransferPoints:
        return TransferPoints(to=account_key(program, to), **fields)

    account = account_of(program, member)
    asked = await command_of(request, account, command, TransferAsked)
    return await context_of(request).transfers.ask(asked)


@router.get(
    "/{transfer_id}",
    summary="How far a transfer has come",
    response_model=TransferSeen,
    responses=decided(
        "Received by the other account", *REFUSALS, *STATUS, Code.TRANSFER_UNKNOWN, keyed=False
    ),
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    transfer_id: TransferId,
    ticket: TicketText = None,
) -> Response:
    """202 while its points are on their way, 409 if they were not taken."""
    account = account_of(program, member)
    return await parts.transfers.status(account, transfer_id, ticket_of(ticket))
