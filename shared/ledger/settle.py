"""What dates alone have brought about on an account since its last fact.

Guarantees: the same facts in the same order whenever it is called and however often, so nothing
depends on when a sweep runs. Each is decided at its own instant: what a hold gives back when it
lapses may still expire, or cover something before that is written off.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.events.movements import DeficitWrittenOff, HoldLapsed
from shared.events.points import PointsExpired
from shared.ledger.account import Account, Debit, Due, Lot
from shared.ledger.evolve import evolve
from shared.ledger.holds import lapse

Settlement = HoldLapsed | PointsExpired | DeficitWrittenOff
"""What a date can bring about."""


class Settled(NamedTuple):
    """A date that has passed, and the account after it."""

    fact: Settlement
    account: Account


class _Passed(NamedTuple):
    """A date up to t; they come to pass in this order."""

    at: datetime
    rank: int
    order: int
    id: UUID
    what: Lot | Debit | tuple[Debit, Due]


def settle(account: Account, t: datetime) -> Iterator[Settled]:
    """Facts up to and including t, in the order of their instants.

    At one instant: holds in the order made, lots in the order credited, then write-offs. Needs the
    lots past their date that still have free points, the debits with points due, and the open holds
    that have lapsed with the lots that they name.
    """
    while passed := _passed(account, t):
        for date in passed:
            fact = _fact(account, date)
            account = evolve(account, fact, t)
            yield Settled(fact, account)
            if isinstance(fact, HoldLapsed):
                break  # what it gave back has dates of its own


def settled(account: Account, t: datetime) -> Account:
    """The account after all that dates have brought about up to t."""
    for _, after in settle(account, t):
        account = after
    return account


def _passed(account: Account, t: datetime) -> list[_Passed]:
    """What is due by t of the account as it stands, first things first."""
    passed = [
        _Passed(lot.expires_at, 1, lot.order, lot.lot_id, lot)
        for lot in account.lots.values()
        if lot.free and lot.expires_at is not None and lot.expires_at <= t
    ]
    if account.held or account.held_waived or account.due:
        passed.extend(_of_debits(account, t))
    passed.sort(key=lambda date: date[:4])
    return passed


def _of_debits(account: Account, t: datetime) -> Iterator[_Passed]:
    for debit in account.debits.values():
        if debit.is_open_hold and debit.lapses_at is not None and debit.lapses_at <= t:
            yield _Passed(debit.lapses_at, 0, debit.order, debit.debit_id, debit)
        for due in debit.owed:
            if due.write_off_at is not None and due.write_off_at <= t:
                yield _Passed(due.write_off_at, 2, debit.order, debit.debit_id, (debit, due))


def _fact(account: Account, date: _Passed) -> Settlement:
    match date.what:
        case Lot() as lot:
            return PointsExpired(
                account=account.key, lot_id=lot.lot_id, points=lot.free, expires_at=date.at
            )
        case Debit() as hold:
            return lapse(account, hold)
        case (debit, due):
            return DeficitWrittenOff(
                account=account.key,
                debit_id=debit.debit_id,
                points=due.points,
                write_off_at=date.at,
            )
