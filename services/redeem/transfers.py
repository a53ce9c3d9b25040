"""Transfers between accounts: the row of each, what is decided, and what commands take.

The decisions are pure, as `decide` is; the account is settled already.
"""

from datetime import datetime
from typing import assert_never

from shared.events.facts import RefusalReason
from shared.events.ids import Cause
from shared.events.transfers import ConcludeTransfer, ReceivePoints, TransferPoints
from shared.ledger.account import Account
from shared.ledger.evolve import LedgerFact
from shared.ledger.shelf import Shelf
from shared.ledger.transferring import conclude, receive, send
from shared.ledger.transfers import Transfer, TransferState
from shared.program.model import Program
from shared.stream.store import Lookup, Table

CarriedOfTransfer = ReceivePoints | ConcludeTransfer
"""Commands that the courier carries between the accounts of members."""
OfTransfer = TransferPoints | CarriedOfTransfer
_TIME = "timestamptz"
TRANSFER = Table(
    "transfer",
    Transfer,
    ("text", "uuid", "text", "bigint", "text", "text", _TIME, _TIME, "bigint"),
    "transfer_id",
)
TRANSFERS = Lookup(TRANSFER, "transfer_id")


def transfer_of(row: Transfer) -> Transfer:
    """A stored transfer: its words as what they stand for."""
    reason = RefusalReason(row.reason) if row.reason is not None else None
    return row._replace(state=TransferState(row.state), reason=reason)


def decide_transfer(
    account: Account | None,
    message: OfTransfer,
    program: Program | None,
    shelf: Shelf,
    cause: Cause,
    t: datetime,
) -> LedgerFact:
    """What one command about a transfer does to an account that is settled up to t."""
    match message:
        case TransferPoints():
            return send(account, message, program, cause.id, t)
        case ReceivePoints():
            return receive(account, message, t)
        case ConcludeTransfer():
            return conclude(account, shelf.transfers.get(message.transfer_id), message, t)
        case _:
            assert_never(message)
