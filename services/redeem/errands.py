"""What the courier carries for claims and transfers: pure, from these and what was decided on them.

Guarantees: the same rows give the same commands, byte for byte, so a command that is sent again is
known by its cause. An errand ends when the account that it is for has taken its outcome in.
"""

from typing import NamedTuple, assert_never

from pydantic import BaseModel

from services.redeem.merge_decisions import CarriedOfMerge
from services.redeem.merges import merge_cause
from services.redeem.reward_decisions import CarriedOfReward
from services.redeem.transfer_decisions import CarriedOfTransfer
from shared.events.ids import (
    Cause,
    conclude_cause,
    receive_cause,
    return_unit_cause,
    returned_cause,
    take_cause,
    transferred_cause,
)
from shared.events.merges import TakeInput
from shared.events.movements import RequestRefused
from shared.events.points import RefusalReason
from shared.events.rewards import (
    ConcludeReturn,
    ConcludeReward,
    ReturnUnit,
    TakeUnit,
    UnitRefused,
    UnitTaken,
)
from shared.events.transfers import ConcludeTransfer, PointsReceived, PointsSent, ReceivePoints
from shared.ledger.claims import Claim, Errand
from shared.ledger.transfers import Transfer

Carried = CarriedOfReward | CarriedOfTransfer | CarriedOfMerge | TakeInput
"""Commands that go from account to account."""


def carried_cause(command: Carried) -> Cause:
    """The identity of a carried command, however often it is sent."""
    match command:
        case TakeUnit():
            return take_cause(command.account, command.redemption_id)
        case ConcludeReward():
            return conclude_cause(command.account, command.redemption_id)
        case ReturnUnit():
            return return_unit_cause(command.account, command.redemption_id)
        case ConcludeReturn():
            return returned_cause(command.account, command.redemption_id)
        case ReceivePoints():
            return receive_cause(command.account, command.transfer_id)
        case ConcludeTransfer():
            return transferred_cause(command.account, command.transfer_id)
        case _:
            return merge_cause(command)


class Letter(NamedTuple):
    """A command to an account."""

    command: Carried

    @property
    def cause(self) -> Cause:
        """Its identity."""
        return carried_cause(self.command)


def stock_cause(claim: Claim) -> Cause:
    """The identity of what the stock decides on the claim's errand."""
    return carried_cause(_to_stock(claim))


def letter(claim: Claim, decided: BaseModel | None) -> Letter:
    """What comes next of an errand: to the stock, or back with what it has `decided`."""
    if decided is None:
        return Letter(_to_stock(claim))
    _, errand = _open(claim)
    match errand:
        case Errand.TAKE:
            return Letter(_outcome(claim, decided))
        case Errand.RETURN:
            return Letter(ConcludeReturn(account=claim.account, redemption_id=claim.redemption_id))
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


def receipt_letter(sent: PointsSent) -> Letter:
    """Points that were sent, to the account that they are for."""
    return Letter(
        ReceivePoints(
            account=sent.to, transfer_id=sent.transfer_id, sender=sent.account, lots=sent.lots
        )
    )


def outcome_letter(transfer: Transfer, decided: BaseModel) -> Letter:
    """What the other account has `decided`, back to the sender."""
    received = isinstance(decided, PointsReceived)
    refused = None if received else why(decided, RefusalReason.TRANSFER_NOT_ALLOWED)
    return Letter(
        ConcludeTransfer(
            account=transfer.account, transfer_id=transfer.transfer_id, refused=refused
        )
    )


def why(decided: BaseModel, unsaid: RefusalReason) -> RefusalReason:
    """Also an account that could not decide takes nothing: it never will then."""
    return decided.reason if isinstance(decided, RequestRefused) else unsaid
