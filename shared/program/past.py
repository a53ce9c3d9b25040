"""What earning has to know of a member's past, and what it adds to it: counters, tier, segments.

A counter is a number under a name and a period (`2026-03-03`, `2026-W10`, `2026-03`, `2026`, or
nothing for the lifetime). Guarantees: exact; immutable; of an activity the period is that of its
own time in the program's zone, so what comes late counts where it belongs. Knows no storage.

What a counter counts:

- `visits`: purchases that were taken, ever;
- `points`, or `points:<currency>`: what was granted, where the program caps it;
- `rule:<rule>`: what a rule gave, exact and before rounding, where its points are capped;
- `times:<rule>`: how often a rule gave something, where that is capped;
- `money:<rule>`: the money that a tiered rule read, where it sums it over a period.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Self, assert_never

from shared.events.awards import Counted
from shared.program.rules import Per

DAYS_REMEMBERED_MAX = 4_096
ZERO = Fraction(0)


class Counter(NamedTuple):
    """Which counter, and in which period."""

    name: str
    period: str = ""


VISITS = Counter("visits")


def points_of(currency: str | None = None) -> str:
    """The name of the counter of what was granted in a currency; None: the program's first."""
    return f"points:{currency}" if currency else "points"


@dataclass(frozen=True, slots=True)
class Past:
    """What was, before an activity. Counters that are not there are zero."""

    counters: Mapping[Counter, Fraction] = field(default_factory=lambda: MappingProxyType({}))
    tier: str | None = None
    segments: frozenset[str] = frozenset()
    enrolled_on: date | None = None

    def __getitem__(self, counter: Counter) -> Fraction:
        """What a counter stood at."""
        return self.counters.get(counter, ZERO)

    def plus(self, counted: Iterable[Counted]) -> Self:
        """The past of the next activity."""
        counters = dict(self.counters)
        for each in counted:
            counter = Counter(each.counter, each.period)
            counters[counter] = counters.get(counter, ZERO) + Fraction(each.added)
        return replace(self, counters=MappingProxyType(counters))

    @classmethod
    def before(cls, counted: Iterable[Counted]) -> Self:
        """The past that an award was decided on, from what it says about its counters."""
        counters = {Counter(each.counter, each.period): Fraction(each.before) for each in counted}
        return cls(MappingProxyType(counters))


NOTHING = Past()


@lru_cache(maxsize=DAYS_REMEMBERED_MAX)
def period(per: Per, day: date) -> str:
    """The name of the period in which a day lies."""
    match per:
        case Per.DAY:
            return day.isoformat()
        case Per.WEEK:
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case Per.MONTH:
            return f"{day.year}-{day.month:02}"
        case Per.YEAR:
            return f"{day.year}"
        case Per.LIFETIME | Per.TRANSACTION:
            return ""
        case _:
            assert_never(per)
