"""What the courier carries for a claim: pure, from the claim and what its stock has decided.

Guarantees: the same rows give the same commands, byte for byte, so a command that is sent again is
known by its cause. An errand ends when the member's account has taken its outcome in.
"""

from typing import NamedTuple, assert_never

from pydantic import BaseModel

from shared.events.facts import RefusalReason
from shared.events.ids import (
    Cause,
    conclude_cause,
    return_unit_cause,
    returned_cause,
    take_cause,
)
from shared.events.rewards import (
    ConcludeReturn,
    ConcludeReward,
    ReturnUnit,
    TakeUnit,
    UnitRefused,
    UnitTaken,
)
from shared.ledger.claims import Claim, Errand


class Letter(NamedTuple):
    """A command to an account, and its identity."""

    command: TakeUnit | ConcludeReward | ReturnUnit | ConcludeReturn
    cause: Cause


def stock_cause(claim: Claim) -> Cause:
    """The identity of what the stock decides on the claim's errand."""
    stock, errand = _open(claim)
    make = take_cause if errand is Errand.TAKE else return_unit_cause
    return make(stock, claim.redemption_id)


def letter(claim: Claim, decided: BaseModel | None) -> Letter:
    """What comes next of an errand: to the stock, or back with what it has `decided`."""
    _, errand = _open(claim)
    account, redemption_id = claim.account, claim.redemption_id
    if decided is None:
        return Letter(_to_stock(claim), stock_cause(claim))
    match errand:
        case Errand.TAKE:
            return Letter(_outcome(claim, decided), conclude_cause(account, redemption_id))
        case Errand.RETURN:
            returned = ConcludeReturn(account=account, redemption_id=redemption_id)
            return Letter(returned, returned_cause(account, redemption_id))
        case _:
            assert_never(errand)


def _open(claim: Claim) -> tuple[str, Errand]:
    assert claim.stock is not None, "only what has a stock has errands"
    assert claim.errand is not None, "an errand that is not open is nobody's business"
    return claim.stock, claim.errand


def _to_stock(claim: Claim) -> TakeUnit | ReturnUnit:
    stock, errand = _open(claim)
    if errand is Errand.TAKE:
        return TakeUnit(account=stock, redemption_id=claim.redemption_id, member=claim.account)
    return ReturnUnit(
        account=stock, redemption_id=claim.redemption_id, written_off=claim.written_off
    )


def _outcome(claim: Claim, decided: BaseModel) -> ConcludeReward:
    """A unit, or none: also where the stock could not decide, since it never will then."""
    if isinstance(decided, UnitTaken):
        return ConcludeReward(
            account=claim.account,
            redemption_id=claim.redemption_id,
            lot_id=decided.lot_id,
            code=decided.code,
        )
    reason = RefusalReason.REWARD_NOT_AVAILABLE
    if isinstance(decided, UnitRefused):
        reason = decided.reason
    return ConcludeReward(account=claim.account, redemption_id=claim.redemption_id, refused=reason)
