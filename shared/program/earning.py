"""What a purchase is worth: the one function behind awards and previews.

Order: base rules, then multipliers, then fixed bonuses, then one rounding of the exact sum.
Guarantees: no number is rounded but that sum; the order of lines and of rules never changes it; the
same program and purchase give the same award. Knows no member: what depends on one (caps, tiers)
is a stage between the bonuses and the rounding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, assert_never

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.events.facts import RuleMissed, RuleShare
from shared.events.upstream import Purchase
from shared.program.calendar import end_of_when, start_of
from shared.program.exact import write_ratio
from shared.program.matching import Found, Group, Matching
from shared.program.model import Program, Rounding
from shared.program.rules import Fixed, Multiplier, PerAmount, PerVisit, Rule, Steps, Tax
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


class _Part(NamedTuple):
    """What one rule gives: `basis` money, and points as an exact ratio (not in lowest terms)."""

    bit: int
    basis: int
    numerator: int
    denominator: int


class _Base(NamedTuple):
    """A base rule, ready to be computed. `step` is 0 for a rule that reads visits, not money."""

    bit: int
    numerator: int
    denominator: int
    step: int
    whole_steps: bool
    tax: bool

    @staticmethod
    def of(rule: PerAmount | PerVisit, bit: int) -> "_Base":
        numerator, denominator = rule.points.as_integer_ratio()
        if isinstance(rule, PerVisit):
            return _Base(bit, numerator, denominator, 0, whole_steps=False, tax=False)
        whole, tax = rule.steps is Steps.WHOLE_STEPS, rule.tax is Tax.IN
        return _Base(bit, numerator, denominator, rule.per_minor, whole, tax)

    def money(self, groups: Iterable[Group]) -> int:
        """The money that this rule reads."""
        read = 0
        for rules, amount, tax in groups:
            if rules & self.bit:
                read += amount + tax if self.tax else amount
        return read

    def part(self, groups: Sequence[Group]) -> _Part | None:
        """What the rule gives, without multipliers; None for nothing."""
        if not self.step:
            visited = any(rules & self.bit for rules, _, _ in groups)
            return _Part(self.bit, 0, self.numerator, self.denominator) if visited else None
        basis = self.money(groups)
        if self.whole_steps:
            points, denominator = basis // self.step * self.numerator, self.denominator
        else:
            points, denominator = basis * self.numerator, self.step * self.denominator
        return _Part(self.bit, basis, points, denominator) if points else None

    def spread(self, part: _Part, groups: Sequence[Group]) -> Iterator[tuple[Fraction, int]]:
        """The rule's points on the lines that they come from, each with the rules of its lines."""
        if not self.step:
            read = 0
            for rules, _, _ in groups:
                read |= rules if rules & self.bit else 0
            yield Fraction(part.numerator, part.denominator), read
            return
        for group in groups:
            if money := self.money((group,)):
                points = Fraction(part.numerator * money, part.denominator * part.basis)
                yield points, group.rules


class _Times(NamedTuple):
    """A multiplier, ready to be computed: what it adds is `more` times what it acts on."""

    bit: int
    more: Fraction
    acts_on: int

    @staticmethod
    def of(rule: Multiplier, bit: int, base: Mapping[str, int]) -> "_Times":
        names = base if rule.rules is None else rule.rules
        return _Times(bit, rule.factor - 1, sum(base[name] for name in names))


class _Dated(NamedTuple):
    """A rule that does not always hold."""

    bit: int
    start: datetime | None
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


class _Prepared:
    """A version of a program, ready to be computed; a rule's bit is its place in the document."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._rules = program.earn.rules
        self._rounding = program.earn.rounding
        self._validity = Validity(program)
        self._base: list[_Base] = []
        self._times: list[_Times] = []
        self._fixed: list[_Part] = []
        self._dated: list[_Dated] = []
        base = {
            rule.rule: 1 << number
            for number, rule in enumerate(self._rules)
            if isinstance(rule, PerAmount | PerVisit)
        }
        for number, rule in enumerate(self._rules):
            self._prepare(rule, 1 << number, base)
        self._all = (1 << len(self._rules)) - 1
        self._on_money = sum(rule.bit for rule in self._base if rule.step)
        self._on_tax = sum(rule.bit for rule in self._base if rule.tax)
        self._matching = Matching(self._rules, taxed=bool(self._on_tax))
        self._told = {1 << number: _told(rule) for number, rule in enumerate(self._rules)}

    def _prepare(self, rule: Rule, bit: int, base: Mapping[str, int]) -> None:
        match rule:
            case PerAmount() | PerVisit():
                self._base.append(_Base.of(rule, bit))
            case Multiplier():
                self._times.append(_Times.of(rule, bit, base))
            case Fixed():
                self._fixed.append(_Part(bit, 0, *rule.points.as_integer_ratio()))
            case _:
                assert_never(rule)
        first, last, local = rule.effective_from, rule.effective_until, self._program.zone
        if first or last:
            start = start_of(first, local) if first else None
            end = end_of_when(last, local) if last else None
            self._dated.append(_Dated(bit, start, end))

    def award(self, purchase: Purchase) -> Award | OutOfRange:
        """The stages, in their order."""
        in_effect = self._in_effect(purchase)
        found = self._matching.find(purchase, in_effect)
        base = self._worth(found.groups)
        parts = base + self._multiplied(base, found.groups) + self._bonuses(found.groups)
        return self._closed(purchase, in_effect, found, parts)

    def _in_effect(self, purchase: Purchase) -> int:
        """The rules that hold at the time of the purchase; none reads another currency's money."""
        if purchase.currency != self._program.money:
            return 0
        rules = self._all
        for rule in self._dated:
            if not rule.holds(purchase.occurred_at):
                rules &= ~rule.bit
        return rules

    def _worth(self, groups: Sequence[Group]) -> list[_Part]:
        return [part for rule in self._base if (part := rule.part(groups)) is not None]

    def _multiplied(self, base: Sequence[_Part], groups: Sequence[Group]) -> list[_Part]:
        """What multipliers add. They multiply each other; each is told what it adds in its turn."""
        if not self._times:
            return []
        rules = {rule.bit: rule for rule in self._base}
        added = dict.fromkeys((times.bit for times in self._times), Fraction(0))
        for part in base:
            for points, read in rules[part.bit].spread(part, groups):
                product = points
                for times in self._times:
                    if times.bit & read and times.acts_on & part.bit:
                        more = product * times.more
                        added[times.bit] += more
                        product += more
        return [
            _Part(times.bit, self._basis(acted_on), *added[times.bit].as_integer_ratio())
            for times in self._times
            if (acted_on := [g for g in groups if g.rules & times.bit and g.rules & times.acts_on])
            and added[times.bit]
        ]

    def _bonuses(self, groups: Sequence[Group]) -> list[_Part]:
        return [part for part in self._fixed if any(group.rules & part.bit for group in groups)]

    def _basis(self, groups: Iterable[Group]) -> int:
        """The money of lines that rules per amount read, once however many do."""
        basis = 0
        for rules, amount, tax in groups:
            if rules & self._on_money:
                basis += amount + tax if rules & self._on_tax else amount
        return basis

    def _closed(
        self, purchase: Purchase, in_effect: int, found: Found, parts: Sequence[_Part]
    ) -> Award | OutOfRange:
        """The one rounding, the dates, and what explains the points."""
        numerator, denominator, gave = 0, 1, 0
        for part in parts:
            numerator = numerator * part.denominator + part.numerator * denominator
            denominator *= part.denominator
            gave |= part.bit
        points = rounded(numerator, denominator, self._rounding)
        basis = self._basis(found.groups)
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

    def _share(self, part: _Part) -> RuleShare:
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
        if purchase.currency != self._program.money:
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
        base = next((rule for rule in self._base if rule.bit == bit), None)
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
