"""What must hold for every program and every receipt.

1. The points are those of the definition, computed line by line in fractions and rounded once.
2. The order of lines changes nothing; the order of rules changes no points.
3. A line that is split into two of the same kind changes nothing.
4. More money on a line, or another line, never gives fewer points.
5. The breakdown sums exactly to the points before rounding, and every rule is in it or in why-not.
6. The award of earn is the preview: the same function on the same purchase, again and again
   (C26).
7. A rule that matches nothing adds nothing.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import assert_never

from hypothesis import given, settings
from hypothesis import strategies as st

from services.earn.decide import decide
from shared.events.activity import PurchaseRecorded
from shared.events.awards import PointsEarned
from shared.events.bought import in_normal_form
from shared.events.ids import activity_cause
from shared.events.upstream import Purchase, PurchaseLine
from shared.program.earning import Award
from shared.program.model import Program
from shared.program.rules import (
    Action,
    CashBack,
    Fixed,
    Multiplier,
    PerAmount,
    PerItem,
    PerVisit,
    PurchaseRule,
    Tiered,
)
from shared.program.sums import rounded
from tests.receipts import earned
from tests.strategies.programs import VALUES, lines, programs, receipts

LINE_FIELDS = [field for field in VALUES if field not in {"brand", "store"}]


def reads(rule: PurchaseRule, purchase: Purchase, line: PurchaseLine) -> bool:
    """The definition: every list of match holds the value, no list of exclude does."""
    for field in VALUES:
        value = getattr(line if field in LINE_FIELDS else purchase, field)
        matched, excluded = getattr(rule.match, field), getattr(rule.exclude, field)
        if field == "kind" and matched is None:
            matched = ("product",)
        if (matched is not None and value not in matched) or value in (excluded or ()):
            return False
    return True


def lines_of(rule: PurchaseRule, purchase: Purchase) -> list[PurchaseLine]:
    return [line for line in purchase.lines if reads(rule, purchase, line)]


Measured = PerAmount | CashBack | Tiered | PerItem


def measure(rule: Measured, line: PurchaseLine) -> int:
    if isinstance(rule, PerItem):
        return line.quantity
    return line.amount_minor + (line.tax_minor if rule.tax == "in" else 0)


def share(purchase: Purchase) -> Fraction:
    """The part of a purchase that was not paid with points."""
    total = sum(line.amount_minor + line.tax_minor for line in purchase.lines)
    paid = sum(each.amount_minor for each in purchase.payments if each.method == "points")
    return Fraction(max(0, total - paid), total) if total else Fraction(1)


def worth(rule: Measured, measured: int, purchase: Purchase) -> Fraction:
    """What a measure is worth by itself; of several rates that of all that the rule reads."""
    amount = Fraction(measured) if isinstance(rule, PerItem) else measured * share(purchase)
    match rule:
        case CashBack():
            return rule.share * amount
        case PerItem():
            points, steps = rule.points, amount / rule.items
        case PerAmount():
            points, steps = rule.points, amount / rule.per_minor
        case Tiered():
            read = sum(measure(rule, line) for line in lines_of(rule, purchase)) * share(purchase)
            rates = [rate for rate in rule.rates if rate.from_minor <= read]
            if not rates:
                return Fraction(0)
            points, steps = rates[-1].points, amount / rates[-1].per_minor
        case _:
            assert_never(rule)
    return points * (steps if rule.steps == "linear" else steps.__floor__())


def of_amount(rule: Measured, times: Sequence[Multiplier], purchase: Purchase) -> Fraction:
    """Every level of the factors counts what the measure at or above it is worth."""
    factors = []
    for line in lines_of(rule, purchase):
        factor = Fraction(1)
        for multiplier in times:
            factor *= multiplier.factor if reads(multiplier, purchase, line) else 1
        factors.append((factor, measure(rule, line)))
    points, below = Fraction(0), Fraction(0)
    for level in sorted({factor for factor, _ in factors}):
        above = sum(m for f, m in factors if f >= level)
        points += (level - below) * worth(rule, above, purchase)
        below = level
    return points


def of_visit(rule: PerVisit, times: Sequence[Multiplier], purchase: Purchase) -> Fraction:
    visited = lines_of(rule, purchase)
    points = rule.points if visited else Fraction(0)
    for multiplier in times:
        if any(reads(multiplier, purchase, line) for line in visited):
            points *= multiplier.factor
    return points


def exact_points(program: Program, purchase: Purchase) -> Iterator[Fraction]:
    """The definition of what each base rule and bonus gives, multiplied."""
    for rule in program.earn.rules:
        times = [
            each
            for each in program.earn.rules
            if isinstance(each, Multiplier) and (each.rules is None or rule.rule in each.rules)
        ]
        match rule:
            case PerAmount() | CashBack() | Tiered() | PerItem():
                yield of_amount(rule, times, purchase)
            case PerVisit():
                yield of_visit(rule, times, purchase)
            case Fixed():
                yield rule.points if lines_of(rule, purchase) else Fraction(0)
            case Multiplier() | Action():
                pass


def total(award: Award) -> Fraction:
    return sum((Fraction(share.exact) for share in award.breakdown), Fraction(0))


def with_lines(purchase: Purchase, *new: PurchaseLine) -> Purchase:
    return purchase.model_copy(update={"lines": new})


@settings(deadline=None)
@given(programs, receipts)
def test_1_the_points_are_those_of_the_definition(program: Program, purchase: Purchase):
    exact = sum(exact_points(program, purchase), Fraction(0))
    award = earned(program, purchase)
    assert total(award) == exact
    assert award.points == rounded(*exact.as_integer_ratio(), program.earn.rounding)


@settings(deadline=None)
@given(programs, receipts, st.randoms(use_true_random=False))
def test_2_the_order_of_lines_and_rules_is_of_no_account(program, purchase, random):
    award = earned(program, purchase)
    shuffled = random.sample(purchase.lines, len(purchase.lines))
    assert earned(program, with_lines(purchase, *shuffled)) == award
    rules = random.sample(program.earn.rules, len(program.earn.rules))
    document = program.model_dump(mode="json", exclude_none=True)
    document["earn"]["rules"] = [rule.model_dump(mode="json", exclude_none=True) for rule in rules]
    other = earned(Program.model_validate(document), purchase)
    assert (other.points, other.basis_minor, total(other)) == (
        award.points,
        award.basis_minor,
        total(award),
    )


@settings(deadline=None)
@given(programs, receipts, st.data())
def test_3_a_split_line_gives_the_same(program, purchase, data):
    parts: list[PurchaseLine] = []
    for line in purchase.lines:
        amount = data.draw(st.integers(0, line.amount_minor))
        tax = data.draw(st.integers(0, line.tax_minor))
        pieces = data.draw(st.integers(0, line.quantity))
        one = {"amount_minor": amount, "tax_minor": tax, "quantity": pieces}
        rest = {name: getattr(line, name) - part for name, part in one.items()}
        parts.append(line.model_copy(update=one))
        parts.append(line.model_copy(update=rest))
    assert earned(program, with_lines(purchase, *parts)) == earned(program, purchase)


@settings(deadline=None)
@given(programs, receipts, lines, st.integers(1, 5_000), st.data())
def test_4_more_never_gives_fewer_points(program, purchase, line, more, data):
    points = earned(program, purchase).points
    another = PurchaseLine.model_validate(line)
    assert earned(program, with_lines(purchase, *purchase.lines, another)).points >= points
    if purchase.lines:
        raised = list(purchase.lines)
        at = data.draw(st.integers(0, len(raised) - 1))
        amount = raised[at].amount_minor + more
        raised[at] = raised[at].model_copy(update={"amount_minor": amount})
        assert earned(program, with_lines(purchase, *raised)).points >= points


@settings(deadline=None)
@given(programs, receipts)
def test_5_every_rule_is_explained(program, purchase):
    award = earned(program, purchase)
    assert award.points == rounded(*total(award).as_integer_ratio(), award.rounding)
    gave = [share.rule for share in award.breakdown]
    missed = [miss.rule for miss in award.why_not]
    assert sorted(gave + missed) == sorted(rule.rule for rule in program.earn.rules)
    assert all(Fraction(share.exact) > 0 for share in award.breakdown)
    assert all(share.basis_minor <= award.basis_minor for share in award.breakdown)


@settings(deadline=None)
@given(programs, receipts)
def test_6_the_award_is_the_preview(program, purchase):
    recorded = PurchaseRecorded(account="shop:jo", activity=in_normal_form(purchase))
    cause = activity_cause(recorded.account, purchase)
    fact = decide(recorded, program, cause)
    assert isinstance(fact, PointsEarned)
    preview = earned(Program.model_validate(program.model_dump(mode="json")), purchase)
    assert preview == tuple(getattr(fact, name) for name in preview._fields)
    assert decide(recorded, program, cause) == fact


@settings(deadline=None)
@given(programs, receipts)
def test_7_a_rule_that_matches_nothing_adds_nothing(program, purchase):
    document = program.model_dump(mode="json", exclude_none=True)
    for number, kind in enumerate(["fixed", "multiplier"]):
        terms = {"factor": 2} if kind == "multiplier" else {"points": 1_000}
        rule = {"rule": f"never-{number}", "kind": kind, "match": {"sku": ["none"]}, **terms}
        document["earn"]["rules"].append(rule)
    award = earned(Program.model_validate(document), purchase)
    assert award.points == earned(program, purchase).points
    assert {miss.rule for miss in award.why_not} >= {"never-0", "never-1"}
