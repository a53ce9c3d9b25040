"""Claw-back: points of a returned purchase, taken from its own lots.

Guarantees: what had used them is covered by other points, is due, or is waived, as the program
says; a hold keeps its amount, covered or not; who gave points away always still owes them. Carrying
is exact in points, whatever the order of returns, refunds and releases. Pure.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.events.awards import ReturnAssessed
from shared.events.commands import CancelAward
from shared.events.movements import Covering, CoverLost, LotClawed, PointsClawedBack, RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import (
    GIFTED,
    NEVER,
    Account,
    Debit,
    DebitKind,
    InvariantError,
    Lot,
    in_utc,
)
from shared.ledger.covering import coverings
from shared.ledger.draft import Draft
from shared.ledger.refusing import GIVING_BACK, Refusing
from shared.program.model import Program
from shared.program.policies import Deficit


def claw_back(
    account: Account | None,
    returned: ReturnAssessed,
    own: Sequence[UUID],
    program: Program | None,
    t: datetime,
) -> PointsClawedBack | RequestRefused:
    """Points of a return taken from `own`, the lots of its purchase, or why not.

    Needs these lots, the debits that hold points of them, and all lots with free points.
    """
    refusing = Refusing(returned, returned.award_id, returned.points)
    if blocked := refusing.unless_open(account, GIVING_BACK):
        return blocked
    assert account is not None
    if not returned.points:
        return refusing.nothing()
    lots = [account.lots[lot_id] for lot_id in own if lot_id in account.lots]
    left = sum(lot.original - lot.clawed for lot in lots)
    points = _wanted(returned, sum(lot.original for lot in lots), left)
    if points > left or not points:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=left if points else 0)
    taken = take(account, lots, points, program, t)
    return PointsClawedBack(
        account=account.key,
        reversal_id=returned.reversal_id,
        award_id=returned.award_id,
        points=points,
        lots=taken.lots,
        covers=taken.covers,
        program_version=program.version if program is not None else None,
        desired=returned.points if points < returned.points else None,
    )


def _wanted(returned: ReturnAssessed, credited: int, left: int) -> int:
    """How many points a return takes of its purchase, whose award was `earned`.

    What a cap on the balance has clipped of it (`credited` became lots) is taken first, over all
    returns of the receipt together. What an operator has taken back is not asked for again.
    """
    clipped = max(0, returned.earned - credited)
    before = max(0, returned.clawed_before - clipped)
    points = max(0, returned.clawed_before + returned.points - clipped) - before
    return min(points, left) if before + points <= min(returned.earned, credited) else points


def cancel_award(
    account: Account | None,
    command: CancelAward,
    reversal_id: UUID,
    program: Program | None,
    t: datetime,
) -> PointsClawedBack | RequestRefused:
    """All that is left to claw of a pending lot, or why not. Needs what `claw_back` needs."""
    refusing = Refusing(command, command.lot_id)
    found = refusing.pending_lot_of(account, t)
    if isinstance(found, RequestRefused):
        return found
    account, lot = found
    points = lot.original - lot.clawed
    if not points:
        return refusing.because(RefusalReason.LOT_NOT_PENDING)
    taken = take(account, [lot], points, program, t)
    return PointsClawedBack(
        account=account.key,
        reversal_id=reversal_id,
        award_id=command.lot_id,
        points=points,
        lots=taken.lots,
        covers=taken.covers,
        program_version=program.version if program is not None else None,
        actor=command.actor,
        reason=command.reason,
    )


class Taken(NamedTuple):
    """What a claw-back takes of each lot, and what covers instead what had used it."""

    lots: tuple[LotClawed, ...]
    covers: tuple[Covering, ...]


def take(
    account: Account, lots: Sequence[Lot], points: int, program: Program | None, t: datetime
) -> Taken:
    """Take so many points of these lots: of all first what is free, then expired, then used."""
    own = sorted(lots, key=lambda lot: _own_turn(lot, t))
    free = _portions([lot.free for lot in own], points)
    expired = _portions([lot.expired for lot in own], points - sum(free))
    used = points - sum(free) - sum(expired)
    lost = _lost(account, {lot.lot_id for lot in own}, used, program, t)
    clawed = [
        LotClawed(lot_id=lot.lot_id, free=of_free, forgiven=of_expired, lost=lost[lot.lot_id])
        for lot, of_free, of_expired in zip(own, free, expired, strict=True)
        if of_free or of_expired or lost[lot.lot_id]
    ]
    draft = Draft(account)
    for part in clawed:
        _take_from(draft, part)
    return Taken(tuple(clawed), coverings(draft.account(account.last_at), t))


def _own_turn(lot: Lot, t: datetime) -> tuple[int, datetime, int]:
    """Pending lots, then active ones in spending order, then those past their date."""
    if lot.is_past(t):
        return 2, NEVER, lot.order
    if lot.active_from > t:
        return 0, lot.active_from, lot.order
    return 1, lot.expires_at or NEVER, lot.order


def _portions(there: Sequence[int], wanted: int) -> list[int]:
    portions = []
    for points in there:
        portions.append(min(points, wanted))
        wanted -= portions[-1]
    return portions


def _lost(
    account: Account, own: set[UUID], points: int, program: Program | None, t: datetime
) -> dict[UUID, tuple[CoverLost, ...]]:
    """What debits lose of their own lots, by lot: debit by debit, of each its last entry first."""
    lost: dict[UUID, tuple[CoverLost, ...]] = dict.fromkeys(own, ())
    left = points
    for debit in sorted(account.debits.values(), key=_turn, reverse=True) if points else ():
        by_lot: dict[UUID, int] = {}
        for lot_id, covered in reversed(debit.allocation):
            if lot_id in own and left:
                taken = min(left, covered)
                by_lot[lot_id] = by_lot.get(lot_id, 0) + taken
                left -= taken
        for lot_id, taken in by_lot.items():
            lost[lot_id] += (_consequence(debit, taken, program, t),)
    if left:
        raise InvariantError(f"{account.key}: loaded without what has used {left} clawed points")
    return lost


def _turn(debit: Debit) -> tuple[int, datetime, int]:
    """Transfers come last, before them open holds, and the newest of each: from the last on."""
    if debit.kind is DebitKind.TRANSFER:
        return 2, *debit.age
    return (1 if debit.is_open_hold else 0), *debit.age


def _consequence(debit: Debit, points: int, program: Program | None, t: datetime) -> CoverLost:
    """Due for ever, due until a date, or waived, by what the program says of such a debit."""
    lost = CoverLost(debit_id=debit.debit_id, points=points)
    if program is None or debit.kind not in GIFTED:
        return lost
    if program.returns.deficit is Deficit.UNSPENT_ONLY:
        return lost.model_copy(update={"waived": True})
    return lost.model_copy(update={"write_off_at": program.returns.write_off_at(t, program.zone)})


def _take_from(draft: Draft, part: LotClawed) -> None:
    """Work into an account what is taken of one lot; who had used it is short from now on."""
    used = sum(loss.points for loss in part.lost)
    lot = draft.lot(part.lot_id)
    draft.put_lot(
        lot.moved(
            free=-part.free,
            used=-used,
            expired=-part.forgiven,
            clawed=part.free + part.forgiven + used,
        )
    )
    for loss in part.lost:
        debit = draft.debit(loss.debit_id).uncovered(part.lot_id, loss.points)
        if loss.waived:
            draft.put_debit(debit._replace(waived=debit.waived + loss.points))
        else:
            write_off_at = in_utc(loss.write_off_at) if loss.write_off_at else None
            draft.put_debit(debit.owing(loss.points, write_off_at))


def clawed_back(account: Account, fact: PointsClawedBack, t: datetime) -> Account:
    """The lots have that much less; what had used it is covered anew, due or waived."""
    draft = Draft(account)
    for part in fact.lots:
        _take_from(draft, part)
    taken = sum(
        part.free + part.forgiven + sum(loss.points for loss in part.lost) for part in fact.lots
    )
    if taken != fact.points:
        raise InvariantError(f"{account.key}: {fact.points} points clawed back, but {taken} taken")
    draft.cover(fact.covers)
    return draft.account(t)
