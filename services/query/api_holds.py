"""Holds: points set aside for a checkout, captured in whole or in part, released."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic_core import to_json

from services.query.answers import HoldSeen, HoldStatus, OpenHolds
from services.query.api_requests import AWAY, UNREAD, decided
from services.query.bodies import HoldAsked, PartAsked, body_of, documented_body
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
from services.query.outcomes import CaptureMade, HoldMade, ReleaseMade
from services.query.problems import Code, Problem, documented
from services.query.reading import HOLDS, Snapshot
from services.query.tokens import HEADER
from shared.events.commands import CapturePoints, HoldPoints, ReleasePoints

router = APIRouter(prefix="/programs/{program}/members/{member}/holds", tags=["holds"])

HoldId = Annotated[UUID, Path(description="The hold's id")]
CLOSED = (Code.HOLD_UNKNOWN, Code.HOLD_EXPIRED, Code.HOLD_NOT_OPEN)
READ = documented(*UNREAD, Code.TOKEN_MALFORMED, *AWAY, Code.NOT_CAUGHT_UP)


@router.post(
    "",
    summary="Hold points for a checkout",
    response_model=HoldMade,
    responses=decided(
        "Held",
        Code.REWARD_NOT_AVAILABLE,
        Code.BELOW_MINIMUM,
        Code.NOT_A_MULTIPLE,
        Code.INSUFFICIENT_POINTS,
        Code.LIMIT_REACHED,
    ),
    openapi_extra={
        **key_parameter("till-7-checkout-12"),
        **documented_body(
            "HoldAsked", hold_500_points_for_ten_minutes={"points": 500, "hold_seconds": 600}
        ),
    },
)
async def hold(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Set points aside as a redemption would spend them; they are safe until the hold lapses."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, HoldAsked)
    command = HoldPoints(
        account=account,
        idempotency_key=key,
        points=asked.points,
        order_minor=asked.order_minor,
        hold_seconds=asked.hold_seconds,
    )
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/{hold_id}/capture",
    summary="Spend a hold, or a part of it",
    response_model=CaptureMade,
    responses=decided(
        "Captured", Code.BELOW_MINIMUM, Code.NOT_A_MULTIPLE, Code.LIMIT_REACHED, *CLOSED
    ),
    openapi_extra={
        **key_parameter("till-7-checkout-12-paid"),
        **documented_body("PartAsked", capture_a_part={"points": 400}, capture_all={}),
    },
)
async def capture(
    request: Request, program: ProgramName, member: MemberId, hold_id: HoldId
) -> Response:
    """The points are spent under the hold's id; what is left of the hold comes back at once."""
    account = account_of(program, member)
    key = idempotency_key(request)
    asked = await body_of(request, PartAsked)
    command = CapturePoints(
        account=account, idempotency_key=key, hold_id=hold_id, points=asked.points
    )
    return await context_of(request).redemptions.ask(command)


@router.delete(
    "/{hold_id}",
    summary="Release a hold",
    response_model=ReleaseMade,
    responses=decided("Released", *CLOSED, keyed=False),
)
async def release(
    parts: Parts, program: ProgramName, member: MemberId, hold_id: HoldId
) -> Response:
    """All of it comes back. Asked again, the answer is the same; it needs no key."""
    command = ReleasePoints(account=account_of(program, member), hold_id=hold_id)
    return await parts.redemptions.ask(command)


@router.get(
    "",
    summary="Open holds of a member",
    response_model=OpenHolds,
    responses={200: token_header(), **READ},
    openapi_extra=token_parameters(),
)
async def open_holds(
    request: Request, parts: Parts, program: ProgramName, member: MemberId
) -> Response:
    """What is set aside now, oldest first."""
    snapshot = await _read(request, parts, program, member, None)
    shown = [_hold(row) for row in snapshot.rows if row["debit_id"] is not None]
    return _answer(snapshot, program, member, {"holds": shown})


@router.get(
    "/{hold_id}",
    summary="One hold",
    response_model=HoldSeen,
    responses={
        200: token_header(),
        **documented(
            *UNREAD,
            Code.NOT_FOUND,
            Code.TOKEN_MALFORMED,
            Code.INVALID,
            *AWAY,
            Code.NOT_CAUGHT_UP,
        ),
    },
    openapi_extra=token_parameters(),
)
async def one_hold(
    request: Request, parts: Parts, program: ProgramName, member: MemberId, hold_id: HoldId
) -> Response:
    """What has become of it, by now: one that has lapsed is so from its very instant on."""
    snapshot = await _read(request, parts, program, member, hold_id)
    row = snapshot.rows[0]
    if row["debit_id"] is None:
        raise Problem(Code.NOT_FOUND, "there is no such hold of this member")
    return _answer(snapshot, program, member, {"hold": _hold(row)})


async def _read(
    request: Request, parts: Parts, program: str, member: str, hold_id: UUID | None
) -> Snapshot:
    account = account_of(program, member)
    snapshot = await parts.reader.read(HOLDS, account, hold_id, tokens=parts.tokens(request))
    if not snapshot.is_open:
        raise await parts.unknown(program)
    return snapshot


def _answer(snapshot: Snapshot, program: str, member: str, content: dict[str, Any]) -> Response:
    token = str(snapshot.token)
    told = {
        "program": program,
        "member": member,
        **content,
        "token": token,
        "as_of": snapshot.rows[0]["as_of"],
    }
    return Response(to_json(told), headers={HEADER: token}, media_type="application/json")


def _hold(row: Mapping[str, Any]) -> dict[str, Any]:
    status = HoldStatus(row["state"])
    if status is HoldStatus.OPEN and row["lapses_at"] <= row["as_of"]:
        status = HoldStatus.LAPSED
    return {
        "hold_id": row["debit_id"],
        "status": status,
        "points": row["original"],
        "spent": row["amount"] if status is HoldStatus.CAPTURED else 0,
        "value_minor": row["value_minor"],
        "money": row["money"],
        "made_at": row["made_at"],
        "lapses_at": row["lapses_at"],
    }
