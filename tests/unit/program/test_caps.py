"""Caps clip, count in the program's calendar, and say what was desired and what is granted."""

from fractions import Fraction
from typing import Any

import pytest

from shared.events.awards import CapReached, Counted
from shared.program.earning import Award, award, counters
from shared.program.model import Program
from shared.program.past import Counter, Past
from tests.receipts import BASE, program, receipt

BONUS = {"rule": "bonus", "kind": "fixed", "points": 5}
DOUBLE = {"rule": "double", "kind": "multiplier", "factor": 2}


def capped(*rules: dict[str, Any], caps: Any = (), **sections: Any) -> Program:
    document = program(*rules, **sections).model_dump(mode="json", exclude_none=True)
    document["earn"]["caps"] = list(caps)
    return Program.model_validate(document)


def worth(rules: Program, amount: int, past: Past | None = None, **fields: Any) -> Award:
    found = award(rules, receipt(amount, **fields), past or Past())
    assert isinstance(found, Award)
    return found


def history(rules: Program, *purchases: tuple[int, str]) -> list[tuple[int, int | None]]:
    """Points granted and desired, purchase after purchase."""
    past, told = Past(), []
    for amount, at in purchases:
        found = worth(rules, amount, past, at=at)
        past = past.plus(found.counted)
        told.append((found.points, found.desired))
    return told


@pytest.mark.parametrize(
    ("cap", "purchases", "told"),
    [
        ({"per": "transaction", "points": 10}, [(2_000, "2026-03-03T12:00:00Z")], [(10, 20)]),
        ({"per": "transaction", "points": 20}, [(2_000, "2026-03-03T12:00:00Z")], [(20, None)]),
        ({"per": "day", "points": 30},
         [(2_000, "2026-03-03T12:00:00Z"), (2_000, "2026-03-03T13:00:00Z"),
          (2_000, "2026-03-03T14:00:00Z"), (2_000, "2026-03-04T12:00:00Z")],
         [(20, None), (10, 20), (0, 20), (20, None)]),
        ({"per": "day", "points": 30},  # the day of New York
         [(2_000, "2026-03-04T04:59:59Z"), (2_000, "2026-03-04T05:00:00Z")],
         [(20, None), (20, None)]),
        ({"per": "week", "points": 30},  # ISO weeks end on Sunday
         [(2_000, "2026-03-08T12:00:00Z"), (2_000, "2026-03-09T12:00:00Z")],
         [(20, None), (20, None)]),
        ({"per": "week", "points": 30},  # one week over the end of the year
         [(2_000, "2025-12-31T12:00:00Z"), (2_000, "2026-01-01T12:00:00Z")],
         [(20, None), (10, 20)]),
        ({"per": "month", "points": 30},
         [(2_000, "2026-03-31T12:00:00Z"), (2_000, "2026-04-01T12:00:00Z"),
          (2_000, "2026-03-01T12:00:00Z")],  # late: it counts where it belongs
         [(20, None), (20, None), (10, 20)]),
        ({"per": "year", "points": 30},
         [(2_000, "2025-12-31T12:00:00Z"), (2_000, "2026-01-01T12:00:00Z")],
         [(20, None), (20, None)]),
        ({"per": "lifetime", "points": 30},
         [(2_000, "2025-12-31T12:00:00Z"), (2_000, "2026-01-01T12:00:00Z")],
         [(20, None), (10, 20)]),
    ],
)  # fmt: skip
def test_a_cap_on_all_points_clips_in_its_period(cap: Any, purchases: Any, told: Any):
    rules = capped(BASE, caps=[cap], timezone="America/New_York")
    assert history(rules, *purchases) == told


def test_the_tightest_of_several_caps_clips():
    rules = capped(BASE, caps=[{"per": "day", "points": 50}, {"per": "month", "points": 60}])
    days = [(4_000, f"2026-03-0{day}T12:00:00Z") for day in (1, 1, 2)]
    assert history(rules, *days) == [(40, None), (10, 40), (10, 40)]


def test_what_clipped_is_told_with_its_numbers():
    rules = capped(BASE, caps=[{"per": "day", "points": 30}])
    past = Past({Counter("points", "2026-03-03"): Fraction(25)})
    found = worth(rules, 2_050, past)
    assert (found.points, found.desired) == (5, 20)
    assert found.caps == (
        CapReached(per="day", period="2026-03-03", limit=30, used="25", over="31/2"),
    )
    assert found.counted == (
        Counted(counter="points", period="2026-03-03", before="25", added="5"),
    )


def test_a_cap_of_a_rule_clips_what_that_rule_gives_and_stays_exact():
    rules = capped({**BASE, "caps": [{"per": "month", "points": 1}]}, BONUS)
    assert history(rules, *[(40, "2026-03-03T12:00:00Z")] * 4) == [
        (5, None),
        (5, None),
        (5, 5),  # a fifth of a point is left of 2/5
        (5, 5),
    ]
    found = worth(rules, 40, Past({Counter("rule:base", "2026-03"): Fraction(4, 5)}))
    [base, bonus] = found.breakdown
    assert (base.exact, base.desired, bonus.exact, bonus.desired) == ("1/5", "2/5", "5", None)
    assert [cap.rule for cap in found.caps] == ["base"]


def test_a_cap_of_a_base_rule_leaves_what_multipliers_add():
    rules = capped({**BASE, "caps": [{"per": "transaction", "points": 10}]}, DOUBLE)
    assert worth(rules, 2_000).points == 10 + 20


def test_a_rule_gives_so_many_times_and_says_when_it_has():
    rules = capped({**BONUS, "caps": [{"per": "day", "times": 2}]}, BASE)
    day = [(100, "2026-03-03T12:00:00Z")] * 3
    assert [points for points, _ in history(rules, *day)] == [6, 6, 1]
    found = worth(rules, 100, Past({Counter("times:bonus", "2026-03-03"): Fraction(2)}))
    assert [(miss.rule, miss.reason) for miss in found.why_not] == [("bonus", "limit_reached")]


def test_each_of_several_rules_has_its_own_number_of_times():
    once = {**BONUS, "caps": [{"per": "lifetime", "times": 1}]}
    twice = {**BONUS, "rule": "twice", "points": 7, "caps": [{"per": "lifetime", "times": 2}]}
    noon = [(100, "2026-03-03T12:00:00Z")] * 3
    for rules in (capped(once, twice, BASE), capped(twice, once, BASE)):
        assert [points for points, _ in history(rules, *noon)] == [13, 8, 1]


def test_a_cap_of_a_transaction_knows_nothing_of_those_before():
    caps = [{"per": "transaction", "points": 10}, {"per": "lifetime", "points": 100}]
    noon = [(1_500, "2026-03-03T12:00:00Z")] * 3
    assert history(capped(BASE, caps=caps), *noon) == [(10, 15)] * 3


@pytest.mark.parametrize(
    ("match", "asks"),
    [
        ({"first_purchase": True}, True),
        ({"visit_number": [3]}, True),
        ({"every_visits": 10}, True),
        ({"when": "member.visits > 2"}, True),
        ({"when": "time.hour > 2"}, False),
        ({"sku": ["x"]}, False),
    ],
)
def test_visits_are_asked_for_where_a_rule_is_about_them(match: dict[str, Any], asks: bool):
    asked = counters(program({**BONUS, "match": match}), receipt(100))
    assert asked == ([Counter("visits")] if asks else [])


def test_a_cap_that_is_just_reached_has_clipped_nothing():
    cap = {"per": "transaction", "points": 20}
    found = worth(capped({**BASE, "caps": [cap]}, caps=[cap]), 2_000)
    assert (found.points, found.caps, found.breakdown[0].desired) == (20, (), None)
    over = worth(capped({**BASE, "caps": [{**cap, "points": 15}]}), 2_000)
    assert [(each.limit, each.over) for each in over.caps] == [(15, "5")]


def test_a_rule_whose_cap_leaves_nothing_has_not_given_once_more():
    caps = [{"per": "day", "points": 5}, {"per": "lifetime", "times": 2}]
    noons = [(100, f"2026-03-0{day}T12:00:00Z") for day in (3, 3, 4, 5)]
    assert history(capped({**BONUS, "caps": caps}), *noons) == [
        (5, None),
        (0, 5),
        (5, None),
        (0, None),
    ]


def test_a_rule_that_gave_nothing_has_not_been_used():
    rules = capped(
        {**BONUS, "match": {"sku": ["x"]}, "caps": [{"per": "lifetime", "times": 1}]}, BASE
    )
    assert worth(rules, 100).counted == ()


def test_what_stands_alone_gives_way_when_it_has_given_all():
    once = {**BONUS, "stackable": False, "caps": [{"per": "lifetime", "times": 1}]}
    noon = "2026-03-03T12:00:00Z"
    assert history(capped(once, BASE), (2_000, noon), (2_000, noon)) == [(5, None), (20, None)]


def test_e11_the_rate_may_depend_on_all_that_was_spent():
    rates = [
        {"from_minor": 100_000, "points": 1, "per_minor": 1_000},
        {"from_minor": 300_000, "points": 1, "per_minor": 900},
    ]
    noon = "2026-03-03T12:00:00Z"
    sales = [(20_000, noon), (196_000, noon), (90_000, noon)]
    tiered = {"rule": "tiered", "kind": "tiered", "rates": rates, "per": "lifetime"}
    assert history(capped(tiered), *sales) == [(0, None), (196, None), (100, None)]
    before = {**tiered, "counting": "before"}
    assert history(capped(before), *sales) == [(0, None), (0, None), (90, None)]
    april = [(90_000, "2026-04-01T12:00:00Z"), (20_000, "2026-04-30T12:00:00Z")]
    assert history(capped({**tiered, "per": "month"}), *sales, *april) == [
        *((0, None), (196, None), (100, None)),
        *((0, None), (20, None)),
    ]


def test_a_currency_has_its_own_caps():
    names = [
        {"currency": "points", "spendable": True},
        {"currency": "status", "spendable": False},
    ]
    rules = capped(
        BASE,
        {**BASE, "rule": "status", "currency": "status"},
        caps=[{"per": "day", "points": 5, "currency": "status"}],
        currencies=names,
    )
    found = worth(rules, 2_000)
    assert (found.points, found.desired) == (20, None)
    assert [(each.points, each.desired) for each in found.also] == [(5, 20)]
    assert [cap.currency for cap in found.caps] == ["status"]
    assert [(each.counter, each.added) for each in found.counted] == [("points:status", "5")]


def test_what_is_read_of_the_past_is_what_the_rules_ask_for():
    rules = capped(
        {**BONUS, "caps": [{"per": "week", "times": 1}], "match": {"first_purchase": True}},
        {**BASE, "caps": [{"per": "transaction", "points": 9}]},
        caps=[{"per": "day", "points": 9}, {"per": "transaction", "points": 9}],
    )
    assert counters(rules, receipt(100)) == [
        Counter("visits"),
        Counter("times:bonus", "2026-W10"),
        Counter("points", "2026-03-03"),
    ]
    assert counters(program(BASE), receipt(100)) == []


def test_an_award_can_be_made_again_from_what_it_says_of_its_counters():
    rules = capped({**BASE, "caps": [{"per": "month", "points": 30}]}, BONUS)
    past = Past({Counter("rule:base", "2026-03"): Fraction(25), Counter("visits"): Fraction(7)})
    found = worth(rules, 2_000, past)
    assert worth(rules, 2_000, Past.before(found.counted)) == found


def test_an_award_asks_for_the_counters_of_the_local_day():
    rules = capped(BASE, caps=[{"per": "day", "points": 5}], timezone="America/New_York")
    asked = counters(rules, receipt(1, at="2026-03-03T04:59:59Z"))
    assert asked == [Counter("points", "2026-03-02")]
