"""Rewards of a member: what there is, redeemed, handed over, cancelled."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.rewards import Catalogue, Claims, ClaimSeen
from services.query.bodies import FulfilmentAsked, OperatorAsked, RewardAsked
from services.query.context import (
    MemberId,
    Parts,
    ProgramName,
    account_of,
    context_of,
    token_header,
    token_parameters,
)
from services.query.courses import claim_of
from services.query.limits import PAGE_DEFAULT
from services.query.offers import offered, stocks
from services.query.outcomes import RewardHandedOver, RewardMade, RewardTakenBack
from services.query.pages import PAGE_PROBLEMS, READ_PROBLEMS, Cursor, Limit, cursor_of, order_of
from services.query.problems import Code
from services.query.reading import CLAIMS
from services.query.told import of_member
from services.query.writes import STATUS, TicketText, command_of, decided, keyed, ticket_of
from shared.events.rewards import CancelReward, FulfilReward, RedeemReward

router = APIRouter(prefix="/programs/{program}/members/{member}", tags=["rewards"])

RedemptionId = Annotated[UUID, Path(description="The id of the redemption: of its request")]
WHO = {"actor": "ann", "reason": "handed over at the counter"}
REFUSALS = (
    Code.REWARD_UNKNOWN,
    Code.REWARD_NOT_AVAILABLE,
    Code.INSUFFICIENT_POINTS,
    Code.LIMIT_REACHED,
)
CLOSED = (Code.REDEMPTION_UNKNOWN, Code.REWARD_NOT_OPEN)


@router.get(
    "/catalogue",
    summary="Rewards that a member can have",
    response_model=Catalogue,
    responses={200: token_header(), **READ_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def catalogue(
    request: Request, parts: Parts, program: ProgramName, member: MemberId
) -> Response:
    """The catalogue now: what is to be had, and what the member can pay for."""
    account = account_of(program, member)
    snapshot, row = await parts.balances(request, account)
    now = datetime.now(UTC)
    version = (await parts.published.catalogue()).version_at(program, now)
    rewards = version.redemption.rewards if version is not None else ()
    units = await stocks(parts.database, program, rewards)
    shown = [
        offered(reward, version, units, now, row["available"])
        for reward in rewards
        if version is not None
    ]
    return of_member(account, snapshot, {"available": row["available"], "rewards": shown})


@router.post(
    "/rewards",
    summary="Redeem points for a reward",
    response_model=RewardMade,
    responses=decided("Issued", *REFUSALS),
    openapi_extra=keyed("RewardAsked", "app-order-77", a_free_coffee={"reward": "free-coffee"}),
)
async def redeem(request: Request, program: ProgramName, member: MemberId) -> Response:
    """The answer is the last word: who finds no unit in stock keeps all points."""
    account = account_of(program, member)
    command = await command_of(request, account, RedeemReward, RewardAsked)
    return await context_of(request).rewards.ask(command)


@router.get(
    "/rewards",
    summary="Redeemed rewards of a member, newest first",
    response_model=Claims,
    responses={200: token_header(), **PAGE_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def rewards(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """How far each of them has come."""
    account = account_of(program, member)
    snapshot = await parts.read(request, CLAIMS, account, *order_of(cursor), limit + 1)
    rows = [row for row in snapshot.rows if row["redemption_id"] is not None]
    last = rows[limit - 1] if len(rows) > limit else None
    following = cursor_of(last["order"], last["redemption_id"]) if last else None
    shown = [claim_of(row) for row in rows[:limit]]
    return of_member(account, snapshot, {"rewards": shown, "next": following})


@router.get(
    "/rewards/{redemption_id}",
    summary="How far a redeemed reward has come",
    response_model=ClaimSeen,
    responses=decided(
        "Issued, handed over, or cancelled",
        *REFUSALS,
        *STATUS,
        Code.REDEMPTION_UNKNOWN,
        keyed=False,
    ),
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    redemption_id: RedemptionId,
    ticket: TicketText = None,
) -> Response:
    """202 while it is not decided, 409 if it was refused."""
    account = account_of(program, member)
    return await parts.rewards.status(account, redemption_id, ticket_of(ticket))


@router.post(
    "/rewards/{redemption_id}/fulfilment",
    summary="Note that a reward was handed over",
    response_model=RewardHandedOver,
    responses=decided("Handed over", Code.REWARD_NOT_AVAILABLE, *CLOSED),
    openapi_extra=keyed(
        "FulfilmentAsked", "counter-4-77", handed_over=WHO, by_a_brand={**WHO, "brand": "cafe"}
    ),
)
async def fulfil(
    request: Request, program: ProgramName, member: MemberId, redemption_id: RedemptionId
) -> Response:
    """Once; only by the brand that honours it, if the request names one."""
    account = account_of(program, member)
    command = await command_of(
        request, account, FulfilReward, FulfilmentAsked, redemption_id=redemption_id
    )
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/rewards/{redemption_id}/cancellation",
    summary="Cancel a reward that was not handed over",
    response_model=RewardTakenBack,
    responses=decided("Cancelled", *CLOSED, Code.CANCELLATION_NOT_ALLOWED),
    openapi_extra=keyed(
        "OperatorAsked",
        "case-820",
        out_of_cups={"actor": "ann", "reason": "the machine was broken"},
    ),
)
async def cancel(
    request: Request, program: ProgramName, member: MemberId, redemption_id: RedemptionId
) -> Response:
    """All of its points come back; its unit goes to stock again, or is written off."""
    account = account_of(program, member)
    command = await command_of(
        request, account, CancelReward, OperatorAsked, redemption_id=redemption_id
    )
    return await context_of(request).redemptions.ask(command)
