"""Merges: what the two accounts decide, and what becomes of inputs of a merged one.

Guarantees: an account that is merged, or about to be, takes no other in, so merges make no circle;
while it waits for the answer it makes no debit that may stay open, so a merge that is accepted can
always be done. Each decision is pure. How the points move is in `moving`.
"""

import json
from collections.abc import Container, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from shared.events import registry
from shared.events.awards import PointsEarned, ReturnAssessed
from shared.events.base import is_reserved, split_account
from shared.events.ids import award_cause
from shared.events.merges import (
    AcceptMerge,
    ConcludeMerge,
    InputForwarded,
    MergeAccepted,
    MergeAccount,
    MergeDeclined,
    MergeRequested,
    ParcelSettled,
    PartMoved,
    PartTaken,
    SettleParcel,
    TakeInput,
)
from shared.events.movements import RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, InvariantError, Status
from shared.ledger.moving import moved, taken
from shared.ledger.parcels import Parcel, ParcelKind, ParcelState
from shared.ledger.refusing import SPENDING, Refusing
from shared.ledger.transfers import Transfer, TransferState

OfMerge = (
    MergeRequested
    | MergeAccepted
    | MergeDeclined
    | PartMoved
    | PartTaken
    | InputForwarded
    | ParcelSettled
)
"""What happens to accounts that become one."""


def request_merge(
    account: Account | None,
    command: MergeAccount,
    transfers: Iterable[Transfer],
    merge_id: UUID,
) -> MergeRequested | RequestRefused:
    """The account will be merged, or why not. Needs all open holds; its transfers are given."""
    refusing = Refusing(command, merge_id)
    if account is not None and account.merged_into is not None:
        return refusing.merged(account)
    if blocked := refusing.unless_open(account, SPENDING):
        return blocked
    assert account is not None
    if not _is_another_member(command):
        return refusing.because(RefusalReason.MERGE_NOT_ALLOWED)
    if holds := account.open_holds():
        return refusing.because(RefusalReason.HOLD_OPEN, open_count=len(holds))
    in_transit = [one for one in transfers if one.state is TransferState.IN_TRANSIT]
    if in_transit:
        return refusing.because(RefusalReason.TRANSFER_OPEN, open_count=len(in_transit))
    return MergeRequested(
        account=account.key,
        merge_id=merge_id,
        to=command.to,
        actor=command.actor,
        reason=command.reason,
    )


def _is_another_member(command: MergeAccount) -> bool:
    """Another one, of the same program; a program's own accounts are no member's."""
    program, member = split_account(command.account)
    to_program, to = split_account(command.to)
    return program == to_program and member != to and not is_reserved(to)


def accept_merge(account: Account | None, command: AcceptMerge) -> MergeAccepted | RequestRefused:
    """The account takes in whatever comes from the other one, or why not."""
    refusing = Refusing(command, command.merge_id)
    if account is not None and account.merged_into is not None:
        return refusing.merged(account)
    if blocked := refusing.unless_open(account, (Status.ACTIVE, Status.EARN_ONLY)):
        return blocked
    return MergeAccepted(account=command.account, merge_id=command.merge_id, source=command.source)


def decline_merge(
    account: Account | None, parcel: Parcel | None, command: ConcludeMerge
) -> MergeDeclined | RequestRefused:
    """A merge that the other account has declined is over."""
    if account is None or parcel is None or command.refused is None or not is_asked(parcel):
        return Refusing(command, command.merge_id).because(RefusalReason.MERGE_UNKNOWN)
    return MergeDeclined(
        account=account.key, merge_id=command.merge_id, to=parcel.to, reason=command.refused
    )


def is_asked(parcel: Parcel | None) -> bool:
    """Whether it is a merge to which nothing has come yet, or not all of it."""
    return (
        parcel is not None and parcel.kind is ParcelKind.MERGE and parcel.state is ParcelState.OPEN
    )


def settle_parcel(
    account: Account | None, parcel: Parcel | None, command: SettleParcel
) -> ParcelSettled | RequestRefused:
    """The other account has decided on a parcel."""
    if account is None or parcel is None or parcel.state is not ParcelState.OPEN:
        return Refusing(command, command.parcel_id).because(RefusalReason.MERGE_UNKNOWN)
    return ParcelSettled(account=account.key, parcel_id=parcel.parcel_id, to=parcel.to)


def forward(
    account: Account, message: Any, input_id: UUID, known: Container[UUID]
) -> InputForwarded:
    """What is said to a merged account, for the one that has all of it.

    Without what only earn reads of it, so that it fits a record; of an award without those parts
    that were credited before, whose causes are `known`.
    """
    assert account.merged_into is not None, "only a merged account forwards"
    if isinstance(message, TakeInput):
        origin, wire_type, body = message.origin, message.input_type, message.input
    else:
        said = _lean(message, known)
        origin, wire_type = input_id, registry.TYPE_OF[type(said)]
        body = said.model_dump(mode="json", exclude_defaults=True)
    return InputForwarded(
        account=account.key,
        input_id=input_id,
        to=account.merged_into,
        origin=origin,
        input_type=wire_type,
        input=body,
    )


_EARN_ONLY = {
    PointsEarned: ("breakdown", "why_not", "caps", "also", "counted", "lines", "payments"),
    ReturnAssessed: ("lines", "refunds", "breakdown", "also", "counted"),
}
"""What accounts do not read of earn's facts."""


def _lean(message: BaseModel, known: Container[UUID]) -> BaseModel:
    dropped: dict[str, Any] = dict.fromkeys(_EARN_ONLY.get(type(message), ()), ())
    if isinstance(message, PointsEarned):
        credited = [
            part for part in message.parts if award_cause(message.account, part.lot_id).id in known
        ]
        dropped["parts"] = tuple(part for part in message.parts if part not in credited)
        dropped["points"] = message.points - sum(part.points for part in credited)
    return message.model_copy(update=dropped)


def inner(command: TakeInput) -> Any:
    """What was said to the merged account, as if it had been said to this one."""
    said = {**command.input, "account": command.account}
    return registry.decode(command.input_type, json.dumps(said).encode())


def merged(account: Account, fact: OfMerge, t: datetime) -> Account:
    """Either account after a fact about a merge."""
    noted = account._replace(version=account.version + 1, last_at=t)
    match fact:
        case MergeRequested():
            if account.merged_into is not None:
                raise InvariantError(f"{account.key} is merged twice: {fact}")
            return noted._replace(status=Status.MERGING, merged_into=fact.to)
        case MergeDeclined():
            if account.status is not Status.MERGING:
                raise InvariantError(f"{account.key} is not merging: {fact}")
            return noted._replace(status=Status.ACTIVE, merged_into=None)
        case PartMoved():
            return moved(account, fact, t)
        case PartTaken():
            return taken(account, fact, t)
        case MergeAccepted() | InputForwarded() | ParcelSettled():
            return noted
