"""Rewards on a member's account: points set aside, spent, or given back.

Guarantees: a reward takes points only through the guard of every debit; what was set aside is
spent or given back once; who finds no unit loses no point. Each decision stands above the fold of
its fact. Pure: `t` and the program are arguments. Whether there is a unit is decided by the stock,
which is another account (`stock`); how far a redeemed reward has come is kept in its claim.
"""

import hashlib
from datetime import datetime
from uuid import UUID

from shared.events.base import stock_account
from shared.events.movements import RequestRefused
from shared.events.points import LotShare, RefusalReason
from shared.events.rewards import (
    CancelReward,
    ConcludeReturn,
    ConcludeReward,
    FulfilReward,
    RedeemReward,
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    UnitSettled,
)
from shared.ledger.account import Account, Debit, DebitKind, HoldState, InvariantError
from shared.ledger.claims import Claim, ClaimState, Errand
from shared.ledger.covering import Short, allocate, shares
from shared.ledger.draft import Draft, new_debit
from shared.ledger.giving_back import give_back, take_back
from shared.ledger.refunds import stays_spent
from shared.ledger.refusing import GIVING_BACK, SPENDING, Refusing
from shared.program.model import Program
from shared.program.rewards import Codes, Reward, Unit

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH, _CODE_GROUP = 12, 4


def made_code(redemption_id: UUID) -> str:
    """The code of a redeemed reward: a short name of it, no secret. Whoever honours it looks it up.

    60 bits in letters that are not mistaken for each other.
    """
    drawn = int.from_bytes(hashlib.sha256(redemption_id.bytes).digest())
    letters = "".join(_ALPHABET[drawn >> 5 * place & 31] for place in range(_CODE_LENGTH))
    groups = range(0, _CODE_LENGTH, _CODE_GROUP)
    return "-".join(letters[start : start + _CODE_GROUP] for start in groups)


def redeem_reward(
    account: Account | None,
    command: RedeemReward,
    program: Program | None,
    redemption_id: UUID,
    t: datetime,
) -> RewardReserved | RewardIssued | RequestRefused:
    """The price set aside until there is a unit, or spent where none is needed, or why not.

    Needs all lots with free points.
    """
    refusing = Refusing(command, redemption_id)
    if program is None:
        return refusing.because(RefusalReason.PROGRAM_UNKNOWN)
    if blocked := refusing.unless_open(account, SPENDING):
        return blocked
    assert account is not None
    reward = program.reward(command.reward)
    if reward is None:
        return refusing.because(RefusalReason.REWARD_UNKNOWN)
    refusing.points = reward.points
    if not reward.is_offered(t, program.zone):
        return refusing.because(RefusalReason.REWARD_NOT_AVAILABLE)
    allocation = allocate(account.spendable(t), reward.points)
    if isinstance(allocation, Short):
        return refusing.short(allocation)
    return _taken(command, program, reward, redemption_id, shares(allocation))


def _taken(
    command: RedeemReward,
    program: Program,
    reward: Reward,
    redemption_id: UUID,
    allocation: tuple[LotShare, ...],
) -> RewardReserved | RewardIssued:
    brand = reward.honoured_by or program.brands[0]
    if reward.is_counted:
        return RewardReserved(
            account=command.account,
            redemption_id=redemption_id,
            reward=reward.reward,
            points=reward.points,
            brand=brand,
            program_version=program.version,
            stock=stock_account(program.program, reward.reward),
            makes_code=reward.codes is Codes.MADE,
            written_off=reward.when_cancelled is Unit.WRITTEN_OFF,
            allocation=allocation,
        )
    return RewardIssued(
        account=command.account,
        redemption_id=redemption_id,
        reward=reward.reward,
        points=reward.points,
        brand=brand,
        program_version=program.version,
        code=made_code(redemption_id) if reward.codes is Codes.MADE else None,
        allocation=allocation,
    )


def reserved(account: Account, fact: RewardReserved, t: datetime) -> Account:
    """A debit that is set aside, covered whole by the lots that the decision names."""
    return _with_debit(account, fact, HoldState.OPEN, t)


def _with_debit(
    account: Account, fact: RewardReserved | RewardIssued, state: HoldState, t: datetime
) -> Account:
    made, kind = fact.redemption_id, DebitKind.REWARD
    debit = new_debit(account, made, kind, fact.points, fact.allocation, t)
    draft = Draft(account)
    draft.add_debit(debit._replace(state=state), active_at=t)
    return draft.account(t)


def conclude(
    account: Account | None, claim: Claim | None, command: ConcludeReward, t: datetime
) -> RewardIssued | RewardRefused | RequestRefused:
    """What came of the unit: the points are spent, or given back. Needs the debit and its lots.

    No status of the account is in its way: the unit may be the member's already.
    """
    refusing = Refusing(command, command.redemption_id)
    if account is None or claim is None or claim.state is not ClaimState.RESERVED:
        return refusing.because(RefusalReason.REWARD_NOT_OPEN)
    debit = account.debits[claim.redemption_id]
    if command.lot_id is None:
        return RewardRefused(
            account=account.key,
            redemption_id=claim.redemption_id,
            reward=claim.reward,
            points=debit.amount,
            reason=command.refused or RefusalReason.REWARD_NOT_AVAILABLE,
            back=give_back(account, debit, debit.amount, t),
        )
    made = made_code(claim.redemption_id) if claim.makes_code else None
    return RewardIssued(
        account=account.key,
        redemption_id=claim.redemption_id,
        reward=claim.reward,
        points=debit.amount,
        brand=claim.brand,
        program_version=claim.program_version,
        lot_id=command.lot_id,
        code=command.code or made,
    )


def issued(account: Account, fact: RewardIssued, t: datetime) -> Account:
    """The points are spent: those that were set aside, or those that the fact names."""
    if fact.allocation:
        return _with_debit(account, fact, HoldState.CAPTURED, t)
    draft = Draft(account)
    debit = _reserved(draft, fact)
    draft.put_debit(debit._replace(state=HoldState.CAPTURED))
    return draft.account(t)


def refused(account: Account, fact: RewardRefused, t: datetime) -> Account:
    """All points that were set aside are where they came from."""
    draft = Draft(account)
    debit = take_back(draft, _reserved(draft, fact), fact.back)
    _check_nothing_left(debit)
    draft.put_debit(debit._replace(state=HoldState.RELEASED))
    return draft.account(t)


def _reserved(draft: Draft, fact: RewardIssued | RewardRefused) -> Debit:
    debit = draft.debit(fact.redemption_id)
    reserved = debit.kind is DebitKind.REWARD and debit.is_open_hold
    if not reserved or debit.amount != fact.points:
        raise InvariantError(f"{draft.before.key}: {fact} does not fit {debit}")
    return debit


def _check_nothing_left(debit: Debit) -> None:
    if debit.amount:
        raise InvariantError(f"reward {debit.debit_id} keeps {debit.amount} points")


def fulfil(
    account: Account | None, claim: Claim | None, command: FulfilReward
) -> RewardFulfilled | RequestRefused:
    """The reward was handed over, or why it cannot have been."""
    refusing = Refusing(command, command.redemption_id)
    if blocked := refusing.unless_open(account, GIVING_BACK):
        return blocked
    if claim is None:
        return refusing.because(RefusalReason.REDEMPTION_UNKNOWN)
    if command.brand not in {None, claim.brand}:
        return refusing.because(RefusalReason.REWARD_NOT_AVAILABLE)
    if claim.state is not ClaimState.ISSUED:
        return refusing.because(RefusalReason.REWARD_NOT_OPEN)
    return RewardFulfilled(
        account=claim.account,
        redemption_id=claim.redemption_id,
        reward=claim.reward,
        brand=claim.brand,
        actor=command.actor,
        reason=command.reason,
    )


def cancel_reward(
    account: Account | None,
    claim: Claim | None,
    command: CancelReward,
    program: Program | None,
    t: datetime,
) -> RewardCancelled | RequestRefused:
    """The points come back, with the program's grace where the date of a lot is past, or why not.

    Only what was issued and not handed over can be cancelled. Needs the debit and its lots.
    """
    refusing = Refusing(command, command.redemption_id)
    if blocked := refusing.unless_open(account, GIVING_BACK):
        return blocked
    assert account is not None
    if claim is None:
        return refusing.because(RefusalReason.REDEMPTION_UNKNOWN)
    if claim.state is not ClaimState.ISSUED:
        return refusing.because(RefusalReason.REWARD_NOT_OPEN)
    if stays_spent(program):
        return refusing.because(RefusalReason.CANCELLATION_NOT_ALLOWED)
    debit = account.debits[claim.redemption_id]
    until = program.returns.grace_until(t, program.zone) if program is not None else None
    return RewardCancelled(
        account=account.key,
        redemption_id=claim.redemption_id,
        reward=claim.reward,
        points=debit.amount,
        back=give_back(account, debit, debit.amount, t, grace_until=until),
        actor=command.actor,
        reason=command.reason,
    )


def cancelled(account: Account, fact: RewardCancelled, t: datetime) -> Account:
    """All of the reward's points are where they came from."""
    draft = Draft(account)
    before = draft.debit(fact.redemption_id)
    after = take_back(draft, before, fact.back)
    spent = before.kind is DebitKind.REWARD and before.state is HoldState.CAPTURED
    if not spent or before.amount != fact.points:
        raise InvariantError(f"{account.key}: {fact} does not fit {before}")
    _check_nothing_left(after)
    return draft.account(t)


def settle_unit(claim: Claim | None, command: ConcludeReturn) -> UnitSettled | RequestRefused:
    """The unit of a cancelled reward is where it belongs."""
    if claim is None or claim.errand is not Errand.RETURN:
        refusing = Refusing(command, command.redemption_id)
        return refusing.because(RefusalReason.REWARD_NOT_OPEN)
    return UnitSettled(
        account=claim.account, redemption_id=claim.redemption_id, reward=claim.reward
    )
