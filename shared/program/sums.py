"""What the parts of an award come to: clipped by the caps, summed by currency, rounded once.

Guarantees: exact until the one rounding of each currency; what was clipped is told with what it
would have been; every counter that was read is told with what is added to it.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, assert_never

from shared.events.awards import CapReached, Counted, EarnedIn
from shared.events.bought import Bought
from shared.program.caps import Caps
from shared.program.circumstances import Circumstance
from shared.program.model import Program, Rounding
from shared.program.past import VISITS, ZERO, points_of
from shared.program.stages import Part

ONE = Fraction(1)


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


class Sum(NamedTuple):
    """Whole points of the first currency and of `also`; `desired` if caps have clipped the first.

    `clipped` has what rules were left with by their own caps, `left` what a cap on all
    points of the first currency has left of them, exact, if it clipped.
    """

    points: int
    desired: int | None = None
    also: tuple[EarnedIn, ...] = ()
    reached: tuple[CapReached, ...] = ()
    clipped: Mapping[int, Fraction] = {}
    counted: tuple[Counted, ...] = ()
    left: Fraction | None = None

    @property
    def largest(self) -> int:
        """The largest number of points in it."""
        if self.desired is None and not self.also:
            return self.points
        others = (number for each in self.also for number in (each.points, each.desired or 0))
        return max(self.points, self.desired or 0, *others)


class Sums:
    """How the parts of awards come to points, under one version of a program."""

    def __init__(self, program: Program, caps: Caps, currencies: Sequence[str]) -> None:
        """`currencies` is what each rule gives."""
        self.rounding = program.earn.rounding
        self.caps = caps
        self.first = program.currencies[0].currency
        self.others = [terms.currency for terms in program.currencies[1:]]
        self.is_plain = not caps.any and not self.others
        self.names = {1 << n: rule.rule for n, rule in enumerate(program.earn.rules)}
        self.currency_of = {1 << n: currency for n, currency in enumerate(currencies)}

    def plain(self, parts: Sequence[Part]) -> int:
        """The points of parts, where there are neither caps nor other currencies."""
        numerator, denominator = 0, 1
        for part in parts:
            numerator = numerator * part.denominator + part.numerator * denominator
            denominator *= part.denominator
        return rounded(numerator, denominator, self.rounding)

    def of(
        self, parts: Sequence[Part], at: Circumstance, read: int, money: Mapping[int, Fraction]
    ) -> Sum:
        """The sum of parts under caps; `read` are the rules that read something.

        `money` is what tiered rules have read.
        """
        return _Summing(self, parts, at, read, money).sum()


class _Summing:
    """One sum under caps, or of several currencies."""

    def __init__(
        self,
        by: Sums,
        parts: Sequence[Part],
        at: Circumstance,
        read: int,
        money: Mapping[int, Fraction],
    ) -> None:
        self.by = by
        self.read = read
        self.at = at
        self.reached: list[CapReached] = []
        self.clipped: dict[int, Fraction] = {}
        self.left: Fraction | None = None
        self.desired: dict[str, Fraction] = {}
        self.granted: dict[str, Fraction] = {}
        self.added = {f"money:{by.names[bit]}": read for bit, read in money.items()}
        if isinstance(at.activity, Bought):
            self.added[VISITS.name] = ONE
        for part in parts:
            self._add(part)

    def _add(self, part: Part) -> None:
        """Clip a part by the caps of its rule."""
        by, rule = self.by, self.by.names[part.bit]
        exact = granted = Fraction(part.numerator, part.denominator)
        room = by.caps.room(part.bit, self.at.past, self.at.day)
        if room is not None and exact > room.left:
            granted = self.clipped[part.bit] = room.left
            self.reached.append(room.reached(exact - granted, rule=rule, currency=None))
        currency = by.currency_of[part.bit]
        self.desired[currency] = self.desired.get(currency, ZERO) + exact
        self.granted[currency] = self.granted.get(currency, ZERO) + granted
        self.added[f"rule:{rule}"] = granted
        self.added[f"times:{rule}"] = ONE if granted else ZERO

    def sum(self) -> Sum:
        """Clip each currency by its caps, and round it."""
        points, desired = self._rounded(self.by.first)
        also = [(currency, *self._rounded(currency)) for currency in self.by.others]
        return Sum(
            points,
            desired,
            tuple(
                EarnedIn(currency=currency, points=n, desired=wanted)
                for currency, n, wanted in also
                if n or wanted
            ),
            tuple(self.reached),
            self.clipped,
            self.by.caps.counted(self.at.past, self.at.day, self.read, self.added),
            self.left,
        )

    def _rounded(self, currency: str) -> tuple[int, int | None]:
        by = self.by
        first = currency == by.first
        exact, granted = self.desired.get(currency, ZERO), self.granted.get(currency, ZERO)
        room = by.caps.room_of_currency(currency, self.at.past, self.at.day)
        if room is not None and granted > room.left:
            over, granted = granted - room.left, room.left
            self.left = granted if first else self.left
            self.reached.append(room.reached(over, rule=None, currency=None if first else currency))
        points = rounded(*granted.as_integer_ratio(), by.rounding)
        self.added[points_of(None if first else currency)] = Fraction(points)
        desired = rounded(*exact.as_integer_ratio(), by.rounding)
        return points, desired if granted != exact else None
