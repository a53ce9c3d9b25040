"""What the courier carries for merges: parcels to the other account, and what it decided on them.

Pure, from the fact in which a parcel stands. Guarantees what `errands` does.
"""

from typing import assert_never

from pydantic import BaseModel

from services.redeem.errands import Letter, why
from shared.events.facts import InputRejected
from shared.events.merges import (
    AcceptMerge,
    ConcludeMerge,
    InputForwarded,
    MergeAccepted,
    MergeRequested,
    PartMoved,
    SettleParcel,
    TakeInput,
    TakePart,
)
from shared.events.points import RefusalReason
from shared.ledger.parcels import Parcel, ParcelKind

InParcel = MergeRequested | PartMoved | InputForwarded
"""Facts that are parcels for another account."""


def delivery(fact: InParcel) -> Letter:
    """A parcel, to the account that it is for."""
    match fact:
        case MergeRequested(to=to, merge_id=merge_id):
            return Letter(AcceptMerge(account=to, merge_id=merge_id, source=fact.account))
        case PartMoved():
            return Letter(
                TakePart(
                    account=fact.to,
                    merge_id=fact.merge_id,
                    part_id=fact.part_id,
                    source=fact.account,
                    part=fact.part,
                )
            )
        case InputForwarded():
            return Letter(
                TakeInput(
                    account=fact.to,
                    input_id=fact.input_id,
                    source=fact.account,
                    origin=fact.origin,
                    input_type=fact.input_type,
                    input=fact.input,
                )
            )
        case _:
            assert_never(fact)


def outcome_of_parcel(parcel: Parcel, decided: BaseModel) -> Letter | None:
    """What the other account has `decided` on a parcel, back to its sender.

    None if a part was not taken in, which is a bug: it stays open, so that its points are not lost.
    """
    if parcel.kind is ParcelKind.PART and isinstance(decided, InputRejected):
        return None
    if parcel.kind is not ParcelKind.MERGE:
        return Letter(SettleParcel(account=parcel.account, parcel_id=parcel.parcel_id))
    accepted = isinstance(decided, MergeAccepted)
    refused = None if accepted else why(decided, RefusalReason.MERGE_NOT_ALLOWED)
    return Letter(ConcludeMerge(account=parcel.account, merge_id=parcel.parcel_id, refused=refused))
