"""The state of one account: its lots, its debits, and the sums that stand for those not loaded.

Guarantees: values are immutable, points are integers, instants are in UTC. An account may be loaded
in part: its sums are always whole, its `lots` and `debits` are those that the work at hand needs.
Which must be loaded, besides what a fact names:

- always: lots past their date that still have free points, debits with points due, and open holds
  that have lapsed with the lots that they name;
- to spend, to read or to claw back: every lot with free points; to hold: every open hold;
- to claw back: the lots of the returned purchase and the debits that hold points of them;
- to give back: the debit, and the lots that it names.

Lots and debits that are closed (nothing free, nothing due) are never needed to decide. What must be
loaded is checked against the sums wherever it is used; a difference is an `InvariantError`.
Does not decide, does not store.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

NEVER = datetime.max.replace(tzinfo=UTC)
"""Sorts after every date: stands for the date of what has none."""

Cover = tuple[UUID, int]
"""Points of a lot that a debit holds: ``(lot_id, points)``."""


def in_utc(instant: datetime) -> datetime:
    """The same instant as an account keeps it."""
    return instant.astimezone(UTC)


class InvariantError(AssertionError):
    """The ledger contradicts itself: a bug or damaged state, never an input's fault."""


class Status(StrEnum):
    """What an account may do.

    While it is merging it makes no debit that may stay open, as if it could only earn.
    """

    ACTIVE = "active"
    EARN_ONLY = "earn_only"
    MERGING = "merging"
    FROZEN = "frozen"
    CLOSED = "closed"


class DebitKind(StrEnum):
    """What used the points."""

    REDEMPTION = "redemption"
    HOLD = "hold"
    TRANSFER = "transfer"
    ADJUSTMENT = "adjustment"
    REWARD = "reward"


GIFTED = (DebitKind.REDEMPTION, DebitKind.HOLD, DebitKind.REWARD)
"""What a program may waive. Who gave points away, or whom an operator charged, still owes them."""


class HoldState(StrEnum):
    """What has become of a hold; a captured one is a redemption from then on.

    The points of a reward are held in the same way until there is a unit of it; they never lapse.
    """

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    LAPSED = "lapsed"


class Lot(NamedTuple):
    """Points of one award: ``original = free + used + expired + clawed``.

    `order` is the account's version at which the lot was made: a smaller one is older, and lots of
    one transfer are told apart by their ids; 0: it has moved to another account. `graced`: it has
    had its one time of grace. `sliding`: what the member does extends its date.
    `awaits`: the event without which it is gone at its date; if that comes, the lot has the date
    `promised`, or none, unless the event says another.
    """

    account: str
    lot_id: UUID
    brand: str
    receipt_id: str | None
    original: int
    free: int
    used: int
    expired: int
    clawed: int
    occurred_at: datetime
    active_from: datetime
    expires_at: datetime | None
    order: int
    graced: bool = False
    sliding: bool = False
    awaits: str | None = None
    promised: datetime | None = None

    def is_past(self, t: datetime) -> bool:
        """At the instant itself the points are gone; they are, too, if they can never be active."""
        if self.expires_at is None:
            return False
        return self.expires_at <= t or (self.awaits is None and self.expires_at <= self.active_from)

    def is_active(self, t: datetime) -> bool:
        """Points of it can be spent at t."""
        return self.active_from <= t and (self.expires_at is None or t < self.expires_at)

    def moved(self, *, free: int = 0, used: int = 0, expired: int = 0, clawed: int = 0) -> "Lot":
        """The same lot after points changed state; each argument is a difference."""
        lot = Lot(
            self.account,
            self.lot_id,
            self.brand,
            self.receipt_id,
            self.original,
            self.free + free,
            self.used + used,
            self.expired + expired,
            self.clawed + clawed,
            self.occurred_at,
            self.active_from,
            self.expires_at,
            self.order,
            self.graced,
            self.sliding,
            self.awaits,
            self.promised,
        )
        lot.check()
        return lot

    def check(self) -> None:
        """Raise InvariantError unless the lot's sum holds."""
        original, *states = self[4:9]
        if sum(states) != original or min(states) < 0:
            raise InvariantError(f"lot {self.lot_id} does not add up: {self}")


class Due(NamedTuple):
    """Points of a debit that no lot covers yet, and the date at which they are waived, if any."""

    points: int
    write_off_at: datetime | None


class Debit(NamedTuple):
    """What used points: ``amount = covered + due + waived``.

    `owed` is what is due, by the date at which it is written off: earliest first, undated last.
    `allocation` names the lots that cover it, in the order in which they came to. `original` is the
    amount at first: a smaller amount is what was given back since. A hold keeps what all of it is
    worth (`value_minor` of `money`), and when it lapses. `order` is as of a lot.
    """

    account: str
    debit_id: UUID
    kind: DebitKind
    amount: int
    covered: int
    owed: tuple[Due, ...]
    waived: int
    allocation: tuple[Cover, ...]
    made_at: datetime
    order: int
    original: int
    value_minor: int | None = None
    money: str | None = None
    state: HoldState | None = None
    lapses_at: datetime | None = None

    @property
    def is_open_hold(self) -> bool:
        """Its points are set aside, not spent."""
        return self.state is HoldState.OPEN

    @property
    def settles_at(self) -> datetime | None:
        """When a date will change it, if nothing else does before: it lapses, or is written off."""
        dates = [part.write_off_at for part in self.owed if part.write_off_at is not None]
        if self.is_open_hold and self.lapses_at is not None:
            dates.append(self.lapses_at)
        return min(dates, default=None)

    @property
    def age(self) -> tuple[datetime, int]:
        """A smaller one is older; debits of a merged account stand among the others by time."""
        return self.made_at, self.order

    @property
    def due(self) -> int:
        """Points that whatever becomes free will cover."""
        return sum(part.points for part in self.owed)

    def covered_by(self, lot_id: UUID, points: int) -> "Debit":
        """The same debit after points of a lot covered that much of what is due."""
        debit = self._replace(
            covered=self.covered + points,
            owed=self._less_due(points),
            allocation=(*self.allocation, (lot_id, points)),
        )
        debit.check()
        return debit

    def _less_due(self, points: int) -> tuple[Due, ...]:
        """What is owed after that much of it is not: the earliest date first, undated last."""
        left, owed = points, []
        for part in self.owed:
            taken = min(left, part.points)
            left -= taken
            if taken < part.points:
                owed.append(part._replace(points=part.points - taken))
        if left:
            raise InvariantError(f"debit {self.debit_id} is short of {left} more than is due")
        return tuple(owed)

    def uncovered(self, lot_id: UUID, points: int) -> "Debit":
        """The same debit without cover of a lot, the last that came from it first; it is short."""
        left, kept = points, []
        for held_id, held in reversed(self.allocation):
            taken = min(left, held) if held_id == lot_id else 0
            left -= taken
            if taken < held:
                kept.append((held_id, held - taken))
        if left:
            raise InvariantError(f"debit {self.debit_id} has {left} fewer points of lot {lot_id}")
        return self._replace(covered=self.covered - points, allocation=tuple(reversed(kept)))

    def owing(self, points: int, write_off_at: datetime | None) -> "Debit":
        """The same debit with that much more due; dates stay in order, each of them once."""
        by_date = {part.write_off_at: part.points for part in self.owed}
        by_date[write_off_at] = by_date.get(write_off_at, 0) + points
        dates = sorted(by_date, key=lambda date: date or NEVER)
        return self._replace(owed=tuple(Due(by_date[date], date) for date in dates))

    def written_off(self, points: int, at: datetime) -> "Debit":
        """The same debit after all that was due until this date is waived."""
        if Due(points, at) not in self.owed:
            raise InvariantError(f"debit {self.debit_id} does not owe {points} until {at}")
        owed = tuple(part for part in self.owed if part.write_off_at != at)
        debit = self._replace(owed=owed, waived=self.waived + points)
        debit.check()
        return debit

    def given_back(self, due: int, waived: int, lots: Sequence[Cover]) -> "Debit":
        """The same debit without what it gives back; `lots` from the end of its allocation."""
        allocation = list(self.allocation)
        for lot_id, points in lots:
            held_id, held = allocation.pop() if allocation else (None, 0)
            if held_id != lot_id or held < points:
                raise InvariantError(f"debit {self.debit_id} gives {lot_id} back out of turn")
            if held > points:
                allocation.append((lot_id, held - points))
        from_lots = sum(points for _, points in lots)
        debit = self._replace(
            amount=self.amount - due - waived - from_lots,
            covered=self.covered - from_lots,
            owed=self._less_due(due),
            waived=self.waived - waived,
            allocation=tuple(allocation),
        )
        debit.check()
        return debit

    def check(self) -> None:
        """Raise InvariantError unless the debit's sums hold."""
        dates = [part.write_off_at or NEVER for part in self.owed]
        if (
            self.amount != self.covered + self.due + self.waived
            or self.covered != sum(points for _, points in self.allocation)
            or min(self.covered, self.waived) < 0
            or any(part.points <= 0 for part in self.owed)
            or dates != sorted(dates)
        ):
            raise InvariantError(f"debit {self.debit_id} does not add up: {self}")


NO_LOTS: Mapping[UUID, Lot] = MappingProxyType({})
NO_DEBITS: Mapping[UUID, Debit] = MappingProxyType({})


class Account(NamedTuple):
    """An account after `version` facts.

    The lifetime totals and `free`, `due` and `held` are those of the whole account, whatever is
    loaded. `free` counts pending points too, and points past their date until they are settled;
    `held` is what open holds set aside, covered or due (`held_waived` is waived of them); `due`
    includes what is due of holds. `added` and `deducted` are operators' adjustments; `received` and
    `sent` are what other accounts gave, and what was given to them and not returned. `merged_into`
    is the account that has all of this one if it is closed; that will have it while it is merging.
    """

    key: str
    status: Status
    version: int
    last_at: datetime
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    written_off: int = 0
    free: int = 0
    due: int = 0
    held: int = 0
    held_waived: int = 0
    added: int = 0
    deducted: int = 0
    received: int = 0
    sent: int = 0
    merged_into: str | None = None
    lots: Mapping[UUID, Lot] = NO_LOTS
    debits: Mapping[UUID, Debit] = NO_DEBITS

    @property
    def sums(self) -> tuple[int, ...]:
        """The lifetime totals and the sums, in the order of the fields."""
        return self[4:17]

    @property
    def used(self) -> int:
        """Points of lots that debits hold."""
        came = self.earned + self.added + self.received
        return came - self.free - self.expired - self.clawed_back

    @property
    def is_merged(self) -> bool:
        """All that is said to it goes to the account `merged_into`."""
        return self.status is Status.CLOSED and self.merged_into is not None

    @property
    def balance(self) -> int:
        """Available, pending and held points less the deficit, as of the last fact."""
        return self.free + self.held - self.due

    def free_lots(self) -> list[Lot]:
        """Every lot with free points; all of them must be loaded."""
        lots = [lot for lot in self.lots.values() if lot.free]
        if sum([lot.free for lot in lots]) != self.free:
            raise InvariantError(f"{self.key}: loaded without all of its {self.free} free points")
        return lots

    def due_debits(self) -> list[Debit]:
        """Every debit with points due, oldest first; all of them must be loaded."""
        if not self.due:
            return []
        debits = [debit for debit in self.debits.values() if debit.owed]
        if sum(debit.due for debit in debits) != self.due:
            raise InvariantError(f"{self.key}: loaded without all of its {self.due} points due")
        debits.sort(key=lambda debit: debit.age)
        return debits

    def open_holds(self) -> list[Debit]:
        """Every open hold; all of them must be loaded."""
        holds = [debit for debit in self.debits.values() if debit.is_open_hold]
        if sum(hold.covered + hold.due for hold in holds) != self.held:
            raise InvariantError(f"{self.key}: loaded without all of its {self.held} held points")
        return holds

    def spendable(self, t: datetime) -> list[Lot]:
        """Active lots with free points, in the order in which they are spent.

        Soonest expiry first, then oldest, never-expiring last. Needs all lots with free points.
        """
        lots = [
            (lot.expires_at or NEVER, lot.order, lot)
            for lot in self.free_lots()
            if lot.active_from <= t
        ]
        lots.sort()
        return [lot for expires_at, _, lot in lots if t < expires_at]

    def available(self, t: datetime) -> int:
        """Points that can be spent at t. Needs all lots with free points."""
        return sum([lot.free for lot in self.spendable(t)])

    def check(self) -> None:
        """Raise InvariantError unless the account's sums hold."""
        if min(self.sums) < 0 or self.used < 0:
            raise InvariantError(f"{self.key}: a sum is negative: {self.sums}")
        if self.due and self.free:
            raise InvariantError(f"{self.key}: {self.due} due while {self.free} are free")
        debits = self.redeemed + self.deducted + self.sent + self.held + self.held_waived
        if self.used + self.due + self.written_off != debits:
            raise InvariantError(f"{self.key}: debits are not covered, due or waived: {self.sums}")


def opened(key: str, at: datetime) -> Account:
    """An account before its first fact: nothing in it, and nothing that is not loaded."""
    return Account(key, Status.ACTIVE, 0, at)


class Changes(NamedTuple):
    """The rows that differ between two states of an account."""

    lots: list[Lot]
    debits: list[Debit]


def changes(before: Account | None, after: Account) -> Changes:
    """What a store has to write, besides the account's own row, to get from one state to the other.

    Compares by identity: `after` must have come from `before` by `evolve`.
    """
    old_lots = before.lots if before is not None else NO_LOTS
    old_debits = before.debits if before is not None else NO_DEBITS
    return Changes(
        [lot for key, lot in after.lots.items() if old_lots.get(key) is not lot],
        [debit for key, debit in after.debits.items() if old_debits.get(key) is not debit],
    )
