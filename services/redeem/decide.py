"""The account keeper's decisions: what dates have brought about first, then what the input does.

Guarantees: facts come in the order in which they are folded, each with its own cause; the same
account, input, program and instant give the same facts. No clock, no IO. That an input is decided
once, whatever its repeats, is the turn's business: it knows the causes.
"""

from collections.abc import Callable, Container, Iterator
from datetime import datetime
from typing import NamedTuple, assert_never
from uuid import UUID

from services.redeem.merge_decisions import OWN, OfMerge, decide_merge
from services.redeem.reward_decisions import (
    NOTHING,
    CarriedOfReward,
    KeyedOfReward,
    OfReward,
    decide_reward,
)
from services.redeem.transfer_decisions import CarriedOfTransfer, OfTransfer, decide_transfer
from shared.events.awards import AwardActivated, DatedPoints, PointsEarned, ReturnAssessed
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
from shared.events.ids import (
    Cause,
    activation_cause,
    award_cause,
    expiry_cause,
    lapse_cause,
    slide_cause,
    write_off_cause,
)
from shared.events.merges import TakeInput
from shared.events.movements import (
    AwardConfirmed,
    DeficitWrittenOff,
    ExpiryExtended,
    HoldCaptured,
    HoldLapsed,
)
from shared.events.points import PointsExpired, PointsRedeemed
from shared.events.rewards import RedeemReward, RewardIssued, RewardReserved
from shared.events.transfers import TransferPoints
from shared.ledger.account import Account
from shared.ledger.adjusting import adjust
from shared.ledger.clawback import cancel_award, claw_back
from shared.ledger.dates import activate, confirm, extend, reinstate
from shared.ledger.decide import credit, redeem
from shared.ledger.evolve import LedgerFact, evolve
from shared.ledger.holds import capture, hold, release
from shared.ledger.merging import forward, inner
from shared.ledger.refunds import cancel
from shared.ledger.settle import Settlement, settle
from shared.ledger.shelf import Shelf
from shared.ledger.sliding import by_spending, slide
from shared.program.model import Program

Operated = AdjustPoints | ExtendLot | ReinstateLot | ConfirmAward | CancelAward
"""Commands of operators."""
Keyed = (
    RedeemPoints
    | HoldPoints
    | CapturePoints
    | CancelRedemption
    | TransferPoints
    | Operated
    | KeyedOfReward
)
"""Commands whose caller names a key."""
Asked = ReturnAssessed | Keyed | ReleasePoints | CarriedOfReward | CarriedOfTransfer
"""What is decided under a program, as one fact."""
Spending = RedeemPoints | CapturePoints | RedeemReward
Spent = PointsRedeemed | HoldCaptured | RewardReserved | RewardIssued
"""What spends points, and what comes of it if it does."""
Input = PointsEarned | AwardActivated | Asked | OfMerge | TakeInput | Tick
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

    `shelf` has the claims, codes and transfers that commands take, `known` the causes that are
    decided. A tick adds nothing to what dates have brought about, so it may well give no fact. What
    is said to a merged account goes to the other one, but for what is about the merge itself.
    """
    if account is not None and account.is_merged and not isinstance(message, OWN):
        if isinstance(message, Tick):
            return []
        return [Decision(cause, forward(account, message, cause.id, known))]
    if isinstance(message, TakeInput):
        return _taken_in(account, message, program_at, cause, t, shelf, known)
    decisions: list[Decision] = []
    if account is not None:
        for fact, after in settle(account, t):
            decisions.append(Decision(_cause(fact), fact))
            account = after
    if isinstance(message, OfMerge):
        merge = decide_merge(account, message, shelf, cause, t)
        return [*decisions, *(Decision(*decided) for decided in merge)]
    match message:
        case Tick():
            pass
        case PointsEarned():
            decisions.extend(_awarded(account, message, known, cause, t))
        case AwardActivated():
            decisions.extend(_activated(account, message, cause, t))
        case _:
            program = program_at(split_account(message.account)[0], t)
            decisions.extend(_asked(account, message, program, shelf, cause, t))
    return decisions


def _taken_in(
    account: Account | None,
    command: TakeInput,
    program_at: ProgramAt,
    cause: Cause,
    t: datetime,
    shelf: Shelf,
    known: Container[UUID],
) -> list[Decision]:
    """What was said to a merged account, decided on this one.

    What it makes has the id that it would have had there, so that callers find it.
    """
    origin = Cause(cause.text, command.origin)
    decided = decide(account, inner(command), program_at, origin, t, shelf, known)
    return [one._replace(cause=cause) if one.cause == origin else one for one in decided]


def _awarded(
    account: Account | None, award: PointsEarned, known: Container[UUID], cause: Cause, t: datetime
) -> Iterator[Decision]:
    """What an award does: to the dates of other points, then its lots."""
    if award.extends is not None and account is not None:
        extended = slide(account, award.extends, award.award_id, award.program_version, t)
        for fact in extended:
            yield _slid(fact)
            account = evolve(account, fact, t)
    yield from _credits(account, award, known, cause, t)


def _activated(
    account: Account | None, event: AwardActivated, cause: Cause, t: datetime
) -> Iterator[Decision]:
    """The lots that have waited are active, the last of them under the event's own cause.

    Those before it that are active already were so made before what came behind them was lost.
    """
    *others, last = event.lots
    for lot in others:
        fact = activate(account, event, lot, t)
        if isinstance(fact, AwardConfirmed) and account is not None:
            yield Decision(activation_cause(event.account, event.activation_id, lot.lot_id), fact)
            account = evolve(account, fact, t)
    yield Decision(cause, activate(account, event, last, t))


def _slid(fact: ExpiryExtended) -> Decision:
    return Decision(slide_cause(fact.account, fact.by, fact.lots[0].lot_id), fact)


def _asked(
    account: Account | None,
    message: Asked,
    program: Program | None,
    shelf: Shelf,
    cause: Cause,
    t: datetime,
) -> Iterator[Decision]:
    """What is asked of an account. Where spending extends dates, it does so before it spends.

    So its own cause comes last here too, and being known means that all is done.
    """
    decided = _decided(account, message, program, shelf, cause, t)
    if isinstance(decided, Spent) and isinstance(message, Spending):
        extends = by_spending(program, t)
        if extends is not None and program is not None and account is not None:
            for fact in slide(account, extends, cause.id, program.version, t):
                yield _slid(fact)
                account = evolve(account, fact, t)
            decided = _decided(account, message, program, shelf, cause, t)
    yield Decision(cause, decided)


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
            "sliding": part.sliding,
            "awaits": part.awaits,
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
    message: Asked,
    program: Program | None,
    shelf: Shelf,
    cause: Cause,
    t: datetime,
) -> LedgerFact:
    """What one input does to an account that is settled up to t."""
    if isinstance(message, OfReward):
        return decide_reward(account, message, program, shelf, cause, t)
    if isinstance(message, OfTransfer):
        return decide_transfer(account, message, program, shelf, cause, t)
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
