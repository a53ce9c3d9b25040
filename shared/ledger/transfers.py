"""Transfers as the sender's account knows them: how far each has come, and why it was refused.

Beside the account, which keeps the points as a debit, this is where points in transit stand.
Guarantees: the fold needs the fact and the transfer before it, no program; a fact that does not fit
is an `InvariantError`. Decides nothing.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.events.points import RefusalReason
from shared.events.transfers import PointsSent, TransferReturned, TransferSettled
from shared.ledger.account import InvariantError

TransferFact = PointsSent | TransferSettled | TransferReturned
"""What happens to a transfer."""


class TransferState(StrEnum):
    """How far a transfer has come; moved: another account has it."""

    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    RETURNED = "returned"
    MOVED = "moved"


class Transfer(NamedTuple):
    """Points that were sent to the account `to`; `reason` is why it did not take them.

    `order` is the sender's version at which it was made.
    """

    account: str
    transfer_id: UUID
    to: str
    points: int
    state: TransferState
    reason: RefusalReason | None
    made_at: datetime
    changed_at: datetime
    order: int


def transfer_after(
    transfer: Transfer | None, fact: TransferFact, order: int, t: datetime
) -> Transfer:
    """The transfer after a fact of the sender's account, decided at t, at this version of it."""
    if isinstance(fact, PointsSent):
        if transfer is not None:
            raise InvariantError(f"{fact.account}: transfer {fact.transfer_id} is made twice")
        made = (fact.account, fact.transfer_id, fact.to, fact.points)
        return Transfer(*made, TransferState.IN_TRANSIT, None, t, t, order)
    if (
        transfer is None
        or transfer.state is not TransferState.IN_TRANSIT
        or (transfer.account, transfer.to) != (fact.account, fact.to)
    ):
        raise InvariantError(f"{type(fact).__name__} does not fit {transfer}")
    if isinstance(fact, TransferSettled):
        return transfer._replace(state=TransferState.RECEIVED, changed_at=t)
    return transfer._replace(state=TransferState.RETURNED, reason=fact.reason, changed_at=t)
