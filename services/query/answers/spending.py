"""Answers about points that are spent or held, and about what is not decided yet."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.query.answers.base import TOKEN, Answer, OfAccount
from shared.events.points import LotShare


class RedemptionStatus(StrEnum):
    """What became of a redemption."""

    REDEEMED = "redeemed"
    PENDING = "pending"


class RedemptionMade(Answer):
    """Points spent. The same request gets these very bytes again, for ever."""

    program: str
    member: str
    redemption_id: UUID
    status: RedemptionStatus
    asked: int
    points: int
    value_minor: Annotated[int, Field(description="The cash off that the points buy")]
    money: Annotated[str, Field(examples=["USD"])]
    order_minor: int | None
    program_version: int
    allocation: Annotated[list[LotShare], Field(description="Which lots, in spending order")]
    balance: Annotated[int, Field(description="The account's balance after it")]
    decided_at: datetime
    token: Annotated[str, TOKEN]


class HoldStatus(StrEnum):
    """What has become of a hold by now, whether or not it is written down."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    LAPSED = "lapsed"


class Hold(Answer):
    """Points set aside: at first `points`; `spent` is what was captured and not cancelled since."""

    hold_id: UUID
    status: HoldStatus
    points: int
    spent: int
    value_minor: Annotated[int, Field(description="The cash off that all of it buys")]
    money: Annotated[str, Field(examples=["USD"])]
    made_at: datetime
    lapses_at: datetime


class HoldSeen(OfAccount):
    """One hold."""

    hold: Hold


class OpenHolds(OfAccount):
    """The open holds, oldest first."""

    holds: list[Hold]


class PendingRequest(Answer):
    """Accepted and on the log, not decided yet: ask again at `status_url`."""

    request_id: UUID
    status: RedemptionStatus
    status_url: str


class PendingRedemption(Answer):
    """Accepted and on the log, not decided yet: ask again at `status_url`."""

    redemption_id: UUID
    status: RedemptionStatus
    status_url: str
