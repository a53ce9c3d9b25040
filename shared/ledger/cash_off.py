"""Points as cash off: what a redemption spends, and what a hold sets aside.

Guarantees: both go through the same terms and the same guard, so that whoever can hold points could
have spent them. Pure.
"""

from datetime import datetime
from typing import NamedTuple

from shared.events.commands import HoldPoints, RedeemPoints
from shared.events.points import LotShare, RefusalReason
from shared.ledger.account import Account
from shared.ledger.covering import Short, allocate, shares
from shared.ledger.refusing import SPENDING, by_guard
from shared.program.model import Program
from shared.program.redemption import Refused, cash_off


class Granted(NamedTuple):
    """Points that can be spent, the money off that they buy, and the lots that cover them."""

    points: int
    value_minor: int
    allocation: tuple[LotShare, ...]


def grant(
    account: Account | None,
    command: RedeemPoints | HoldPoints,
    program: Program | None,
    t: datetime,
) -> Granted | Refused:
    """As much as the program gives for what was asked, or why not. Needs all lots with free points.

    Refusals take the precedence of `RefusalReason`.
    """
    if program is None:
        return Refused(RefusalReason.PROGRAM_UNKNOWN)
    if account is None:
        return Refused(RefusalReason.ACCOUNT_UNKNOWN)
    if account.status not in SPENDING:
        return Refused(RefusalReason.ACCOUNT_BLOCKED)
    spendable = account.spendable(t)
    available = sum([lot.free for lot in spendable])
    offer = cash_off(program.redemption.cash_off, command.points, available, command.order_minor)
    if isinstance(offer, Refused):
        return offer
    allocation = allocate(spendable, offer.points)
    if isinstance(allocation, Short):
        return by_guard(allocation)
    return Granted(offer.points, offer.value_minor, shares(allocation))
