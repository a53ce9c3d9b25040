"""What purchases are worth: the matrix of rules, line by line."""

from fractions import Fraction
from typing import Any

import pytest

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX
from shared.program.earning import Award, OutOfRange, award
from shared.program.misses import MISSES_TOLD_MAX
from shared.program.model import Rounding
from shared.program.sums import rounded
from tests.receipts import BASE, earned, line, program, receipt

WHOLE = {**BASE, "steps": "whole_steps"}
DOUBLE = {"rule": "double", "kind": "multiplier", "factor": 2}
TRIPLE = {"rule": "triple", "kind": "multiplier", "factor": 3}
BONUS = {"rule": "bonus", "kind": "fixed", "points": 5}
VISIT = {"rule": "visit", "kind": "per_visit", "points": 10}
SHOES = {"match": {"department": ["SHOES"]}}
FOOD = {"match": {"department": ["FOOD"]}}
ITEMS = {"rule": "items", "kind": "per_item", "points": 1}
STATUS = [{"currency": "points", "spendable": True}, {"currency": "status", "spendable": False}]


def shares(worth: Award) -> dict[str, Fraction]:
    return {share.rule: Fraction(share.exact) for share in worth.breakdown}


def misses(worth: Award) -> dict[str, str]:
    return {missed.rule: missed.reason for missed in worth.why_not}


@pytest.mark.parametrize(
    ("case", "rules", "lines", "points"),
    [
        ("E1", [{**BASE, "per_minor": 1000}], [10_500], 10),
        ("E2", [{**BASE, "per_minor": 1000}], [line(2190, tax_minor=145)], 2),
        ("E2 with tax", [{**BASE, "per_minor": 1000, "tax": "in"}], [line(2890, tax_minor=145)], 3),
        ("E4", [WHOLE], [1999], 19),
        ("E4 doubled", [WHOLE, DOUBLE], [1999], 38),
        ("E4 linear", [BASE], [1999], 19),
        ("E4 linear, doubled", [BASE, DOUBLE], [1999], 39),
        ("E7", [BASE], [4995], 49),
        ("lines are summed, then rounded", [BASE], [50, 50, 50], 1),
        ("rules are summed, then rounded", [BASE, {**BASE, "rule": "more"}], [150], 3),
        ("whole steps of the sum", [WHOLE], [50, 50, 50], 1),
        ("whole steps of each rule", [WHOLE, {**WHOLE, "rule": "more"}], [150], 2),
        ("a rate that is a fraction", [{**BASE, "points": "3/2"}], [1000], 15),
        ("a rate in decimals", [{**BASE, "points": "0.5"}], [1000], 5),
        ("thirds are exact", [{**BASE, "points": "1/3"}], [100, 100, 100], 1),
        ("a bonus is not multiplied", [BASE, BONUS, DOUBLE], [1000], 25),
        ("a visit is", [BASE, VISIT, DOUBLE], [1000], 40),
        ("multipliers multiply", [BASE, DOUBLE, TRIPLE], [1000], 60),
        ("by a fraction", [BASE, {**DOUBLE, "factor": "3/2"}], [1000], 15),
        ("of one rule", [BASE, VISIT, {**DOUBLE, "rules": ["base"]}], [1000], 30),
        ("on some lines", [BASE, {**DOUBLE, **SHOES}], [500, line(500, department="SHOES")], 15),
        ("on all and on some", [BASE, TRIPLE, {**DOUBLE, **SHOES}],
         [500, line(500, department="SHOES")], 45),
        ("whole steps, on some", [WHOLE, {**DOUBLE, **SHOES}],
         [60, line(150, department="SHOES")], 3),
        ("a visit, on some lines", [VISIT, {**DOUBLE, **SHOES}],
         [500, line(500, department="SHOES")], 20),
        ("a visit without such lines", [VISIT, {**DOUBLE, **SHOES}], [500], 10),
        ("a bonus for such lines", [{**BONUS, **SHOES}], [line(0, department="SHOES")], 5),
        ("a visit that reads other lines than the multiplier",
         [{**VISIT, **SHOES}, {**DOUBLE, **FOOD}],
         [line(500, department="SHOES"), line(500, department="FOOD")], 10),
        ("a visit multiplied, then the rest", [BASE, VISIT, {**DOUBLE, "rules": ["visit"]},
         {**TRIPLE, "rules": ["base"]}], [1000], 50),
        ("a sku with blanks in it", [{**BASE, "match": {"sku": ["A 1"]}}],
         [line(500, sku="A 1"), line(700, sku="A")], 5),
        ("of two lines that only their skus tell apart, one", [{**BASE, "match": {"sku": ["A"]}}],
         [line(500, sku="A"), line(700, sku="B")], 5),
        ("all but one sku", [{**BASE, "exclude": {"sku": ["B"]}}],
         [line(700, sku="B"), line(500, sku="A")], 5),
        ("nothing", [BASE], [], 0),
        ("no rules", [], [1000], 0),
    ],
)  # fmt: skip
def test_a_purchase_is_worth(
    case: str, rules: list[dict[str, Any]], lines: list[dict[str, Any] | int], points: int
):
    assert earned(program(*rules), receipt(*lines)).points == points


@pytest.mark.parametrize(
    ("match", "exclude", "fields", "read"),
    [
        ({}, {}, {}, True),
        ({"department": ["A", "B"]}, {}, {"department": "B"}, True),
        ({"department": ["A", "B"]}, {}, {"department": "C"}, False),
        ({"department": ["A"]}, {}, {"department": "a"}, False),
        ({"department": ["A"]}, {}, {}, False),
        ({}, {"department": ["A"]}, {}, True),
        ({}, {"department": ["A"]}, {"department": "A"}, False),
        ({"department": ["A"], "category": ["C"]}, {}, {"department": "A", "category": "C"}, True),
        ({"department": ["A"], "category": ["C"]}, {}, {"department": "A"}, False),
        ({}, {"department": ["A"], "category": ["C"]}, {"department": "A"}, False),
        ({"department": ["A"]}, {"sku": ["1"]}, {"department": "A", "sku": "1"}, False),
        ({"category": ["C"]}, {}, {"category": "C"}, True),
        ({"product_type": ["T"]}, {}, {"product_type": "T"}, True),
        ({"product_brand": ["Private"]}, {}, {"product_brand": "Private"}, True),
        ({"product_brand": ["Private"]}, {}, {"product_brand": "National"}, False),
        ({"sku": ["1"]}, {}, {"sku": "1"}, True),
        ({}, {}, {"kind": "gift_card"}, False),
        ({}, {}, {"kind": "fee"}, False),
        ({}, {}, {"kind": "shipping"}, False),
        ({}, {}, {"kind": "reward"}, False),
        ({"kind": ["shipping", "product"]}, {}, {"kind": "shipping"}, True),
        ({"kind": ["shipping"]}, {}, {"kind": "product"}, False),
        ({}, {"kind": ["product"]}, {"kind": "product"}, False),
    ],
)
@pytest.mark.parametrize("rule", [BASE, VISIT, BONUS])
def test_a_rule_reads_a_line_that_matches_and_is_not_excluded(
    match: dict[str, Any],
    exclude: dict[str, Any],
    fields: dict[str, Any],
    read: bool,
    rule: dict[str, Any],
):
    worth = earned(
        program({**rule, "match": match, "exclude": exclude}), receipt(line(1000, **fields))
    )
    assert (worth.points > 0) is read


@pytest.mark.parametrize(
    ("match", "exclude", "read"),
    [
        ({"brand": ["shop"]}, {}, True),
        ({"brand": ["other"]}, {}, False),
        ({}, {"brand": ["shop"]}, False),
        ({"store": ["7", "8"]}, {}, True),
        ({"store": ["8"]}, {}, False),
        ({}, {"store": ["7"]}, False),
        ({}, {"store": ["8"]}, True),
    ],
)
def test_a_rule_reads_purchases_of_its_brands_and_stores(
    match: dict[str, Any], exclude: dict[str, Any], read: bool
):
    rules = program({**BASE, "match": match, "exclude": exclude}, brands=["shop", "other"])
    assert (earned(rules, receipt(1000, store="7")).points > 0) is read


@pytest.mark.parametrize(
    ("dates", "at", "holds"),
    [
        ({"effective_from": "2026-03-03"}, "2026-03-03T05:00:00Z", True),
        ({"effective_from": "2026-03-03"}, "2026-03-03T04:59:59Z", False),
        ({"effective_until": "2026-03-03"}, "2026-03-04T04:59:59Z", True),
        ({"effective_until": "2026-03-03"}, "2026-03-04T05:00:00Z", False),
        ({"effective_from": "2026-03-03T12:00:00Z"}, "2026-03-03T12:00:00Z", True),
        ({"effective_until": "2026-03-03T12:00:00Z"}, "2026-03-03T12:00:00Z", False),
    ],
)
def test_a_rule_holds_on_the_local_days_of_its_dates(dates: dict[str, str], at: str, holds: bool):
    rules = program({**BASE, **dates}, timezone="America/New_York")
    worth = earned(rules, receipt(1000, at=at))
    assert (worth.points, misses(worth)) == ((10, {}) if holds else (0, {"base": "not_in_effect"}))


@pytest.mark.parametrize(
    ("rounding", "points"),
    [("floor", [1, 1, 1, 2]), ("half_up", [1, 1, 2, 2]), ("ceil", [1, 2, 2, 2])],
)
def test_the_exact_sum_is_rounded_once(rounding: str, points: list[int]):
    rules = program(BASE, rounding=rounding)
    assert [earned(rules, receipt(amount)).points for amount in (100, 149, 150, 200)] == points
    assert earned(rules, receipt(100)).rounding == rounding


@pytest.mark.parametrize(
    ("ratio", "whole"),
    [((0, 1), (0, 0, 0)), ((1, 3), (0, 0, 1)), ((1, 2), (0, 1, 1)), ((7, 2), (3, 4, 4))],
)
def test_a_ratio_is_rounded_down_half_up_or_up(ratio: tuple[int, int], whole: tuple[int, int, int]):
    assert tuple(rounded(*ratio, rounding) for rounding in Rounding) == whole


def test_e6_the_breakdown_says_what_each_rule_gave():
    worth = earned(program({**WHOLE, "rule": "7"}, {**BONUS, "rule": "9"}), receipt(1999))
    assert shares(worth) == {"7": 19, "9": 5}
    assert (worth.points, worth.basis_minor, worth.why_not) == (24, 1999, ())


def test_the_breakdown_is_exact_and_says_basis_rate_and_factor():
    worth = earned(
        program(BASE, {**DOUBLE, **SHOES}, BONUS), receipt(line(250, department="SHOES"), 99)
    )
    assert [share.model_dump(exclude_none=True) for share in worth.breakdown] == [
        {"rule": "base", "basis_minor": 349, "rate": "1/100", "exact": "349/100"},
        {"rule": "double", "basis_minor": 250, "factor": "2", "exact": "5/2"},
        {"rule": "bonus", "basis_minor": 0, "exact": "5"},
    ]
    assert worth.points == 10


def test_multipliers_are_told_what_they_add_in_their_turn():
    worth = earned(program(BASE, DOUBLE, TRIPLE), receipt(1000))
    assert shares(worth) == {"base": 10, "double": 10, "triple": 40}


def test_the_basis_is_the_money_read_once_however_many_rules_read_it():
    rules = program(BASE, {**BASE, "rule": "more"}, {**BASE, "rule": "taxed", "tax": "in", **SHOES})
    shoes = line(300, department="SHOES", tax_minor=20)
    worth = earned(rules, receipt(shoes, line(100, tax_minor=9), line(50, kind="fee")))
    assert worth.basis_minor == 300 + 20 + 100
    assert {share.rule: share.basis_minor for share in worth.breakdown} == {
        "base": 400,
        "more": 400,
        "taxed": 320,
    }


@pytest.mark.parametrize(
    ("rules", "basis", "shares"),
    [
        ([BASE, VISIT, ITEMS], 400, {"base": 400}),
        ([{**BASE, **SHOES}, VISIT, ITEMS], 300, {"base": 300}),
        ([VISIT, ITEMS, BONUS], 0, {}),
        ([{**BASE, **SHOES}, VISIT, {**DOUBLE, "rules": ["base"]}], 300,
         {"base": 300, "double": 300}),
        ([{**BASE, **SHOES}, {**BASE, "rule": "more"}, {**DOUBLE, "rules": ["base"]}], 400,
         {"base": 300, "more": 400, "double": 300}),
        ([{**BASE, "tax": "in", **SHOES}, {**BASE, "rule": "more"}, {**DOUBLE, "rules": ["more"]}],
         420, {"base": 320, "more": 400, "double": 400}),
    ],
)  # fmt: skip
def test_the_basis_is_what_rules_on_money_read_with_tax_if_one_counts_it(
    rules: list[dict[str, Any]], basis: int, shares: dict[str, int]
):
    shoes, food = line(300, department="SHOES", tax_minor=20), line(100, department="FOOD")
    worth = earned(program(*rules), receipt(shoes, food))
    assert worth.basis_minor == basis
    told = {share.rule: share.basis_minor for share in worth.breakdown if share.basis_minor}
    assert told == shares


def test_of_many_rules_those_that_match_a_line_say_why_they_gave_nothing():
    """A rule for each of many departments, all below one step; two of them match a line each."""
    departments = [f"D{number}" for number in range(3 * MISSES_TOLD_MAX)]
    rules = [
        {**WHOLE, "rule": name.lower(), "match": {"department": [name]}} for name in departments
    ]
    lines = [line(1, department=name) for name in ("D25", "D15", "none of them")]
    worth = earned(program(*rules), receipt(*lines))
    assert misses(worth) == {"d15": "below_one_step", "d25": "below_one_step"}
    nothing = earned(program(*rules), receipt(line(1, department="none of them")))
    assert list(misses(nothing)) == [f"d{number}" for number in range(MISSES_TOLD_MAX)]


def test_as_many_rules_as_are_told_all_say_why():
    """Also those that match no line, beside one that does."""
    others = [{**VISIT, "rule": f"r{number}", **SHOES} for number in range(MISSES_TOLD_MAX - 1)]
    worth = earned(program(VISIT, WHOLE, *others), receipt(line(1, department="FOOD")))
    assert len(misses(worth)) == MISSES_TOLD_MAX


def test_a_rule_is_excluded_also_where_others_read_the_line():
    rules = program(BASE, {**BONUS, "exclude": {"sku": ["sku-1"]}})
    assert misses(earned(rules, receipt(1000))) == {"bonus": "excluded"}


@pytest.mark.parametrize(
    ("rule", "rate", "factor"),
    [
        ({**BASE, "points": 3}, "3/100", None),
        ({"rule": "back", "kind": "cash_back", "share": "2%"}, "1/50", None),
        ({"rule": "items", "kind": "per_item", "points": 1}, None, None),
        ({**VISIT}, None, None),
        ({**BONUS}, None, None),
    ],
)
@pytest.mark.parametrize("currency", ["points", "status"])
def test_a_share_tells_the_rate_and_the_currency_if_it_is_not_the_first(
    rule: dict[str, Any], rate: str | None, factor: str | None, currency: str
):
    rules = [{**rule, "currency": currency}]
    if rule is not BONUS and rule["kind"] != "fixed":
        rules.append({**DOUBLE, "currency": currency})
    worth = earned(program(*rules, currencies=STATUS), receipt(line(1000)))
    told = None if currency == "points" else currency
    assert [(share.rate, share.factor, share.currency) for share in worth.breakdown] == [
        (rate, None, told),
        *[(None, "2", told) for _ in rules[1:]],
    ]


@pytest.mark.parametrize(
    ("rule", "purchase", "reason"),
    [
        (BASE, receipt(1000, currency="EUR"), "other_currency"),
        ({**BASE, "effective_from": "2027-01-01"}, receipt(1000), "not_in_effect"),
        ({**BASE, "match": {"brand": ["other"]}}, receipt(1000), "other_brand"),
        ({**BASE, "match": {"store": ["7"]}}, receipt(1000), "other_store"),
        ({**BASE, **SHOES}, receipt(1000), "no_matching_line"),
        (BASE, receipt(), "no_matching_line"),
        (BASE, receipt(line(1000, kind="gift_card")), "no_matching_line"),
        ({**BASE, "exclude": {"sku": ["sku-1"]}}, receipt(1000), "excluded"),
        ({**BASE, "exclude": {"brand": ["shop"]}}, receipt(1000), "excluded"),
        (BASE, receipt(0), "no_amount"),
        (WHOLE, receipt(99), "below_one_step"),
        (DOUBLE, receipt(1000), "nothing_to_multiply"),
        (VISIT, receipt(), "no_matching_line"),
        (BONUS, receipt(), "no_matching_line"),
    ],
)
def test_a_rule_that_gives_nothing_says_why(rule: dict[str, Any], purchase: Any, reason: str):
    worth = earned(program(rule), purchase)
    assert (worth.points, worth.breakdown) == (0, ())
    assert misses(worth) == {rule["rule"]: reason}


def test_rules_out_of_date_are_named_only_when_there_are_no_points():
    past = {**BASE, "rule": "past", "effective_until": "2020-01-01"}
    assert misses(earned(program(BASE, past, {**BONUS, **SHOES}), receipt(1000))) == {
        "bonus": "no_matching_line"
    }
    assert misses(earned(program(past), receipt(1000))) == {"past": "not_in_effect"}


def test_a_multiplier_of_a_rule_that_gave_nothing_says_so():
    rules = program({**BASE, **SHOES}, VISIT, {**DOUBLE, "rules": ["base"]})
    assert misses(earned(rules, receipt(1000))) == {
        "base": "no_matching_line",
        "double": "nothing_to_multiply",
    }


@pytest.mark.parametrize(
    ("rules", "purchase"),
    [
        (program(BASE), receipt(AMOUNT_MINOR_MAX, 1)),
        (program({**BASE, "points": 10**6, "per_minor": 1}), receipt(10**7)),
        (program(expiry={"after": "100Y"}), receipt(1, at="8950-01-01T00:00:00Z")),
        (program(BASE, expiry={"anniversary": True}), receipt(AMOUNT_MINOR_MAX, 1)),
    ],
)
def test_what_no_fact_can_hold_is_out_of_range(rules: Any, purchase: Any):
    assert isinstance(award(rules, purchase), OutOfRange)


@pytest.mark.parametrize(
    ("rule", "amount", "points"),
    [
        ({**BASE, "per_minor": 10**6}, AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX // 10**6),
        ({**BASE, "points": 10**6, "per_minor": 1}, POINTS_MAX // 10**6, POINTS_MAX),
    ],
)
def test_the_most_that_a_fact_can_hold_is_in_range(rule: dict[str, Any], amount: int, points: int):
    assert earned(program(rule), receipt(amount)).points == points


def test_another_version_with_the_same_number_is_not_taken_for_it():
    assert earned(program(BASE), receipt(1000)).points == 10
    assert earned(program({**BASE, "points": 2}), receipt(1000)).points == 20
