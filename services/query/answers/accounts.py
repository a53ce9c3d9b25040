"""Answers about what a member has: balances, entries, lots, dates."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.query.answers.base import Answer, OfAccount


class NextExpiry(Answer):
    """The next points that are gone unless they are spent."""

    at: datetime
    points: int


class Balances(OfAccount):
    """What a member has now, and the totals of the account's life."""

    available: Annotated[int, Field(ge=0, description="Can be spent now")]
    held: Annotated[int, Field(ge=0, description="Set aside for checkouts in progress")]
    pending: Annotated[int, Field(ge=0, description="Earned, not active yet")]
    deficit: Annotated[int, Field(ge=0, description="Used, but no longer covered by any lot")]
    balance: Annotated[int, Field(description="available + held + pending - deficit")]
    earned: int
    redeemed: int
    expired: Annotated[int, Field(description="By date, whether or not a sweep wrote it down")]
    clawed_back: int
    written_off: Annotated[int, Field(description="Of what was due: given by the program")]
    added: Annotated[int, Field(description="By operators, besides what was earned")]
    deducted: Annotated[int, Field(description="By operators, besides what was redeemed")]
    received: Annotated[int, Field(description="From other members")]
    sent: Annotated[int, Field(description="To other members, also what is on its way")]
    next_expiry: NextExpiry | None
    merged_into: Annotated[
        str | None, Field(description="The member whose account has all of this one since a merge")
    ]


class Entry(Answer):
    """One fact of the account."""

    version: Annotated[int, Field(description="1 is the account's first fact")]
    type: Annotated[str, Field(examples=["loyalty.points.credited.v1"])]
    at: datetime
    points: Annotated[int, Field(description="What it did to the balance")]
    balance: Annotated[int, Field(description="The balance after it")]
    cause: UUID
    detail: Annotated[dict[str, Any], Field(description="The fact; of a part of a merge, how much")]


class Entries(OfAccount):
    """A page of entries, newest first."""

    entries: list[Entry]
    next: Annotated[str | None, Field(description="`?cursor=` of the next page; null: the last")]


class LotState(StrEnum):
    """Whether points of an open lot can be spent."""

    ACTIVE = "active"
    PENDING = "pending"


class Lot(Answer):
    """Points of one award that are left: original = free + used + expired + clawed."""

    lot_id: UUID
    brand: str
    receipt_id: str | None
    state: LotState
    original: int
    free: int
    used: int
    expired: int
    clawed: int
    occurred_at: datetime
    active_from: datetime
    expires_at: datetime | None
    sliding: Annotated[bool, Field(description="What the member does extends the date")]
    awaits: Annotated[str | None, Field(description="The event without which it is gone then")]


class Lots(OfAccount):
    """A page of open lots, soonest expiry first, then oldest, never-expiring last."""

    lots: list[Lot]
    next: str | None


class Expiring(Answer):
    """Points that are gone at one instant."""

    at: datetime
    points: int
    pending: Annotated[int, Field(description="Of these, not active yet")]
    total: Annotated[int, Field(description="These and all that are gone before")]


class Expiries(OfAccount):
    """A page of dates, soonest first."""

    expiries: list[Expiring]
    next: str | None
