"""What is legal about earn rules but probably not meant: each warning and its absence."""

from typing import Any

import pytest

from shared.program.oddities import oddities
from tests.receipts import BASE, program

BONUS = {"rule": "bonus", "kind": "fixed", "points": 50}
DOUBLE = {"rule": "double", "kind": "multiplier", "factor": 2}
REVIEW = {"rule": "review", "kind": "action", "actions": ["review"], "points": 50}
RATES = [
    {"from_minor": 0, "points": 2, "per_minor": 100},
    {"from_minor": 1_000, "points": 1, "per_minor": 100},
]
STATUS = [{"currency": "points", "spendable": True}, {"currency": "status", "spendable": False}]


def warnings(*rules: dict[str, Any], **sections: Any) -> list[str]:
    return [message for _, message in oddities(program(*rules, **sections))]


def capped(*caps: dict[str, Any], rule: dict[str, Any] = BASE) -> list[str]:
    earn = {"rules": [BASE] if rule is BASE else [BASE, rule], "caps": list(caps)}
    cash_off = {"points": 1, "minor": 1, "minimum": 500, "multiple": 500}
    return warnings(earn=earn, redemption={"cash_off": cash_off}, currencies=STATUS)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**BONUS, "match": {"dates": ["1999-12-24..1999-12-31"]}}, "its dates are over before"),
        ({**BONUS, "match": {"weekday": ["monday", "sunday"], "dates": ["2026-01-06..2026-01-10"]}},
         "none of its dates is on one of its weekdays"),
        ({**BONUS, "match": {"when": "1 > 2"}}, "its condition is false whatever happens"),
        ({**REVIEW, "match": {"when": "false"}}, "its condition is false whatever happens"),
        ({**BONUS, "match": {"first_purchase": True, "visit_number": [2]}}, "the first purchase"),
        ({**BONUS, "match": {"first_purchase": True, "every_visits": 10}}, "multiple of 10"),
        ({**BONUS, "match": {"visit_number": [5], "every_visits": 10}}, "multiple of 10"),
        ({**BONUS, "match": {"weekday": ["friday"]}, "exclude": {"weekday": ["friday"]}},
         "matches and excludes the same weekday"),
        ({**BONUS, "match": {"tier": ["gold"]}}, "whose tier is not known"),
        ({**BONUS, "match": {"segment": ["vip"]}}, "whose segment is not known"),
        ({"rule": "t", "kind": "tiered", "rates": RATES}, "fewer points for more money"),
        ({**BONUS, "expiry": {"after": "1D"}, "activation": {"after": "5D"}, "stackable": False},
         "expire before they can be spent"),
        ({**BONUS, "expiry": {"after": "30D"}, "currency": "status"}, "only points of points"),
        ({**DOUBLE, "currency": "status"}, "no base rule of its currency"),
    ],
)  # fmt: skip
def test_an_odd_rule_is_told(rule: dict[str, Any], said: str):
    [message] = warnings(BASE, rule, currencies=STATUS)
    assert message.startswith(f"rule {rule['rule']} ")
    assert said in message


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**BONUS, "effective_until": "2025-12-31"}, "it ends (2025-12-31) before this version"),
        ({**BONUS, "match": {"dates": ["2025-12-31"]}}, "its dates are over before this version"),
    ],
)
def test_days_end_in_the_zone_of_the_program(rule: dict[str, Any], said: str):
    """At 10:00 in UTC in this one, which is when its next day begins, and the version counts."""
    begins = {"effective_from": "2026-01-01", "timezone": "Pacific/Kiritimati"}
    [message] = warnings(BASE, rule, **begins)
    assert said in message
    cup = {"reward": "cup", "name": "A cup", "price": {"points": 5}}
    until = {"rewards": [{**cup, "effective_until": "2025-12-31"}]}
    [message] = warnings(BASE, redemption=until, **begins)
    assert "it ends (2025-12-31) before this version counts" in message


@pytest.mark.parametrize(
    "rule",
    [
        {**BONUS, "match": {"dates": ["12-24"]}},
        {**BONUS, "match": {"dates": ["1999-12-24..2000-01-01"]}},
        {**BONUS, "match": {"weekday": ["sunday"], "dates": ["2026-01-06..2026-01-11"]}},
        {**BONUS, "match": {"weekday": ["sunday"], "dates": ["2026-01-06", "12-24"]}},
        {**BONUS, "match": {"when": "1 < 2"}},
        {**BONUS, "match": {"when": "purchase.total_minor < 0"}},
        {**REVIEW, "match": {"when": "action.name == ''"}},
        {**BONUS, "match": {"first_purchase": True, "visit_number": [1, 2]}},
        {**BONUS, "match": {"visit_number": [5, 20], "every_visits": 10}},
        {**BONUS, "match": {"dates": ["2000-01-01"]}},
        {**BONUS, "expiry": {"after": "30D"}},
        {**BONUS, "expiry": {"after": "30D"}, "currency": "points"},
        {**REVIEW, "expiry": {"after": "30D"}},
        {"rule": "t", "kind": "tiered", "rates": [{**RATES[0], "points": 1}, RATES[1]]},
        {"rule": "t", "kind": "tiered",
         "rates": [{**RATES[0], "points": 1, "per_minor": 200}, RATES[1]]},
        {"rule": "t", "kind": "tiered",
         "rates": [{**RATES[0], "points": 4, "per_minor": 400}, RATES[1]]},
        {**BONUS, "match": {"first_purchase": True, "every_visits": 1}},
        {**REVIEW, "match": {"weekday": ["friday"]}},
        DOUBLE,
    ],
)  # fmt: skip
def test_a_rule_that_is_not_odd(rule: dict[str, Any]):
    assert warnings(BASE, rule) == []


@pytest.mark.parametrize(
    ("caps", "rule", "said"),
    [
        ([{"per": "day", "points": 900}, {"per": "month", "points": 800}], BASE,
         "the cap of 900 per day never clips: that per month is 800"),
        ([{"per": "month", "points": 800}, {"per": "day", "points": 900}], BASE,
         "the cap of 900 per day never clips: that per month is 800"),
        ([{"per": "lifetime", "points": 400}], BASE, "fewer than the 500 that a redemption takes"),
        ([{"per": "lifetime", "points": 400, "currency": "points"}], BASE, "fewer than the 500"),
        ([{"per": "day", "points": 40}], BONUS, "gives 50 points, of which a cap leaves 40"),
    ],
)  # fmt: skip
def test_odd_caps_are_told(caps: list[dict[str, Any]], rule: dict[str, Any], said: str):
    [message] = capped(*caps, rule=rule)
    assert said in message


@pytest.mark.parametrize(
    ("caps", "rule"),
    [
        ([{"per": "day", "points": 500}, {"per": "month", "points": 800}], BASE),
        ([{"per": "day", "points": 800}, {"per": "month", "points": 800}], BASE),
        ([{"per": "month", "points": 900}, {"per": "day", "points": 800}], BASE),
        ([{"per": "day", "points": 900, "currency": "status"},
          {"per": "month", "points": 800}], BASE),
        ([{"per": "lifetime", "points": 500}], BASE),
        ([{"per": "lifetime", "points": 400, "currency": "status"}], BASE),
        ([{"per": "day", "points": 50}], BONUS),
        ([{"per": "day", "points": 40, "currency": "status"}], BONUS),
    ],
)  # fmt: skip
def test_caps_that_are_not_odd(caps: list[dict[str, Any]], rule: dict[str, Any]):
    assert capped(*caps, rule=rule) == []


@pytest.mark.parametrize(("most", "is_odd"), [(499, True), (500, False)])
def test_a_balance_of_which_nothing_can_be_redeemed_is_odd(most: int, is_odd: bool):
    cash_off = {"points": 1, "minor": 1, "minimum": 300, "multiple": 500}
    earn = {"rules": [BASE], "balance_cap": most}
    said = warnings(earn=earn, redemption={"cash_off": cash_off})
    assert [message for message in said if "a member holds" in message] == (
        ["a member holds 499 points at most, fewer than the 500 that a redemption takes"]
        if is_odd
        else []
    )
    assert not [message for message in warnings(earn=earn) if "holds" in message]
