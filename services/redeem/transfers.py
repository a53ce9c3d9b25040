"""The row of each transfer between accounts."""

from collections.abc import Iterator

from shared.events.points import RefusalReason
from shared.ledger.transfers import Transfer, TransferState
from shared.stream.store import Lookup, Rows, Table

_TIME = "timestamptz"
TRANSFER = Table(
    "transfer",
    Transfer,
    ("text", "uuid", "text", "bigint", "text", "text", _TIME, _TIME, "bigint"),
    "transfer_id",
    scope="account",
)
TRANSFERS = Lookup(TRANSFER, "transfer_id")
TRANSFERS_OF = Lookup(TRANSFER, "account")
TRANSFER_LOOKUPS = (TRANSFERS, TRANSFERS_OF)


def transfers_of(rows: Rows) -> Iterator[Transfer]:
    """The transfers that rows describe."""
    return (transfer_of(row) for lookup in TRANSFER_LOOKUPS for row in rows.get(lookup, ()))


def transfer_of(row: Transfer) -> Transfer:
    """A stored transfer: its words as what they stand for."""
    reason = RefusalReason(row.reason) if row.reason is not None else None
    return row._replace(state=TransferState(row.state), reason=reason)
