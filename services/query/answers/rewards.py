"""Answers about rewards: what there is, and what became of one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.query.answers.base import Answer, OfAccount


class RewardOffered(Answer):
    """An item of the catalogue."""

    reward: Annotated[str, Field(examples=["free-coffee"])]
    name: Annotated[str, Field(examples=["A coffee of any size"])]
    points: Annotated[int, Field(description="The price")]
    currency: Annotated[str, Field(examples=["points"])]
    brand: Annotated[str, Field(description="Who hands it over")]
    effective_from: str | None
    effective_until: str | None
    in_stock: Annotated[int | None, Field(description="Units; null: it has no stock")]
    offered: Annotated[bool, Field(description="Its dates allow it, and there is a unit")]


class RewardInReach(RewardOffered):
    """An item of the catalogue, and whether a member can pay for it."""

    affordable: bool
    missing: Annotated[int, Field(ge=0, description="Points that the member is short of")]


class Catalogue(OfAccount):
    """The catalogue as one member sees it."""

    available: int
    rewards: list[RewardInReach]


class OfferedRewards(Answer):
    """The catalogue of the version that counts now."""

    program: str
    version: int
    rewards: list[RewardOffered]


class StockedReward(RewardOffered):
    """An item of the catalogue, and where its units are."""

    program: str
    version: int
    taken: Annotated[int, Field(ge=0, description="Units that members have, or have had")]
    written_off: Annotated[int, Field(ge=0, description="Units of cancelled rewards")]


class ClaimStatus(StrEnum):
    """How far a redeemed reward has come."""

    RESERVED = "reserved"
    ISSUED = "issued"
    REFUSED = "refused"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


class Claim(Answer):
    """A redeemed reward; `code` is what the member shows."""

    redemption_id: UUID
    reward: Annotated[str, Field(examples=["free-coffee"])]
    status: ClaimStatus
    points: int
    brand: str
    code: str | None
    program_version: int
    made_at: datetime
    changed_at: datetime


class ClaimSeen(OfAccount):
    """One redeemed reward."""

    claim: Claim


class Claims(OfAccount):
    """A page of redeemed rewards, newest first."""

    rewards: list[Claim]
    next: str | None
