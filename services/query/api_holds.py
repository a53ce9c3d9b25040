"""Holds: points set aside for a checkout, captured in whole or in part, released."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.spending import HoldSeen, HoldStatus, OpenHolds
from services.query.bodies import HoldAsked, PartAsked
from services.query.context import (
    MemberId,
    Parts,
    ProgramName,
    account_of,
    context_of,
    token_header,
    token_parameters,
)
from services.query.outcomes import CaptureMade, HoldMade, ReleaseMade
from services.query.pages import READ, READ_PROBLEMS
from services.query.problems import Code, Problem, documented
from services.query.reading import HOLDS
from services.query.told import of_member
from services.query.writes import command_of, decided, keyed
from shared.events.commands import CapturePoints, HoldPoints, ReleasePoints

router = APIRouter(prefix="/programs/{program}/members/{member}/holds", tags=["holds"])

HoldId = Annotated[UUID, Path(description="The hold's id")]
CLOSED = (Code.HOLD_UNKNOWN, Code.HOLD_EXPIRED, Code.HOLD_NOT_OPEN)


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
    openapi_extra=keyed(
        "HoldAsked",
        "till-7-checkout-12",
        hold_500_points_for_ten_minutes={"points": 500, "hold_seconds": 600},
    ),
)
async def hold(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Set points aside as a redemption would spend them; they are safe until the hold lapses."""
    account = account_of(program, member)
    command = await command_of(request, account, HoldPoints, HoldAsked)
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/{hold_id}/capture",
    summary="Spend a hold, or a part of it",
    response_model=CaptureMade,
    responses=decided(
        "Captured", Code.BELOW_MINIMUM, Code.NOT_A_MULTIPLE, Code.LIMIT_REACHED, *CLOSED
    ),
    openapi_extra=keyed(
        "PartAsked", "till-7-checkout-12-paid", capture_a_part={"points": 400}, capture_all={}
    ),
)
async def capture(
    request: Request, program: ProgramName, member: MemberId, hold_id: HoldId
) -> Response:
    """The points are spent under the hold's id; what is left of the hold comes back at once."""
    account = account_of(program, member)
    command = await command_of(request, account, CapturePoints, PartAsked, hold_id=hold_id)
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
    responses={200: token_header(), **READ_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def open_holds(
    request: Request, parts: Parts, program: ProgramName, member: MemberId
) -> Response:
    """What is set aside now, oldest first."""
    account = account_of(program, member)
    snapshot = await parts.read(request, HOLDS, account, None)
    shown = [_hold(row) for row in snapshot.rows if row["debit_id"] is not None]
    return of_member(account, snapshot, {"holds": shown})


@router.get(
    "/{hold_id}",
    summary="One hold",
    response_model=HoldSeen,
    responses={
        200: token_header(),
        **documented(*READ, Code.NOT_FOUND, Code.INVALID),
    },
    openapi_extra=token_parameters(),
)
async def one_hold(
    request: Request, parts: Parts, program: ProgramName, member: MemberId, hold_id: HoldId
) -> Response:
    """What has become of it, by now: one that has lapsed is so from its very instant on."""
    account = account_of(program, member)
    snapshot = await parts.read(request, HOLDS, account, hold_id)
    row = snapshot.rows[0]
    if row["debit_id"] is None:
        raise Problem(Code.NOT_FOUND, "there is no such hold of this member")
    return of_member(account, snapshot, {"hold": _hold(row)})


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
