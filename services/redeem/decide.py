"""The account keeper's decisions: what dates have brought about first, then what the input does.

Guarantees: facts come in the order in which they are folded, each with its own cause; the same
account, input, program and instant give the same facts. No clock, no IO. That an input is decided
once, whatever its repeats, is the turn's business: it knows the causes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, assert_never

from shared.events.base import split_account
from shared.events.commands import RedeemPoints, Tick
from shared.events.facts import PointsEarned
from shared.events.ids import Cause, expiry_cause
from shared.ledger.account import Account
from shared.ledger.decide import credit, redeem
from shared.ledger.evolve import LedgerFact, evolve
from shared.ledger.settle import settle
from shared.program.model import Program

Input = PointsEarned | RedeemPoints | Tick
"""What moves points; other facts of earn are no business of an account."""
ProgramAt = Callable[[str, datetime], Program | None]
"""The version of a program in force at an instant, if there is one."""


class Decision(NamedTuple):
    """A fact and why it is there."""

    cause: Cause
    fact: LedgerFact


def decide(
    account: Account | None, message: Input, program_at: ProgramAt, cause: Cause, t: datetime
) -> list[Decision]:
    """Facts for one input, decided at t; `cause` is the input's own. None: no account is open yet.

    A tick adds nothing to what dates have brought about, so it may well give no fact at all.
    """
    decisions: list[Decision] = []
    if account is not None:
        for expired in settle(account, t):
            due = expiry_cause(account.key, expired.lot_id, expired.expires_at)
            decisions.append(Decision(due, expired))
            account = evolve(account, expired, t)
    match message:
        case PointsEarned():
            decisions.append(Decision(cause, credit(account, message, t)))
        case RedeemPoints():
            program = program_at(split_account(message.account)[0], t)
            decisions.append(Decision(cause, redeem(account, message, program, cause.id, t)))
        case Tick():
            pass
        case _:
            assert_never(message)
    return decisions
