"""What an account holds at an instant, computed from dates when it is asked.

Guarantees: the same numbers whether or not a sweep has written down what dates brought about.
Settles in memory; writes nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.ledger.account import Account, InvariantError


class Dated(Protocol):
    """Free points with their dates: a `Lot`, or as much of one as a reader has loaded."""

    @property
    def free(self) -> int:
        """Points that no debit holds."""

    @property
    def active_from(self) -> datetime:
        """From when they can be spent."""

    @property
    def expires_at(self) -> datetime | None:
        """From when they are gone, if ever."""


class Balances(NamedTuple):
    """Points of an account at an instant: what it holds, and its lifetime totals."""

    available: int
    pending: int
    held: int
    deficit: int
    earned: int
    redeemed: int
    expired: int
    clawed_back: int
    written_off: int
    added: int = 0
    deducted: int = 0
    received: int = 0
    sent: int = 0

    @property
    def balance(self) -> int:
        """What the account is worth in all."""
        return self.available + self.pending + self.held - self.deficit


def balances(account: Account, lots: Iterable[Dated], t: datetime) -> Balances:
    """The balances at t. `lots` are all lots of the account that have free points.

    Expiry and activation are read off their dates; holds and write-offs must be settled up to t.
    """
    available = pending = past = 0
    for lot in lots:
        if lot.expires_at is not None and lot.expires_at <= t:
            past += lot.free
        elif lot.active_from <= t:
            available += lot.free
        else:
            pending += lot.free
    if available + pending + past != account.free:
        raise InvariantError(f"{account.key}: the lots given do not hold its {account.free} points")
    return Balances(
        available,
        pending,
        account.held,
        account.due,
        account.earned,
        account.redeemed,
        account.expired + past,
        account.clawed_back,
        account.written_off,
        account.added,
        account.deducted,
        account.received,
        account.sent,
    )


class Expiry(NamedTuple):
    """Points that are gone at an instant, unless they are used before."""

    expires_at: datetime
    points: int


def expiries(lots: Iterable[Dated], t: datetime) -> tuple[Expiry, ...]:
    """What will expire after t and when, soonest first; pending points too."""
    points: dict[datetime, int] = {}
    for lot in lots:
        if lot.free and lot.expires_at is not None and lot.expires_at > t:
            points[lot.expires_at] = points.get(lot.expires_at, 0) + lot.free
    return tuple(Expiry(at, points[at]) for at in sorted(points))
