"""The rows of redeem: which it needs for a batch, what they mean, and which a fact changes.

The same `Accounts.evolve` folds live, at rebuild, in verification and in the simulator. An account
that a batch only credits is loaded without its open lots, so the cost of a credit does not grow
with them.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.events.base import instant
from shared.events.facts import InputRejected
from shared.events.ids import Cause
from shared.ledger.account import Account, Debit, DebitKind, Due, Lot, Status, changes
from shared.ledger.evolve import evolve
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Rows, Table, Writes


class DecisionRow(NamedTuple):
    """One decision; a table of entries, refusals among them."""

    cause: UUID
    account: str
    version: int | None
    seq: int
    type: str
    body: bytes
    decided_at: datetime
    points: int
    balance: int
    fact: str


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

    @property
    def account(self) -> str:
        """The account that the row belongs to."""
        return self.key


class DebitRow(NamedTuple):
    """A debit; `owed` and `allocation` as JSON."""

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


_TIME = "timestamptz"
_SUMS = ("bigint",) * 8
DECISION = Table(
    "decision",
    DecisionRow,
    (
        "uuid",
        "text",
        "bigint",
        "bigint",
        "text",
        "bytea",
        _TIME,
        "bigint",
        "bigint",
        "text",
    ),
    "cause",
)
ACCOUNT = Table("account", AccountRow, ("text", "text", "bigint", _TIME, *_SUMS), "key")
LOT = Table(
    "lot",
    Lot,
    ("text", "uuid", "text", "text", *("bigint",) * 5, _TIME, _TIME, _TIME, "bigint"),
    "lot_id",
)
DEBIT = Table(
    "debit",
    DebitRow,
    ("text", "uuid", "text", *("bigint",) * 4, "text", "text", _TIME, "bigint"),
    "debit_id",
)
TABLES = (DECISION, ACCOUNT, LOT, DEBIT)


def _is_past(lot: Lot, horizon: datetime | None) -> bool:
    return lot.free > 0 and horizon is not None and lot.is_past(horizon)


KNOWN = Lookup(DECISION, "cause")
ACCOUNTS = Lookup(ACCOUNT, "key")
OPEN_LOTS = Lookup(LOT, "account", "free > 0", lambda lot, _: lot.free > 0)
PAST_LOTS = Lookup(LOT, "account", "free > 0 AND expires_at <= $2", _is_past)
NAMED_LOTS = Lookup(LOT, "lot_id")
DUE_DEBITS = Lookup(DEBIT, "account", "due > 0", lambda debit, _: debit.due > 0)
NAMED_DEBITS = Lookup(DEBIT, "debit_id")
LOOKUPS = (KNOWN, ACCOUNTS, OPEN_LOTS, PAST_LOTS, NAMED_LOTS, DUE_DEBITS, NAMED_DEBITS)


class Accounts:
    """The accounts of a batch, and the decisions about them that are already known."""

    def __init__(self, rows: Rows) -> None:
        self.known: dict[UUID, bytes] = {row.cause: row.body for row in rows.get(KNOWN, ())}
        lots: dict[str, dict[UUID, Lot]] = {}
        for lookup in (OPEN_LOTS, PAST_LOTS, NAMED_LOTS):
            for lot in rows.get(lookup, ()):
                lots.setdefault(lot.account, {})[lot.lot_id] = lot
        debits: dict[str, dict[UUID, Debit]] = {}
        for lookup in (DUE_DEBITS, NAMED_DEBITS):
            for row in rows.get(lookup, ()):
                debits.setdefault(row.account, {})[row.debit_id] = debit_of(row)
        self.loaded: dict[str, Account] = {
            row.key: account_of(row, lots.get(row.key, {}), debits.get(row.key, {}))
            for row in rows.get(ACCOUNTS, ())
        }
        self.accounts: dict[str, Account] = dict(self.loaded)
        self.decisions: list[DecisionRow] = []

    def body_of(self, cause: Cause) -> bytes | None:
        """See `State.body_of`."""
        return self.known.get(cause.id)

    def evolve(self, recorded: Recorded) -> None:
        """See `State.evolve`."""
        fact = recorded.fact
        key: str = fact.account
        before = self.accounts.get(key)
        after = before
        at = instant(recorded.time_ms)
        if not isinstance(fact, InputRejected):
            after = evolve(before, fact, at)
        balance = 0
        if after is not None:
            self.accounts[key] = after
            balance = after.balance
        self.known[recorded.cause_id] = recorded.body
        self.decisions.append(
            DecisionRow(
                recorded.cause_id,
                key,
                after.version if after is not None and after is not before else None,
                recorded.seq,
                recorded.type,
                recorded.body,
                at,
                balance - (before.balance if before is not None else 0),
                balance,
                recorded.value.decode(),
            )
        )

    def writes(self) -> Writes:
        """See `State.writes`."""
        accounts: list[AccountRow] = []
        lots: list[Lot] = []
        debits: list[DebitRow] = []
        for key, account in self.accounts.items():
            before = self.loaded.get(key)
            if account is not before:
                accounts.append(AccountRow(*account[:12]))
                changed = changes(before, account)
                lots.extend(changed.lots)
                debits.extend(map(debit_row, changed.debits))
        return {DECISION: self.decisions, ACCOUNT: accounts, LOT: lots, DEBIT: debits}


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
    )


def named_lots(facts: Sequence[Recorded]) -> list[UUID]:
    """The lots that facts name and that were made before them."""
    named: dict[UUID, None] = {}
    made: set[UUID] = set()
    for recorded in facts:
        fact = recorded.fact
        match recorded.type:
            case "loyalty.points.credited.v1":
                made.add(fact.lot_id)
            case "loyalty.points.redeemed.v1":
                named.update((share.lot_id, None) for share in fact.allocation)
            case "loyalty.points.expired.v1":
                named[fact.lot_id] = None
            case _:
                pass
    return [lot for lot in named if lot not in made]


def named_debits(facts: Sequence[Recorded]) -> list[UUID]:
    """The debits that credits among the facts cover."""
    return [
        share.debit_id
        for recorded in facts
        if recorded.type == "loyalty.points.credited.v1"
        for share in recorded.fact.covers
    ]
