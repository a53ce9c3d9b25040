"""The row of each transfer between accounts."""

from shared.events.facts import RefusalReason
from shared.ledger.transfers import Transfer, TransferState
from shared.stream.store import Lookup, Table

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
