"""The stages of earning: base rules, then multipliers, then fixed bonuses, each exact.

Each rule that gives something gives one `Part`. Guarantees: nothing is rounded; the order of rules
and of groups never changes the sum; more money never gives fewer points. Works on groups of lines
as `matching` found them, where a rule is a bit.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import itemgetter, or_
from typing import NamedTuple, assert_never

from shared.program.matching import Group
from shared.program.rules import Fixed, Multiplier, PerAmount, PerVisit, Rule, Steps, Tax


class Part(NamedTuple):
    """What one rule gives: points as an exact ratio (not in lowest terms), from `basis` money."""

    bit: int
    basis: int
    numerator: int
    denominator: int


class Base(NamedTuple):
    """A base rule, ready to be computed. `step` is 0 for a rule that reads visits, not money."""

    bit: int
    numerator: int
    denominator: int
    step: int
    whole_steps: bool
    tax: bool

    @staticmethod
    def of(rule: PerAmount | PerVisit, bit: int) -> "Base":
        """The rule with its bit."""
        numerator, denominator = rule.points.as_integer_ratio()
        if isinstance(rule, PerVisit):
            return Base(bit, numerator, denominator, 0, whole_steps=False, tax=False)
        whole, tax = rule.steps is Steps.WHOLE_STEPS, rule.tax is Tax.IN
        return Base(bit, numerator, denominator, rule.per_minor, whole, tax)

    def money(self, groups: Iterable[Group]) -> int:
        """The money that this rule reads."""
        read = 0
        for rules, amount, tax in groups:
            if rules & self.bit:
                read += amount + tax if self.tax else amount
        return read

    def worth(self, money: int) -> tuple[int, int]:
        """The points for so much money, as a ratio."""
        if not self.step:
            return self.numerator, self.denominator
        if self.whole_steps:
            return money // self.step * self.numerator, self.denominator
        return money * self.numerator, self.step * self.denominator

    def part(self, groups: Sequence[Group]) -> Part | None:
        """What the rule gives, without multipliers; None for nothing."""
        if not self.step and not any(rules & self.bit for rules, _, _ in groups):
            return None
        money = self.money(groups) if self.step else 0
        points, denominator = self.worth(money)
        return Part(self.bit, money, points, denominator) if points else None

    def spread(self, groups: Sequence[Group]) -> list[tuple[int, int]]:
        """The money that the rule reads, by the rules that act on it; a visit is not divided."""
        read = [group for group in groups if group.rules & self.bit]
        if self.step:
            return [(self.money((group,)), group.rules) for group in read]
        return [(0, reduce(or_, (group.rules for group in read)))]


class Times(NamedTuple):
    """A multiplier, ready to be computed, and the base rules that it acts on."""

    bit: int
    factor: Fraction
    acts_on: int

    @staticmethod
    def of(rule: Multiplier, bit: int, base: Mapping[str, int]) -> "Times":
        """The multiplier with its bit; `base` has the bits of the base rules."""
        names = base if rule.rules is None else rule.rules
        return Times(bit, rule.factor, sum(base[name] for name in set(names)))


class Stages:
    """The rules of a program, ready to be computed."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """A rule's bit is its place among `rules`."""
        self.base: dict[int, Base] = {}
        self._times: list[Times] = []
        self._fixed: list[Part] = []
        base = {
            rule.rule: 1 << number
            for number, rule in enumerate(rules)
            if isinstance(rule, PerAmount | PerVisit)
        }
        for number, rule in enumerate(rules):
            bit = 1 << number
            match rule:
                case PerAmount() | PerVisit():
                    self.base[bit] = Base.of(rule, bit)
                case Multiplier():
                    self._times.append(Times.of(rule, bit, base))
                case Fixed():
                    self._fixed.append(Part(bit, 0, *rule.points.as_integer_ratio()))
                case _:
                    assert_never(rule)
        self._on_money = sum(rule.bit for rule in self.base.values() if rule.step)
        self.on_tax = sum(rule.bit for rule in self.base.values() if rule.tax)

    def parts(self, groups: Sequence[Group]) -> list[Part]:
        """What each rule gives that gives something, stage by stage."""
        parts = [part for rule in self.base.values() if (part := rule.part(groups)) is not None]
        if self._times:
            parts += self._multiplied(parts, groups)
        for bonus in self._fixed:
            if any(group.rules & bonus.bit for group in groups):
                parts.append(bonus)
        return parts

    def basis(self, groups: Iterable[Group], among: int = -1) -> int:
        """The money of lines that rules per amount (`among` these) read, once however many do."""
        on_money, on_tax = self._on_money & among, self.on_tax & among
        basis = 0
        for rules, amount, tax in groups:
            if rules & on_money:
                basis += amount + tax if rules & on_tax else amount
        return basis

    def _multiplied(self, parts: Sequence[Part], groups: Sequence[Group]) -> list[Part]:
        """What each multiplier adds to what those before it made of the base rules."""
        added = {times.bit: Fraction(0) for times in self._times}
        for part in parts:
            rule, points = self.base[part.bit], Fraction(part.numerator, part.denominator)
            spread = rule.spread(groups)
            factors = [Fraction(1) for _ in spread]
            for times in self._times:
                if not times.acts_on & part.bit or not any(times.bit & read for _, read in spread):
                    continue
                factors = [
                    factor * times.factor if times.bit & read else factor
                    for factor, (_, read) in zip(factors, spread, strict=True)
                ]
                before, points = points, _layered(rule, [money for money, _ in spread], factors)
                added[times.bit] += points - before
        return [
            Part(times.bit, self.basis(read, times.acts_on), *added[times.bit].as_integer_ratio())
            for times in self._times
            if added[times.bit] and (read := [g for g in groups if g.rules & times.bit])
        ]


def _layered(rule: Base, money: Iterable[int], factors: Iterable[Fraction]) -> Fraction:
    """The points of a rule for money of which each part has its factor.

    Layer by layer: what all the money has at least, then what some of it has above that, and so on.
    That is factor times money for linear points, and never less for more money in whole steps.
    """
    points, read = Fraction(0), 0
    layers = sorted(zip(money, factors, strict=True), key=itemgetter(1), reverse=True)
    for (part, factor), (_, below) in pairwise((*layers, (0, Fraction(0)))):
        read += part
        if factor > below:
            points += (factor - below) * Fraction(*rule.worth(read))
    return points
