"""The rows of merges: parcels, which of them facts name, and what commands about merges need."""

from collections.abc import Iterator, Sequence
from typing import assert_never
from uuid import UUID

from services.redeem.merge_decisions import CarriedOfMerge, OfMerge
from shared.events.ids import Cause, delivery_cause, merged_cause, settled_cause
from shared.events.merges import (
    AcceptMerge,
    ConcludeMerge,
    MergeAccount,
    MergeDeclined,
    ParcelSettled,
    PartMoved,
    SettleParcel,
    TakeInput,
    TakePart,
)
from shared.events.points import RefusalReason
from shared.ledger.parcels import Parcel, ParcelKind, ParcelState
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Table

_TIME = "timestamptz"
PARCEL = Table(
    "parcel",
    Parcel,
    ("text", "uuid", "text", "text", "text", "text", _TIME, _TIME, "bigint"),
    "parcel_id",
)
PARCELS = Lookup(PARCEL, "parcel_id")


def parcel_of(row: Parcel) -> Parcel:
    """A stored parcel: its words as what they stand for."""
    reason = RefusalReason(row.reason) if row.reason is not None else None
    return row._replace(kind=ParcelKind(row.kind), state=ParcelState(row.state), reason=reason)


def parcels_named(facts: Sequence[Recorded]) -> list[UUID]:
    """The parcels that facts change."""
    return list(dict.fromkeys(_named(facts)))


def _named(facts: Sequence[Recorded]) -> Iterator[UUID]:
    for recorded in facts:
        match recorded.fact:
            case MergeDeclined() | PartMoved() as fact:
                yield fact.merge_id
            case ParcelSettled() as fact:
                yield fact.parcel_id
            case _:
                pass


def merge_cause(command: CarriedOfMerge | TakeInput) -> Cause:
    """The identity of a command that goes between two accounts that become one."""
    match command:
        case AcceptMerge(merge_id=parcel) | TakePart(part_id=parcel) | TakeInput(input_id=parcel):
            return delivery_cause(command.account, parcel)
        case ConcludeMerge():
            return merged_cause(command.account, command.merge_id)
        case SettleParcel():
            return settled_cause(command.account, command.parcel_id)
        case _:
            assert_never(command)


class AskedOfMerges:
    """What commands about merges take, by how it is looked up."""

    def __init__(self) -> None:
        self.merging: set[str] = set()
        self.moving: set[str] = set()
        self.taking: set[str] = set()
        self.lots: set[UUID] = set()
        self.debits: set[UUID] = set()
        self.parcels: set[UUID] = set()

    def add(self, message: OfMerge) -> None:
        """One more command."""
        match message:
            case MergeAccount():
                self.merging.add(message.account)
            case ConcludeMerge():
                self.moving.add(message.account)
                self.parcels.add(message.merge_id)
            case SettleParcel():
                self.parcels.add(message.parcel_id)
            case TakePart():
                self.taking.add(message.account)
                for debit in message.part.debits:
                    self.debits.add(debit.debit_id)
                    self.lots.update(share.lot_id for share in debit.allocation)
            case AcceptMerge():
                pass
            case _:
                assert_never(message)
