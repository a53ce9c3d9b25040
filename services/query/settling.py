"""Accounts that a date has changed since their last fact: settled in memory, as the ledger would.

A hold that lapsed gives points back to lots, which may cover what was due; what was due until a
date is written off. No statement can say what comes of that; the ledger's own `settle` does. Expiry
and activation alone need none of it: statements read them off the dates.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from services.query.reading import FROM, WHERE
from shared.ledger.account import Account, Lot
from shared.ledger.reading import balances, expiries
from shared.ledger.settle import settled
from shared.ledger.stored import AccountRow, account_of, debit_of

_LAPSED = """
SELECT (json_array_elements(allocation::json) ->> 0)::uuid
FROM redeem.debit WHERE account = $1 AND settles_at <= at.as_of
"""
_COLUMNS = ", ".join(f"a.{column}" for column in AccountRow._fields if column != "version")
UNSETTLED = f"""
SELECT p.seq AS position, at.as_of, a.version, {_COLUMNS},
  (SELECT coalesce(json_agg(l), '[]') FROM redeem.lot l
   WHERE account = $1 AND (free > 0 OR lot_id = ANY(ARRAY({_LAPSED})))) AS lots,
  (SELECT coalesce(json_agg(d), '[]') FROM redeem.debit d
   WHERE account = $1 AND (due > 0 OR settles_at <= at.as_of)) AS debits
{FROM}
{WHERE}
"""  # noqa: S608
"""What settling an account takes."""
Row = Mapping[str, Any]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for the date of lots that never expire, here and in the statement."""


def account_at(row: Row) -> Account:
    """The account of a row of `UNSETTLED`, settled up to the instant at which it was read."""
    lots = {lot.lot_id: lot for lot in map(_lot, json.loads(row["lots"]))}
    debits = {debit.debit_id: debit for debit in map(_debit, json.loads(row["debits"]))}
    stored = AccountRow(*(row[column] for column in AccountRow._fields))
    return settled(account_of(stored, lots, debits), row["as_of"])


def _lot(cells: dict[str, Any]) -> Lot:
    cells["lot_id"] = UUID(cells["lot_id"])
    return Lot(**_read(cells, "occurred_at", "active_from", "expires_at", "promised"))


def _debit(cells: dict[str, Any]) -> Any:
    cells["debit_id"] = UUID(cells["debit_id"])
    return debit_of(SimpleNamespace(**_read(cells, "made_at", "lapses_at", "settles_at")))


def _read(cells: dict[str, Any], *instants: str) -> dict[str, Any]:
    for name in instants:
        cells[name] = cells[name] and datetime.fromisoformat(cells[name])
    return cells


def balances_row(account: Account, t: datetime) -> Row:
    """What the statement of balances says of an account that needs no settling."""
    seen = balances(account, account.lots.values(), t)
    following = next(iter(expiries(account.lots.values(), t)), None)
    return {
        **seen._asdict(),
        "merged_into": account.merged_into if account.is_merged else None,
        "next_at": following and following.expires_at,
        "next_points": following and following.points,
    }


Place = tuple[datetime, int, UUID]
"""Of a lot in the order in which they are shown: its date, its order and its id."""


def _place(lot: Lot) -> Place:
    return lot.expires_at or NEVER, lot.order, lot.lot_id


def lot_rows(account: Account, t: datetime, after: Place) -> Iterator[Row]:
    """Open lots behind a place in their order, as the statement gives them."""
    open_lots = [lot for lot in account.lots.values() if lot.free]
    for lot in sorted(open_lots, key=_place):
        if _place(lot) > after:
            yield {**lot._asdict(), "as_of": t}


def expiry_rows(account: Account, t: datetime, after: datetime) -> Iterator[Row]:
    """Dates behind one of them, as the statement gives them."""
    total = 0
    for expires_at, points in expiries(account.lots.values(), t):
        total += points
        if expires_at > after:
            pending = sum(
                lot.free
                for lot in account.lots.values()
                if lot.expires_at == expires_at and lot.active_from > t
            )
            yield {"expires_at": expires_at, "points": points, "pending": pending, "total": total}
