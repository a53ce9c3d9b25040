"""What the account keeper decides about transfers, on the accounts of both members.

Pure, as `decide` is; the account is settled already.
"""

from datetime import datetime
from typing import assert_never

from shared.events.ids import Cause
from shared.events.transfers import ConcludeTransfer, ReceivePoints, TransferPoints
from shared.ledger.account import Account
from shared.ledger.evolve import LedgerFact
from shared.ledger.shelf import Shelf
from shared.ledger.transferring import conclude, receive, send
from shared.program.model import Program

CarriedOfTransfer = ReceivePoints | ConcludeTransfer
"""Commands that the courier carries between the accounts of members."""
OfTransfer = TransferPoints | CarriedOfTransfer


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
            transfer = shelf.transfer_of(message.account, message.transfer_id)
            return conclude(account, transfer, message, t)
        case _:
            assert_never(message)
