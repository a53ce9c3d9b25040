"""Accounts and debits as rows: what a store keeps of them, and back. A lot is its own row.

Guarantees: what comes back equals what was stored. Knows no database: cells are plain values.
"""

import json
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.ledger.account import Account, Debit, DebitKind, Due, HoldState, Lot, Status


class AccountRow(NamedTuple):
    """An account's sums and totals, the first fields of `Account`."""

    key: str
    status: str
    version: int
    last_at: datetime
    earned: int
    redeemed: int
    expired: int
    clawed_back: int
    written_off: int
    free: int
    due: int
    held: int
    held_waived: int
    added: int
    deducted: int
    received: int
    sent: int
    merged_into: str | None = None

    @property
    def account(self) -> str:
        """The account that the row belongs to."""
        return self.key


class DebitRow(NamedTuple):
    """A debit; `owed` and `allocation` as JSON; `settles_at` is when a date changes it."""

    account: str
    debit_id: UUID
    kind: str
    amount: int
    covered: int
    due: int
    waived: int
    owed: str
    allocation: str
    made_at: datetime
    order: int
    original: int
    value_minor: int | None
    money: str | None
    state: str | None
    lapses_at: datetime | None
    settles_at: datetime | None


def account_row(account: Account) -> AccountRow:
    """An account as it is stored, without what is loaded of it."""
    return AccountRow(*account[:18])


def account_of(row: AccountRow, lots: dict[UUID, Lot], debits: dict[UUID, Debit]) -> Account:
    """The account that a row, and as much of it as is loaded, describe."""
    return Account(row.key, Status(row.status), *row[2:], lots=lots, debits=debits)


def debit_row(debit: Debit) -> DebitRow:
    """A debit as it is stored."""
    owed = [
        [due.points, due.write_off_at.isoformat() if due.write_off_at else None]
        for due in debit.owed
    ]
    allocation = [[str(lot_id), points] for lot_id, points in debit.allocation]
    return DebitRow(
        debit.account,
        debit.debit_id,
        debit.kind.value,
        debit.amount,
        debit.covered,
        debit.due,
        debit.waived,
        json.dumps(owed),
        json.dumps(allocation),
        debit.made_at,
        debit.order,
        debit.original,
        debit.value_minor,
        debit.money,
        debit.state.value if debit.state else None,
        debit.lapses_at,
        debit.settles_at,
    )


def debit_of(row: Any) -> Debit:
    """A stored debit."""
    return Debit(
        account=row.account,
        debit_id=row.debit_id,
        kind=DebitKind(row.kind),
        amount=row.amount,
        covered=row.covered,
        owed=tuple(
            Due(points, datetime.fromisoformat(at) if at else None)
            for points, at in json.loads(row.owed)
        ),
        waived=row.waived,
        allocation=tuple((UUID(lot_id), points) for lot_id, points in json.loads(row.allocation)),
        made_at=row.made_at,
        order=row.order,
        original=row.original,
        value_minor=row.value_minor,
        money=row.money,
        state=HoldState(row.state) if row.state else None,
        lapses_at=row.lapses_at,
    )


def lots_named(row: Any) -> list[UUID]:
    """The lots that cover a stored debit."""
    return [UUID(lot_id) for lot_id, _ in json.loads(row.allocation)]
