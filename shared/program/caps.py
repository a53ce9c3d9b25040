"""Caps: how often and how much a member may get, and the counters that this takes.

Guarantees: a cap clips and never refuses; what is clipped is told with its numbers; nothing is
rounded here. The caps of rules come first, then those of all points of a currency.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from shared.events.awards import CapReached, Counted
from shared.program.conditions import asks_for_visits
from shared.program.model import Cap, Program
from shared.program.past import VISITS, ZERO, Counter, Past, period, points_of
from shared.program.rules import Match, Per, Rule, RuleCap, Tiered

EVERY = -1
"""All rules, as bits."""


class Room(NamedTuple):
    """What a cap leaves, before an award."""

    per: Per
    counter: Counter
    limit: int
    used: Fraction

    @property
    def left(self) -> Fraction:
        """How much may still be given."""
        return max(self.limit - self.used, ZERO)

    def reached(self, over: Fraction, *, rule: str | None, currency: str | None) -> CapReached:
        """What is told of a cap that has clipped so much."""
        return CapReached(
            rule=rule,
            currency=currency,
            per=self.per.value,
            period=self.counter.period,
            limit=self.limit,
            used=str(self.used),
            over=str(over),
        )


class _Read(NamedTuple):
    """A counter that is read, over which period, and for which rules."""

    name: str
    per: Per
    rules: int


class Caps:
    """The caps of a version of a program; a rule is a bit, its place in the document."""

    def __init__(self, program: Program) -> None:
        first = program.currencies[0].currency
        self._gates: list[tuple[int, str, RuleCap]] = []
        self._of_rule: dict[int, list[tuple[str, RuleCap]]] = {}
        self._sums: dict[int, tuple[str, Per]] = {}
        self._of_currency: dict[str, list[tuple[str, Cap]]] = {}
        for number, rule in enumerate(program.earn.rules):
            self._add(rule, 1 << number)
        for cap in program.earn.caps:
            currency = cap.currency or first
            name = points_of(None if currency == first else currency)
            self._of_currency.setdefault(currency, []).append((name, cap))
        self.gated = sum({bit for bit, _, _ in self._gates})
        self.on_visits = any(map(_asks_for_visits, program.earn.rules))
        self._counters = tuple(dict.fromkeys(self._read()))
        self.any = bool(self._counters or self._of_rule or self._of_currency)

    def _add(self, rule: Rule, bit: int) -> None:
        for cap in rule.caps:
            if cap.times is not None:
                self._gates.append((bit, f"times:{rule.rule}", cap))
            else:
                self._of_rule.setdefault(bit, []).append((f"rule:{rule.rule}", cap))
        if isinstance(rule, Tiered) and rule.per is not Per.TRANSACTION:
            self._sums[bit] = (f"money:{rule.rule}", rule.per)

    def _read(self) -> Iterator[_Read]:
        """What is read of the past, and for which rules."""
        if self.on_visits:
            yield _Read(VISITS.name, Per.LIFETIME, EVERY)
        for bit, name, gate in self._gates:
            yield _Read(name, gate.per, bit)
        for bit, of_rule in self._of_rule.items():
            for name, cap in of_rule:
                if cap.per is not Per.TRANSACTION:
                    yield _Read(name, cap.per, bit)
        for bit, (name, per) in self._sums.items():
            yield _Read(name, per, bit)
        for of_currency in self._of_currency.values():
            for name, each in of_currency:
                if each.per is not Per.TRANSACTION:
                    yield _Read(name, each.per, EVERY)

    def counters(self, day: date, rules: int = EVERY) -> list[Counter]:
        """The counters that these rules read, for an activity of this local day.

        Visits are among them whatever these rules are: which they are may depend on visits.
        """
        return [
            Counter(name, period(per, day))
            for name, per, bits in self._counters
            if bits & rules or name == VISITS.name
        ]

    def used_up(self, past: Past, day: date, among: int) -> int:
        """Those of the rules that have given as often as they may."""
        used = 0
        for bit, name, cap in self._gates:
            assert cap.times is not None
            if bit & among and past[Counter(name, period(cap.per, day))] >= cap.times:
                used |= bit
        return used

    def earlier(self, bit: int, past: Past, day: date) -> Fraction:
        """The money that a tiered rule has read before, in its period."""
        if bit not in self._sums:
            return ZERO
        name, per = self._sums[bit]
        return past[Counter(name, period(per, day))]

    def room(self, bit: int, past: Past, day: date) -> Room | None:
        """The tightest cap on what a rule gives, if it has one."""
        return _tightest(self._of_rule.get(bit, ()), past, day)

    def room_of_currency(self, currency: str, past: Past, day: date) -> Room | None:
        """The tightest cap on all points of a currency, if it has one."""
        return _tightest(self._of_currency.get(currency, ()), past, day)

    def counted(
        self, past: Past, day: date, rules: int, added: Mapping[str, Fraction]
    ) -> tuple[Counted, ...]:
        """The counters that these rules read, with what is added to each by its name."""
        return tuple(
            Counted(
                counter=counter.name,
                period=counter.period,
                before=str(past[counter]),
                added=str(added.get(counter.name, ZERO)),
            )
            for counter in self.counters(day, rules)
        )


def _tightest(caps: Iterable[tuple[str, RuleCap | Cap]], past: Past, day: date) -> Room | None:
    rooms: Sequence[Room] = [
        Room(cap.per, counter, cap.points, ZERO if cap.per is Per.TRANSACTION else past[counter])
        for name, cap in caps
        if cap.points is not None
        for counter in [Counter(name, period(cap.per, day))]
    ]
    return min(rooms, key=lambda room: room.left, default=None)


def _asks_for_visits(rule: Rule) -> bool:
    match = rule.match
    if isinstance(match, Match) and (
        match.first_purchase or match.visit_number or match.every_visits
    ):
        return True
    return asks_for_visits(rule)
