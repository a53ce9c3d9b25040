"""What became of a request on an account: models of the answers, made of the ledger's facts.

An answer is the fact with the balance after it; the same fact gives the same bytes. A refusal is a
problem with the fact's code and numbers.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.query.answers.base import TOKEN, Answer
from services.query.decisions import Decided
from services.query.problems import Code, Problem
from services.query.tokens import HEADER, Token
from shared.events import registry
from shared.events.base import split_account, split_stock
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    Command,
    ConfirmAward,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
)
from shared.events.merges import MergeAccount, MergeRequested, PartMoved
from shared.events.movements import (
    AwardConfirmed,
    Covering,
    GivenBack,
    HoldCaptured,
    HoldReleased,
    LotClawed,
    LotExtended,
    LotReinstated,
    PointsAdded,
    PointsClawedBack,
    PointsDeducted,
    PointsHeld,
    RedemptionCancelled,
    RequestRefused,
)
from shared.events.points import LotShare, PointsRedeemed, RedemptionRefused
from shared.events.rewards import (
    CancelReward,
    FulfilReward,
    PutStock,
    RedeemReward,
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardReserved,
    StockAdded,
)
from shared.events.transfers import PointsSent, TransferPoints, TransferSettled


class Outcome(Answer):
    """What was done. The same request gets these very bytes again, for ever."""

    program: str
    member: str
    request_id: UUID
    status: str
    balance: Annotated[int, Field(description="The account's balance after it")]
    decided_at: datetime
    token: Annotated[str, TOKEN]


class HoldMade(Outcome):
    """Points set aside until the hold is captured, released, or lapses."""

    hold_id: UUID
    asked: int
    points: int
    value_minor: Annotated[int, Field(description="The cash off if all of it is captured")]
    money: Annotated[str, Field(examples=["USD"])]
    order_minor: int | None
    program_version: int
    lapses_at: datetime
    allocation: Annotated[list[LotShare], Field(description="Which lots, in spending order")]


class CaptureMade(Outcome):
    """Points of a hold that are spent, under its id; the rest came back."""

    hold_id: UUID
    points: int
    value_minor: Annotated[int, Field(description="The cash off that the points buy")]
    money: Annotated[str, Field(examples=["USD"])]
    back: GivenBack


class ReleaseMade(Outcome):
    """All points of a hold came back."""

    hold_id: UUID
    points: int
    back: GivenBack


class CancelMade(Outcome):
    """Points of a redemption came back to their lots."""

    redemption_id: UUID
    points: int
    back: GivenBack


class AdjustmentMade(Outcome):
    """Points that an operator added as a lot, or deducted as a debit."""

    lot_id: UUID | None = None
    debit_id: UUID | None = None
    brand: str | None = None
    points: int
    active_from: datetime | None = None
    expires_at: datetime | None = None
    sliding: Annotated[bool, Field(description="Whether acts extend its date")] = False
    covers: list[Covering] = []
    allocation: list[LotShare] = []
    due: int = 0
    actor: str
    reason: str


class LotMoved(Outcome):
    """A lot whose date was moved."""

    lot_id: UUID
    points: Annotated[int | None, Field(description="Reinstated: what is free again")] = None
    active_from: datetime | None = None
    dated: Annotated[bool, Field(description="Confirmed: it has another date since")] = False
    expired_at: Annotated[datetime | None, Field(description="The date before")] = None
    expires_at: datetime | None = None
    covers: list[Covering] = []
    actor: str
    reason: str


class AwardTaken(Outcome):
    """All that was left to take of a pending lot."""

    reversal_id: UUID
    award_id: UUID
    points: int
    lots: list[LotClawed]
    covers: list[Covering] = []
    program_version: int | None = None
    actor: str
    reason: str


class RewardMade(Outcome):
    """Points spent on a reward, which `brand` is to hand over; `code` is what the member shows."""

    redemption_id: UUID
    reward: Annotated[str, Field(examples=["free-coffee"])]
    points: int
    brand: str
    program_version: int
    code: str | None
    lot_id: Annotated[UUID | None, Field(description="The lot of its unit, if it has one")]
    allocation: Annotated[list[LotShare], Field(description="Lots spent, if none was reserved")]


class RewardHandedOver(Outcome):
    """A reward that was handed over."""

    redemption_id: UUID
    reward: str
    brand: str
    actor: str
    reason: str


class RewardTakenBack(Outcome):
    """A reward that was cancelled: its points came back."""

    redemption_id: UUID
    reward: str
    points: int
    back: GivenBack
    actor: str
    reason: str


class TransferMade(Outcome):
    """Points that are in the account of the member `to`."""

    transfer_id: UUID
    to: Annotated[str, Field(description="The other member", examples=["901"])]
    points: int


class MergeMade(Outcome):
    """All that was in the account is in that of the member `into`."""

    merge_id: UUID
    into: Annotated[str, Field(description="The other member", examples=["901"])]


class StockPut(Answer):
    """Units that an operator put in stock; `balance` are those in stock after it."""

    program: str
    reward: Annotated[str, Field(examples=["free-coffee"])]
    request_id: UUID
    status: str
    lot_id: UUID
    brand: str
    units: int
    codes: list[str]
    actor: str
    reason: str
    balance: int
    decided_at: datetime
    token: Annotated[str, TOKEN]


STATUSES: Mapping[type[BaseModel], str] = {
    PointsHeld: "held",
    HoldCaptured: "captured",
    HoldReleased: "released",
    RedemptionCancelled: "cancelled",
    PointsAdded: "added",
    PointsDeducted: "deducted",
    LotExtended: "extended",
    LotReinstated: "reinstated",
    AwardConfirmed: "confirmed",
    PointsClawedBack: "cancelled",
    RewardIssued: "issued",
    RewardFulfilled: "fulfilled",
    RewardCancelled: "cancelled",
    StockAdded: "added",
    TransferSettled: "received",
    PartMoved: "merged",
}
"""What a request can come to, and the word for it."""

_DECIDED_ON: Mapping[type[BaseModel], type[Command]] = {
    PointsRedeemed: RedeemPoints,
    RedemptionRefused: RedeemPoints,
    PointsHeld: HoldPoints,
    HoldCaptured: CapturePoints,
    HoldReleased: ReleasePoints,
    RedemptionCancelled: CancelRedemption,
    PointsAdded: AdjustPoints,
    PointsDeducted: AdjustPoints,
    LotExtended: ExtendLot,
    LotReinstated: ReinstateLot,
    AwardConfirmed: ConfirmAward,
    PointsClawedBack: CancelAward,
    RewardReserved: RedeemReward,
    RewardIssued: RedeemReward,
    RewardFulfilled: FulfilReward,
    RewardCancelled: CancelReward,
    StockAdded: PutStock,
    PointsSent: TransferPoints,
    MergeRequested: MergeAccount,
}
"""The first decision on a command that a caller gave a key, unless it was refused."""
_COMMAND_OF = {registry.TYPE_OF[made]: asked for made, asked in _DECIDED_ON.items()}
_REFUSED = registry.TYPE_OF[RequestRefused]


def is_answer_to(decided: Decided, command: Command) -> bool:
    """Whether it was decided on a command of this kind: other kinds may have the same fields."""
    kind = type(command)
    if decided.type == _REFUSED:
        return bool(json.loads(decided.fact)["request"] == registry.TYPE_OF[kind])
    return _COMMAND_OF.get(decided.type, kind) is kind


def told_of(decided: Decided, fact: BaseModel, token: Token) -> dict[str, Any]:
    """An outcome's answer."""
    return {
        **_whose(decided.account),
        "request_id": decided.cause,
        "status": STATUSES[type(fact)],
        **_detail(fact),
        "balance": decided.balance,
        "decided_at": decided.decided_at.astimezone(UTC),
        "token": str(token),
    }


def _detail(fact: BaseModel) -> dict[str, Any]:
    if isinstance(fact, PartMoved):
        return {"merge_id": fact.merge_id, "into": split_account(fact.to)[1]}
    detail = fact.model_dump(exclude={"account"})
    if isinstance(fact, TransferSettled):
        detail["to"] = split_account(fact.to)[1]
    return detail


def _whose(account: str) -> dict[str, str]:
    if (stock := split_stock(account)) is not None:
        return dict(zip(("program", "reward"), stock, strict=True))
    return dict(zip(("program", "member"), split_account(account), strict=True))


def refused(decided: Decided, fact: RequestRefused, token: Token) -> Problem:
    """A refusal's answer."""
    numbers = fact.model_dump(exclude={"account", "request", "reason", "merged_into"})
    into = fact.merged_into
    return Problem(
        Code(fact.reason.value),
        headers={HEADER: str(token)},
        status=HTTPStatus.CONFLICT,
        request_id=decided.cause,
        **numbers,
        merged_into=into and split_account(into)[1],
        token=str(token),
    )
