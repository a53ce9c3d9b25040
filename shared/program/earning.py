"""What an activity is worth: the one function behind awards and previews.

The stages give exact parts (`stages`), caps clip them (`caps`), and their sum is rounded once for
each currency. Guarantees: the same program, activity and past give the same award, whatever the
order of lines; every rule that gave something says what, and of those that nearly did, why not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from functools import partial, reduce
from operator import or_
from typing import NamedTuple

from shared.events.awards import (
    Awaits,
    CapReached,
    Counted,
    EarnedIn,
    Extension,
    RuleMissed,
    RuleShare,
)
from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.events.bought import Bought, in_normal_form
from shared.events.upstream import Activity, CustomAction, Purchase, Review
from shared.program import enrolment
from shared.program.actions import Actions
from shared.program.alone import Alone, without
from shared.program.caps import Caps
from shared.program.circumstances import Circumstance, in_effect
from shared.program.conditions import Conditions
from shared.program.dating import Dated, Dating, Given, awaits
from shared.program.exact import write_ratio
from shared.program.matching import Group, Matching
from shared.program.misses import Outcome, missed, nearest, reason
from shared.program.model import Program, Rounding
from shared.program.past import NOTHING, Counter, Past
from shared.program.rules import CashBack, Multiplier, PerAmount, Rule
from shared.program.stages import WHOLE, Base, Part, Share, Stages
from shared.program.sums import Sum, Sums
from shared.program.terms import Act

PROGRAMS_PREPARED_MAX = 256

Rewarded = Bought | Review | CustomAction
"""What an award can be for."""
Rated = Mapping[int, Base | None]
"""Tiered rules at the rate that counts; None below the first one."""


class Award(NamedTuple):
    """What an activity is worth; the fields are those of `PointsEarned`.

    `basis_minor` is the money that rules on money read, once however many do. `parts` are points
    whose rules have other dates. `extends` is what it does to points that the member has.
    """

    points: int
    basis_minor: int
    breakdown: tuple[RuleShare, ...]
    why_not: tuple[RuleMissed, ...]
    active_from: datetime
    expires_at: datetime | None
    rounding: Rounding
    desired: int | None = None
    caps: tuple[CapReached, ...] = ()
    also: tuple[EarnedIn, ...] = ()
    earning_share: str | None = None
    counted: tuple[Counted, ...] = ()
    parts: tuple[Dated, ...] = ()
    sliding: bool = False
    extends: Extension | None = None
    awaits: Awaits | None = None
    enrolled_on: date | None = None


class OutOfRange(NamedTuple):
    """An activity whose money, points or dates are larger than a fact can hold.

    Or a sign-up whose day of enrolment is none.
    """

    detail: str


def award(
    program: Program, activity: Rewarded | Purchase, past: Past = NOTHING
) -> Award | OutOfRange:
    """What `activity` is worth under this version of the program, for a member with this past."""
    if isinstance(activity, Purchase):
        activity = in_normal_form(activity)
    return _prepared(program).award(activity, past)


def rewards(program: Program, activity: Activity) -> bool:
    """Whether some rule of the program is about an activity of this kind and name.

    A sign-up is taken without: the member is enrolled by it.
    """
    if isinstance(activity, Bought | Purchase) or enrolment.is_sign_up(activity):
        return True
    return bool(_prepared(program).about(activity))


def counters(program: Program, activity: Activity) -> list[Counter]:
    """What an award of this activity has to know of the past."""
    return _prepared(program).counters(activity.occurred_at)


def counts_by_enrolment(program: Program) -> bool:
    """Whether points of this version may end on the anniversary of a member's enrolment."""
    return _prepared(program).by_enrolment


def _prepared(program: Program) -> "_Prepared":
    """What was computed from this very object; two of one version may still differ (drafts)."""
    kept = _KEPT.get(id(program))
    if kept is None or kept.program is not program:
        if len(_KEPT) >= PROGRAMS_PREPARED_MAX:
            _KEPT.clear()
        kept = _KEPT[id(program)] = _Prepared(program)
    return kept


class _Names(NamedTuple):
    """What does not change about the share of a rule."""

    rule: str
    rate: str | None
    factor: str | None
    currency: str | None


class _Prepared:
    """A version of a program, ready to be computed; a rule's bit is its place in the document."""

    def __init__(self, program: Program) -> None:
        self.program = program
        rules = program.earn.rules
        self._money, self._zone = program.money, program.zone
        self._rounding = program.earn.rounding
        first = program.currencies[0].currency
        currencies = [rule.currency or first for rule in rules]
        self._stages = Stages(rules, currencies)
        taxed, counted = bool(self._stages.on_tax), bool(self._stages.on_items)
        self._matching = Matching(rules, taxed=taxed, counted=counted)
        self._actions = Actions(rules)
        self._conditions = Conditions(rules)
        self._caps = Caps(program)
        self._alone = Alone(rules, currencies, self._stages)
        self._sums = Sums(program, self._caps, currencies)
        self._dating = Dating(program, currencies)
        self._awaits = awaits(self._dating.own)
        self._extended_by = program.expiry.extended_by
        self.by_enrolment = enrolment.is_counted_by(program)
        self._of_purchases = (1 << len(rules)) - 1 & ~self._actions.all
        self._timeline = in_effect(rules, program.zone)
        self._names = {
            1 << number: _names_of(rule, None if currency == first else currency)
            for number, (rule, currency) in enumerate(zip(rules, currencies, strict=True))
        }
        paid = program.earn.paid_with_points
        self._points_methods = frozenset(() if paid.earns else paid.methods)

    def about(self, activity: Activity) -> int:
        """The rules about an action of this name."""
        return self._actions.about(activity)

    def counters(self, at: datetime) -> list[Counter]:
        """What is read of the past at an instant."""
        return self._caps.counters(at.astimezone(self._zone).date()) if self._caps.any else []

    def award(self, activity: Rewarded, past: Past) -> Award | OutOfRange:
        """What it is worth; and when its member enrolled, where some date counts by that."""
        if not self.by_enrolment and not enrolment.is_sign_up(activity):
            return self._worth(Circumstance(activity, past, self._zone))
        day = activity.occurred_at.astimezone(self._zone).date()
        enrolled_on = past.enrolled_on or enrolment.first_day(activity, day)
        if enrolled_on is None:
            return OutOfRange(f"the enrolment; allowed: a day up to {day}, written like it")
        enrolled = replace(past, enrolled_on=enrolled_on)
        worth = self._worth(Circumstance(activity, enrolled, self._zone))
        return worth if isinstance(worth, OutOfRange) else worth._replace(enrolled_on=enrolled_on)

    def _worth(self, at: Circumstance) -> Award | OutOfRange:
        """Which rules hold, what they read, what that gives."""
        activity, past = at.activity, at.past
        if isinstance(activity, Bought):
            outcome = self._of_purchase(activity, at)
        else:
            asked = self._actions.about(activity)
            effective = self._in_effect(asked, activity)
            found = self._matching.action(at, effective)
            outcome = Outcome(asked, effective, found, WHOLE, None)
        groups: Sequence[Group] = outcome.found.groups
        if self._conditions.all and (asking := self._read(groups) & self._conditions.all):
            unmet = self._conditions.unmet(at, asking)
            outcome, groups = outcome._replace(unmet=unmet), without(groups, unmet)
        if self._caps.gated:
            used_up = self._caps.used_up(past, at.day, outcome.in_effect)
            outcome, groups = outcome._replace(used_up=used_up), without(groups, used_up)
        rated = self._rated(groups, outcome.share, at) if self._stages.rates else {}
        if not self._alone.all:
            return self._closed(at, groups, self._parts(at, outcome, rated, groups), outcome)
        parts_of = partial(self._parts, at, outcome, rated)
        groups, parts, aside = self._alone.settle(groups, parts_of)
        return self._closed(at, groups, parts, outcome._replace(aside=aside))

    def _of_purchase(self, purchase: Bought, at: Circumstance) -> Outcome:
        asked, is_ours = self._of_purchases, purchase.currency == self._money
        effective = self._in_effect(asked, purchase) if is_ours else 0
        found = self._matching.purchase(at, purchase.lines, effective)
        share = self._share(purchase, at)
        return Outcome(asked, effective, found, share, self._stages.base, not is_ours)

    def _in_effect(self, asked: int, activity: Activity) -> int:
        """The rules that hold at the time of the activity."""
        return asked if self._timeline is None else asked & self._timeline.at(activity.occurred_at)

    def _share(self, purchase: Bought, at: Circumstance) -> Share:
        """The part of the money that was not paid with points, where that part earns nothing."""
        methods = self._points_methods
        if not purchase.payments or not methods:
            return WHOLE
        paid = sum([p.amount_minor for p in purchase.payments if p.method in methods])
        if not paid:
            return WHOLE
        total = sum([line.amount_minor + line.tax_minor for line in at.lines])
        return Fraction(max(total - paid, 0), total).as_integer_ratio() if total else WHOLE

    def _parts(
        self, at: Circumstance, outcome: Outcome, rated: Rated, groups: Sequence[Group]
    ) -> list[Part]:
        if outcome.base is not None:
            return self._stages.parts(groups, outcome.share, rated)
        return self._actions.parts(at.activity, groups)

    @staticmethod
    def _read(groups: Sequence[Group]) -> int:
        """The rules that read something."""
        return reduce(or_, (group.rules for group in groups), 0)

    def _money_read(self, groups: Sequence[Group], share: Share) -> dict[int, Fraction]:
        """What tiered rules read."""
        return {
            bit: Fraction(self._stages.base[bit].measure(groups) * share[0], share[1])
            for bit in self._stages.rates
        }

    def _rated(self, groups: Sequence[Group], share: Share, at: Circumstance) -> Rated:
        """The tiered rules at the rates of the money that they read."""
        money = self._money_read(groups, share)
        return {
            bit: rates.of_sum(
                self._stages.base[bit], money[bit], self._caps.earlier(bit, at.past, at.day)
            )
            for bit, rates in self._stages.rates.items()
        }

    def _closed(
        self, at: Circumstance, groups: Sequence[Group], parts: Sequence[Part], outcome: Outcome
    ) -> Award | OutOfRange:
        """The one rounding, the dates, and what explains the points."""
        gave = sum([part.bit for part in parts])
        missed = (outcome.in_effect if gave else outcome.asked) & ~gave
        why_not = self._why_not(outcome, missed) if missed else ()
        basis = self._stages.basis(groups)
        dates = self._dating.own.dates(at.activity.occurred_at, at.past.enrolled_on)
        if dates is None or basis > AMOUNT_MINOR_MAX:
            return OutOfRange(f"{basis} minor units, or the dates of the points")
        if self._sums.is_plain:
            total = Sum(self._sums.plain(parts))
        else:
            money = self._money_read(groups, outcome.share)
            total = self._sums.of(parts, at, self._read(outcome.found.groups), money)
        told = tuple([self._told(part, total.clipped) for part in parts])
        worth = Award(total.points, basis, told, why_not, *dates, self._rounding)
        if total.largest > POINTS_MAX:
            return OutOfRange(f"{total.largest} points")
        if not self._sums.is_plain:
            worth = worth._replace(
                desired=total.desired, caps=total.reached, also=total.also, counted=total.counted
            )
        if outcome.share is not WHOLE:
            worth = worth._replace(earning_share=write_ratio(*outcome.share))
        if self._awaits is not None:
            worth = worth._replace(awaits=self._awaits)
        if self._extended_by:
            worth = worth._replace(sliding=True, extends=self._extension(at, total.points, outcome))
        return self._dated(at, parts, total, worth) if gave & self._dating.rules else worth

    def _extension(self, at: Circumstance, points: int, outcome: Outcome) -> Extension | None:
        """Until when the activity extends points that the member has, and as which act."""
        acts = {Act.EARNING} if points else set()
        if isinstance(at.activity, Bought):
            acts.add(Act.PURCHASE)
        elif outcome.asked:
            acts.add(Act.ACTION)
        until = self._dating.own.after_act(at.activity.occurred_at)
        act = next((act for act in self._extended_by if act in acts), None)
        return Extension(act=act.value, until=until) if act and until else None

    def _dated(
        self, at: Circumstance, parts: Sequence[Part], total: Sum, worth: Award
    ) -> Award | OutOfRange:
        """The award with the dates of its rules, some of which have their own."""
        given = [
            Given(bit, self._names[bit].rule, total.clipped.get(bit, Fraction(above, below)))
            for bit, _, above, below, _ in parts
            if self._names[bit].currency is None
        ]
        dated = self._dating.split(
            given, total.points, total.left, at.activity.occurred_at, at.past.enrolled_on
        )
        if dated is None:
            return OutOfRange("the dates of the points of a rule")
        if not dated:
            return worth
        own, *others = dated
        return worth._replace(
            active_from=own.active_from,
            expires_at=own.expires_at,
            sliding=own.sliding,
            awaits=own.awaits,
            parts=tuple(others),
        )

    def _told(self, part: Part, clipped: Mapping[int, Fraction]) -> RuleShare:
        """What a rule gave, and how."""
        bit, basis, numerator, denominator, number = part
        name, rate, factor, currency = self._names[bit]
        exact = write_ratio(numerator, denominator)
        share = RuleShare(rule=name, basis_minor=basis, rate=rate, factor=factor, exact=exact)
        if number is None and currency is None and bit not in clipped:
            return share
        left = str(clipped[bit]) if bit in clipped else exact
        desired = exact if bit in clipped else None
        more = {"exact": left, "desired": desired, "count": number, "currency": currency}
        return share.model_copy(update=more)

    def _why_not(self, outcome: Outcome, asked: int) -> tuple[RuleMissed, ...]:
        """Of the rules in effect, and of all when there are no points."""
        return tuple(
            missed(self._names[bit][0], reason(outcome, bit))
            for bit in nearest(outcome.found, asked)
        )


def _names_of(rule: Rule, currency: str | None) -> _Names:
    """A rule's name, rate, factor and currency, as its share tells them."""
    match rule:
        case PerAmount():
            return _Names(rule.rule, str(rule.points / rule.per_minor), None, currency)
        case CashBack():
            return _Names(rule.rule, str(rule.share), None, currency)
        case Multiplier():
            return _Names(rule.rule, None, str(rule.factor), currency)
        case _:
            return _Names(rule.rule, None, None, currency)


_KEPT: dict[int, _Prepared] = {}
