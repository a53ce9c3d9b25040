"""Spending points: redemptions, and what became of them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.query.answers import PendingRedemption, RedemptionMade
from services.query.bodies import RedemptionAsked, body_of, documented_body
from services.query.context import (
    MemberId,
    Parts,
    ProgramName,
    account_of,
    context_of,
    token_header,
)
from services.query.keys import KEY_PROBLEMS, idempotency_key, key_parameter
from services.query.problems import Code, documented
from services.query.redemptions import REDEMPTION, Ticket
from shared.events.commands import RedeemPoints

router = APIRouter(prefix="/programs/{program}/members/{member}/redemptions", tags=["redemptions"])

REFUSALS = (
    Code.ACCOUNT_BLOCKED,
    Code.REWARD_NOT_AVAILABLE,
    Code.BELOW_MINIMUM,
    Code.NOT_A_MULTIPLE,
    Code.INSUFFICIENT_POINTS,
    Code.LIMIT_REACHED,
    Code.UNDECIDABLE,
)
AWAY = (Code.BUSY, Code.POSTGRES_UNAVAILABLE, Code.KAFKA_UNAVAILABLE)
DECIDED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Redeemed", **token_header()},
    202: {
        "model": PendingRedemption,
        "description": "Accepted, not decided yet: `Location` answers as this request would have",
        "headers": {
            "Location": {"description": "The status", "schema": {"type": "string"}},
            "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}},
        },
    },
}


@router.post(
    "",
    summary="Redeem points as cash off",
    response_model=RedemptionMade,
    responses={
        **DECIDED,
        **documented(
            *KEY_PROBLEMS,
            Code.NOT_JSON,
            Code.PROGRAM_UNKNOWN,
            Code.ACCOUNT_UNKNOWN,
            *REFUSALS,
            Code.BODY_TOO_LARGE,
            Code.UNSUPPORTED_MEDIA_TYPE,
            Code.INVALID,
            Code.IDEMPOTENCY_CONFLICT,
            *AWAY,
        ),
    },
    openapi_extra={
        **key_parameter("till-7-receipt-4711"),
        **documented_body("RedemptionAsked", redeem_500_points={"points": 500}),
    },
)
async def redeem(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Spend points, soonest expiry first. The answer is the ledger's decision, once folded."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, RedemptionAsked)
    command = RedeemPoints(
        account=account,
        idempotency_key=key,
        points=asked.points,
        order_minor=asked.order_minor,
    )
    return await context_of(request).redemptions.ask(command)


@router.get(
    "/{redemption_id}",
    summary="What became of a redemption",
    response_model=RedemptionMade,
    responses={
        **DECIDED,
        **documented(
            Code.TICKET_MALFORMED,
            Code.PROGRAM_UNKNOWN,
            Code.ACCOUNT_UNKNOWN,
            Code.REDEMPTION_UNKNOWN,
            *REFUSALS,
            Code.INVALID,
            Code.IDEMPOTENCY_CONFLICT,
            *AWAY,
        ),
    },
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    redemption_id: Annotated[UUID, Path(description="The redemption's id")],
    ticket: Annotated[str | None, Query(description="As the link of a 202 has it")] = None,
) -> Response:
    """As the request itself was answered, or would have been; 202 while it is not decided."""
    account = account_of(program, member)
    read = None if ticket is None else Ticket.read(ticket)
    return await parts.redemptions.status(account, redemption_id, read, REDEMPTION)
