"""What a debit gives back: by release, lapse or refund, and what a capture leaves.

Guarantees: first what is due falls, then what was waived, then the lots give, from the last that
came to cover the debit on; points come back to the lots that they came from, free, or expired if
the lot is past its date. What becomes free covers what is due elsewhere. The same points are never
given back twice: the debit's amount falls by them.
"""

from datetime import datetime
from uuid import UUID

from shared.events.movements import GivenBack, LotBack, LotDate
from shared.ledger.account import Account, Debit, in_utc
from shared.ledger.covering import coverings
from shared.ledger.draft import Draft


def give_back(
    account: Account,
    debit: Debit,
    points: int,
    t: datetime,
    *,
    grace_until: datetime | None = None,
) -> GivenBack:
    """What giving back that much of a debit comes to at t.

    A lot past its date gets `grace_until` as its date first, if there is one and it had none yet.
    """
    due = min(points, debit.due)
    waived = min(points - due, debit.waived)
    from_lots, left = [], points - due - waived
    for lot_id, covered in reversed(debit.allocation):
        if not left:
            break
        taken = min(left, covered)
        left -= taken
        from_lots.append((lot_id, taken))
    graced = {
        lot_id: grace_until
        for lot_id, _ in from_lots
        if grace_until is not None and _may_be_graced(account, lot_id, t)
    }
    back = GivenBack(
        due=due,
        waived=waived,
        lots=tuple(
            LotBack(
                lot_id=lot_id,
                points=taken,
                expired=lot_id not in graced and account.lots[lot_id].is_past(t),
            )
            for lot_id, taken in from_lots
        ),
        graced=tuple(LotDate(lot_id=lot_id, expires_at=date) for lot_id, date in graced.items()),
    )
    draft = Draft(account)
    take_back(draft, debit, back)
    return back.model_copy(update={"covers": coverings(draft.account(account.last_at), t)})


def _may_be_graced(account: Account, lot_id: UUID, t: datetime) -> bool:
    lot = account.lots[lot_id]
    return lot.is_past(t) and not lot.graced and lot.awaits is None


def take_back(draft: Draft, debit: Debit, back: GivenBack) -> Debit:
    """Work into an account what a debit gives back; the debit after it."""
    for date in back.graced:
        lot = draft.lot(date.lot_id)
        draft.put_lot(lot._replace(expires_at=in_utc(date.expires_at), graced=True))
    for share in back.lots:
        lot, points = draft.lot(share.lot_id), share.points
        free, expired = (0, points) if share.expired else (points, 0)
        draft.put_lot(lot.moved(free=free, used=-points, expired=expired))
    from_lots = [(share.lot_id, share.points) for share in back.lots]
    smaller = debit.given_back(back.due, back.waived, from_lots)
    draft.put_debit(smaller)
    draft.cover(back.covers)
    return smaller
