"""Which rules admit the circumstances of an activity: where, when, how paid, whose, which visit.

Each field that some rule names is one test from the circumstances to bits, the lower half for what
matches, the upper for what is not excluded (see `matching`). A test costs one lookup, or a search
in logarithmic time, whatever the number of rules.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.events.bought import Bought, Line, read
from shared.events.upstream import Activity
from shared.program.calendar import end_of_when, start_of
from shared.program.moments import WEEKDAYS, Span, Timeline, day_of_year, days_of, minutes_of
from shared.program.past import VISITS, Past
from shared.program.rules import EarnRule, Match, Rule

ONE_VALUE = ("brand", "store", "channel", "weekday", "tier")
SEVERAL_VALUES = ("payment_method", "segment")
EVERY = -1
"""All bits."""


class Circumstance:
    """An activity with what is known of its member, in the program's time zone."""

    def __init__(self, activity: Activity, past: Past, zone: ZoneInfo) -> None:
        self.activity = activity
        self.past = past
        self._zone = zone

    @cached_property
    def local(self) -> datetime:
        """The local time."""
        return self.activity.occurred_at.astimezone(self._zone)

    @property
    def day(self) -> date:
        """The local day."""
        return self.local.date()

    @property
    def brand(self) -> str:
        """Where it was."""
        return self.activity.brand

    @property
    def store(self) -> str | None:
        """The store of a purchase."""
        return self.activity.store if isinstance(self.activity, Bought) else None

    @property
    def channel(self) -> str | None:
        """The channel of a purchase."""
        return self.activity.channel if isinstance(self.activity, Bought) else None

    @property
    def weekday(self) -> str:
        """The day of the week."""
        return WEEKDAYS[self.local.weekday()]

    @property
    def tier(self) -> str | None:
        """The member's tier, if one is known."""
        return self.past.tier

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of a purchase, taken apart."""
        if not isinstance(self.activity, Bought):
            return []
        return [read(text) for text in self.activity.lines]

    @property
    def payment_method(self) -> set[str]:
        """How a purchase was paid."""
        payments = self.activity.payments if isinstance(self.activity, Bought) else ()
        return {payment.method for payment in payments if payment.amount_minor}

    @property
    def segment(self) -> frozenset[str]:
        """The member's segments, as far as they are known."""
        return self.past.segments

    @property
    def visit(self) -> int:
        """The number of this purchase among those of the member, from 1."""
        return int(self.past[VISITS]) + 1


Test = tuple[str, Callable[[Circumstance], int]]
"""A field, and the bits that its value leaves."""


def tests(rules: Sequence[Rule]) -> list[Test]:
    """A test for each field that some rule names."""
    found: list[Test] = []
    for field in (*ONE_VALUE, *SEVERAL_VALUES):
        selected = [_selected(rule, field) for rule in rules]
        if any(matched is not None or excluded for matched, excluded in selected):
            make = _one if field in ONE_VALUE else _several
            found.append((field, make(field, selected)))
    for field, make_spans in (("hours", _hours), ("dates", _dates)):
        selected = [_selected(rule, field) for rule in rules]
        if any(matched is not None or excluded for matched, excluded in selected):
            found.append((field, make_spans(selected)))
    found.extend(_visits(rules))
    return found


def in_effect(rules: Sequence[EarnRule], zone: ZoneInfo) -> Timeline | None:
    """The rules that hold at an instant; None if all always do."""
    spans = []
    for number, rule in enumerate(rules):
        first, last = rule.effective_from, rule.effective_until
        start = start_of(first, zone) if first else None
        spans.append((start, end_of_when(last, zone) if last else None, 1 << number))
    return Timeline(spans) if any(start or end for start, end, _ in spans) else None


class _Selected(NamedTuple):
    """What a rule says of a field: the values that it matches (None: all) and excludes."""

    matched: Sequence[str] | None
    excluded: Sequence[str]


def _selected(rule: Rule, field: str) -> _Selected:
    matched = getattr(rule.match, field, None)
    return _Selected(matched, getattr(rule.exclude, field, None) or ())


def _otherwise(selected: Sequence[_Selected]) -> int:
    """The bits of a value that no rule names: no match but where all match, never excluded."""
    bits = 0
    for number, (matched, _) in enumerate(selected):
        bits |= (matched is None) << number | 1 << number + len(selected)
    return bits


def _table(selected: Sequence[_Selected]) -> tuple[Mapping[Hashable, int], int]:
    otherwise = _otherwise(selected)
    bits: dict[Hashable, int] = {}
    for number, (matched, excluded) in enumerate(selected):
        for value in matched or ():
            bits[value] = bits.get(value, otherwise) | 1 << number
        for value in excluded:
            bits[value] = bits.get(value, otherwise) & ~(1 << number + len(selected))
    return bits, otherwise


def _one(field: str, selected: Sequence[_Selected]) -> Callable[[Circumstance], int]:
    table, otherwise = _table(selected)
    return lambda at: table.get(getattr(at, field), otherwise)


def _several(field: str, selected: Sequence[_Selected]) -> Callable[[Circumstance], int]:
    """Of several values one is enough to match, and one is enough to be excluded."""
    table, otherwise = _table(selected)
    matching = (1 << len(selected)) - 1

    def test(at: Circumstance) -> int:
        matched, kept = otherwise & matching, otherwise & ~matching
        for value in getattr(at, field):
            bits = table.get(value, otherwise)
            matched |= bits & matching
            kept &= bits
        return matched | kept

    return test


def _hours(selected: Sequence[_Selected]) -> Callable[[Circumstance], int]:
    matched, excluded = _timelines(
        selected, lambda values: [span for value in values for span in minutes_of(value)]
    )
    every = _otherwise(selected)

    def test(at: Circumstance) -> int:
        minute = at.local.hour * 60 + at.local.minute
        return (every | matched.at(minute)) & ~excluded.at(minute)

    return test


def _dates(selected: Sequence[_Selected]) -> Callable[[Circumstance], int]:
    def of(*, yearly: bool) -> Callable[[Iterable[str]], list[Span]]:
        def spans(values: Iterable[str]) -> list[Span]:
            read = [days_of(value) for value in values]
            return [span for each, spans in read if each is yearly for span in spans]

        return spans

    matched, excluded = _timelines(selected, of(yearly=False))
    matched_yearly, excluded_yearly = _timelines(selected, of(yearly=True))
    every = _otherwise(selected)

    def test(at: Circumstance) -> int:
        day = at.local.date()
        number, yearly = day.toordinal(), day_of_year(day)
        bits = every | matched.at(number) | matched_yearly.at(yearly)
        return bits & ~(excluded.at(number) | excluded_yearly.at(yearly))

    return test


def _timelines(
    selected: Sequence[_Selected], spans: Callable[[Iterable[str]], list[Span]]
) -> tuple[Timeline, Timeline]:
    """When which rules match (lower half), and when which exclude (upper half)."""
    matched, excluded = [], []
    for number, (match, exclude) in enumerate(selected):
        matched += [(start, end, 1 << number) for start, end in spans(match or ())]
        excluded += [(start, end, 1 << number + len(selected)) for start, end in spans(exclude)]
    return Timeline(matched), Timeline(excluded)


def _visits(rules: Sequence[Rule]) -> Iterable[Test]:
    """Rules about visits exclude none, so of the upper half all bits are set."""
    by_number: dict[int, int] = {}
    by_step: dict[int, int] = {}
    numbered = stepped = first = 0
    for number, rule in enumerate(rules):
        match, bit = rule.match, 1 << number
        if not isinstance(match, Match):
            continue
        first |= bit if match.first_purchase else 0
        numbered |= bit if match.visit_number else 0
        for visit in set(match.visit_number or ()):
            by_number[visit] = by_number.get(visit, 0) | bit
        if match.every_visits:
            stepped |= bit
            by_step[match.every_visits] = by_step.get(match.every_visits, 0) | bit
    if first:
        yield "first_purchase", lambda at: EVERY if at.visit == 1 else ~first
    if numbered:
        yield "visit_number", lambda at: ~numbered | by_number.get(at.visit, 0)
    if stepped:
        yield (
            "every_visits",
            lambda at: (
                ~stepped | sum(bits for step, bits in by_step.items() if at.visit % step == 0)
            ),
        )
