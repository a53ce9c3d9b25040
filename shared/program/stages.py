"""The stages of earning: base rules, then multipliers, then fixed bonuses, each exact.

Each rule that gives something gives one `Part`. Guarantees: nothing is rounded; the order of rules
and of groups never changes the sum; where all rules stack, more money never gives fewer points.
Works on groups of lines as `matching` found them, where a rule is a bit; its cost is that of the
rules that read something, not that of all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import itemgetter, or_
from typing import NamedTuple, assert_never

from shared.program.matching import Group
from shared.program.rules import (
    Action,
    BaseRule,
    CashBack,
    Counting,
    Fixed,
    Multiplier,
    PerAmount,
    PerItem,
    PerVisit,
    Rule,
    Steps,
    Tax,
    Tiered,
)

Share = tuple[int, int]
"""A part of all money, as a ratio."""
WHOLE: Share = (1, 1)


class Part(NamedTuple):
    """What one rule gives: points as an exact ratio (not in lowest terms).

    They come from `basis` money, or from `number` of something else.
    """

    bit: int
    basis: int
    numerator: int
    denominator: int
    number: int | None = None


class Base(NamedTuple):
    """A base rule, ready to be computed. `step` is 0 for a rule that reads visits."""

    bit: int
    numerator: int
    denominator: int
    step: int
    whole_steps: bool
    tax: bool
    items: bool = False

    @staticmethod
    def of(rule: BaseRule, bit: int) -> "Base":
        """The rule with its bit; of one with several rates, without a rate."""
        match rule:
            case PerVisit():
                return Base(bit, *rule.points.as_integer_ratio(), 0, whole_steps=False, tax=False)
            case CashBack():
                numerator, denominator = rule.share.as_integer_ratio()
                tax = rule.tax is Tax.IN
                return Base(bit, numerator, denominator, 1, whole_steps=False, tax=tax)
            case PerAmount():
                whole, tax = rule.steps is Steps.WHOLE_STEPS, rule.tax is Tax.IN
                return Base(bit, *rule.points.as_integer_ratio(), rule.per_minor, whole, tax)
            case PerItem():
                whole = rule.steps is Steps.WHOLE_STEPS
                ratio = rule.points.as_integer_ratio()
                return Base(bit, *ratio, rule.items, whole, tax=False, items=True)
            case Tiered():
                whole, tax = rule.steps is Steps.WHOLE_STEPS, rule.tax is Tax.IN
                return Base(bit, 0, 1, 1, whole, tax)
            case _:
                assert_never(rule)

    def measure(self, groups: Iterable[Group]) -> int:
        """The money, or the pieces, that this rule reads."""
        read, bit = 0, self.bit
        if self.items:
            return sum([group.items for group in groups if group.rules & bit])
        for rules, amount, tax, _ in groups:
            if rules & bit:
                read += amount + tax if self.tax else amount
        return read

    def worth(self, measured: int, share: Share) -> tuple[int, int]:
        """The points for so much, as a ratio; of money only its share counts."""
        if not self.step:
            return self.numerator, self.denominator
        part, of = (1, 1) if self.items else share
        if self.whole_steps:
            return measured * part // (self.step * of) * self.numerator, self.denominator
        return measured * part * self.numerator, self.step * of * self.denominator

    def part(self, groups: Sequence[Group], share: Share) -> Part | None:
        """What the rule gives, without multipliers; None for nothing."""
        if not self.step:
            return Part(self.bit, 0, self.numerator, self.denominator)
        measured = self.measure(groups)
        points, denominator = self.worth(measured, share)
        if not points:
            return None
        if self.items:
            return Part(self.bit, 0, points, denominator, measured)
        return Part(self.bit, measured, points, denominator)

    def spread(self, groups: Sequence[Group]) -> list[tuple[int, int]]:
        """What the rule reads, by the rules that act on it; a visit is not divided."""
        read = [group for group in groups if group.rules & self.bit]
        if self.step:
            return [(self.measure((group,)), group.rules) for group in read]
        return [(0, reduce(or_, (group.rules for group in read)))]


class Times(NamedTuple):
    """A multiplier, ready to be computed, and the base rules that it acts on."""

    bit: int
    factor: Fraction
    acts_on: int


class Rates(NamedTuple):
    """The rates of a tiered rule, from the highest down: from money, points, per money."""

    rates: tuple[tuple[int, int, int, int], ...]
    before: bool

    @staticmethod
    def of(rule: Tiered) -> "Rates":
        """The rates of a rule."""
        rates = tuple(
            (rate.from_minor, *rate.points.as_integer_ratio(), rate.per_minor)
            for rate in reversed(rule.rates)
        )
        return Rates(rates, rule.counting is Counting.BEFORE)

    def of_sum(self, base: Base, money: Fraction, earlier: Fraction) -> Base | None:
        """The rule at its rate, for money read behind `earlier` money; None below the first."""
        total = earlier if self.before else earlier + money
        for start, numerator, denominator, step in self.rates:
            if total >= start:
                return base._replace(numerator=numerator, denominator=denominator, step=step)
        return None


class Stages:
    """The rules of a program, ready to be computed."""

    def __init__(self, rules: Sequence[Rule], currencies: Sequence[str]) -> None:
        """A rule's bit is its place among `rules`; `currencies` is what each of them gives."""
        self.base: dict[int, Base] = {}
        self.rates: dict[int, Rates] = {}
        self._times: dict[int, Times] = {}
        self._fixed: dict[int, Part] = {}
        names: dict[str, dict[str, int]] = {currency: {} for currency in currencies}
        for number, (rule, currency) in enumerate(zip(rules, currencies, strict=True)):
            if isinstance(rule, BaseRule):
                names[currency][rule.rule] = 1 << number
        for number, (rule, currency) in enumerate(zip(rules, currencies, strict=True)):
            self._add(rule, 1 << number, names[currency])
        self._bases = sum(self.base)
        self._bonuses = sum(self._fixed)
        self._multipliers = sum(self._times)
        self._on_money = sum(r.bit for r in self.base.values() if r.step and not r.items)
        self.on_tax = sum(rule.bit for rule in self.base.values() if rule.tax)
        self.on_items = sum(rule.bit for rule in self.base.values() if rule.items)

    def _add(self, rule: Rule, bit: int, base: Mapping[str, int]) -> None:
        match rule:
            case Multiplier():
                acting = base if rule.rules is None else rule.rules
                acts_on = sum(base[name] for name in set(acting))
                self._times[bit] = Times(bit, rule.factor, acts_on)
            case Fixed():
                self._fixed[bit] = Part(bit, 0, *rule.points.as_integer_ratio())
            case Action():
                pass
            case _:
                self.base[bit] = Base.of(rule, bit)
                if isinstance(rule, Tiered):
                    self.rates[bit] = Rates.of(rule)

    def beside(self, bit: int) -> int:
        """The rules that a multiplier needs to give anything; none for other rules."""
        return self._times[bit].acts_on if bit in self._times else 0

    def parts(
        self, groups: Sequence[Group], share: Share, rated: Mapping[int, Base | None]
    ) -> list[Part]:
        """What each rule gives that gives something, stage by stage.

        `rated` has the tiered rules at their rates (None: below the first one).
        """
        if not groups:
            return []
        read = 0
        for group in groups:
            read |= group.rules
        parts = []
        left = read & self._bases
        while left:  # as `bits`, in half the time
            bit = left & -left
            left ^= bit
            rule = rated[bit] if bit in rated else self.base[bit]
            if rule is not None and (part := rule.part(groups, share)) is not None:
                parts.append(part)
        if multipliers := read & self._multipliers:
            acting = [self._times[bit] for bit in bits(multipliers)]
            parts += self._multiplied(acting, parts, groups, share, rated)
        if bonuses := read & self._bonuses:
            parts += [self._fixed[bit] for bit in bits(bonuses)]
        return parts

    def basis(self, groups: Iterable[Group], among: int = -1) -> int:
        """The money of lines that rules on money (`among` these) read, once however many do."""
        on_money, on_tax = self._on_money & among, self.on_tax & among
        basis = 0
        for rules, amount, tax, _ in groups:
            if rules & on_money:
                basis += amount + tax if rules & on_tax else amount
        return basis

    def _multiplied(
        self,
        acting: Sequence[Times],
        parts: Sequence[Part],
        groups: Sequence[Group],
        share: Share,
        rated: Mapping[int, Base | None],
    ) -> list[Part]:
        """What each multiplier adds to what those before it made of the base rules."""
        added = {times.bit: Fraction(0) for times in acting}
        for part in parts:
            rule = rated.get(part.bit) or self.base[part.bit]
            points = Fraction(part.numerator, part.denominator)
            spread = rule.spread(groups)
            factors = [Fraction(1) for _ in spread]
            for times in acting:
                if not times.acts_on & part.bit or not any(times.bit & read for _, read in spread):
                    continue
                factors = [
                    factor * times.factor if times.bit & read else factor
                    for factor, (_, read) in zip(factors, spread, strict=True)
                ]
                layered = _layered(rule, [measured for measured, _ in spread], factors, share)
                before, points = points, layered
                added[times.bit] += points - before
        return [
            Part(times.bit, self.basis(read, times.acts_on), *added[times.bit].as_integer_ratio())
            for times in acting
            if added[times.bit] and (read := [g for g in groups if g.rules & times.bit])
        ]


def bits(of: int) -> Iterator[int]:
    """The single bits of a set, lowest first."""
    while of:
        bit = of & -of
        yield bit
        of ^= bit


def _layered(
    rule: Base, measured: Iterable[int], factors: Iterable[Fraction], share: Share
) -> Fraction:
    """The points of a rule for measures of which each part has its factor.

    Layer by layer: what all of it has at least, then what some of it has above that, and so on.
    That is factor times measure for linear points, and never less for more money in whole steps.
    """
    points, read = Fraction(0), 0
    layers = sorted(zip(measured, factors, strict=True), key=itemgetter(1), reverse=True)
    for (part, factor), (_, below) in pairwise((*layers, (0, Fraction(0)))):
        read += part
        if factor > below:
            points += (factor - below) * Fraction(*rule.worth(read, share))
    return points
