"""Merges: all that is in one account goes to another, and what comes for it later goes there too.

The account asks the other one, moves in parts that each fit a record, and is closed: from then on
it sends on what it is told. Whatever goes to the other account is a parcel of its sender; parcels
are delivered in order, the next one after the other account has decided on the one before.
`merge_id` is the id of the request, everywhere.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictBool

from shared.events.base import (
    AccountKey,
    AmountMinor,
    Contract,
    Currency,
    Id,
    Instant,
    Points,
    Reason,
    Slug,
    Version,
)
from shared.events.commands import Command, OperatorCommand
from shared.events.movements import Covering, SomePoints
from shared.events.points import LotShare, RefusalReason

Word = Annotated[str, Field(min_length=1, max_length=32)]
"""One of the words of a small enumeration of the ledger."""


class MergeAccount(OperatorCommand):
    """Move all that is in the account into another one, `to`, of the same program."""

    to: AccountKey


class MovedLot(Contract):
    """What of a lot no debit has used, and all else that there is to know of it.

    What debits have used comes with them. `order` is its age among the lots of its account.
    """

    lot_id: UUID
    brand: Id
    receipt_id: Id | None = None
    free: Points = 0
    expired: Points = 0
    clawed: Points = 0
    occurred_at: Instant
    active_from: Instant
    expires_at: Instant | None = None
    order: Version
    graced: StrictBool = False
    sliding: StrictBool = False
    awaits: Id | None = None
    promised: Instant | None = None


class Owed(Contract):
    """Points of a debit that are due, until they are written off if there is a date."""

    points: SomePoints
    write_off_at: Instant | None = None


class MovedDebit(Contract):
    """A debit, or the next piece of one that names many lots: its `allocation` goes on there.

    What is due or waived of it comes with the last piece.
    """

    debit_id: UUID
    kind: Word
    allocation: tuple[LotShare, ...] = ()
    owed: tuple[Owed, ...] = ()
    waived: Points = 0
    made_at: Instant
    order: Version
    original: Points
    value_minor: AmountMinor | None = None
    money: Currency | None = None
    state: Word | None = None
    lapses_at: Instant | None = None


class MovedClaim(Contract):
    """A redeemed reward, however far it has come."""

    redemption_id: UUID
    reward: Slug
    points: Points
    brand: Id
    program_version: Version
    state: Word
    stock: AccountKey | None = None
    makes_code: StrictBool = False
    written_off: StrictBool = False
    lot_id: UUID | None = None
    code: str | None = None
    errand: Word | None = None
    reason: RefusalReason | None = None
    made_at: Instant
    changed_at: Instant
    order: Version


class MovedTransfer(Contract):
    """A transfer that has been received, or has come back."""

    transfer_id: UUID
    to: AccountKey
    points: Points
    state: Word
    reason: RefusalReason | None = None
    made_at: Instant
    changed_at: Instant
    order: Version


class Part(Contract):
    """A part of an account: lots, then debits once all lots have moved, then what is told of them.

    `earned`, `added` and `received` are what of the account's totals goes with it.
    """

    lots: tuple[MovedLot, ...] = ()
    debits: tuple[MovedDebit, ...] = ()
    claims: tuple[MovedClaim, ...] = ()
    transfers: tuple[MovedTransfer, ...] = ()
    earned: Points = 0
    added: Points = 0
    received: Points = 0


class AcceptMerge(Command):
    """Whether the account takes in all that is in the account `source`."""

    merge_id: UUID
    source: AccountKey


class ConcludeMerge(Command):
    """What the other account said to a merge: it takes everything in, or `refused`."""

    merge_id: UUID
    refused: RefusalReason | None = None


class TakePart(Command):
    """Take in a part of the account `source`."""

    merge_id: UUID
    part_id: UUID
    source: AccountKey
    part: Part


class TakeInput(Command):
    """Decide on what was said to the account `source`, which is merged into this one.

    `input` is the body, `input_type` its wire type. What comes of it is made under the id `origin`,
    that of the first account to which it was said.
    """

    input_id: UUID
    source: AccountKey
    origin: UUID
    input_type: str
    input: dict[str, Any]


class SettleParcel(Command):
    """The other account has decided on a parcel of this one."""

    parcel_id: UUID


class MergeRequested(Contract):
    """An account that goes into `to` if that takes it in; until it is known it spends nothing."""

    account: AccountKey
    merge_id: UUID
    to: AccountKey
    actor: Id
    reason: Reason


class MergeAccepted(Contract):
    """The account will take in whatever comes from the account `source`."""

    account: AccountKey
    merge_id: UUID
    source: AccountKey


class MergeDeclined(Contract):
    """The account `to` does not take this one in: nothing has moved."""

    account: AccountKey
    merge_id: UUID
    to: AccountKey
    reason: RefusalReason


class PartMoved(Contract):
    """A part of the account that is on its way to the account `to`.

    With the first one the account is closed; after the `last` one nothing is in it.
    """

    account: AccountKey
    merge_id: UUID
    part_id: UUID
    to: AccountKey
    part: Part
    last: StrictBool = False


class PartTaken(Contract):
    """A part of the account `source` that is in this one: a lot whose date has passed as expired.

    `covers` is what free points of either cover of what is due in either.
    """

    account: AccountKey
    merge_id: UUID
    part_id: UUID
    source: AccountKey
    part: Part
    covers: tuple[Covering, ...] = ()


class InputForwarded(Contract):
    """What was said to a merged account, on its way to the account `to`; see `TakeInput`."""

    account: AccountKey
    input_id: UUID
    to: AccountKey
    origin: UUID
    input_type: str
    input: dict[str, Any]


class ParcelSettled(Contract):
    """Nothing is left to do for a parcel: the account `to` has decided on it."""

    account: AccountKey
    parcel_id: UUID
    to: AccountKey
