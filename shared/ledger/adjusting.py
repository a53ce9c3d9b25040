"""Adjustments by an operator: points added as a lot, or deducted as a debit.

Guarantees: within the operator's limit; a deduction goes through the guard of every debit, or,
if it is said to go below zero, takes what is there, pending points too, and the rest is due. Pure.
"""

from datetime import datetime
from uuid import UUID

from shared.events.base import INSTANT_END
from shared.events.commands import AdjustPoints, Direction
from shared.events.movements import PointsAdded, PointsDeducted, RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, DebitKind, in_utc
from shared.ledger.covering import Short, allocate, covering_order, coverings, shares
from shared.ledger.draft import Draft, new_debit, new_lot
from shared.ledger.refusing import CORRECTING, Refusing
from shared.program.model import Program
from shared.program.validity import Validity


def adjust(
    account: Account | None,
    command: AdjustPoints,
    program: Program | None,
    adjustment_id: UUID,
    t: datetime,
) -> PointsAdded | PointsDeducted | RequestRefused:
    """Points added or deducted, or why not. A deduction needs all lots with free points."""
    refusing = Refusing(command, adjustment_id, command.points)
    if program is None:
        return refusing.because(RefusalReason.PROGRAM_UNKNOWN)
    adds = command.direction is Direction.ADD
    opens = adds and account is None
    if not opens and (blocked := refusing.unless_open(account, CORRECTING)):
        return blocked
    if not command.points:
        return refusing.nothing()
    limit = program.adjustments.limit(command.actor)
    allowed = command.points <= limit
    if adds:
        if not allowed:
            return refusing.because(RefusalReason.LIMIT_REACHED, limit=limit, limit_of="adjustment")
        return _add(account, command, program, refusing, t)
    assert account is not None
    deducted = _deduct(account, command, refusing, t)
    if isinstance(deducted, PointsDeducted) and not allowed:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=limit, limit_of="adjustment")
    return deducted


def _add(
    account: Account | None,
    command: AdjustPoints,
    program: Program,
    refusing: Refusing,
    t: datetime,
) -> PointsAdded | RequestRefused:
    expires_at = command.expires_at or _expiry(program, t)
    if expires_at is not None and expires_at <= t:
        return refusing.because(RefusalReason.DATE_NOT_LATER)
    slides = command.expires_at is None and bool(program.expiry.extended_by)
    added = PointsAdded(
        account=command.account,
        lot_id=refusing.subject,
        brand=command.brand or program.brands[0],
        points=command.points,
        active_from=t,
        expires_at=expires_at,
        actor=command.actor,
        reason=command.reason,
        sliding=slides,
    )
    if account is None or not account.due:
        return added
    covers = coverings(_with_lot(account, added, t).account(account.last_at), t)
    return added.model_copy(update={"covers": covers})


def _expiry(program: Program, t: datetime) -> datetime | None:
    """By the program's expiry, from now on; never, where that lies beyond what a fact can hold."""
    dates = Validity(program).dates(t)
    if dates is None or dates[1] is None or dates[1] >= INSTANT_END:
        return None
    return dates[1]


def _with_lot(account: Account, fact: PointsAdded, t: datetime) -> Draft:
    lot = new_lot(account, fact.lot_id, fact.brand, fact.points, t)
    expires_at = in_utc(fact.expires_at) if fact.expires_at else None
    draft = Draft(account)
    active_from = in_utc(fact.active_from)
    draft.add_lot(
        lot._replace(active_from=active_from, expires_at=expires_at, sliding=fact.sliding)
    )
    return draft


def points_added(account: Account, fact: PointsAdded, t: datetime) -> Account:
    """A new lot, of which some points cover what was due."""
    draft = _with_lot(account, fact, t)
    draft.cover(fact.covers)
    return draft.account(t)


def _deduct(
    account: Account, command: AdjustPoints, refusing: Refusing, t: datetime
) -> PointsDeducted | RequestRefused:
    below = command.below_zero
    lots = covering_order(account.free_lots(), t) if below else account.spendable(t)
    allocation, due = allocate(lots, command.points), 0
    if below and isinstance(allocation, Short) and allocation.limit is None:
        due = allocation.missing
        allocation = allocate(lots, allocation.available)
    if isinstance(allocation, Short):
        return refusing.short(allocation)
    return PointsDeducted(
        account=account.key,
        debit_id=refusing.subject,
        points=command.points,
        allocation=shares(allocation),
        due=due,
        actor=command.actor,
        reason=command.reason,
    )


def points_deducted(account: Account, fact: PointsDeducted, t: datetime) -> Account:
    """A debit; what no lot covers yet is due, for ever."""
    made, kind = fact.debit_id, DebitKind.ADJUSTMENT
    draft = Draft(account)
    draft.add_debit(new_debit(account, made, kind, fact.points, fact.allocation, t, due=fact.due))
    return draft.account(t)
