"""Spending points: redemptions, and what became of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.spending import PendingRedemption, RedemptionMade
from services.query.bodies import RedemptionAsked
from services.query.context import MemberId, Parts, ProgramName, account_of, context_of
from services.query.problems import Code
from services.query.redemptions import REDEMPTION
from services.query.writes import STATUS, TicketText, command_of, decided, keyed, ticket_of
from shared.events.commands import RedeemPoints

router = APIRouter(prefix="/programs/{program}/members/{member}/redemptions", tags=["redemptions"])

REFUSALS = (
    Code.REWARD_NOT_AVAILABLE,
    Code.BELOW_MINIMUM,
    Code.NOT_A_MULTIPLE,
    Code.INSUFFICIENT_POINTS,
    Code.LIMIT_REACHED,
)


@router.post(
    "",
    summary="Redeem points as cash off",
    response_model=RedemptionMade,
    responses=decided("Redeemed", *REFUSALS, pending=PendingRedemption),
    openapi_extra=keyed(
        "RedemptionAsked", "till-7-receipt-4711", redeem_500_points={"points": 500}
    ),
)
async def redeem(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Spend points, soonest expiry first. The answer is the ledger's decision, once folded."""
    account = account_of(program, member)
    command = await command_of(request, account, RedeemPoints, RedemptionAsked)
    return await context_of(request).redemptions.ask(command)


@router.get(
    "/{redemption_id}",
    summary="What became of a redemption",
    response_model=RedemptionMade,
    responses=decided(
        "Redeemed",
        *REFUSALS,
        *STATUS,
        Code.REDEMPTION_UNKNOWN,
        keyed=False,
        pending=PendingRedemption,
    ),
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    redemption_id: Annotated[UUID, Path(description="The redemption's id")],
    ticket: TicketText = None,
) -> Response:
    """As the request itself was answered, or would have been; 202 while it is not decided."""
    account = account_of(program, member)
    return await parts.redemptions.status(account, redemption_id, ticket_of(ticket), REDEMPTION)
