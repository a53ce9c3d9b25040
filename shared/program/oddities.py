"""What is allowed in a program but is probably not meant: warnings, cheap and never wrong.

Each says what will happen, so that its reader can decide. A program without warnings may still be
odd.
"""

from collections.abc import Iterator
from typing import NamedTuple

from shared.program.calendar import end_of_when, start_of
from shared.program.model import CashOffRules, Program
from shared.program.odd_rules import of_caps, of_rule
from shared.program.policies import Deficit
from shared.program.redemption import smallest
from shared.program.rewards import Codes, Reward, Unit
from shared.program.rules import Action, BaseRule
from shared.program.validity import Validity

Path = tuple[str | int, ...]
_GIVEN = {
    Deficit.WRITTEN_OFF: "what a return leaves due is forgotten at its date",
    Deficit.UNSPENT_ONLY: "a member who spends points before a return keeps what they bought",
}


class Oddity(NamedTuple):
    """Where something odd stands in the document, and what will happen."""

    path: Path
    message: str


def oddities(program: Program) -> Iterator[Oddity]:
    """What is odd about a program, in the order of the document."""
    if not any(isinstance(rule, BaseRule | Action) for rule in program.earn.rules):
        yield Oddity(("earn", "rules"), "no base rule: purchases earn bonuses only")
    for number, rule in enumerate(program.earn.rules):
        for message in of_rule(program, rule):
            yield Oddity(("earn", "rules", number), f"rule {rule.rule} {message}")
    for message in of_caps(program):
        yield Oddity(("earn", "caps"), message)
    dates = Validity(program).dates(program.starts_at)
    if dates and dates[1] and dates[1] <= dates[0]:
        yield Oddity(("expiry",), "points expire before they can be spent")
    if program.redemption.cash_off is not None:
        for message in _of_cash_off(program.redemption.cash_off):
            yield Oddity(("redemption", "cash_off"), message)
    for number, reward in enumerate(program.redemption.rewards):
        for message in _of_reward(program, reward):
            path = ("redemption", "rewards", number)
            yield Oddity(path, f"reward {reward.reward} {message}")
    if program.returns.deficit is not Deficit.CARRIED:
        given = _GIVEN[program.returns.deficit]
        yield Oddity(("returns", "deficit"), f"{given}: a gift of the program")


def _of_reward(program: Program, reward: Reward) -> Iterator[str]:
    if reward.codes is Codes.POOL and reward.when_cancelled is Unit.RESTOCKED:
        yield "goes back to stock when it is cancelled, with a code that a member has seen"
    if not reward.is_counted and reward.when_cancelled is Unit.WRITTEN_OFF:
        yield "has no units to write off: its stock is unlimited"
    ends = reward.effective_until
    if ends and end_of_when(ends, program.zone) <= start_of(program.effective_from, program.zone):
        yield f"can never be had: it ends ({ends}) before this version counts"


def _of_cash_off(rules: CashOffRules) -> Iterator[str]:
    least = smallest(rules)
    if least != rules.minimum:
        yield f"the minimum is in effect {least} points: below it nothing fits the multiples"
    if rules.cap is not None and rules.cap < least:
        yield f"nothing can be redeemed: the cap {rules.cap} is below the minimum {least}"
