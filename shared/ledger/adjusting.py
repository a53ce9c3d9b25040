"""Adjustments by an operator: points added as a lot, or deducted as a debit.

Guarantees: within the operator's limit; a deduction goes through the guard of every debit, or,
if it is said to go below zero, takes what is there, pending points too, and the rest is due. Pure.
"""

from datetime import datetime
from uuid import UUID

from shared.events.base import INSTANT_END
from shared.events.commands import AdjustPoints, Direction
from shared.events.facts import RefusalReason
from shared.events.movements import PointsAdded, PointsDeducted, RequestRefused
from shared.ledger.account import (
    Account,
    Debit,
    DebitKind,
    Due,
    InvariantError,
    Lot,
    in_utc,
    opened,
)
from shared.ledger.covering import Short, allocate, covering_order, coverings, covers_of, shares
from shared.ledger.draft import Draft
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
    added = PointsAdded(
        account=command.account,
        lot_id=refusing.subject,
        brand=command.brand or program.brands[0],
        points=command.points,
        active_from=t,
        expires_at=expires_at,
        actor=command.actor,
        reason=command.reason,
    )
    if account is None or not account.due:
        return added
    draft = _with_lot(account, added, t)
    covers = coverings(draft.account(account.last_at, added=added.points), t)
    return added.model_copy(update={"covers": covers})


def _expiry(program: Program, t: datetime) -> datetime | None:
    """By the program's expiry, from now on; never, where that lies beyond what a fact can hold."""
    dates = Validity(program).dates(t)
    if dates is None or dates[1] is None or dates[1] >= INSTANT_END:
        return None
    return dates[1]


def _with_lot(account: Account, fact: PointsAdded, t: datetime) -> Draft:
    draft = Draft(account)
    if fact.lot_id in account.lots:
        raise InvariantError(f"{account.key}: lot {fact.lot_id} is added twice")
    draft.put_lot(
        Lot(
            account=account.key,
            lot_id=fact.lot_id,
            brand=fact.brand,
            receipt_id=None,
            original=fact.points,
            free=fact.points,
            used=0,
            expired=0,
            clawed=0,
            occurred_at=t,
            active_from=in_utc(fact.active_from),
            expires_at=in_utc(fact.expires_at) if fact.expires_at else None,
            order=account.version + 1,
        )
    )
    return draft


def points_added(account: Account | None, fact: PointsAdded, t: datetime) -> Account:
    """A new lot; it opens an account that there was not."""
    draft = _with_lot(opened(fact.account, t) if account is None else account, fact, t)
    draft.cover(fact.covers)
    return draft.account(t, added=fact.points)


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
    if fact.debit_id in account.debits:
        raise InvariantError(f"{account.key}: debit {fact.debit_id} is made twice")
    draft = Draft(account)
    draft.use(fact.allocation)
    draft.put_debit(
        Debit(
            account=account.key,
            debit_id=fact.debit_id,
            kind=DebitKind.ADJUSTMENT,
            amount=fact.points,
            covered=fact.points - fact.due,
            owed=(Due(fact.due, None),) if fact.due else (),
            waived=0,
            allocation=covers_of(fact.allocation),
            made_at=t,
            order=account.version + 1,
            original=fact.points,
        )
    )
    return draft.account(t)
