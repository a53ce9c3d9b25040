"""The rows of redeem: which it needs for a batch, what they mean, and which a fact changes.

The same `Accounts.evolve` folds live, at rebuild, in verification and in the simulator. An account
that a batch only credits is loaded without its open lots, so the cost of a credit does not grow
with them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.redeem.merges import PARCEL, PARCELS, parcel_of
from services.redeem.rewards import (
    CLAIM,
    CODE,
    REWARD_LOOKUPS,
    REWARD_TABLES,
    back_of,
    claims_of,
    codes_of,
    debits_of,
    lots_of,
    made,
)
from services.redeem.transfers import TRANSFER, TRANSFER_LOOKUPS, transfers_of
from shared.events.base import instant
from shared.events.facts import InputRejected
from shared.events.ids import Cause
from shared.events.merges import PartMoved, PartTaken
from shared.events.movements import (
    AwardConfirmed,
    Covering,
    DeficitWrittenOff,
    ExpiryExtended,
    HoldCaptured,
    HoldLapsed,
    HoldReleased,
    LotExtended,
    LotReinstated,
    PointsAdded,
    PointsClawedBack,
    PointsDeducted,
    PointsHeld,
    RedemptionCancelled,
)
from shared.events.points import PointsCredited, PointsExpired, PointsRedeemed
from shared.events.transfers import PointsReceived, PointsSent, TransferReturned
from shared.ledger.account import Account, Debit, Lot, changes
from shared.ledger.evolve import evolve
from shared.ledger.shelf import OF_TRANSFERS, Shelf
from shared.ledger.stored import (
    AccountRow,
    DebitRow,
    account_of,
    account_row,
    debit_of,
    debit_row,
    lots_named,
)
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Rows, Table, Through, Writes


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


_TIME = "timestamptz"
_SUMS = ("bigint",) * 13
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
ACCOUNT = Table("account", AccountRow, ("text", "text", "bigint", _TIME, *_SUMS, "text"), "key")
LOT = Table(
    "lot",
    Lot,
    (
        *("text", "uuid", "text", "text", *("bigint",) * 5, _TIME, _TIME, _TIME, "bigint"),
        *("boolean", "boolean", "text", _TIME),
    ),
    "lot_id",
    scope="account",
)
DEBIT = Table(
    "debit",
    DebitRow,
    (
        *("text", "uuid", "text", *("bigint",) * 4, "text", "text", _TIME, "bigint"),
        *("bigint", "bigint", "text", "text", _TIME, _TIME),
    ),
    "debit_id",
    scope="account",
)
TABLES = (DECISION, ACCOUNT, LOT, DEBIT, TRANSFER, PARCEL, *REWARD_TABLES)


def _is_past(lot: Lot, horizon: datetime | None) -> bool:
    return lot.free > 0 and horizon is not None and _is_over(lot.expires_at, horizon)


def _is_settled(debit: DebitRow, horizon: datetime | None) -> bool:
    return horizon is not None and _is_over(debit.settles_at, horizon)


def _is_over(date: datetime | None, horizon: datetime) -> bool:
    return date is not None and date <= horizon


KNOWN = Lookup(DECISION, "cause")
ACCOUNTS = Lookup(ACCOUNT, "key")
OPEN_LOTS = Lookup(LOT, "account", "free > 0", lambda lot, _: lot.free > 0)
CLOSED_LOTS = Lookup(LOT, "account", "free = 0", lambda lot, _: not lot.free)
PAST_LOTS = Lookup(LOT, "account", "free > 0 AND expires_at <= $2", _is_past)
NAMED_LOTS = Lookup(LOT, "lot_id")
DUE_DEBITS = Lookup(DEBIT, "account", "due > 0", lambda debit, _: debit.due > 0)
OPEN_HOLDS = Lookup(DEBIT, "account", "state = 'open'", lambda debit, _: debit.state == "open")
LAPSED = Lookup(DEBIT, "account", "settles_at <= $2", _is_settled)
NAMED_DEBITS = Lookup(DEBIT, "debit_id")
ALL_DEBITS = Lookup(DEBIT, "account")
_COVERS = "(json_array_elements(allocation::json) ->> 0)::uuid"
LOTS_OF_LAPSED = Lookup(LOT, "lot_id", through=Through(LAPSED, _COVERS, lots_named))
LOTS_OF_DEBITS = Lookup(LOT, "lot_id", through=Through(NAMED_DEBITS, _COVERS, lots_named))
USED_LOTS = Lookup(LOT, "lot_id", "used > 0", lambda lot, _: lot.used > 0)
HOLDERS = Lookup(
    DEBIT,
    "account",
    "covered > 0",
    lambda debit, _: debit.covered > 0,
    through=Through(USED_LOTS, "account", lambda lot: [lot.account]),
)
"""Every debit that may hold points of the lots asked for: all covered ones of their accounts."""
OF_LOTS = (OPEN_LOTS, CLOSED_LOTS, PAST_LOTS, NAMED_LOTS, LOTS_OF_LAPSED, LOTS_OF_DEBITS)
OF_DEBITS = (DUE_DEBITS, OPEN_HOLDS, LAPSED, NAMED_DEBITS, HOLDERS, ALL_DEBITS)
LOOKUPS = (KNOWN, ACCOUNTS, *OF_LOTS, *OF_DEBITS, *TRANSFER_LOOKUPS, PARCELS, *REWARD_LOOKUPS)


class Accounts:
    """The accounts of a batch, and the decisions about them that are already known.

    What has moved between accounts has rows of both: those of others count for nothing here.
    """

    def __init__(self, rows: Rows) -> None:
        self.known: dict[UUID, bytes] = {row.cause: row.body for row in rows.get(KNOWN, ())}
        lots: dict[str, dict[UUID, Lot]] = {}
        for lookup in OF_LOTS:
            for lot in rows.get(lookup, ()):
                lots.setdefault(lot.account, {})[lot.lot_id] = lot
        debits: dict[str, dict[UUID, Debit]] = {}
        for lookup in OF_DEBITS:
            for row in rows.get(lookup, ()):
                debits.setdefault(row.account, {})[row.debit_id] = debit_of(row)
        self.loaded: dict[str, Account] = {
            row.key: account_of(row, lots.get(row.key, {}), debits.get(row.key, {}))
            for row in rows.get(ACCOUNTS, ())
        }
        self.accounts: dict[str, Account] = dict(self.loaded)
        parcels = map(parcel_of, rows.get(PARCELS, ()))
        self.shelf = Shelf(
            (claim for claim in claims_of(rows) if claim.account in self.loaded),
            codes_of(rows),
            (each for each in transfers_of(rows) if each.account in self.loaded),
            parcels,
        )
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
            self.shelf.evolve(fact, after.version, at)
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
                accounts.append(account_row(account))
                changed = changes(before, account)
                lots.extend(changed.lots)
                debits.extend(map(debit_row, changed.debits))
        return {
            DECISION: self.decisions,
            ACCOUNT: accounts,
            LOT: lots,
            DEBIT: debits,
            CLAIM: list(self.shelf.changed_claims.values()),
            CODE: list(self.shelf.changed_codes.values()),
            TRANSFER: list(self.shelf.changed_transfers.values()),
            PARCEL: list(self.shelf.changed_parcels.values()),
        }


GIVING_BACK = (HoldCaptured, HoldReleased, HoldLapsed, RedemptionCancelled, TransferReturned)
"""Facts by which a debit that is no reward gives points back."""


class Named(NamedTuple):
    """Lots and debits that facts name and that were made before them."""

    lots: list[UUID]
    debits: list[UUID]


def named(facts: Sequence[Recorded]) -> Named:
    """What folding these facts takes, besides the accounts."""
    new: set[UUID] = set()
    lots: dict[UUID, None] = {}
    debits: dict[UUID, None] = {}
    for fact in (recorded.fact for recorded in facts):
        match fact:
            case PointsCredited():  # by far the most of all: nothing else is asked of them
                new.add(fact.lot_id)
                debits.update((share.debit_id, None) for share in fact.covers)
                continue
            case PointsAdded():
                new.add(fact.lot_id)
            case PointsRedeemed():
                new.add(fact.redemption_id)
            case PointsHeld():
                new.add(fact.hold_id)
            case PointsDeducted():
                new.add(fact.debit_id)
            case PointsSent():
                new.add(fact.transfer_id)
            case PointsReceived():
                new.update(lot.lot_id for lot in fact.lots)
            case _:
                new.update(made(fact))
        lots.update((lot_id, None) for lot_id in _lots(fact))
        debits.update((debit_id, None) for debit_id in _debits(fact))
    return Named([id for id in lots if id not in new], [id for id in debits if id not in new])


def transfers_named(facts: Sequence[Recorded]) -> list[UUID]:
    """The transfers that facts of their senders' accounts name, also those that leave them."""
    named: dict[UUID, None] = {}
    for fact in (recorded.fact for recorded in facts):
        if isinstance(fact, OF_TRANSFERS):
            named[fact.transfer_id] = None
        elif isinstance(fact, PartMoved):
            named.update((transfer.transfer_id, None) for transfer in fact.part.transfers)
    return list(named)


def _lots(fact: Any) -> Iterator[UUID]:
    """The lots that a fact changes, and some that it makes."""
    match fact:
        case PointsRedeemed() | PointsHeld() | PointsDeducted():
            yield from (share.lot_id for share in fact.allocation)
        case PointsExpired() | LotExtended() | LotReinstated() | AwardConfirmed():
            yield fact.lot_id
        case PointsClawedBack() | ExpiryExtended() | PointsSent():
            yield from (part.lot_id for part in fact.lots)
        case PartMoved() | PartTaken():
            yield from (lot.lot_id for lot in fact.part.lots)
            for debit in fact.part.debits:
                yield from (share.lot_id for share in debit.allocation)
        case _ if isinstance(fact, GIVING_BACK):
            yield from (share.lot_id for share in fact.back.lots)
        case _:
            yield from lots_of(fact)
    yield from (covering.lot_id for covering in _coverings(fact))


def _debits(fact: Any) -> Iterator[UUID]:
    """The debits that a fact changes."""
    match fact:
        case HoldCaptured() | HoldReleased() | HoldLapsed():
            yield fact.hold_id
        case RedemptionCancelled():
            yield fact.redemption_id
        case TransferReturned():
            yield fact.transfer_id
        case DeficitWrittenOff():
            yield fact.debit_id
        case PartMoved() | PartTaken():
            yield from (debit.debit_id for debit in fact.part.debits)
        case PointsClawedBack():
            yield from (loss.debit_id for part in fact.lots for loss in part.lost)
        case _:
            yield from debits_of(fact)
    yield from (covering.debit_id for covering in _coverings(fact))


def _coverings(fact: Any) -> tuple[Covering, ...]:
    match fact:
        case _ if isinstance(fact, GIVING_BACK):
            return fact.back.covers
        case PointsClawedBack() | PointsAdded() | LotReinstated() | PointsReceived() | PartTaken():
            return fact.covers
        case _:
            return back_of(fact).covers
