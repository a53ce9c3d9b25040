"""Rewards of a member: what there is, redeemed, handed over, cancelled."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.query.answers import Catalogue, Claims, ClaimSeen
from services.query.api_requests import AWAY, UNREAD, decided
from services.query.bodies import (
    FulfilmentAsked,
    OperatorAsked,
    RewardAsked,
    body_of,
    documented_body,
)
from services.query.context import (
    MemberId,
    Parts,
    ProgramName,
    account_of,
    context_of,
    token_header,
    token_parameters,
)
from services.query.keys import idempotency_key, key_parameter
from services.query.limits import CURSOR_LENGTH_MAX, PAGE_DEFAULT, PAGE_MAX
from services.query.offers import offered, stocks
from services.query.outcomes import RewardHandedOver, RewardMade, RewardTakenBack
from services.query.problems import Code, Problem, documented
from services.query.reading import BALANCES, CLAIMS, Snapshot
from services.query.redemptions import Ticket
from services.query.reward_requests import NEWEST, claim_of, seen
from services.query.settling import UNSETTLED, account_at, balances_row
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
READ = documented(*UNREAD, Code.TOKEN_MALFORMED, *AWAY, Code.NOT_CAUGHT_UP)
PAGE = documented(
    *UNREAD, Code.TOKEN_MALFORMED, Code.CURSOR_MALFORMED, Code.INVALID, *AWAY, Code.NOT_CAUGHT_UP
)


@router.get(
    "/catalogue",
    summary="Rewards that a member can have",
    response_model=Catalogue,
    responses={200: token_header(), **READ},
    openapi_extra=token_parameters(),
)
async def catalogue(
    request: Request, parts: Parts, program: ProgramName, member: MemberId
) -> Response:
    """The catalogue now: what is to be had, and what the member can pay for."""
    account = account_of(program, member)
    tokens = parts.tokens(request)
    snapshot = await parts.reader.read(BALANCES, account, tokens=tokens)
    if not snapshot.is_open:
        raise await parts.unknown(program)
    row: Mapping[str, Any] = snapshot.rows[0]
    if row["unsettled"]:
        snapshot = await parts.reader.read(UNSETTLED, account, tokens=tokens)
        row = balances_row(account_at(snapshot.rows[0]), snapshot.rows[0]["as_of"])
    now = datetime.now(UTC)
    version = (await parts.published.catalogue()).version_at(program, now)
    rewards = version.redemption.rewards if version is not None else ()
    units = await stocks(parts.database, program, rewards)
    shown = [
        offered(reward, version, units, now, row["available"])
        for reward in rewards
        if version is not None
    ]
    return seen(account, snapshot, {"available": row["available"], "rewards": shown})


@router.post(
    "/rewards",
    summary="Redeem points for a reward",
    response_model=RewardMade,
    responses=decided("Issued", *REFUSALS),
    openapi_extra={
        **key_parameter("app-order-77"),
        **documented_body("RewardAsked", a_free_coffee={"reward": "free-coffee"}),
    },
)
async def redeem(request: Request, program: ProgramName, member: MemberId) -> Response:
    """The answer is the last word: who finds no unit in stock keeps all points."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, RewardAsked)
    command = RedeemReward(account=account, idempotency_key=key, reward=asked.reward)
    return await context_of(request).rewards.ask(command)


@router.get(
    "/rewards",
    summary="Redeemed rewards of a member, newest first",
    response_model=Claims,
    responses={200: token_header(), **PAGE},
    openapi_extra=token_parameters(),
)
async def rewards(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    limit: Annotated[
        int, Query(ge=1, le=PAGE_MAX, description="Most rows of the page")
    ] = PAGE_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=CURSOR_LENGTH_MAX, description="`next` of the page before")
    ] = None,
) -> Response:
    """How far each of them has come."""
    account = account_of(program, member)
    before = NEWEST if cursor is None else _number(cursor)
    snapshot = await _read(request, parts, account, before, limit + 1)
    if not snapshot.is_open:
        raise await parts.unknown(program)
    rows = [row for row in snapshot.rows if row["redemption_id"] is not None]
    following = str(rows[limit - 1]["order"]) if len(rows) > limit else None
    shown = [claim_of(row) for row in rows[:limit]]
    return seen(account, snapshot, {"rewards": shown, "next": following})


async def _read(request: Request, parts: Parts, account: str, before: int, limit: int) -> Snapshot:
    tokens = parts.tokens(request)
    return await parts.reader.read(CLAIMS, account, None, before, limit, tokens=tokens)


def _number(cursor: str) -> int:
    if cursor.isascii() and cursor.isdigit() and int(cursor) <= NEWEST:
        return int(cursor)
    raise Problem(Code.CURSOR_MALFORMED)


@router.get(
    "/rewards/{redemption_id}",
    summary="How far a redeemed reward has come",
    response_model=ClaimSeen,
    responses={
        **decided("Issued, handed over, or cancelled", *REFUSALS, keyed=False),
        **documented(Code.TICKET_MALFORMED, *UNREAD, Code.REDEMPTION_UNKNOWN),
    },
)
async def status(
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    redemption_id: RedemptionId,
    ticket: Annotated[str | None, Query(description="As the link of a 202 has it")] = None,
) -> Response:
    """202 while it is not decided, 409 if it was refused."""
    account = account_of(program, member)
    read = None if ticket is None else Ticket.read(ticket)
    return await parts.rewards.status(account, redemption_id, read)


@router.post(
    "/rewards/{redemption_id}/fulfilment",
    summary="Note that a reward was handed over",
    response_model=RewardHandedOver,
    responses=decided("Handed over", Code.REWARD_NOT_AVAILABLE, *CLOSED),
    openapi_extra={
        **key_parameter("counter-4-77"),
        **documented_body("FulfilmentAsked", handed_over=WHO, by_a_brand={**WHO, "brand": "cafe"}),
    },
)
async def fulfil(
    request: Request, program: ProgramName, member: MemberId, redemption_id: RedemptionId
) -> Response:
    """Once; only by the brand that honours it, if the request names one."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, FulfilmentAsked)
    command = FulfilReward(
        account=account, idempotency_key=key, redemption_id=redemption_id, **dict(asked)
    )
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/rewards/{redemption_id}/cancellation",
    summary="Cancel a reward that was not handed over",
    response_model=RewardTakenBack,
    responses=decided("Cancelled", *CLOSED),
    openapi_extra={
        **key_parameter("case-820"),
        **documented_body(
            "OperatorAsked", out_of_cups={"actor": "ann", "reason": "the machine was broken"}
        ),
    },
)
async def cancel(
    request: Request, program: ProgramName, member: MemberId, redemption_id: RedemptionId
) -> Response:
    """All of its points come back; its unit goes to stock again, or is written off."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, OperatorAsked)
    command = CancelReward(
        account=account, idempotency_key=key, redemption_id=redemption_id, **dict(asked)
    )
    return await context_of(request).redemptions.ask(command)
