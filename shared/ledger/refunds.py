"""Refunds: a redemption that is cancelled in whole or in parts.

Guarantees: never more than was spent comes back; points return to the lots that they came from,
with their dates, or with the program's grace where the date is past. Pure.
"""

from datetime import datetime

from shared.events.commands import CancelRedemption
from shared.events.movements import RedemptionCancelled, RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, Debit, DebitKind, InvariantError
from shared.ledger.draft import Draft
from shared.ledger.giving_back import give_back, take_back
from shared.ledger.refusing import GIVING_BACK, Refusing
from shared.program.model import Program
from shared.program.policies import Spent


def cancel(
    account: Account | None, command: CancelRedemption, program: Program | None, t: datetime
) -> RedemptionCancelled | RequestRefused:
    """Points of a redemption that come back, or why not. Needs the redemption and its lots."""
    refusing = Refusing(command, command.redemption_id, command.points)
    if blocked := refusing.unless_open(account, GIVING_BACK):
        return blocked
    assert account is not None
    debit = _redemption(account, command)
    if command.points == 0:
        return refusing.nothing()
    if debit is None:
        return refusing.because(RefusalReason.REDEMPTION_UNKNOWN)
    points = debit.amount if command.points is None else command.points
    if points > debit.amount or not points:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=debit.amount)
    if stays_spent(program):
        return refusing.because(RefusalReason.CANCELLATION_NOT_ALLOWED)
    until = program.returns.grace_until(t, program.zone) if program is not None else None
    return RedemptionCancelled(
        account=account.key,
        redemption_id=debit.debit_id,
        points=points,
        back=give_back(account, debit, points, t, grace_until=until),
    )


def stays_spent(program: Program | None) -> bool:
    """Whether what was spent does not come back."""
    return program is not None and program.returns.spent is Spent.STAYS_SPENT


def _redemption(account: Account, command: CancelRedemption) -> Debit | None:
    debit = account.debits.get(command.redemption_id)
    return debit if debit is not None and debit.kind is DebitKind.REDEMPTION else None


def cancelled(account: Account, fact: RedemptionCancelled, t: datetime) -> Account:
    """The redemption has that much less; points are where they came from."""
    draft = Draft(account)
    before = draft.debit(fact.redemption_id)
    after = take_back(draft, before, fact.back)
    if before.kind is not DebitKind.REDEMPTION or before.amount - after.amount != fact.points:
        raise InvariantError(f"{account.key}: {fact.redemption_id} gives back other points")
    return draft.account(t)
