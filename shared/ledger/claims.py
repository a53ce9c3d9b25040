"""Claims: what a member has of a reward, from the first request until it is handed over.

Beside the account, which keeps the points of it, this keeps how far a redeemed reward has come, and
which codes of a pool are taken by whom. Guarantees: the fold needs the fact and the claim before
it, no program; a fact that does not fit is an `InvariantError`. Decides nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.events.ids import code_id
from shared.events.points import RefusalReason
from shared.events.rewards import (
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    UnitReturned,
    UnitSettled,
    UnitTaken,
)
from shared.ledger.account import InvariantError

ClaimFact = (
    RewardReserved | RewardIssued | RewardRefused | RewardFulfilled | RewardCancelled | UnitSettled
)
"""What happens to a claim."""
CodeFact = StockAdded | UnitTaken | UnitReturned
"""What happens to codes of a pool."""


class ClaimState(StrEnum):
    """How far a redeemed reward has come; moved: another account has it."""

    RESERVED = "reserved"
    ISSUED = "issued"
    REFUSED = "refused"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    MOVED = "moved"


class Errand(StrEnum):
    """What the courier has yet to do at the stock for a claim."""

    TAKE = "take"
    RETURN = "return"


class Claim(NamedTuple):
    """A redeemed reward: `stock` is the account of its units, if it has any.

    `written_off` is what becomes of its unit when it is cancelled; `reason` why it was refused.
    `order` is the account's version at which it was made.
    """

    account: str
    redemption_id: UUID
    reward: str
    points: int
    brand: str
    program_version: int
    state: ClaimState
    stock: str | None
    makes_code: bool
    written_off: bool
    lot_id: UUID | None
    code: str | None
    errand: Errand | None
    reason: RefusalReason | None
    made_at: datetime
    changed_at: datetime
    order: int


class StockCode(NamedTuple):
    """A code of a lot of units; they are taken by `place`. `taken_by` is a unit."""

    code_id: UUID
    account: str
    lot_id: UUID
    code: str
    place: int
    taken_by: UUID | None


def claim_after(claim: Claim | None, fact: ClaimFact, order: int, t: datetime) -> Claim:
    """The claim after a fact of its account, decided at t; `order` is the account's version."""
    match fact:
        case RewardReserved():
            return _made(claim, fact, order, t)
        case RewardIssued() if fact.allocation:
            return _made(claim, fact, order, t)
        case RewardIssued():
            known = _in(claim, fact, ClaimState.RESERVED)
            known = known._replace(lot_id=fact.lot_id, code=fact.code, errand=None)
            return known._replace(state=ClaimState.ISSUED, changed_at=t)
        case RewardRefused():
            known = _in(claim, fact, ClaimState.RESERVED)._replace(errand=None, reason=fact.reason)
            return known._replace(state=ClaimState.REFUSED, changed_at=t)
        case RewardFulfilled():
            known = _in(claim, fact, ClaimState.ISSUED)
            return known._replace(state=ClaimState.FULFILLED, changed_at=t)
        case RewardCancelled():
            known = _in(claim, fact, ClaimState.ISSUED)
            errand = Errand.RETURN if known.stock is not None else None
            return known._replace(state=ClaimState.CANCELLED, errand=errand, changed_at=t)
        case UnitSettled():
            return _in(claim, fact, ClaimState.CANCELLED)._replace(errand=None, changed_at=t)


def _made(
    claim: Claim | None, fact: RewardReserved | RewardIssued, order: int, t: datetime
) -> Claim:
    if claim is not None:
        raise InvariantError(f"{fact.account}: reward {fact.redemption_id} is redeemed twice")
    reserved = isinstance(fact, RewardReserved)
    return Claim(
        account=fact.account,
        redemption_id=fact.redemption_id,
        reward=fact.reward,
        points=fact.points,
        brand=fact.brand,
        program_version=fact.program_version,
        state=ClaimState.RESERVED if reserved else ClaimState.ISSUED,
        stock=fact.stock if isinstance(fact, RewardReserved) else None,
        makes_code=isinstance(fact, RewardReserved) and fact.makes_code,
        written_off=isinstance(fact, RewardReserved) and fact.written_off,
        lot_id=None,
        code=fact.code if isinstance(fact, RewardIssued) else None,
        errand=Errand.TAKE if reserved else None,
        reason=None,
        made_at=t,
        changed_at=t,
        order=order,
    )


def _in(claim: Claim | None, fact: ClaimFact, state: ClaimState) -> Claim:
    """The claim, which must be in this state."""
    if claim is None or claim.account != fact.account or claim.state is not state:
        raise InvariantError(f"{type(fact).__name__} does not fit {claim}")
    return claim


def codes_after(codes: Mapping[UUID, StockCode], fact: CodeFact) -> Iterator[StockCode]:
    """The codes that a fact of a stock changes; `codes` holds those that it names, by id."""
    match fact:
        case StockAdded():
            for place, code in enumerate(fact.codes):
                id = code_id(fact.account, code)
                if id in codes:
                    raise InvariantError(f"{fact.account}: a code is put in stock twice")
                yield StockCode(id, fact.account, fact.lot_id, code, place, None)
        case UnitTaken(code=str(code)):
            yield _held_by(codes, fact, code, None)._replace(taken_by=fact.unit_id)
        case UnitReturned(code=str(code), written_off=False):
            yield _held_by(codes, fact, code, fact.unit_id)._replace(taken_by=None)
        case _:
            pass


def _held_by(
    codes: Mapping[UUID, StockCode], fact: UnitTaken | UnitReturned, code: str, unit: UUID | None
) -> StockCode:
    known = codes.get(code_id(fact.account, code))
    if known is None or known.taken_by != unit:
        raise InvariantError(f"{fact.account}: a code of {fact.unit_id} is not as it was left")
    return known
