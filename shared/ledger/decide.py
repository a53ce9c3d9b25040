"""What an award and a redemption do to an account: a fact, or a refusal as a value.

Guarantees: the same account, input, program and instant give the same fact; amounts stand in the
fact lot by lot and debit by debit, so that the fold needs no policy; every debit goes through
`allocate`. The account must be settled up to t. Never raises for an input; an `InvariantError` is a
bug or damaged state.
"""

from datetime import datetime
from uuid import UUID

from shared.events.awards import PointsEarned
from shared.events.commands import RedeemPoints
from shared.events.points import DebitShare, PointsCredited, PointsRedeemed, RedemptionRefused
from shared.ledger.account import Account
from shared.ledger.cash_off import grant
from shared.program.model import Program
from shared.program.redemption import Refused
from shared.program.terms import Otherwise

CANCELLED = Otherwise.CANCELLED.value


def credit(account: Account | None, award: PointsEarned, t: datetime) -> PointsCredited:
    """The award as a lot. What is due is covered first, unless the lot is past its date already.

    Clipped to what the cap on the balance leaves, if the award has one.
    """
    waits = award.awaits if award.awaits and award.awaits.otherwise == CANCELLED else None
    expires_at = award.active_from if waits is not None else award.expires_at
    past = expires_at is not None and (
        expires_at <= t or (waits is None and expires_at <= award.active_from)
    )
    points, cap = award.points, award.balance_cap
    if cap is not None and not past:
        points = max(0, min(points, cap - (account.balance if account is not None else 0)))
    clipped = points < award.points
    return PointsCredited(
        account=award.account,
        lot_id=award.award_id,
        brand=award.brand,
        receipt_id=award.receipt_id,
        points=points,
        occurred_at=award.occurred_at,
        active_from=award.active_from,
        expires_at=expires_at,
        covers=() if past or account is None else covers(account, points),
        expired=points if past else 0,
        sliding=award.sliding,
        desired=award.points if clipped else None,
        balance_cap=cap if clipped else None,
        awaits=waits.event if waits is not None else None,
        promised=award.expires_at if waits is not None else None,
    )


def covers(account: Account, points: int) -> tuple[DebitShare, ...]:
    """What points that become free cover of what is due, oldest debit first."""
    left, covered = points, []
    for debit in account.due_debits():
        if not left:
            break
        taken = min(left, debit.due)
        left -= taken
        covered.append(DebitShare(debit_id=debit.debit_id, points=taken))
    return tuple(covered)


def redeem(
    account: Account | None,
    command: RedeemPoints,
    program: Program | None,
    redemption_id: UUID,
    t: datetime,
) -> PointsRedeemed | RedemptionRefused:
    """Points as cash off, as much as the program gives for what was asked, or why not.

    Refusals take the precedence of `RefusalReason`. `program` is the version in force at t, if
    there is one. Needs all lots with free points.
    """
    granted = grant(account, command, program, t)
    if isinstance(granted, Refused):
        return _refused(command, redemption_id, granted)
    assert program is not None
    return PointsRedeemed(
        account=command.account,
        redemption_id=redemption_id,
        asked=command.points,
        points=granted.points,
        value_minor=granted.value_minor,
        money=program.money,
        order_minor=command.order_minor,
        program_version=program.version,
        allocation=granted.allocation,
    )


def _refused(command: RedeemPoints, redemption_id: UUID, why: Refused) -> RedemptionRefused:
    named = {
        "account": command.account,
        "redemption_id": redemption_id,
        "asked": command.points,
        "reason": why.reason,
    }
    return RedemptionRefused.model_validate({**named, **why.numbers})
