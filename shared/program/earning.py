"""What a purchase is worth: the one function behind awards and previews.

The stages give exact parts (`stages`), which are summed and rounded once. Guarantees: the same
program and purchase give the same award, whatever the order of lines; every rule in effect says
what it gave, or why nothing. Knows no member: what depends on one is a stage before the rounding.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.events.facts import RuleMissed, RuleShare
from shared.events.upstream import Purchase
from shared.program.calendar import end_of_when, start_of
from shared.program.exact import write_ratio
from shared.program.matching import Found, Matching
from shared.program.model import Program, Rounding
from shared.program.rules import EarnRule, Fixed, Multiplier, PerAmount, PerVisit, Rule
from shared.program.stages import Part, Stages
from shared.program.validity import Validity

PROGRAMS_PREPARED_MAX = 256
MISSES_REMEMBERED_MAX = 4_096


class Missed(StrEnum):
    """Why a rule gave nothing; of several reasons the first one here is told."""

    OTHER_CURRENCY = "other_currency"
    NOT_IN_EFFECT = "not_in_effect"
    OTHER_BRAND = "other_brand"
    OTHER_STORE = "other_store"
    NO_MATCHING_LINE = "no_matching_line"
    EXCLUDED = "excluded"
    NOTHING_TO_MULTIPLY = "nothing_to_multiply"
    NO_AMOUNT = "no_amount"
    BELOW_ONE_STEP = "below_one_step"


class Award(NamedTuple):
    """What a purchase is worth. `basis_minor` is the money that rules per amount read, once."""

    points: int
    basis_minor: int
    breakdown: tuple[RuleShare, ...]
    why_not: tuple[RuleMissed, ...]
    active_from: datetime
    expires_at: datetime | None
    rounding: Rounding


class OutOfRange(NamedTuple):
    """A purchase whose money, points or dates are larger than a fact can hold."""

    detail: str


def award(program: Program, purchase: Purchase) -> Award | OutOfRange:
    """What `purchase` is worth under this version of the program."""
    return _prepared(program).award(purchase)


@lru_cache(maxsize=PROGRAMS_PREPARED_MAX)
def _prepared(program: Program) -> "_Prepared":
    return _Prepared(program)


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """A ratio, not below zero, as a whole number."""
    match rounding:
        case Rounding.FLOOR:
            return numerator // denominator
        case Rounding.HALF_UP:
            return (2 * numerator + denominator) // (2 * denominator)
        case Rounding.CEIL:
            return -(-numerator // denominator)
        case _:
            assert_never(rounding)


class _Dated(NamedTuple):
    """A rule that does not always hold."""

    bit: int
    start: datetime | None
    end: datetime | None

    @staticmethod
    def of(rule: EarnRule, bit: int, local: ZoneInfo) -> "_Dated":
        first, last = rule.effective_from, rule.effective_until
        start = start_of(first, local) if first else None
        return _Dated(bit, start, end_of_when(last, local) if last else None)

    def holds(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


class _Prepared:
    """A version of a program, ready to be computed; a rule's bit is its place in the document."""

    def __init__(self, program: Program) -> None:
        self._money = program.money
        self._rules = program.earn.rules
        self._rounding = program.earn.rounding
        self._stages = Stages(self._rules)
        self._matching = Matching(self._rules, taxed=bool(self._stages.on_tax))
        self._validity = Validity(program)
        self._all = (1 << len(self._rules)) - 1
        self._told = {1 << number: _told(rule) for number, rule in enumerate(self._rules)}
        self._dated = [
            _Dated.of(rule, 1 << number, program.zone)
            for number, rule in enumerate(self._rules)
            if rule.effective_from or rule.effective_until
        ]

    def award(self, purchase: Purchase) -> Award | OutOfRange:
        """Which rules hold, what they read, what that gives."""
        in_effect = self._in_effect(purchase)
        found = self._matching.find(purchase, in_effect)
        return self._closed(purchase, in_effect, found, self._stages.parts(found.groups))

    def _in_effect(self, purchase: Purchase) -> int:
        """The rules that hold at the time of the purchase; none reads another currency's money."""
        if purchase.currency != self._money:
            return 0
        rules = self._all
        for rule in self._dated:
            if not rule.holds(purchase.occurred_at):
                rules &= ~rule.bit
        return rules

    def _closed(
        self, purchase: Purchase, in_effect: int, found: Found, parts: Sequence[Part]
    ) -> Award | OutOfRange:
        """The one rounding, the dates, and what explains the points."""
        numerator, denominator, gave = 0, 1, 0
        for part in parts:
            numerator = numerator * part.denominator + part.numerator * denominator
            denominator *= part.denominator
            gave |= part.bit
        points = rounded(numerator, denominator, self._rounding)
        basis = self._stages.basis(found.groups)
        dates = self._validity.dates(purchase.occurred_at)
        if dates is None or points > POINTS_MAX or basis > AMOUNT_MINOR_MAX:
            return OutOfRange(f"{points} points for {basis} minor units, or their dates")
        asked = (in_effect if points else self._all) & ~gave
        return Award(
            points=points,
            basis_minor=basis,
            breakdown=tuple([self._share(part) for part in parts]),
            why_not=self._why_not(purchase, in_effect, found, asked) if asked else (),
            active_from=dates[0],
            expires_at=dates[1],
            rounding=self._rounding,
        )

    def _share(self, part: Part) -> RuleShare:
        name, rate, factor = self._told[part.bit]
        exact = write_ratio(part.numerator, part.denominator)
        return RuleShare(rule=name, basis_minor=part.basis, rate=rate, factor=factor, exact=exact)

    def _why_not(
        self, purchase: Purchase, in_effect: int, found: Found, asked: int
    ) -> tuple[RuleMissed, ...]:
        """Of the rules in effect, and of all when there are no points."""
        return tuple(
            _missed(rule.rule, self._reason(purchase, in_effect, found, 1 << number))
            for number, rule in enumerate(self._rules)
            if asked >> number & 1
        )

    def _reason(self, purchase: Purchase, in_effect: int, found: Found, bit: int) -> Missed:
        if purchase.currency != self._money:
            return Missed.OTHER_CURRENCY
        if not in_effect & bit:
            return Missed.NOT_IN_EFFECT
        for field, bits in found.purchase.items():
            if not bits & bit:
                return Missed.OTHER_BRAND if field == "brand" else Missed.OTHER_STORE
        if not any(bits & bit for bits in found.lines):
            return Missed.NO_MATCHING_LINE
        if not any(group.rules & bit for group in found.groups):
            return Missed.EXCLUDED
        base = self._stages.base.get(bit)
        if base is None:
            return Missed.NOTHING_TO_MULTIPLY
        return Missed.BELOW_ONE_STEP if base.money(found.groups) else Missed.NO_AMOUNT


@lru_cache(maxsize=MISSES_REMEMBERED_MAX)
def _missed(rule: str, reason: Missed) -> RuleMissed:
    return RuleMissed(rule=rule, reason=reason.value)


def _told(rule: Rule) -> tuple[str, str | None, str | None]:
    """A rule's name, rate and factor, as its share tells them."""
    match rule:
        case PerAmount():
            return rule.rule, str(rule.points / rule.per_minor), None
        case Multiplier():
            return rule.rule, None, str(rule.factor)
        case PerVisit() | Fixed():
            return rule.rule, None, None
        case _:
            assert_never(rule)
