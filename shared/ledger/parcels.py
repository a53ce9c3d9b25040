"""Parcels: what an account that is merged sends to the other one, and how far each has come.

Its question whether it is taken in, its parts, then what is said to it later, in this order.
Guarantees: the fold needs the fact and the parcel before it; a fact that does not fit is an
`InvariantError`. Decides nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.events.merges import (
    InputForwarded,
    MergeDeclined,
    MergeRequested,
    ParcelSettled,
    PartMoved,
)
from shared.events.points import RefusalReason
from shared.ledger.account import InvariantError

ParcelFact = MergeRequested | MergeDeclined | PartMoved | InputForwarded | ParcelSettled
"""What happens to parcels."""


class ParcelKind(StrEnum):
    """What is in a parcel."""

    MERGE = "merge"
    PART = "part"
    INPUT = "input"


class ParcelState(StrEnum):
    """How far a parcel has come; a merge that was declined has moved nothing."""

    OPEN = "open"
    DONE = "done"
    DECLINED = "declined"


class Parcel(NamedTuple):
    """Something for the account `to`; `reason` is why it declined a merge.

    `parcel_id` is the cause of the fact in which it stands, `order` the sender's version there.
    """

    account: str
    parcel_id: UUID
    kind: ParcelKind
    to: str
    state: ParcelState
    reason: RefusalReason | None
    made_at: datetime
    changed_at: datetime
    order: int


def parcels_after(
    parcels: Mapping[UUID, Parcel], fact: ParcelFact, order: int, t: datetime
) -> Iterator[Parcel]:
    """The parcels that a fact makes or changes; `parcels` has those that it names, by id."""

    def made(parcel_id: UUID, kind: ParcelKind) -> Parcel:
        if parcel_id in parcels:
            raise InvariantError(f"{fact.account}: parcel {parcel_id} is made twice")
        return Parcel(
            *(fact.account, parcel_id, kind, fact.to, ParcelState.OPEN, None, t, t, order)
        )

    def settled(parcel_id: UUID, state: ParcelState = ParcelState.DONE) -> Parcel:
        parcel = parcels.get(parcel_id)
        if parcel is None or (parcel.account, parcel.to, parcel.state) != (
            *(fact.account, fact.to, ParcelState.OPEN),
        ):
            raise InvariantError(f"{type(fact).__name__} does not fit {parcel}")
        return parcel._replace(state=state, changed_at=t)

    match fact:
        case MergeRequested():
            yield made(fact.merge_id, ParcelKind.MERGE)
        case MergeDeclined():
            yield settled(fact.merge_id, ParcelState.DECLINED)._replace(reason=fact.reason)
        case PartMoved():
            yield made(fact.part_id, ParcelKind.PART)
            if fact.last:
                yield settled(fact.merge_id)
        case InputForwarded():
            yield made(fact.input_id, ParcelKind.INPUT)
        case ParcelSettled():
            yield settled(fact.parcel_id)
