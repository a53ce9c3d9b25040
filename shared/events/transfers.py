"""Transfers: points that a member gives to another, and what came of it.

A member asks their account; the points leave it there, are credited to the other account by a
command, and what came of that goes back. Each step is a decision of redeem. `ReceivePoints` and
`ConcludeTransfer` are sent by its courier, and their repeats have one cause. `transfer_id` is the
id of the member's request, everywhere.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool

from shared.events.base import AccountKey, Contract, Id, Instant, Points, Version
from shared.events.commands import Command
from shared.events.movements import Covering, GivenBack, SomePoints
from shared.events.points import RefusalReason

LOTS_PER_TRANSFER_MAX = 500
"""Lots that one transfer moves: each takes some 1,000 bytes at most, and all fit one record."""


class TransferPoints(Command):
    """Give points to the account `to` of the same program."""

    idempotency_key: Id
    to: AccountKey
    points: Points


class SentLot(Contract):
    """Points of a lot that go to another account, and what of the lot goes with them.

    `graced`: it has had its one time of grace. `sliding`: what its member does extends its date.
    """

    lot_id: UUID
    points: SomePoints
    brand: Id
    occurred_at: Instant
    active_from: Instant
    expires_at: Instant | None = None
    graced: StrictBool = False
    sliding: StrictBool = False


SentLots = Annotated[tuple[SentLot, ...], Field(min_length=1, max_length=LOTS_PER_TRANSFER_MAX)]


class ReceivePoints(Command):
    """Credit points that left the account `sender`."""

    transfer_id: UUID
    sender: AccountKey
    lots: SentLots


class ConcludeTransfer(Command):
    """What the other account said to points that were sent: credited, or `refused`."""

    transfer_id: UUID
    refused: RefusalReason | None = None


class PointsSent(Contract):
    """Points that left an account, lot by lot, and are on their way to the account `to`."""

    account: AccountKey
    transfer_id: UUID
    to: AccountKey
    points: SomePoints
    program_version: Version
    lots: SentLots


class ReceivedLot(SentLot):
    """A lot made of points of the sender's lot `sent_lot_id`; all are `expired` if they came late.

    `lot_id` is its own id: a lot that is sent twice is two lots.
    """

    sent_lot_id: UUID
    expired: StrictBool = False


class PointsReceived(Contract):
    """Points that came from the account `sender`; `covers` is what of them covered what was due."""

    account: AccountKey
    transfer_id: UUID
    sender: AccountKey
    points: SomePoints
    lots: Annotated[tuple[ReceivedLot, ...], Field(min_length=1, max_length=LOTS_PER_TRANSFER_MAX)]
    covers: tuple[Covering, ...] = ()


class TransferSettled(Contract):
    """Nothing is left to do for a transfer: its points are in the account `to`."""

    account: AccountKey
    transfer_id: UUID
    to: AccountKey
    points: SomePoints


class TransferReturned(Contract):
    """The account `to` did not take the points: all of them are given back."""

    account: AccountKey
    transfer_id: UUID
    to: AccountKey
    points: SomePoints
    reason: RefusalReason
    back: GivenBack
