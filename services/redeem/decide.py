"""The account keeper's decisions: what dates have brought about first, then what the input does.

Guarantees: facts come in the order in which they are folded, each with its own cause; the same
account, input, program and instant give the same facts. No clock, no IO. That an input is decided
once, whatever its repeats, is the turn's business: it knows the causes.
"""

from collections.abc import Callable, Container, Iterator
from datetime import datetime
from typing import NamedTuple, assert_never
from uuid import UUID

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
from shared.events.facts import DatedPoints, PointsEarned, PointsExpired, ReturnAssessed
from shared.events.ids import Cause, award_cause, expiry_cause, lapse_cause, write_off_cause
from shared.events.movements import DeficitWrittenOff, HoldLapsed
from shared.ledger.account import Account
from shared.ledger.adjusting import adjust
from shared.ledger.clawback import cancel_award, claw_back
from shared.ledger.dates import confirm, extend, reinstate
from shared.ledger.decide import credit, redeem
from shared.ledger.evolve import LedgerFact, evolve
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
    known: Container[UUID] = (),
) -> list[Decision]:
    """Facts for one input, decided at t; `cause` is the input's own. None: no account is open yet.

    `shelf` has the claims and codes that commands about rewards take, `known` the causes that are
    decided. A tick adds nothing to what dates have brought about, so it may well give no fact.
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
            decisions.extend(_credits(account, message, known, cause, t))
        case command if isinstance(command, OfReward):
            program = program_at(split_account(command.account)[0], t)
            decided = decide_reward(account, command, program, shelf, cause, t)
            decisions.append(Decision(cause, decided))
        case _:
            program = program_at(split_account(message.account)[0], t)
            decisions.append(Decision(cause, _decided(account, message, program, cause, t)))
    return decisions


def _credits(
    account: Account | None, award: PointsEarned, known: Container[UUID], cause: Cause, t: datetime
) -> Iterator[Decision]:
    """The lots of an award: its parts first, so that all is done once its own cause is known.

    Parts whose cause is known already were credited before what came behind them was lost.
    """
    points = award.points
    for part in award.parts:
        points -= part.points
        part_cause = award_cause(award.account, part.lot_id)
        if part_cause.id not in known:
            fact = credit(account, _dated(award, part), t)
            yield Decision(part_cause, fact)
            account = evolve(account, fact, t)
    own = award.model_copy(update={"points": points}) if award.parts else award
    yield Decision(cause, credit(account, own, t))


def _dated(award: PointsEarned, part: DatedPoints) -> PointsEarned:
    """A part of an award as an award of its own."""
    return award.model_copy(
        update={
            "award_id": part.lot_id,
            "points": part.points,
            "active_from": part.active_from,
            "expires_at": part.expires_at,
        }
    )


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
            return claw_back(account, message, [message.award_id, *message.lots], program, t)
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
