"""The stock of a reward: an account whose lots are units, each taken once.

Guarantees: a unit is taken through the guard of every debit, so the last one goes to one of those
who ask; a unit that comes back is in its lot again, or written off (expired). Each decision stands
above the fold of its fact. Pure.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from uuid import UUID

from shared.events.base import POINTS_MAX, split_stock
from shared.events.movements import GivenBack, LotBack, RequestRefused
from shared.events.points import LotShare, RefusalReason
from shared.events.rewards import (
    PutStock,
    ReturnUnit,
    StockAdded,
    TakeUnit,
    UnitRefused,
    UnitReturned,
    UnitTaken,
)
from shared.ledger.account import Account, DebitKind, InvariantError
from shared.ledger.covering import Short, allocate
from shared.ledger.draft import Draft, new_debit, new_lot
from shared.ledger.giving_back import give_back, take_back
from shared.ledger.refusing import Refusing
from shared.program.model import Program
from shared.program.rewards import Codes, Reward

POOL_CODES_MAX = 10_000
"""Codes of one pool that nobody has taken: a turn that takes one of them loads them all."""

CodesOf = Callable[[UUID], Iterable[str]]
"""Codes of a lot that nobody has taken, in the order in which they are taken."""


def put_stock(
    account: Account | None,
    command: PutStock,
    program: Program | None,
    lot_id: UUID,
    known: Collection[str],
) -> StockAdded | RequestRefused:
    """A new lot of units, or why not. `known` are those of its codes that were in stock before."""
    refusing = Refusing(command, lot_id, command.units)
    if program is None:
        return refusing.because(RefusalReason.PROGRAM_UNKNOWN)
    named = split_stock(command.account)
    reward = program.reward(named[1]) if named is not None else None
    if reward is None:
        return refusing.because(RefusalReason.REWARD_UNKNOWN)
    if not reward.is_counted:
        return refusing.because(RefusalReason.REWARD_NOT_AVAILABLE)
    if refused := _unfit(refusing, account, reward, command):
        return refused
    if known or len(set(command.codes)) < len(command.codes):
        return refusing.because(RefusalReason.CODE_KNOWN)
    return StockAdded(
        account=command.account,
        lot_id=lot_id,
        brand=reward.honoured_by or program.brands[0],
        units=command.units,
        codes=command.codes,
        actor=command.actor,
        reason=command.reason,
    )


def _unfit(
    refusing: Refusing, account: Account | None, reward: Reward, command: PutStock
) -> RequestRefused | None:
    """Why so many units, with these codes, cannot be put in stock."""
    free = account.free if account is not None else 0
    if reward.codes is not Codes.POOL:
        if command.codes:
            return refusing.because(RefusalReason.LIMIT_REACHED, limit=0, limit_of="codes")
        limit = POINTS_MAX
    else:
        if not command.codes:
            return refusing.because(RefusalReason.BELOW_MINIMUM, minimum=1, limit_of="codes")
        if len(command.codes) != command.units:
            limit = len(command.codes)
            return refusing.because(RefusalReason.LIMIT_REACHED, limit=limit, limit_of="codes")
        limit = POOL_CODES_MAX
    if free + command.units > limit:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=limit, limit_of="stock")
    return None


def stock_added(account: Account, fact: StockAdded, t: datetime) -> Account:
    """A new lot of units."""
    draft = Draft(account)
    draft.add_lot(new_lot(account, fact.lot_id, fact.brand, fact.units, t))
    return draft.account(t)


def take(
    account: Account | None, command: TakeUnit, unit_id: UUID, codes: CodesOf, t: datetime
) -> UnitTaken | UnitRefused:
    """One unit, oldest lot first, or there is none. Needs all lots with free units."""
    allocation = allocate(account.spendable(t), 1) if account is not None else None
    if allocation is None or isinstance(allocation, Short):
        return UnitRefused(
            account=command.account,
            unit_id=unit_id,
            redemption_id=command.redemption_id,
            member=command.member,
            reason=RefusalReason.REWARD_NOT_AVAILABLE,
        )
    [(lot_id, _)] = allocation
    return UnitTaken(
        account=command.account,
        unit_id=unit_id,
        redemption_id=command.redemption_id,
        member=command.member,
        lot_id=lot_id,
        code=next(iter(codes(lot_id)), None),
    )


def unit_taken(account: Account, fact: UnitTaken, t: datetime) -> Account:
    """A debit of one unit."""
    unit = [LotShare(lot_id=fact.lot_id, points=1)]
    draft = Draft(account)
    draft.add_debit(new_debit(account, fact.unit_id, DebitKind.REWARD, 1, unit, t))
    return draft.account(t)


def return_unit(
    account: Account | None, command: ReturnUnit, unit_id: UUID, code: str | None, t: datetime
) -> UnitReturned | RequestRefused:
    """A unit that is in stock again, or written off; refused if nobody took it. Needs its lot."""
    debit = account.debits.get(unit_id) if account is not None else None
    if account is None or debit is None or not debit.amount:
        refusing = Refusing(command, command.redemption_id)
        return refusing.because(RefusalReason.REDEMPTION_UNKNOWN)
    back = give_back(account, debit, 1, t)
    if command.written_off:
        [(lot_id, _)] = debit.allocation
        back = GivenBack(lots=(LotBack(lot_id=lot_id, points=1, expired=True),))
    return UnitReturned(
        account=account.key,
        unit_id=unit_id,
        redemption_id=command.redemption_id,
        code=code,
        written_off=command.written_off,
        back=back,
    )


def unit_returned(account: Account, fact: UnitReturned, t: datetime) -> Account:
    """The unit's debit has nothing any more."""
    draft = Draft(account)
    debit = take_back(draft, draft.debit(fact.unit_id), fact.back)
    if debit.amount:
        raise InvariantError(f"{account.key}: unit {fact.unit_id} is returned in part")
    return draft.account(t)
