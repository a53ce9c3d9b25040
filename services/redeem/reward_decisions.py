"""What the account keeper decides about rewards: on a member's account, and on a reward's stock.

Pure, as `decide` is; the account is settled already.
"""

from datetime import datetime
from typing import assert_never

from shared.events.ids import Cause, take_cause
from shared.events.rewards import (
    CancelReward,
    ConcludeReturn,
    ConcludeReward,
    FulfilReward,
    PutStock,
    RedeemReward,
    ReturnUnit,
    TakeUnit,
)
from shared.ledger.account import Account
from shared.ledger.evolve import LedgerFact
from shared.ledger.rewards import cancel_reward, conclude, fulfil, redeem_reward, settle_unit
from shared.ledger.shelf import Shelf
from shared.ledger.stock import put_stock, return_unit, take
from shared.program.model import Program

KeyedOfReward = RedeemReward | FulfilReward | CancelReward | PutStock
"""Commands whose caller names a key."""
CarriedOfReward = TakeUnit | ConcludeReward | ReturnUnit | ConcludeReturn
"""Commands that the courier carries between accounts."""
OfReward = KeyedOfReward | CarriedOfReward
NOTHING = Shelf()
"""No claims and no codes: for all that is not about rewards."""


def decide_reward(
    account: Account | None,
    message: OfReward,
    program: Program | None,
    shelf: Shelf,
    cause: Cause,
    t: datetime,
) -> LedgerFact:
    """What one command does to an account, or to a stock, that is settled up to t."""
    match message:
        case RedeemReward():
            return redeem_reward(account, message, program, cause.id, t)
        case PutStock():
            known = shelf.known(message.account, message.codes)
            return put_stock(account, message, program, cause.id, known)
        case TakeUnit():
            return take(account, message, cause.id, shelf.free_codes, t)
        case ReturnUnit():
            unit_id = take_cause(message.account, message.redemption_id).id
            return return_unit(account, message, unit_id, shelf.code_of(unit_id), t)
        case _:
            return _of_claim(account, message, program, shelf, t)


def _of_claim(
    account: Account | None,
    message: ConcludeReward | FulfilReward | CancelReward | ConcludeReturn,
    program: Program | None,
    shelf: Shelf,
    t: datetime,
) -> LedgerFact:
    claim = shelf.claim_of(message.account, message.redemption_id)
    match message:
        case ConcludeReward():
            return conclude(account, claim, message, t)
        case FulfilReward():
            return fulfil(account, claim, message)
        case CancelReward():
            return cancel_reward(account, claim, message, program, t)
        case ConcludeReturn():
            return settle_unit(claim, message)
        case _:
            assert_never(message)
