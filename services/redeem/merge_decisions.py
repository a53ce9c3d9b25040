"""What the account keeper decides about merges, on both accounts.

Pure, as `decide` is; the account is settled already.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from shared.events.ids import Cause, part_moved_cause
from shared.events.merges import (
    AcceptMerge,
    ConcludeMerge,
    MergeAccount,
    PartMoved,
    SettleParcel,
    TakePart,
)
from shared.ledger.account import Account
from shared.ledger.evolve import LedgerFact, evolve
from shared.ledger.merging import (
    accept_merge,
    decline_merge,
    is_asked,
    request_merge,
    settle_parcel,
)
from shared.ledger.moving import parts_of, take, with_totals
from shared.ledger.shelf import Shelf

CarriedOfMerge = AcceptMerge | ConcludeMerge | TakePart | SettleParcel
"""Commands that the courier carries between two accounts that become one."""
OfMerge = MergeAccount | CarriedOfMerge
OWN = MergeAccount | AcceptMerge | ConcludeMerge | SettleParcel
"""Commands that a merged account decides on itself."""


def decide_merge(
    account: Account | None, message: OfMerge, shelf: Shelf, cause: Cause, t: datetime
) -> Iterator[tuple[Cause, LedgerFact]]:
    """Facts for one command about a merge; its own cause comes last."""
    match message:
        case MergeAccount():
            transfers = shelf.transfers_of(message.account)
            yield cause, request_merge(account, message, transfers, cause.id)
        case AcceptMerge():
            yield cause, accept_merge(account, message)
        case ConcludeMerge():
            parcel = shelf.parcel_of(message.account, message.merge_id)
            if message.refused is None and is_asked(parcel):
                yield from _parts(account, message, shelf, cause, t)
            else:
                yield cause, decline_merge(account, parcel, message)
        case TakePart():
            yield cause, take(account, message, t)
        case SettleParcel():
            parcel = shelf.parcel_of(message.account, message.parcel_id)
            yield cause, settle_parcel(account, parcel, message)
        case _:
            assert_never(message)


def _parts(
    account: Account | None, command: ConcludeMerge, shelf: Shelf, cause: Cause, t: datetime
) -> Iterator[tuple[Cause, LedgerFact]]:
    """All that is left in the account, part by part; some may have moved before it was killed."""
    assert account is not None, "who asks for a merge has been opened"
    assert account.merged_into is not None, "who asks for a merge says into which account"
    parts = parts_of(account, shelf.claims_of(account.key), shelf.transfers_of(account.key))
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        named = part_moved_cause(account.key, command.merge_id, account.version)
        part_cause = cause if last else named
        fact = PartMoved(
            account=account.key,
            merge_id=command.merge_id,
            part_id=part_cause.id,
            to=account.merged_into,
            part=with_totals(account, part),
            last=last,
        )
        yield part_cause, fact
        account = evolve(account, fact, t)
