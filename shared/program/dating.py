"""Which points of an award have which dates: the program's, or those of the rule that gave them.

Guarantees: the parts add up to the award; of points that one rule gave, all have its dates. Each
part is whole points; what the one rounding leaves over goes with the program's own dates, or with
the first part where no rule gave points by those. What a cap on all points takes, it takes from the
rules that stand last in the breakdown.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple

from shared.events.awards import Awaits
from shared.program.model import Program
from shared.program.validity import Validity


class Given(NamedTuple):
    """What a rule gave of the first currency, exact."""

    bit: int
    rule: str
    points: Fraction


class Dates(NamedTuple):
    """From when and until when points are good; `sliding`: acts extend them."""

    active_from: datetime
    expires_at: datetime | None
    sliding: bool
    awaits: Awaits | None = None


class Dated(NamedTuple):
    """Whole points with their dates, and the rules that gave them."""

    rules: tuple[str, ...]
    points: int
    active_from: datetime
    expires_at: datetime | None
    sliding: bool
    awaits: Awaits | None = None


class Dating:
    """The dates of awards under one version of a program; a rule is a bit."""

    def __init__(self, program: Program, currencies: Sequence[str]) -> None:
        """`currencies` is what each rule gives; only the first one is kept in lots."""
        first = program.currencies[0].currency
        self.own = Validity(program)
        self._of_rule = {
            1 << number: Validity(program, rule)
            for number, rule in enumerate(program.earn.rules)
            if currencies[number] == first and (rule.activation or rule.expiry)
        }
        self.rules = sum(self._of_rule)

    def split(
        self,
        given: Iterable[Given],
        points: int,
        limit: Fraction | None,
        occurred_at: datetime,
        enrolled_on: date | None,
    ) -> list[Dated] | None:
        """An award of `points` by dates, those of the program first; none if it is of nothing.

        `limit` is what a cap on all points has left of them, before the rounding. None if a date
        lies beyond what a fact can hold.
        """
        own = _dates(self.own, occurred_at, enrolled_on)
        exact: dict[Dates, Fraction] = {}
        names: dict[Dates, list[str]] = {}
        left = limit
        for bit, rule, whole in given:
            validity = self._of_rule.get(bit)
            dates = _dates(validity, occurred_at, enrolled_on, rule) if validity else own
            if dates is None:
                return None
            taken = whole if left is None else min(whole, left)
            left = left if left is None else left - taken
            exact[dates] = exact.get(dates, Fraction(0)) + taken
            names.setdefault(dates, []).append(rule)
        floors = {dates: exact[dates] // 1 for dates in sorted(exact, key=lambda each: each != own)}
        over = points - sum(floors.values())
        parts = []
        for dates, floor in floors.items():
            parts.append(Dated(tuple(names[dates]), floor + over, *dates))
            over = 0
        return [part for part in parts if part.points]


def _dates(
    by: Validity, occurred_at: datetime, enrolled_on: date | None, rule: str | None = None
) -> Dates | None:
    dates = by.dates(occurred_at, enrolled_on)
    return Dates(*dates, bool(by.extended_by), awaits(by, rule)) if dates else None


def awaits(by: Validity, rule: str | None = None) -> Awaits | None:
    """What points by these terms wait for; `rule` is whose terms they are, if not the program's."""
    event, otherwise = by.activation.on, by.activation.otherwise
    return Awaits(event=event, otherwise=otherwise.value, rule=rule) if event else None
