"""The account keeper's decisions: what dates have brought about first, then what the input does.

Guarantees: facts come in the order in which they are folded, each with its own cause; the same
account, input, program and instant give the same facts. No clock, no IO. That an input is decided
once, whatever its repeats, is the turn's business: it knows the causes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, assert_never

from services.redeem.reward_decisions import (
    NOTHING,
    Carried,
    KeyedOfReward,
    OfReward,
    decide_reward,
)
from shared.events.base import split_account
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    ConfirmAward,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
    Tick,
)
from shared.events.facts import PointsEarned, PointsExpired, ReturnAssessed
from shared.events.ids import Cause, expiry_cause, lapse_cause, write_off_cause
from shared.events.movements import DeficitWrittenOff, HoldLapsed
from shared.ledger.account import Account
from shared.ledger.adjusting import adjust
from shared.ledger.clawback import cancel_award, claw_back
from shared.ledger.dates import confirm, extend, reinstate
from shared.ledger.decide import credit, redeem
from shared.ledger.evolve import LedgerFact
from shared.ledger.holds import capture, hold, release
from shared.ledger.refunds import cancel
from shared.ledger.settle import Settlement, settle
from shared.ledger.shelf import Shelf
from shared.program.model import Program

Operated = AdjustPoints | ExtendLot | ReinstateLot | ConfirmAward | CancelAward
"""Commands of operators."""
Keyed = RedeemPoints | HoldPoints | CapturePoints | CancelRedemption | Operated | KeyedOfReward
"""Commands whose caller names a key."""
Input = PointsEarned | ReturnAssessed | Keyed | ReleasePoints | Carried | Tick
"""What moves points; other facts of earn are no business of an account."""
ProgramAt = Callable[[str, datetime], Program | None]
"""The version of a program in force at an instant, if there is one."""


class Decision(NamedTuple):
    """A fact and why it is there."""

    cause: Cause
    fact: LedgerFact


def decide(
    account: Account | None,
    message: Input,
    program_at: ProgramAt,
    cause: Cause,
    t: datetime,
    shelf: Shelf = NOTHING,
) -> list[Decision]:
    """Facts for one input, decided at t; `cause` is the input's own. None: no account is open yet.

    `shelf` has the claims and codes that commands about rewards take. A tick adds nothing to what
    dates have brought about, so it may well give no fact at all.
    """
    decisions: list[Decision] = []
    if account is not None:
        for fact, after in settle(account, t):
            decisions.append(Decision(_cause(fact), fact))
            account = after
    match message:
        case Tick():
            pass
        case PointsEarned():
            decisions.append(Decision(cause, credit(account, message, t)))
        case command if isinstance(command, OfReward):
            program = program_at(split_account(command.account)[0], t)
            decided = decide_reward(account, command, program, shelf, cause, t)
            decisions.append(Decision(cause, decided))
        case _:
            program = program_at(split_account(message.account)[0], t)
            decisions.append(Decision(cause, _decided(account, message, program, cause, t)))
    return decisions


def _cause(fact: Settlement) -> Cause:
    """The identity of what a date has brought about."""
    match fact:
        case PointsExpired():
            return expiry_cause(fact.account, fact.lot_id, fact.expires_at)
        case HoldLapsed():
            return lapse_cause(fact.account, fact.hold_id)
        case DeficitWrittenOff():
            return write_off_cause(fact.account, fact.debit_id, fact.write_off_at)
        case _:
            assert_never(fact)


def _decided(
    account: Account | None,
    message: ReturnAssessed
    | RedeemPoints
    | HoldPoints
    | CapturePoints
    | CancelRedemption
    | ReleasePoints
    | Operated,
    program: Program | None,
    cause: Cause,
    t: datetime,
) -> LedgerFact:
    """What one input does to an account that is settled up to t."""
    match message:
        case RedeemPoints():
            return redeem(account, message, program, cause.id, t)
        case HoldPoints():
            return hold(account, message, program, cause.id, t)
        case CapturePoints():
            return capture(account, message, t)
        case ReleasePoints():
            return release(account, message, t)
        case CancelRedemption():
            return cancel(account, message, program, t)
        case ReturnAssessed():
            return claw_back(account, message, [message.award_id], program, t)
        case _:
            return _operated(account, message, program, cause, t)


def _operated(
    account: Account | None,
    message: Operated,
    program: Program | None,
    cause: Cause,
    t: datetime,
) -> LedgerFact:
    """What an operator does to an account that is settled up to t."""
    match message:
        case AdjustPoints():
            return adjust(account, message, program, cause.id, t)
        case ExtendLot():
            return extend(account, message, t)
        case ReinstateLot():
            return reinstate(account, message, t)
        case ConfirmAward():
            return confirm(account, message, t)
        case CancelAward():
            return cancel_award(account, message, cause.id, program, t)
        case _:
            assert_never(message)
