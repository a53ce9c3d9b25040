"""What dates alone have brought about on an account since its last fact.

Guarantees: the same facts in the same order whenever it is called and however often, so nothing
depends on when a sweep runs. Does not change the account: `evolve` does, fact by fact.
"""

from datetime import datetime

from shared.events.facts import PointsExpired
from shared.ledger.account import Account


def settle(account: Account, t: datetime) -> tuple[PointsExpired, ...]:
    """Facts up to and including t, in the order of their instants, then of the lots' making.

    Needs the lots past their date that still have free points; closed lots write nothing again.
    """
    past = [
        (lot.expires_at, lot.order, lot)
        for lot in account.lots.values()
        if lot.free and lot.expires_at is not None and lot.expires_at <= t
    ]
    if not past:
        return ()
    past.sort()
    return tuple(
        PointsExpired(
            account=account.key, lot_id=lot.lot_id, points=lot.free, expires_at=expires_at
        )
        for expires_at, _, lot in past
    )
