"""Conditions in CEL: what they know, when they hold, and how their faults are told."""

from fractions import Fraction
from typing import Any

import pytest

from shared.events.upstream import CustomAction, Review
from shared.program.calendar import zone
from shared.program.cel import ACTION, PURCHASE, condition
from shared.program.circumstances import Circumstance
from shared.program.conditions import VALUES
from shared.program.document import read_program
from shared.program.earning import Award, award
from shared.program.past import VISITS, Past
from tests.receipts import BASE, line, program, receipt
from tests.unit.program.test_document import TEXT
from tests.unit.program.test_kinds import WHO, action, worth

SHOES = line(
    500,
    department="SHOES",
    category="BOOTS",
    product_type="boots",
    quantity=2,
    tax_minor=7,
    discount_minor=3,
)
BREAD = line(250, department="BAKERY", sku="bread", product_brand="Own")
HALVES = [{"method": "card", "amount_minor": 300}, {"method": "app", "amount_minor": 457}]
PAST = Past({VISITS: Fraction(4)}, tier="gold", segments=frozenset({"vip", "new"}))


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("true", True),
        ("purchase.total_minor == 750 && purchase.tax_minor == 7", True),
        ("purchase.total_minor > 750", False),
        ("purchase.discount_minor == 3 && purchase.items == 3", True),
        ("purchase.brand == 'shop' && purchase.store == '7' && purchase.channel == ''", True),
        ("'BAKERY' in purchase.departments && purchase.departments.size() == 2", True),
        ("purchase.categories == ['BOOTS'] && purchase.skus == ['bread', 'sku-1']", True),
        ("purchase.minor_by_department['SHOES'] >= 500", True),
        ("purchase.minor_by_category['BOOTS'] == 500 && purchase.minor_by_sku.bread == 250", True),
        ("purchase.minor_by_department['FUEL'] >= 0", False),  # there is none: not true
        ("!('FUEL' in purchase.minor_by_department)", True),
        ("purchase.product_types == ['boots'] && purchase.product_brands == ['Own']", True),
        ("purchase.minor_by_product_type['boots'] == 500", True),
        ("purchase.minor_by_product_brand['Own'] == 250", True),
        ("purchase.minor_by_payment_method['app'] * 2 > purchase.total_minor", True),
        ("purchase.skus.exists(sku, sku.startsWith('br'))", True),
        ("purchase.total_minor * 9223372036854775807 > 0", False),  # an overflow: not true
        ("1 / (purchase.items - 3) == 0", False),
        ("member.tier == 'gold' && 'vip' in member.segments && member.visits == 4", True),
        ("time.date == '2026-03-03' && time.weekday == 'tuesday' && time.month == 3", True),
        ("time.day == 3 && time.hour == 7 && time.minute == 30", True),
        ("purchase.store.matches('^[0-9]+$')", True),
        ("purchase.store == 'double 1.5 dyn'", False),
    ],
)
def test_a_rule_gives_points_only_if_its_condition_holds(when: str, holds: bool):
    rules = program({**BASE, "match": {"when": when}}, timezone="America/New_York")
    bought = receipt(SHOES, BREAD, store="7", payments=HALVES, at="2026-03-03T12:30:00Z")
    found = award(rules, bought, PAST)
    assert isinstance(found, Award)
    assert (found.points, [missed.reason for missed in found.why_not]) == (
        (7, []) if holds else (0, ["condition_not_met"])
    )


@pytest.mark.parametrize(
    ("activity", "when", "points"),
    [
        (Review.model_validate({**WHO, "rating": 4}), "review.rating >= 4", 5),
        (Review.model_validate({**WHO, "rating": 3}), "review.rating >= 4", 0),
        (Review.model_validate(WHO), "review.rating >= 0", 0),
        (Review.model_validate(WHO), "review.rating == -1 && review.sku == ''", 5),
        (Review.model_validate({**WHO, "sku": "x"}), "review.sku == 'x'", 5),
        (action("ran", metres=10, place="park", alone=True),
         "action.number.metres > 9 && action.text.place == 'park' && action.flag.alone", 5),
        (action("ran", metres="10"), "action.number.metres > 9", 0),
        (action("ran"), "action.name == 'ran' && action.brand == 'shop'", 5),
    ],
)  # fmt: skip
def test_a_condition_about_an_action(activity: Review | CustomAction, when: str, points: int):
    rule = {"rule": "a", "kind": "action", "actions": ["review", "ran"], "points": 5}
    assert worth(program({**rule, "match": {"when": when}}), activity).points == points


FAULTS = [
    ("purchase.totl_minor > 1", "line 1, column 9: undeclared reference to 'purchase.totl_minor'"),
    ("purchase.total_minor > 'a'", "line 1, column 22: found no matching overload for '_>_'"),
    ("purchase.total_minor >", "line 1, column 23: Syntax error"),
    ("true &&\n  purchase.stor == ''", "line 2, column 11: undeclared reference"),
    ("purchase.total_minor", "true or false; this one gives int"),
    ("purchase.total_minor > 1.5", "line 1, column 24 has 1.5"),
    ("true &&\n  member.visits > 0 &&\n  purchase.total_minor > 1.5", "line 3, column 26 has 1.5"),
    ("double(purchase.total_minor) > double(1)", "line 1, column 1 has double"),
    ("dyn(purchase.total_minor) > 1", "line 1, column 1 has dyn"),
    ("purchase.total_minor > 1e3", "has 1e3"),
    ("review.rating > 3", "undeclared reference to 'review.rating'"),
    ("product_type == 'boots'", "'product_type' (did you mean purchase.product_types?)"),
    ("purchase.total > 100", "'purchase.total' (did you mean purchase.total_minor?)"),
    ("member.visit == 1 && lines.size() > 2", "(did you mean member.visits?); line 1, column 22"),
    ("lines.size() > 2", "column 1: undeclared reference to 'lines'"),
    ("'a' in purchase.minor_by_sku && purchase.minor_by_sku.a == ''", "no matching overload"),
    ("x" * 1_001, "a condition of at most 1000 characters"),
]


@pytest.mark.parametrize(("when", "said"), FAULTS)
def test_a_fault_is_told_with_its_place_when_the_program_is_saved(when: str, said: str):
    with pytest.raises(ValueError, match=r"condition|whole numbers") as raised:
        condition(when, "purchase")
    assert said in str(raised.value)


def test_a_fault_names_the_line_and_the_field_of_the_document_too():
    text = TEXT.replace("match: {", "match: {when: purchase.total > 1, ")
    [problem] = read_program(text).problems
    assert (problem.line, problem.field) == (17, "earn.rules[0].match.when")
    assert problem.message.startswith('found "purchase.total > 1"; allowed: a condition in CEL; ')


def test_every_name_has_a_value():
    assert {*PURCHASE, *ACTION} == set(VALUES)


def test_no_value_is_a_float():
    at: list[Any] = []

    def walk(value: object) -> None:
        at.append(value)
        if isinstance(value, dict | list):
            for inner in [*value, *(value.values() if isinstance(value, dict) else ())]:
                walk(inner)

    bought = receipt(SHOES, BREAD, payments=HALVES)
    for activity in (bought, action("ran", metres=10), Review.model_validate(WHO)):
        for value in VALUES.values():
            walk(value(Circumstance(activity, PAST, zone("UTC"))))
    assert not [value for value in at if isinstance(value, float)]


def test_a_search_that_takes_too_long_is_not_true():
    when = "purchase.skus.all(a, purchase.skus.exists(b, a == b))"
    lines = [line(1, sku=f"sku-{number}") for number in range(1_000)]
    assert worth(program({**BASE, "match": {"when": when}}), receipt(*lines)).points == 0
    assert worth(program({**BASE, "match": {"when": when}}), receipt(*lines[:30], 100)).points == 1


def test_two_rules_with_one_condition_and_one_with_another():
    rich = {"match": {"when": "purchase.total_minor >= 1000"}}
    poor = {"match": {"when": "purchase.total_minor < 1000"}}
    rules = program(
        {**BASE, **rich},
        {**BASE, "rule": "more", **rich},
        {"rule": "poor", "kind": "fixed", "points": 3, **poor},
    )
    assert [worth(rules, receipt(amount)).points for amount in (999, 1_000)] == [3, 20]


def test_of_several_conditions_each_is_judged_for_its_own_rules():
    def rule(name: str, when: str) -> dict[str, Any]:
        return {"rule": name, "kind": "fixed", "points": 5, "match": {"when": when}}

    conditions = {"poor": "purchase.total_minor < 5", "late": "time.hour > 22", "any": "true"}
    found = worth(program(*(rule(*each) for each in conditions.items())), receipt(100))
    assert [share.rule for share in found.breakdown] == ["any"]
    assert [(missed.rule, missed.reason) for missed in found.why_not] == [
        ("poor", "condition_not_met"),
        ("late", "condition_not_met"),
    ]
