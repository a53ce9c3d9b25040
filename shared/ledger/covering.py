"""Two orders of lots, the one guard of every debit, and what covers what is due.

Guarantees: a debit names lots that have the points, or is not made; while anything is due nothing
is free once `coverings` are taken. Pure; changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.events.movements import Covering
from shared.events.points import LotShare
from shared.ledger.account import NEVER, Account, Cover, Lot

LOTS_PER_DEBIT_MAX = 4_000
"""Lots that one debit may name: giving it back takes some 220 bytes each, and fits one record."""


class Short(NamedTuple):
    """A debit that cannot be covered: `missing` points, or more lots than one debit may name."""

    available: int
    missing: int
    limit: int | None = None


def allocate(
    lots: Iterable[Lot], points: int, lots_max: int = LOTS_PER_DEBIT_MAX
) -> tuple[Cover, ...] | Short:
    """The guard of every debit: the lots that cover it whole, in the order given, or why not."""
    left, allocation = points, []
    for lot in lots:
        if not left:
            break
        taken = min(left, lot.free)
        left -= taken
        allocation.append((lot.lot_id, taken))
    if left:
        return Short(available=points - left, missing=left)
    if len(allocation) > lots_max:
        limit = sum(taken for _, taken in allocation[:lots_max])
        return Short(available=points, missing=0, limit=limit)
    return tuple(allocation)


def shares(allocation: Iterable[Cover]) -> tuple[LotShare, ...]:
    """An allocation as facts have it."""
    return tuple([LotShare(lot_id=lot_id, points=points) for lot_id, points in allocation])


def covers_of(allocation: Iterable[LotShare]) -> tuple[Cover, ...]:
    """An allocation as debits have it."""
    return tuple([(share.lot_id, share.points) for share in allocation])


def covering_order(lots: Iterable[Lot], t: datetime) -> list[Lot]:
    """Active lots in spending order, then pending ones by activation; none past its date."""
    usable = [lot for lot in lots if lot.free and not lot.is_past(t)]
    return sorted(usable, key=lambda lot: _rank(lot, t))


def _rank(lot: Lot, t: datetime) -> tuple[int, datetime, datetime, int, UUID]:
    if lot.active_from <= t:
        return 0, t, lot.expires_at or NEVER, lot.order, lot.lot_id
    return 1, lot.active_from, lot.expires_at or NEVER, lot.order, lot.lot_id


def coverings(account: Account, t: datetime) -> tuple[Covering, ...]:
    """Which free points cover what is due: the oldest debit first, lots in covering order.

    Needs all lots with free points, and all debits with points due, if there are both.
    """
    if not account.due or not account.free:
        return ()
    lots = covering_order(account.free_lots(), t)
    return tuple(_covered([(debit.debit_id, debit.due) for debit in account.due_debits()], lots))


def _covered(wanting: Sequence[Cover], lots: Iterable[Lot]) -> Iterable[Covering]:
    giving = iter([(lot.lot_id, lot.free) for lot in lots])
    lot_id, free = next(giving, (None, 0))
    for debit_id, due in wanting:
        left = due
        while left and lot_id is not None:
            taken = min(left, free)
            yield Covering(debit_id=debit_id, lot_id=lot_id, points=taken)
            left, free = left - taken, free - taken
            if not free:
                lot_id, free = next(giving, (None, 0))
