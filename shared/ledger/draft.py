"""An account while one fact is worked into it, lot by lot and debit by debit.

Guarantees: the account's sums are those of its lots and debits, since they are moved by what the
touched ones differ by; the account before is untouched. What is not loaded cannot be touched: an
`InvariantError`. Decides nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from operator import add, sub
from uuid import UUID

from shared.events.movements import Covering
from shared.events.points import LotShare
from shared.ledger.account import Account, Debit, DebitKind, Due, InvariantError, Lot
from shared.ledger.covering import covers_of

Sums = tuple[int, ...]
"""In the order of `Account.sums`, from `redeemed` on."""
NOTHING: Sums = (0,) * 12


class Draft:
    """Lots and debits that may be replaced; `account` is the account with them."""

    def __init__(self, account: Account) -> None:
        self.before = account
        self.lots = dict(account.lots)
        self.debits = dict(account.debits)
        self._moved = NOTHING

    def lot(self, lot_id: UUID) -> Lot:
        """A lot, which must be loaded."""
        lot = self.lots.get(lot_id)
        if lot is None:
            raise InvariantError(f"{self.before.key}: lot {lot_id} is not loaded")
        return lot

    def debit(self, debit_id: UUID) -> Debit:
        """A debit, which must be loaded."""
        debit = self.debits.get(debit_id)
        if debit is None:
            raise InvariantError(f"{self.before.key}: debit {debit_id} is not loaded")
        return debit

    def put_lot(self, lot: Lot) -> None:
        """A lot as it is from now on; a new one too."""
        lot.check()
        known = self.lots.get(lot.lot_id)
        self._move(of_lot(lot), of_lot(known) if known is not None else NOTHING)
        self.lots[lot.lot_id] = lot

    def put_debit(self, debit: Debit) -> None:
        """A debit as it is from now on; a new one too."""
        debit.check()
        known = self.debits.get(debit.debit_id)
        self._move(of_debit(debit), of_debit(known) if known is not None else NOTHING)
        self.debits[debit.debit_id] = debit

    def add_lot(self, lot: Lot, *, received: bool = False) -> None:
        """A lot that there was not, of points that were added, or `received` from elsewhere."""
        if lot.lot_id in self.lots:
            raise InvariantError(f"{self.before.key}: lot {lot.lot_id} is made twice")
        self.put_lot(lot)
        come = (0, 0, lot.original, 0) if received else (lot.original, 0, 0, 0)
        self._move((*NOTHING[:8], *come), NOTHING)

    def add_debit(self, debit: Debit, active_at: datetime | None = None) -> None:
        """A debit that there was not; it uses points of lots, only active ones if it says when."""
        if debit.debit_id in self.debits:
            raise InvariantError(f"{self.before.key}: debit {debit.debit_id} is made twice")
        for lot_id, points in debit.allocation:
            lot = self.lot(lot_id)
            if active_at is not None and not lot.is_active(active_at):
                raise InvariantError(f"{self.before.key}: lot {lot_id} is not active")
            self.put_lot(lot.moved(free=-points, used=points))
        self.put_debit(debit)

    def cover(self, coverings: Iterable[Covering]) -> None:
        """Free points of lots cover what is due of debits."""
        for debit_id, lot_id, points in ((c.debit_id, c.lot_id, c.points) for c in coverings):
            self.put_lot(self.lot(lot_id).moved(free=-points, used=points))
            self.put_debit(self.debit(debit_id).covered_by(lot_id, points))

    def account(self, t: datetime) -> Account:
        """The account after one fact, decided at t."""
        redeemed, expired, clawed, written_off, free, due, held, held_waived, *others = map(
            add, self.before.sums[1:], self._moved
        )
        added, deducted, received, sent = others
        return self.before._replace(
            version=self.before.version + 1,
            last_at=t,
            redeemed=redeemed,
            expired=expired,
            clawed_back=clawed,
            written_off=written_off,
            free=free,
            due=due,
            held=held,
            held_waived=held_waived,
            added=added,
            deducted=deducted,
            received=received,
            sent=sent,
            lots=self.lots,
            debits=self.debits,
        )

    def _move(self, after: Sums, before: Sums) -> None:
        self._moved = tuple(map(add, self._moved, map(sub, after, before)))


def new_lot(account: Account, lot_id: UUID, brand: str, points: int, t: datetime) -> Lot:
    """A lot for an account: all of it free, active from t, without a date and without a receipt."""
    return Lot(
        account=account.key,
        lot_id=lot_id,
        brand=brand,
        receipt_id=None,
        original=points,
        free=points,
        used=0,
        expired=0,
        clawed=0,
        occurred_at=t,
        active_from=t,
        expires_at=None,
        order=account.version + 1,
    )


def new_debit(
    account: Account,
    debit_id: UUID,
    kind: DebitKind,
    points: int,
    allocation: Iterable[LotShare],
    t: datetime,
    *,
    due: int = 0,
) -> Debit:
    """A debit for an account, covered by the lots that a decision names; the rest is `due`."""
    return Debit(
        account=account.key,
        debit_id=debit_id,
        kind=kind,
        amount=points,
        covered=points - due,
        owed=(Due(due, None),) if due else (),
        waived=0,
        allocation=covers_of(allocation),
        made_at=t,
        order=account.version + 1,
        original=points,
    )


def of_lot(lot: Lot) -> Sums:
    """What a lot is of its account's sums."""
    return (0, lot.expired, lot.clawed, 0, lot.free, 0, 0, 0, 0, 0, 0, 0)


def of_debit(debit: Debit) -> Sums:
    """What a debit is of its account's sums."""
    due, waived = debit.due, debit.waived
    if debit.is_open_hold:
        return (0, 0, 0, waived, 0, due, debit.covered + due, waived, 0, 0, 0, 0)
    if debit.kind is DebitKind.ADJUSTMENT:
        return (0, 0, 0, waived, 0, due, 0, 0, 0, debit.amount, 0, 0)
    if debit.kind is DebitKind.TRANSFER:
        return (0, 0, 0, waived, 0, due, 0, 0, 0, 0, 0, debit.amount)
    return (debit.amount, 0, 0, waived, 0, due, 0, 0, 0, 0, 0, 0)
