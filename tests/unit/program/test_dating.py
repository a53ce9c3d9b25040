"""Points with the dates of the rule that gave them: the parts of an award, by rule."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.awards import Awaits
from shared.program.earning import Award, OutOfRange, award
from tests.receipts import BASE, earned, program, receipt
from tests.strategies.programs import programs, receipts

SHORT = {"rule": "short", "kind": "fixed", "points": 5, "expiry": {"after": "29D"}}
LATE = {**SHORT, "rule": "late", "points": 7, "activation": {"after": "5D"}}
TWICE = {"rule": "twice", "kind": "multiplier", "factor": 2}
THIRD = {**SHORT, "rule": "third", "points": "1/3", "expiry": {"after": "1M"}}
APRIL = "2026-04-01"
NEXT_YEAR = "2027-03-03"


def days(worth: Award) -> list[tuple[int, str]]:
    """The points of an award by the last day on which they are good, its own first."""
    own = worth.points - sum(part.points for part in worth.parts)
    dated = [(own, worth.expires_at), *((part.points, part.expires_at) for part in worth.parts)]
    return [(points, str((until - timedelta(days=1)).date())) for points, until in dated if until]


@pytest.mark.parametrize(
    ("rules", "amount", "parts"),
    [
        ([BASE, SHORT], 1000, [(10, NEXT_YEAR), (5, APRIL)]),
        ([SHORT, BASE], 1000, [(10, NEXT_YEAR), (5, APRIL)]),
        ([BASE, SHORT], 0, [(5, APRIL)]),
        ([BASE, {**SHORT, "match": {"sku": ["x"]}}], 1000, [(10, NEXT_YEAR)]),
        ([BASE, SHORT, {**SHORT, "rule": "other"}], 1000, [(10, NEXT_YEAR), (10, APRIL)]),
        ([BASE, SHORT, LATE], 1000, [(10, NEXT_YEAR), (5, APRIL), (7, APRIL)]),
        ([SHORT, {**SHORT, "rule": "b", "expiry": {"after": "1Y"}}], 0,
         [(5, NEXT_YEAR), (5, APRIL)]),
        ([SHORT, THIRD], 0, [(5, APRIL)]),
        ([BASE, SHORT, TWICE], 1000, [(20, NEXT_YEAR), (5, APRIL)]),
        ([{**BASE, "expiry": {"after": "29D"}}, TWICE], 1000, [(10, NEXT_YEAR), (10, APRIL)]),
        ([BASE, {**TWICE, "expiry": {"after": "29D"}}], 1000, [(10, NEXT_YEAR), (10, APRIL)]),
        ([BASE, SHORT], 1099, [(10, NEXT_YEAR), (5, APRIL)]),
        ([BASE, THIRD], 70, [(1, NEXT_YEAR)]),
        ([BASE, SHORT], 40, [(5, APRIL)]),
        ([BASE, {**SHORT, "points": "11/2"}], 150, [(2, NEXT_YEAR), (5, APRIL)]),
        ([THIRD, {**THIRD, "rule": "b", "points": "2/3", "expiry": {"after": "29D"}}], 0,
         [(1, "2026-04-03")]),
        ([BASE, {**SHORT, "currency": "stamps"}], 1000, [(10, NEXT_YEAR)]),
    ],
)  # fmt: skip
def test_points_have_the_dates_of_their_rule(
    rules: list[dict[str, Any]], amount: int, parts: list[tuple[int, str]]
):
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "stamps", "spendable": False},
    ]
    under = program(*rules, expiry={"after": "1Y"}, currencies=currencies)
    assert days(earned(under, receipt(amount))) == parts


@pytest.mark.parametrize(
    ("cap", "parts"),
    [
        ({"points": 12, "per": "transaction"}, [(10, NEXT_YEAR), (2, APRIL)]),
        ({"points": 8, "per": "transaction"}, [(8, NEXT_YEAR)]),
    ],
)
def test_a_cap_takes_from_the_rules_that_come_last(
    cap: dict[str, Any], parts: list[tuple[int, str]]
):
    under = program(expiry={"after": "1Y"}, earn={"rules": [BASE, SHORT], "caps": [cap]})
    assert days(earned(under, receipt(1000))) == parts


def test_a_part_names_its_rules_and_is_active_when_they_say():
    [part] = earned(program(BASE, LATE), receipt(1000)).parts
    assert (part.rules, part.points) == (("late",), 7)
    assert part.active_from.isoformat() == "2026-03-08T00:00:00+00:00"


def test_what_points_wait_for_and_whether_they_slide_are_terms_of_their_own():
    waits = {"on": "fitted", "within": "7D", "otherwise": "activated"}
    fitting = {**SHORT, "rule": "fitting", "activation": waits}
    sliding = {"after": "1Y", "extended_by": ["purchase"]}
    delivered = {"on": "delivered", "within": "30D"}
    under = program(BASE, SHORT, fitting, expiry=sliding, activation=delivered)
    worth = earned(under, receipt(1000))
    assert (worth.sliding, worth.awaits) == (
        True,
        Awaits(event="delivered", otherwise="cancelled"),
    )
    assert [(part.rules, part.sliding, part.awaits) for part in worth.parts] == [
        (("short",), False, Awaits(event="delivered", otherwise="cancelled", rule="short")),
        (("fitting",), False, Awaits(event="fitted", otherwise="activated", rule="fitting")),
    ]


def test_a_rule_that_gives_all_points_gives_them_its_dates_and_its_terms():
    own = {"activation": {"after": "5D"}, "expiry": {"after": "29D"}}
    sliding = {"after": "1Y", "extended_by": ["purchase"]}
    worth = earned(program({**BASE, **own}, expiry=sliding), receipt(1000))
    assert (worth.points, worth.parts, worth.sliding) == (10, (), False)
    assert worth.active_from.isoformat() == "2026-03-08T00:00:00+00:00"
    assert days(worth) == [(10, APRIL)]


def test_of_a_rule_that_reaches_its_own_cap_so_much_has_its_dates():
    capped = {**SHORT, "points": 9, "caps": [{"points": 4, "per": "transaction"}]}
    under = program(BASE, capped, expiry={"after": "1Y"})
    assert days(earned(under, receipt(1000))) == [(10, NEXT_YEAR), (4, APRIL)]


def test_an_award_of_nothing_has_the_dates_of_the_program():
    none = {**SHORT, "match": {"sku": ["x"]}}
    assert days(earned(program(none, expiry={"after": "1Y"}), receipt(1))) == [(0, NEXT_YEAR)]


def test_the_dates_of_a_rule_that_no_fact_can_hold_are_out_of_range():
    far = {**SHORT, "expiry": {"after": "100Y"}}
    assert isinstance(award(program(far), receipt(1, at="8950-01-01T00:00:00Z")), OutOfRange)


@given(
    programs, receipts, st.lists(st.sampled_from([None, "29D", "1M", "2M"]), min_size=7, max_size=7)
)
@settings(max_examples=200, deadline=None)
def test_parts_add_up_and_each_is_what_its_rules_gave(
    under: Any, purchase: Any, expiries: list[str | None]
):
    document = under.model_dump(mode="json", exclude_none=True)
    for rule, after in zip(document["earn"]["rules"], expiries, strict=False):
        rule.update({"expiry": {"after": after}} if after else {})
    whole, dated = award(under, purchase), award(type(under).model_validate(document), purchase)
    assert isinstance(whole, Award)
    assert isinstance(dated, Award)
    assert dated.points == whole.points
    assert sum(part.points for part in dated.parts) <= dated.points
    exact = {share.rule: Fraction(share.exact) for share in dated.breakdown}
    for part in dated.parts:
        assert part.points == sum(exact[rule] for rule in part.rules) // 1
