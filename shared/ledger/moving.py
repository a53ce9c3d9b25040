"""How all that is in an account moves to another one, part by part.

Guarantees: parts together are the account, and each fits a record; both accounts' sums hold after
each part. Lots come first, with the points that no debit has used; debits bring theirs, and are
known by the same ids with the same dates. Points are in one of the accounts, or in a part on its
way, never in two. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from shared.events.merges import (
    MovedClaim,
    MovedDebit,
    MovedLot,
    MovedTransfer,
    Owed,
    Part,
    PartMoved,
    PartTaken,
    TakePart,
)
from shared.ledger.account import (
    Account,
    Debit,
    DebitKind,
    Due,
    HoldState,
    InvariantError,
    Lot,
    Status,
    in_utc,
)
from shared.ledger.claims import Claim, ClaimState, Errand
from shared.ledger.covering import coverings, covers_of, shares
from shared.ledger.draft import Draft
from shared.ledger.transfers import Transfer, TransferState

UNITS_PER_PART = 200
"""What one part moves: of 2,000 bytes at most each, so that half of a record is left for covers."""
ENTRIES_PER_UNIT = 16
ENTRIES_PER_PIECE = ENTRIES_PER_UNIT * (UNITS_PER_PART // 2)
"""Lots that one piece of a debit names."""

MovedItem = MovedLot | MovedDebit | MovedClaim | MovedTransfer


def parts_of(
    account: Account, claims: Iterable[Claim], transfers: Iterable[Transfer]
) -> list[Part]:
    """What is left to move, in order of age; at least one part. Needs all of the account."""
    parts, units = [Part()], 0
    for item in _items(account, claims, transfers):
        units += _units(item)
        if units > UNITS_PER_PART:
            parts.append(Part())
            units = _units(item)
        name = _FIELDS[type(item)]
        parts[-1] = parts[-1].model_copy(update={name: (*getattr(parts[-1], name), item)})
    return parts


_FIELDS: dict[type[Any], str] = {
    MovedLot: "lots",
    MovedDebit: "debits",
    MovedClaim: "claims",
    MovedTransfer: "transfers",
}


def _units(item: MovedItem) -> int:
    if isinstance(item, MovedDebit):
        return 1 + (len(item.allocation) + len(item.owed)) // ENTRIES_PER_UNIT
    return 1


def _items(
    account: Account, claims: Iterable[Claim], transfers: Iterable[Transfer]
) -> Iterator[MovedItem]:
    lots = [lot for lot in account.lots.values() if lot.order]
    debits = [debit for debit in account.debits.values() if debit.order]
    yield from map(_moved_lot, sorted(lots, key=lambda lot: (lot.order, lot.lot_id)))
    yield from chain.from_iterable(map(_pieces, sorted(debits, key=lambda debit: debit.age)))
    for claim in sorted(claims, key=lambda claim: claim.order):
        yield MovedClaim(**_cells(claim, MovedClaim))
    for transfer in sorted(transfers, key=lambda transfer: transfer.order):
        yield MovedTransfer(**_cells(transfer, MovedTransfer))


def _cells(row: Any, model: type[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in model.model_fields}


def _moved_lot(lot: Lot) -> MovedLot:
    return MovedLot(**_cells(lot, MovedLot))


def _pieces(debit: Debit) -> Iterator[MovedDebit]:
    """A debit, in pieces if it names many lots; the last one has what no lot covers."""
    whole = _cells(debit, MovedDebit)
    whole["allocation"], owed = shares(debit.allocation), debit.owed
    whole["owed"] = tuple([Owed(points=due.points, write_off_at=due.write_off_at) for due in owed])
    rest = whole["allocation"]
    while len(rest) > ENTRIES_PER_PIECE:
        first, rest = rest[:ENTRIES_PER_PIECE], rest[ENTRIES_PER_PIECE:]
        yield MovedDebit(**{**whole, "allocation": first, "owed": (), "waived": 0})
    yield MovedDebit(**{**whole, "allocation": rest})


def with_totals(account: Account, part: Part) -> Part:
    """The part with what goes with it of what came into the account: first what was earned."""
    left, shared = _points(part), {}
    for name in ("earned", "added", "received"):
        shared[name] = min(left, getattr(account, name))
        left -= shared[name]
    return part.model_copy(update=shared)


def _points(part: Part) -> int:
    """All points of lots in a part."""
    unused = sum(lot.free + lot.expired + lot.clawed for lot in part.lots)
    return unused + sum(share.points for debit in part.debits for share in debit.allocation)


def moved(account: Account, fact: PartMoved, t: datetime) -> Account:
    """The account without a part of it; it is closed, and empty after the last one."""
    draft, part = Draft(account), fact.part
    for lot in part.lots:
        draft.put_lot(_emptied(draft.lot(lot.lot_id), lot))
    for piece in part.debits:
        for share in piece.allocation:
            lot_before = draft.lot(share.lot_id)
            draft.put_lot(_used_elsewhere(lot_before, -share.points))
        draft.put_debit(_shortened(draft.debit(piece.debit_id), piece))
    after = _with_came(draft.account(t), account, part, -1)
    if fact.last and any(after.sums):
        raise InvariantError(f"{account.key} is not empty after its last part: {after.sums}")
    return after._replace(status=Status.CLOSED)


def _emptied(lot: Lot, gone: MovedLot) -> Lot:
    """The lot with nothing but what debits still hold of it."""
    if _moved_lot(lot) != gone:
        raise InvariantError(f"{gone} does not fit {lot}")
    return lot._replace(original=lot.used, free=0, expired=0, clawed=0, order=0)


def _used_elsewhere(lot: Lot, points: int) -> Lot:
    """The lot with so many points more, all of them used; fewer, if it is below zero."""
    return lot._replace(original=lot.original + points, used=lot.used + points)


def _shortened(debit: Debit, gone: MovedDebit) -> Debit:
    """What of the debit has not moved yet."""
    pieces = list(_pieces(debit))
    if pieces[0] != gone:
        raise InvariantError(f"{gone} does not fit {debit}")
    covered = sum(share.points for share in gone.allocation)
    rest = debit._replace(
        allocation=debit.allocation[len(gone.allocation) :],
        covered=debit.covered - covered,
        amount=debit.amount - covered,
    )
    if len(pieces) > 1:
        return rest
    return rest._replace(amount=0, owed=(), waived=0, order=0)


def _with_came(after: Account, before: Account, part: Part, sign: int) -> Account:
    if part.earned + part.added + part.received != _points(part):
        raise InvariantError(f"{before.key}: the totals of a part are not those of its lots")
    return after._replace(
        earned=before.earned + sign * part.earned,
        added=before.added + sign * part.added,
        received=before.received + sign * part.received,
    )


def take(account: Account | None, command: TakePart, t: datetime) -> PartTaken:
    """A part that another account has sent, and what is covered since it is here.

    Needs the lots and debits that its debits name, and, if it owes points, all with free points.
    """
    assert account is not None, "an account that takes another in has been opened"
    fact = PartTaken(
        account=account.key,
        merge_id=command.merge_id,
        part_id=command.part_id,
        source=command.source,
        part=_arrived(command.part, t),
    )
    covers = coverings(taken(account, fact, t), t)
    return fact.model_copy(update={"covers": covers})


def _arrived(part: Part, t: datetime) -> Part:
    """The part after the dates that have passed on its way."""
    return part.model_copy(
        update={
            "lots": tuple([_lot_arrived(lot, t) for lot in part.lots]),
            "debits": tuple([_debit_arrived(debit, t) for debit in part.debits]),
        }
    )


def _lot_arrived(lot: MovedLot, t: datetime) -> MovedLot:
    if not lot.free or not _lot("", lot).is_past(t):
        return lot
    return lot.model_copy(update={"free": 0, "expired": lot.expired + lot.free})


def _debit_arrived(debit: MovedDebit, t: datetime) -> MovedDebit:
    passed = [due for due in debit.owed if due.write_off_at is not None and due.write_off_at <= t]
    if not passed:
        return debit
    owed = tuple(due for due in debit.owed if due not in passed)
    waived = debit.waived + sum(due.points for due in passed)
    return debit.model_copy(update={"owed": owed, "waived": waived})


def taken(account: Account, fact: PartTaken, t: datetime) -> Account:
    """The account with a part of another one."""
    draft, part = Draft(account), fact.part
    for lot in part.lots:
        if lot.lot_id in draft.lots:
            raise InvariantError(f"{account.key}: lot {lot.lot_id} is taken in twice")
        draft.put_lot(_lot(account.key, lot))
    for piece in part.debits:
        for share in piece.allocation:
            draft.put_lot(_used_elsewhere(draft.lot(share.lot_id), share.points))
        draft.put_debit(_grown(draft.debits.get(piece.debit_id), account.key, piece))
    draft.cover(fact.covers)
    return _with_came(draft.account(t), account, part, 1)


def _lot(account: str, lot: MovedLot) -> Lot:
    return Lot(
        account=account,
        lot_id=lot.lot_id,
        brand=lot.brand,
        receipt_id=lot.receipt_id,
        original=lot.free + lot.expired + lot.clawed,
        free=lot.free,
        used=0,
        expired=lot.expired,
        clawed=lot.clawed,
        occurred_at=in_utc(lot.occurred_at),
        active_from=in_utc(lot.active_from),
        expires_at=_utc(lot.expires_at),
        order=lot.order,
        graced=lot.graced,
        sliding=lot.sliding,
        awaits=lot.awaits,
        promised=_utc(lot.promised),
    )


def _utc(instant: datetime | None) -> datetime | None:
    return in_utc(instant) if instant is not None else None


def _grown(debit: Debit | None, account: str, piece: MovedDebit) -> Debit:
    """A debit, or one of which some has come before, with the next piece of it."""
    before = debit or Debit(
        account=account,
        debit_id=piece.debit_id,
        kind=DebitKind(piece.kind),
        amount=0,
        covered=0,
        owed=(),
        waived=0,
        allocation=(),
        made_at=in_utc(piece.made_at),
        order=piece.order,
        original=piece.original,
        value_minor=piece.value_minor,
        money=piece.money,
        state=HoldState(piece.state) if piece.state else None,
        lapses_at=_utc(piece.lapses_at),
    )
    covered = sum(share.points for share in piece.allocation)
    owed = tuple([Due(due.points, _utc(due.write_off_at)) for due in piece.owed])
    return before._replace(
        amount=before.amount + covered + sum(due.points for due in owed) + piece.waived,
        covered=before.covered + covered,
        owed=(*before.owed, *owed),
        waived=before.waived + piece.waived,
        allocation=(*before.allocation, *covers_of(piece.allocation)),
    )


class Moved(NamedTuple):
    """Claims and transfers after a part: as they were left, or as they are from now on."""

    claims: Sequence[Claim]
    transfers: Sequence[Transfer]


def told_moved(fact: PartMoved | PartTaken) -> Moved:
    """The claims and transfers of a part on the account of a fact; moved away, they are nothing."""
    gone = isinstance(fact, PartMoved)
    claims = [_claim(fact.account, claim) for claim in fact.part.claims]
    transfers = [_transfer(fact.account, transfer) for transfer in fact.part.transfers]
    if not gone:
        return Moved(claims, transfers)
    return Moved(
        [claim._replace(state=ClaimState.MOVED, errand=None) for claim in claims],
        [transfer._replace(state=TransferState.MOVED) for transfer in transfers],
    )


def _claim(account: str, claim: MovedClaim) -> Claim:
    cells = {name: getattr(claim, name) for name in Claim._fields if name != "account"}
    return Claim(account=account, **_worded(cells, state=ClaimState, errand=Errand))


def _transfer(account: str, transfer: MovedTransfer) -> Transfer:
    cells = {name: getattr(transfer, name) for name in Transfer._fields if name != "account"}
    return Transfer(account=account, **_worded(cells, state=TransferState))


def _worded(cells: dict[str, Any], **words: Any) -> dict[str, Any]:
    """Cells with words as what they stand for, and instants as rows have them."""
    read = {
        name: in_utc(cell) if isinstance(cell, datetime) else cell for name, cell in cells.items()
    }
    return {**read, **{name: kind(read[name]) for name, kind in words.items() if read[name]}}
