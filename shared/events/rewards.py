"""Rewards: what members and operators ask for, what the courier carries, and what came of it.

A reward's stock is an account of its own, whose lots are units. A member asks their account; the
points are set aside there, a unit is asked for at the stock, and what came of that goes back. Each
step is a decision of redeem. `TakeUnit`, `ConcludeReward`, `ReturnUnit` and `ConcludeReturn` are
sent by its courier, and their repeats have one cause. `redemption_id` is the id of the member's
request, everywhere.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool

from shared.events.base import AccountKey, Contract, Id, Points, Reason, Slug, Version
from shared.events.commands import Command, OperatorCommand
from shared.events.movements import GivenBack, SomePoints
from shared.events.points import LotShare, RefusalReason

CODES_MAX = 1_000
"""Codes of one command: with them it fits a record."""
UNITS_MAX = 10**9
Units = Annotated[int, Field(ge=1, le=UNITS_MAX, strict=True)]
CodeList = Annotated[tuple[Id, ...], Field(max_length=CODES_MAX)]


class RedeemReward(Command):
    """Exchange points for a reward of the catalogue."""

    idempotency_key: Id
    reward: Slug


class FulfilReward(OperatorCommand):
    """Note that a reward was handed over; `brand` says by whom, if more than one could."""

    redemption_id: UUID
    brand: Id | None = None


class CancelReward(OperatorCommand):
    """Take a reward back that was not handed over: its points come back, as the program says."""

    redemption_id: UUID


class PutStock(OperatorCommand):
    """Put units in stock; the account is the stock's. With `codes` there is one for each unit."""

    units: Units
    codes: CodeList = ()


class TakeUnit(Command):
    """Take a unit out of stock for the reward that `member` has reserved."""

    redemption_id: UUID
    member: AccountKey


class ConcludeReward(Command):
    """What came of the unit that a member's account asked for: its lot and code, or `refused`."""

    redemption_id: UUID
    lot_id: UUID | None = None
    code: Id | None = None
    refused: RefusalReason | None = None


class ReturnUnit(Command):
    """Put the unit of a cancelled reward back into stock, or write it off."""

    redemption_id: UUID
    written_off: StrictBool = False


class ConcludeReturn(Command):
    """The unit of a cancelled reward is back in stock, or written off."""

    redemption_id: UUID


class RewardReserved(Contract):
    """Points set aside, lot by lot, until the stock has said whether there is a unit.

    What becomes of a unit when the reward is cancelled, and whether a code is made, is settled now.
    """

    account: AccountKey
    redemption_id: UUID
    reward: Slug
    points: SomePoints
    brand: Id
    program_version: Version
    stock: AccountKey
    makes_code: StrictBool = False
    written_off: StrictBool = False
    allocation: tuple[LotShare, ...]


class RewardIssued(Contract):
    """Points spent on a reward; it is to be handed over by `brand`.

    `lot_id` is the lot of its unit, if it has one. `allocation` names the lots that were spent, if
    nothing was reserved before.
    """

    account: AccountKey
    redemption_id: UUID
    reward: Slug
    points: SomePoints
    brand: Id
    program_version: Version
    lot_id: UUID | None = None
    code: Id | None = None
    allocation: tuple[LotShare, ...] = ()


class RewardRefused(Contract):
    """There was no unit: the points that were set aside are given back."""

    account: AccountKey
    redemption_id: UUID
    reward: Slug
    points: SomePoints
    reason: RefusalReason
    back: GivenBack


class RewardFulfilled(Contract):
    """A reward that was handed over."""

    account: AccountKey
    redemption_id: UUID
    reward: Slug
    brand: Id
    actor: Id
    reason: Reason


class RewardCancelled(Contract):
    """A reward that will not be handed over: its points came back; `points` are those."""

    account: AccountKey
    redemption_id: UUID
    reward: Slug
    points: Points
    back: GivenBack
    actor: Id
    reason: Reason


class UnitSettled(Contract):
    """Nothing is left to do for a cancelled reward: its unit is in stock again, or written off."""

    account: AccountKey
    redemption_id: UUID
    reward: Slug


class StockAdded(Contract):
    """Units put in stock: a new lot."""

    account: AccountKey
    lot_id: UUID
    brand: Id
    units: Units
    codes: CodeList = ()
    actor: Id
    reason: Reason


class UnitTaken(Contract):
    """A unit of a lot, with its code if it has one, is `member`'s."""

    account: AccountKey
    unit_id: UUID
    redemption_id: UUID
    member: AccountKey
    lot_id: UUID
    code: Id | None = None


class UnitRefused(Contract):
    """There was no unit to take."""

    account: AccountKey
    unit_id: UUID
    redemption_id: UUID
    member: AccountKey
    reason: RefusalReason


class UnitReturned(Contract):
    """A unit is in stock again with its code, or it is written off."""

    account: AccountKey
    unit_id: UUID
    redemption_id: UUID
    code: Id | None = None
    written_off: StrictBool = False
    back: GivenBack
