"""Corrections: redemptions cancelled, points adjusted, dates of lots moved."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.bodies import AdjustmentAsked, DateAsked, OperatorAsked, PartAsked
from services.query.context import MemberId, ProgramName, account_of, context_of
from services.query.outcomes import AdjustmentMade, AwardTaken, CancelMade, LotMoved
from services.query.problems import Code
from services.query.writes import command_of, decided, keyed
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    ConfirmAward,
    ExtendLot,
    ReinstateLot,
)

router = APIRouter(prefix="/programs/{program}/members/{member}", tags=["corrections"])

LotId = Annotated[UUID, Path(description="The lot's id")]
WHO = {"actor": "ann", "reason": "goodwill after a late delivery"}
DATED = {"expires_at": "2027-06-30T22:00:00Z", **WHO}


@router.post(
    "/redemptions/{redemption_id}/cancel",
    summary="Cancel a redemption, or a part of it",
    response_model=CancelMade,
    responses=decided(
        "Cancelled",
        Code.BELOW_MINIMUM,
        Code.LIMIT_REACHED,
        Code.REDEMPTION_UNKNOWN,
        Code.CANCELLATION_NOT_ALLOWED,
    ),
    openapi_extra=keyed(
        "PartAsked", "order-4711-cancelled", cancel_all={}, cancel_a_part={"points": 200}
    ),
)
async def cancel(
    request: Request,
    program: ProgramName,
    member: MemberId,
    redemption_id: Annotated[UUID, Path(description="The redemption's id, or a captured hold's")],
) -> Response:
    """Points go back to the lots that they came from, never more than were spent."""
    account = account_of(program, member)
    command = await command_of(
        request, account, CancelRedemption, PartAsked, redemption_id=redemption_id
    )
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/adjustments",
    summary="Add or deduct points as an operator",
    response_model=AdjustmentMade,
    responses=decided(
        "Adjusted",
        Code.BELOW_MINIMUM,
        Code.INSUFFICIENT_POINTS,
        Code.LIMIT_REACHED,
        Code.DATE_NOT_LATER,
    ),
    openapi_extra=keyed(
        "AdjustmentAsked",
        "case-815",
        add_200_points={"direction": "add", "points": 200, **WHO},
        deduct_50_points={"direction": "deduct", "points": 50, **WHO},
    ),
)
async def adjust(request: Request, program: ProgramName, member: MemberId) -> Response:
    """Added points are a lot; deducted ones go through the guard of every debit."""
    account = account_of(program, member)
    command = await command_of(request, account, AdjustPoints, AdjustmentAsked)
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/lots/{lot_id}/extension",
    summary="Give a lot a later date",
    response_model=LotMoved,
    responses=decided("Extended", Code.LOT_UNKNOWN, Code.LOT_EXPIRED, Code.DATE_NOT_LATER),
    openapi_extra=keyed("DateAsked", "case-816", until_summer=DATED),
)
async def extend(
    request: Request, program: ProgramName, member: MemberId, lot_id: LotId
) -> Response:
    """Only for a lot that is not past its date: `reinstatement` is for those that are."""
    account = account_of(program, member)
    command = await command_of(request, account, ExtendLot, DateAsked, lot_id=lot_id)
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/lots/{lot_id}/reinstatement",
    summary="Bring expired points of a lot back",
    response_model=LotMoved,
    responses=decided("Reinstated", Code.LOT_UNKNOWN, Code.LOT_NOT_EXPIRED, Code.DATE_NOT_LATER),
    openapi_extra=keyed("DateAsked", "case-817", until_summer=DATED),
)
async def reinstate(
    request: Request, program: ProgramName, member: MemberId, lot_id: LotId
) -> Response:
    """What has expired of the lot is free again, until the new date; what was clawed stays so."""
    account = account_of(program, member)
    command = await command_of(request, account, ReinstateLot, DateAsked, lot_id=lot_id)
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/lots/{lot_id}/confirmation",
    summary="Make a pending lot active now",
    response_model=LotMoved,
    responses=decided("Confirmed", Code.LOT_UNKNOWN, Code.LOT_NOT_PENDING),
    openapi_extra=keyed("OperatorAsked", "case-818", delivered=WHO),
)
async def confirm(
    request: Request, program: ProgramName, member: MemberId, lot_id: LotId
) -> Response:
    """Its points can be spent from now on; its expiry stays."""
    account = account_of(program, member)
    command = await command_of(request, account, ConfirmAward, OperatorAsked, lot_id=lot_id)
    return await context_of(request).redemptions.ask(command)


@router.post(
    "/lots/{lot_id}/cancellation",
    summary="Take a pending lot back",
    response_model=AwardTaken,
    responses=decided("Cancelled", Code.LOT_UNKNOWN, Code.LOT_NOT_PENDING),
    openapi_extra=keyed("OperatorAsked", "case-819", not_delivered=WHO),
)
async def cancel_award(
    request: Request, program: ProgramName, member: MemberId, lot_id: LotId
) -> Response:
    """All that is left to take; what it covered already is due again, as after a return."""
    account = account_of(program, member)
    command = await command_of(request, account, CancelAward, OperatorAsked, lot_id=lot_id)
    return await context_of(request).redemptions.ask(command)
