"""What is odd about earn rules and caps: legal, but probably not meant.

Each message says what will happen. Guarantees: what is said is true; does not find everything.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise

from shared.program.calendar import end_of_when, start_of
from shared.program.cel import condition
from shared.program.model import Program
from shared.program.moments import WEEKDAYS, Span, Weekday, days_of
from shared.program.redemption import smallest
from shared.program.rules import (
    Action,
    BaseRule,
    Fixed,
    Match,
    Multiplier,
    Per,
    PurchaseRule,
    Rule,
    Selection,
    Tiered,
)
from shared.program.validity import Validity

_ORDER = tuple(Per)
"""From the shortest to the longest."""


def of_rule(program: Program, rule: Rule) -> Iterator[str]:
    """What is odd about a rule by itself and in its program."""
    for why in _never(program, rule):
        yield f"never gives points: {why}"
    for field in ("tier", "segment"):
        if getattr(rule.match, field):
            yield f"gives nothing to members whose {field} is not known"
    if isinstance(rule, Tiered):
        worths = [rate.points / rate.per_minor for rate in rule.rates]
        if any(later < earlier for earlier, later in pairwise(worths)):
            yield "may give fewer points for more money: a later rate is lower"
    if rule.activation is not None or rule.expiry is not None:
        yield from _of_dates(program, rule)
    most = min(
        (cap.points for cap in program.earn.caps if cap.currency == rule.currency),
        default=None,
    )
    if isinstance(rule, Fixed | Action) and most is not None and rule.points > most:
        yield f"gives {rule.points} points, of which a cap leaves {most} at most"


def of_caps(program: Program) -> Iterator[str]:
    """What is odd about the caps on all points."""
    first = program.currencies[0].currency
    most, cash_off = program.earn.balance_cap, program.redemption.cash_off
    if most is not None and cash_off is not None and most < smallest(cash_off):
        yield (
            f"a member holds {most} points at most, fewer than the {smallest(cash_off)} that a "
            "redemption takes"
        )
    for number, cap in enumerate(program.earn.caps):
        for other in program.earn.caps[:number] + program.earn.caps[number + 1 :]:
            is_wider = _ORDER.index(other.per) > _ORDER.index(cap.per)
            if cap.currency == other.currency and is_wider and other.points < cap.points:
                yield (
                    f"the cap of {cap.points} per {cap.per} never clips: that per {other.per} is "
                    f"{other.points}"
                )
        if cap.per is Per.LIFETIME and cap.currency in {None, first} and cash_off is not None:
            least = smallest(cash_off)
            if cap.points < least:
                yield (
                    f"a member earns {cap.points} points at most, fewer than the {least} that a "
                    "redemption takes"
                )


def _never(program: Program, rule: Rule) -> Iterator[str]:
    for field in Selection.model_fields:
        matched = getattr(rule.match, field, None)
        excluded = getattr(rule.exclude, field, None) or ()
        if matched and set(matched) <= set(excluded):
            yield f"it matches and excludes the same {field}"
    if rule.match.brand and not set(rule.match.brand) & set(program.brands):
        yield "it matches no brand of the program"
    if set(program.brands) <= set(rule.exclude.brand or ()):
        yield "it excludes every brand of the program"
    ends = rule.effective_until
    if ends and end_of_when(ends, program.zone) <= start_of(program.effective_from, program.zone):
        yield f"it ends ({ends}) before this version counts"
    yield from _never_then(program, rule)
    if rule.match.when is not None and _is_never_true(rule, rule.match.when):
        yield "its condition is false whatever happens"
    if isinstance(rule, PurchaseRule) and isinstance(rule.match, Match):
        yield from _no_visit(rule.match)
    if isinstance(rule, Multiplier) and not any(
        isinstance(other, BaseRule) and other.currency == rule.currency
        for other in program.earn.rules
    ):
        yield "there is no base rule of its currency to multiply"


def _never_then(program: Program, rule: Rule) -> Iterator[str]:
    """Days that are all over before the version counts."""
    days = [days_of(written) for written in rule.match.dates or ()]
    starts = program.starts_at.astimezone(program.zone).date().toordinal()
    if days and all(not yearly and end <= starts for yearly, spans in days for _, end in spans):
        yield "its dates are over before this version counts"
    if days and rule.match.weekday and not any(yearly for yearly, _ in days):
        dates = [span for _, spans in days for span in spans]
        if not _weekdays(dates) & set(rule.match.weekday):
            yield "none of its dates is on one of its weekdays"


def _weekdays(dates: Iterable[Span]) -> set[Weekday]:
    """The weekdays of spans of days, as ordinals."""
    week = len(WEEKDAYS)
    return {
        WEEKDAYS[date.fromordinal(day).weekday()]
        for start, end in dates
        for day in range(start, min(end, start + week))
    }


def _is_never_true(rule: Rule, text: str) -> bool:
    """Whether a condition asks for nothing, and is false."""
    asked = condition(text, "action" if isinstance(rule, Action) else "purchase")
    return not asked.names and not asked.holds({})


def _no_visit(match: Match) -> Iterator[str]:
    asked = set(match.visit_number or ())
    if match.first_purchase:
        asked = asked & {1} if match.visit_number else {1}
        if not asked:
            yield "the first purchase is none of its visits"
    if match.every_visits and asked and all(number % match.every_visits for number in asked):
        yield f"none of its visits is a multiple of {match.every_visits}"


def _of_dates(program: Program, rule: Rule) -> Iterator[str]:
    dates = Validity(program, rule).dates(program.starts_at)
    if dates and dates[1] and dates[1] <= dates[0]:
        yield "gives points that expire before they can be spent"
    first = program.currencies[0].currency
    if rule.currency not in {None, first}:
        yield f"has dates, which only points of {first} can have"
