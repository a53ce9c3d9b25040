"""The catalogue of a program: what it may say, what is refused, what is odd, and when it counts."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.program.document import read_program
from shared.program.model import Program
from shared.program.oddities import oddities
from shared.program.rewards import Codes, Stock, Unit

COFFEE = {"reward": "free-coffee", "name": "A coffee", "price": {"points": 100}}


def document(*rewards: object, **further: object) -> dict[str, object]:
    return {
        "program": "coffee",
        "version": 1,
        "name": "Coffee",
        "effective_from": "2026-01-01",
        "timezone": "America/New_York",
        "money": "USD",
        "brands": ["north", "south"],
        "earn": {"rules": []},
        "redemption": {"rewards": list(rewards)},
        **further,
    }


def program(*rewards: object, **further: object) -> Program:
    return Program.model_validate(document(*rewards, **further))


def test_a_reward_needs_a_name_and_a_price_and_has_defaults_for_the_rest():
    reward = program(COFFEE).reward("free-coffee")
    assert reward is not None
    assert (reward.points, reward.stock, reward.codes) == (100, Stock.UNLIMITED, Codes.NONE)
    assert reward.when_cancelled is Unit.RESTOCKED
    assert reward.honoured_by is None
    assert program(COFFEE).reward("free-tea") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": {}}, "at least 1 item"),
        ({"price": {"points": 1, "stars": 1}}, "at most 1 item"),
        ({"price": {"points": 0}}, "greater than or equal to 1"),
        ({"price": {"points": 1.5}}, "valid integer"),
        ({"price": {"stars": 100}}, "found stars; allowed: points"),
        ({"codes": "pool"}, "found unlimited; allowed: counted"),
        ({"honoured_by": "west"}, "allowed: a brand of the program"),
        ({"effective_from": "2026-05-02", "effective_until": "2026-05-01"}, "after effective_from"),
        ({"stock": 7}, "'unlimited' or 'counted'"),
        ({"colour": "red"}, "Extra inputs"),
        ({"reward": "Free Coffee"}, "match pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        program({**COFFEE, **changes})


def test_two_rewards_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="another reward free-coffee above"):
        program(COFFEE, COFFEE)


def test_a_reward_ends_with_its_last_day_in_the_zone_of_the_program():
    """That of January 1st is over at 10:00 of it in UTC."""
    days = {"effective_from": "2026-01-01T12:00:00Z", "effective_until": "2026-01-01"}
    with pytest.raises(ValidationError, match="after effective_from"):
        program({**COFFEE, **days}, timezone="Pacific/Kiritimati")
    program({**COFFEE, **days}, timezone="UTC")


def test_what_is_wrong_with_a_reward_is_told_at_its_place():
    text = """\
program: coffee
version: 1
name: Coffee
effective_from: 2026-01-01
timezone: UTC
money: USD
brands: [north]
earn: {rules: []}
redemption:
  rewards:
    - reward: cup
      name: A cup
      price: {points: 5}
      honoured_by: west
    - reward: mug
      name: A mug
      price: {points: 5}
      effective_from: 2026-05-02
      effective_until: 2026-05-01
    - {reward: cup, name: Another cup, price: {points: 5}}
"""
    without_west = text.replace("      honoured_by: west\n", "")
    without_dates = without_west.replace("      effective_until: 2026-05-01\n", "")
    told = [read_program(each).problems for each in (text, without_west, without_dates)]
    assert [(problem.line, problem.field) for [problem] in told] == [
        (14, "redemption.rewards[0].honoured_by"),
        (18, "redemption.rewards[1].effective_until"),
        (18, "redemption.rewards[2]"),
    ]


def test_points_that_cannot_be_spent_buy_no_rewards():
    status = [{"currency": "points", "spendable": False}]
    with pytest.raises(ValidationError, match="none, since no currency can be spent"):
        program(COFFEE, currencies=status)


@pytest.mark.parametrize(
    ("dates", "at", "is_offered"),
    [
        ({}, "2026-05-01T12:00:00+00:00", True),
        ({"effective_from": "2026-05-01"}, "2026-05-01T03:59:59+00:00", False),
        ({"effective_from": "2026-05-01"}, "2026-05-01T04:00:00+00:00", True),
        ({"effective_until": "2026-05-01"}, "2026-05-02T03:59:59+00:00", True),
        ({"effective_until": "2026-05-01"}, "2026-05-02T04:00:00+00:00", False),
        ({"effective_until": "2026-05-01T10:00:00Z"}, "2026-05-01T10:00:00+00:00", False),
    ],
)
def test_a_reward_is_offered_from_its_first_day_through_its_last_in_the_zone_of_the_program(
    dates, at, is_offered
):
    coffee = program({**COFFEE, **dates})
    reward = coffee.reward("free-coffee")
    assert reward is not None
    assert reward.is_offered(datetime.fromisoformat(at).astimezone(UTC), coffee.zone) is is_offered


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"codes": "pool", "stock": "counted"}, "with a code that a member has seen"),
        ({"when_cancelled": "written_off"}, "has no units to write off"),
        ({"effective_until": "2025-12-31"}, "can never be had"),
    ],
)
def test_what_is_odd_is_told(changes, said):
    [oddity] = [
        odd for odd in oddities(program({**COFFEE, **changes})) if odd.path[0] == "redemption"
    ]
    assert said in oddity.message


def test_a_faulty_reward_is_found_in_the_document_by_its_line():
    text = """
program: coffee
version: 1
name: Coffee
effective_from: 2026-01-01
timezone: UTC
money: USD
brands: [north]
earn: {rules: []}
redemption:
  rewards:
    - reward: free-coffee
      name: A coffee
      price: {beans: 100}
"""
    [problem] = read_program(text).problems
    assert (problem.line, problem.field) == (14, "redemption.rewards[0].price")
    assert problem.message == "found beans; allowed: points"
