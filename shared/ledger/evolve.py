"""The fold of one account: the account after a fact. Live, rebuild and verification all call it.

Needs the fact and the lots and debits that it names, no program and no policy. Checks that the fact
fits the account and that every sum still holds; repairs nothing: a fact that does not fit is an
`InvariantError`. An account opens on its first fact, unless that is a refusal: nobody gets an
account by asking for points.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import assert_never, get_args, overload
from uuid import UUID

from pydantic import BaseModel

from shared.events.movements import (
    AwardConfirmed,
    DeficitWrittenOff,
    ExpiryExtended,
    HoldCaptured,
    HoldLapsed,
    HoldReleased,
    LotExtended,
    LotReinstated,
    PointsAdded,
    PointsClawedBack,
    PointsDeducted,
    PointsHeld,
    RedemptionCancelled,
    RequestRefused,
)
from shared.events.points import (
    PointsCredited,
    PointsExpired,
    PointsRedeemed,
    RedemptionRefused,
    RefusalReason,
)
from shared.events.rewards import (
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    UnitRefused,
    UnitReturned,
    UnitSettled,
    UnitTaken,
)
from shared.ledger import rewards, stock
from shared.ledger.account import Account, Debit, DebitKind, InvariantError, Lot, in_utc, opened
from shared.ledger.adjusting import points_added, points_deducted
from shared.ledger.clawback import clawed_back
from shared.ledger.dates import confirmed, extended, reinstated
from shared.ledger.draft import Draft
from shared.ledger.holds import captured, held, let_go
from shared.ledger.merging import OfMerge, merged
from shared.ledger.refunds import cancelled
from shared.ledger.sliding import slid
from shared.ledger.transferring import OfTransfer, transferred

Refusal = RedemptionRefused | RequestRefused | UnitRefused
Movement = (
    PointsHeld
    | HoldCaptured
    | HoldReleased
    | HoldLapsed
    | RedemptionCancelled
    | PointsClawedBack
    | DeficitWrittenOff
    | PointsDeducted
)
"""What happens to points that an account has."""
Redated = ExpiryExtended | LotExtended | LotReinstated | AwardConfirmed
"""What happens to the dates of its lots."""
OfReward = (
    StockAdded
    | RewardReserved
    | RewardIssued
    | RewardRefused
    | RewardFulfilled
    | RewardCancelled
    | UnitSettled
    | UnitTaken
    | UnitReturned
)
"""What happens to the points of a reward, and to units of its stock."""
Opening = PointsCredited | PointsAdded | StockAdded
"""What opens an account that there was not."""
LedgerFact = (
    PointsCredited
    | PointsAdded
    | PointsRedeemed
    | PointsExpired
    | Movement
    | Redated
    | OfReward
    | OfTransfer
    | OfMerge
    | Refusal
)
"""What can happen to an account."""
LEDGER_FACTS: tuple[type[BaseModel], ...] = get_args(LedgerFact)
REFUSED_UNOPENED = (RefusalReason.PROGRAM_UNKNOWN, RefusalReason.ACCOUNT_UNKNOWN)


@overload
def evolve(account: Account, fact: LedgerFact, t: datetime) -> Account: ...
@overload
def evolve(account: None, fact: Opening, t: datetime) -> Account: ...
@overload
def evolve(account: Account | None, fact: LedgerFact, t: datetime) -> Account | None: ...
def evolve(account: Account | None, fact: LedgerFact, t: datetime) -> Account | None:
    """The account after `fact`, which was decided at t. None is an account that is not open."""
    if account is None:
        if isinstance(fact, Opening):
            account = opened(fact.account, t)
        elif _leaves_unopened(fact):
            return None
        else:
            raise InvariantError(f"{type(fact).__name__} on {fact.account}, which is not open")
    elif account.key != fact.account:
        raise InvariantError(f"a fact of {fact.account} on {account.key}")
    elif t < account.last_at:
        raise InvariantError(f"{account.key}: time goes back from {account.last_at} to {t}")
    match fact:
        case PointsCredited():
            after = _credited(account, fact, t)
        case PointsRedeemed():
            after = _redeemed(account, fact, t)
        case PointsExpired():
            after = _expired(account, fact, t)
        case _:
            after = _otherwise(account, fact, t)
    after.check()
    return after


def _leaves_unopened(fact: LedgerFact) -> bool:
    if isinstance(fact, RedemptionRefused):
        return fact.reason in REFUSED_UNOPENED
    return isinstance(fact, RequestRefused | UnitRefused)


def _otherwise(
    account: Account,
    fact: PointsAdded | Movement | Redated | OfReward | OfTransfer | OfMerge | Refusal,
    t: datetime,
) -> Account:
    """What is not worth a shorter way."""
    if isinstance(fact, PointsAdded):
        return points_added(account, fact, t)
    if isinstance(fact, Refusal):
        return _noted(account, t)
    if isinstance(fact, OfReward):
        return _of_reward(account, fact, t)
    if isinstance(fact, Redated):
        return _redated(account, fact, t)
    if isinstance(fact, OfTransfer):
        return transferred(account, fact, t)
    if isinstance(fact, OfMerge):
        return merged(account, fact, t)
    return _moved(account, fact, t)


def _noted(account: Account, t: datetime) -> Account:
    """A fact that moves nothing is a version of the account, too."""
    return account._replace(version=account.version + 1, last_at=t)


def _of_reward(account: Account, fact: OfReward, t: datetime) -> Account:
    """What a reward does to points, and to units of its stock, is folded where it is decided."""
    match fact:
        case RewardReserved():
            return rewards.reserved(account, fact, t)
        case RewardIssued():
            return rewards.issued(account, fact, t)
        case RewardRefused():
            return rewards.refused(account, fact, t)
        case RewardCancelled():
            return rewards.cancelled(account, fact, t)
        case StockAdded():
            return stock.stock_added(account, fact, t)
        case UnitTaken():
            return stock.unit_taken(account, fact, t)
        case UnitReturned():
            return stock.unit_returned(account, fact, t)
        case RewardFulfilled() | UnitSettled():
            return _noted(account, t)


def _moved(account: Account, fact: Movement, t: datetime) -> Account:
    """Each movement is folded where it is decided."""
    match fact:
        case PointsHeld():
            return held(account, fact, t)
        case HoldCaptured():
            return captured(account, fact, t)
        case HoldReleased() | HoldLapsed():
            return let_go(account, fact, t)
        case RedemptionCancelled():
            return cancelled(account, fact, t)
        case PointsClawedBack():
            return clawed_back(account, fact, t)
        case DeficitWrittenOff():
            return _written_off(account, fact, t)
        case PointsDeducted():
            return points_deducted(account, fact, t)
        case _:
            assert_never(fact)


def _redated(account: Account, fact: Redated, t: datetime) -> Account:
    match fact:
        case ExpiryExtended():
            return slid(account, fact, t)
        case LotExtended():
            return extended(account, fact, t)
        case LotReinstated():
            return reinstated(account, fact, t)
        case AwardConfirmed():
            return confirmed(account, fact, t)
        case _:
            assert_never(fact)


def _written_off(account: Account, fact: DeficitWrittenOff, t: datetime) -> Account:
    """What was due of a debit until its date is waived."""
    if fact.write_off_at > t:
        raise InvariantError(f"{account.key}: {fact} comes before its date")
    draft = Draft(account)
    debit = draft.debit(fact.debit_id)
    draft.put_debit(debit.written_off(fact.points, in_utc(fact.write_off_at)))
    return draft.account(t)


def _credited(account: Account, fact: PointsCredited, t: datetime) -> Account:
    """A new lot; what of it covers a debit is used, the rest is free unless it is past its date."""
    version = account.version + 1
    if not fact.points:
        if fact.covers or fact.expired:
            raise InvariantError(f"{account.key}: a credit of nothing covers or expires points")
        return account._replace(version=version, last_at=t)
    debits, covered = _covered(account, fact)
    free = fact.points - covered - fact.expired
    active_from = fact.active_from.astimezone(UTC)
    expires_at = fact.expires_at.astimezone(UTC) if fact.expires_at is not None else None
    past = expires_at is not None and (
        expires_at <= t or (fact.awaits is None and expires_at <= active_from)
    )
    if fact.expired != (fact.points if past else 0):
        raise InvariantError(f"{account.key}: lot {fact.lot_id} is expired in part or too early")
    if fact.lot_id in account.lots:
        raise InvariantError(f"{account.key}: lot {fact.lot_id} is credited twice")
    lot = Lot(
        account.key,
        fact.lot_id,
        fact.brand,
        fact.receipt_id,
        fact.points,
        free,
        covered,
        fact.expired,
        0,
        fact.occurred_at.astimezone(UTC),
        active_from,
        expires_at,
        version,
        sliding=fact.sliding,
        awaits=fact.awaits,
        promised=in_utc(fact.promised) if fact.promised is not None else None,
    )
    lot.check()
    return Account(
        account.key,
        account.status,
        version,
        t,
        account.earned + fact.points,
        account.redeemed,
        account.expired + fact.expired,
        account.clawed_back,
        account.written_off,
        account.free + free,
        account.due - covered,
        account.held,
        account.held_waived,
        account.added,
        account.deducted,
        account.received,
        account.sent,
        account.merged_into,
        {**account.lots, lot.lot_id: lot},
        debits,
    )


def _covered(account: Account, fact: PointsCredited) -> tuple[Mapping[UUID, Debit], int]:
    """The debits after the new lot covered what it covers of them, and how much that is."""
    if not fact.covers:
        return account.debits, 0
    debits, covered = dict(account.debits), 0
    for share in fact.covers:
        debit = debits.get(share.debit_id)
        if debit is None:
            raise InvariantError(f"{account.key}: debit {share.debit_id} is not loaded")
        debits[share.debit_id] = debit.covered_by(fact.lot_id, share.points)
        covered += share.points
    return debits, covered


def _redeemed(account: Account, fact: PointsRedeemed, t: datetime) -> Account:
    """A debit, covered whole by the lots that the decision names."""
    version = account.version + 1
    if fact.redemption_id in account.debits:
        raise InvariantError(f"{account.key}: redemption {fact.redemption_id} is made twice")
    lots = dict(account.lots)
    for share in fact.allocation:
        lot = lots.get(share.lot_id)
        if lot is None or not lot.is_active(t):
            raise InvariantError(f"{account.key}: lot {share.lot_id} is not active or not loaded")
        lots[share.lot_id] = lot.moved(free=-share.points, used=share.points)
    allocation = tuple([(share.lot_id, share.points) for share in fact.allocation])
    debit = Debit(
        account.key,
        fact.redemption_id,
        DebitKind.REDEMPTION,
        fact.points,
        fact.points,
        (),
        0,
        allocation,
        t,
        version,
        fact.points,
    )
    debit.check()
    return account._replace(
        version=version,
        last_at=t,
        redeemed=account.redeemed + fact.points,
        free=account.free - fact.points,
        lots=lots,
        debits={**account.debits, debit.debit_id: debit},
    )


def _expired(account: Account, fact: PointsExpired, t: datetime) -> Account:
    """All free points of a lot that is past its date are gone."""
    lot = account.lots.get(fact.lot_id)
    if (
        lot is None
        or lot.free != fact.points
        or lot.expires_at != fact.expires_at
        or not lot.is_past(t)
    ):
        raise InvariantError(f"{account.key}: {fact} does not fit {lot}")
    lot = lot.moved(free=-fact.points, expired=fact.points)
    return account._replace(
        version=account.version + 1,
        last_at=t,
        expired=account.expired + fact.points,
        free=account.free - fact.points,
        lots={**account.lots, lot.lot_id: lot},
    )
