"""What must hold of caps and of rules that stand alone, for every program and history.

1. What is granted in a period is what a look at the whole history allows: never more than the cap,
   and what the rules give where there is room; desired is what they give without caps.
2. An award can be made again from what it says of its counters, and of a part of its lines: where
   all rules stack, that part never earns more.
3. The order of lines changes nothing, also where rules stand alone and caps clip.
4. Where a rule stands alone, nothing else of its currency gives, but what it multiplies.
5. No number of an award is a float.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.events.upstream import Purchase
from shared.program.earning import Award, award
from shared.program.model import Program
from shared.program.past import Past
from shared.program.rules import Multiplier
from tests.strategies.programs import programs, receipts

PERIODS = ["transaction", "day", "week", "month", "year", "lifetime"]
START = datetime(2025, 12, 28, 22, tzinfo=UTC)

caps = st.lists(
    st.builds(
        lambda per, points: {"per": per, "points": points},
        st.sampled_from(PERIODS),
        st.integers(1, 120),
    ),
    min_size=1,
    max_size=3,
)
hours = st.lists(st.integers(0, 24 * 40), min_size=1, max_size=6).map(sorted)


def changed(program: Program, **earn: Any) -> Program:
    document = program.model_dump(mode="json", exclude_none=True)
    document["earn"] |= earn
    return Program.model_validate(document)


def given_alone(program: Program, alone: set[int], priority: int) -> Program:
    """The program with some rules that are not stackable."""
    rules = [rule.model_dump(mode="json", exclude_none=True) for rule in program.earn.rules]
    for number, rule in enumerate(rules):
        rule["stackable"] = number not in alone
        rule["priority"] = number * priority
    return changed(program, rules=rules)


def worth(program: Program, purchase: Purchase, past: Past | None = None) -> Award:
    found = award(program, purchase, past or Past())
    assert isinstance(found, Award)
    return found


def name_of(per: str, at: datetime) -> object:
    """The period of an instant in UTC, by its definition."""
    return {
        "day": at.date(),
        "week": at.isocalendar()[:2],
        "month": (at.year, at.month),
        "year": at.year,
        "lifetime": None,
    }[per]


def left(caps: list[dict[str, Any]], history: list[tuple[datetime, int]], at: datetime) -> int:
    """What all caps leave, by a look at the history."""

    def used(per: str) -> int:
        if per == "transaction":
            return 0
        return sum(points for when, points in history if name_of(per, when) == name_of(per, at))

    rooms: list[int] = [cap["points"] - used(cap["per"]) for cap in caps]
    return max(0, min(rooms))


@settings(deadline=None)
@given(programs, receipts, caps, hours)
def test_1_caps_clip_to_what_the_history_leaves(program, purchase, caps, hours):
    capped, past = changed(program, caps=caps), Past()
    history: list[tuple[datetime, int]] = []
    for hour in hours:
        at = START + timedelta(hours=hour)
        bought = purchase.model_copy(update={"occurred_at": at})
        free, found = worth(program, bought), worth(capped, bought, past)
        assert found.points == min(free.points, left(caps, history, at))
        assert (free.points if found.desired is None else found.desired) == free.points
        past = past.plus(found.counted)
        history.append((at, found.points))


@settings(deadline=None)
@given(programs, receipts, caps, hours, st.data())
def test_2_an_award_is_made_again_from_its_counters(program, purchase, caps, hours, data):
    capped, past = changed(program, caps=caps), Past()
    for _ in hours:
        past = past.plus(worth(capped, purchase, past).counted)
    found = worth(capped, purchase, past)
    before = Past.before(found.counted)
    assert worth(capped, purchase, before) == found
    lines = data.draw(st.sets(st.sampled_from(range(len(purchase.lines)))))
    kept = [line for number, line in enumerate(purchase.lines) if number in lines]
    unpaid = purchase.model_copy(update={"payments": ()})
    part = unpaid.model_copy(update={"lines": tuple(kept)})
    assert worth(capped, part, before).points <= worth(capped, unpaid, before).points


@settings(deadline=None)
@given(programs, receipts, caps, st.sets(st.integers(0, 6)), st.randoms(use_true_random=False))
def test_3_the_order_of_lines_is_of_no_account(program, purchase, caps, alone, random):
    rules = changed(given_alone(program, alone, 1), caps=caps)
    lines = tuple(random.sample(purchase.lines, len(purchase.lines)))
    assert worth(rules, purchase.model_copy(update={"lines": lines})) == worth(rules, purchase)


@settings(deadline=None)
@given(programs, receipts, st.sets(st.integers(0, 6), min_size=1), st.integers(0, 1))
def test_4_what_is_not_stackable_stands_alone(program, purchase, alone, priority):
    rules = given_alone(program, alone, priority)
    found = worth(rules, purchase)
    by_name = {rule.rule: rule for rule in rules.earn.rules}
    gave = [by_name[share.rule] for share in found.breakdown]
    if all(rule.stackable for rule in gave):
        return
    [winner] = [rule for rule in gave if not rule.stackable]
    others = {rule.rule for rule in gave} - {winner.rule}
    acts_on = winner.rules if isinstance(winner, Multiplier) else ()
    assert acts_on is None or others <= set(acts_on)
    stronger = [
        rule
        for rule in rules.earn.rules
        if not rule.stackable and (-rule.priority, rule.rule) < (-winner.priority, winner.rule)
    ]
    single = [
        changed(rules, rules=[each.model_dump(mode="json", exclude_none=True)])
        for each in stronger
        if not isinstance(each, Multiplier)
    ]
    assert not any(worth(each, purchase).breakdown for each in single)


def numbers(value: object) -> Iterator[object]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from numbers(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from numbers(each)
    else:
        yield value


@settings(deadline=None)
@given(programs, receipts, caps)
def test_5_no_number_of_an_award_is_a_float(program, purchase, caps):
    found = worth(changed(program, caps=caps), purchase)
    assert not [number for number in numbers(tuple(found)) if isinstance(number, float)]
    assert all(Fraction(share.exact) >= 0 for share in found.breakdown)
