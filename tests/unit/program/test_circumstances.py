"""Where, when, how paid, by whom: what rules ask of an activity."""

from fractions import Fraction
from typing import Any

import pytest

from shared.program.earning import Award, award
from shared.program.past import VISITS, Past
from tests.receipts import BASE, program, receipt

CARD_AND_APP = [
    {"method": "card", "amount_minor": 400},
    {"method": "app", "amount_minor": 600},
    {"method": "cash", "amount_minor": 0},
]


def found(
    match: dict[str, Any], exclude: dict[str, Any] | None = None, past: Any = None, **fields: Any
) -> tuple[int, list[str]]:
    rules = program({**BASE, "match": match, "exclude": exclude or {}}, timezone="America/New_York")
    worth = award(rules, receipt(1_000, **fields), past or Past())
    assert isinstance(worth, Award)
    return worth.points, [missed.reason for missed in worth.why_not]


@pytest.mark.parametrize(
    ("match", "exclude", "fields", "reason"),
    [
        ({"channel": ["app"]}, {}, {"channel": "app"}, None),
        ({"channel": ["app"]}, {}, {"channel": "web"}, "other_channel"),
        ({"channel": ["app"]}, {}, {}, "other_channel"),
        ({}, {"channel": ["app"]}, {"channel": "app"}, "excluded"),
        ({"payment_method": ["app"]}, {}, {"payments": CARD_AND_APP}, None),
        ({"payment_method": ["app", "gift"]}, {}, {"payments": CARD_AND_APP}, None),
        ({"payment_method": ["cash"]}, {}, {"payments": CARD_AND_APP}, "other_payment"),
        ({"payment_method": ["app"]}, {}, {}, "other_payment"),
        ({}, {"payment_method": ["card"]}, {"payments": CARD_AND_APP}, "excluded"),
        ({}, {"payment_method": ["app"]}, {"payments": CARD_AND_APP}, "excluded"),
        ({}, {"payment_method": ["cash"]}, {"payments": CARD_AND_APP}, None),
        ({"weekday": ["tuesday"]}, {}, {}, None),
        ({"weekday": ["monday"]}, {}, {}, "other_time"),
        ({"weekday": ["monday"]}, {}, {"at": "2026-03-03T04:59:59Z"}, None),
        ({}, {"weekday": ["tuesday"]}, {}, "excluded"),
        ({"hours": ["07:00-08:00"]}, {}, {}, None),
        ({"hours": ["06:00-07:00"]}, {}, {}, "other_time"),
        ({"hours": ["05:00-06:00", "06:59-07:01"]}, {}, {}, None),
        ({"hours": ["22:00-07:30"]}, {}, {}, None),
        ({"hours": ["08:00-07:00"]}, {}, {}, "other_time"),
        ({}, {"hours": ["07:00-08:00"]}, {}, "excluded"),
        ({"dates": ["2026-03-03"]}, {}, {}, None),
        ({"dates": ["2026-03-04"]}, {}, {}, "other_time"),
        ({"dates": ["2026-03-01..2026-03-03"]}, {}, {}, None),
        ({"dates": ["03-03"]}, {}, {}, None),
        ({"dates": ["12-24..03-03"]}, {}, {}, None),
        ({"dates": ["12-24..03-02"]}, {}, {}, "other_time"),
        ({"dates": ["02-29..03-01"]}, {}, {"at": "2028-02-29T12:00:00Z"}, None),
        ({}, {"dates": ["03-03"]}, {}, "excluded"),
        ({"hours": ["07:00-08:00"], "weekday": ["monday"]}, {}, {}, "other_time"),
    ],
)
def test_a_rule_asks_for_circumstances(
    match: dict[str, Any], exclude: dict[str, Any], fields: dict[str, Any], reason: str | None
):
    assert found(match, exclude, **fields) == ((10, []) if reason is None else (0, [reason]))


@pytest.mark.parametrize(
    ("match", "past", "reason"),
    [
        ({"tier": ["gold"]}, Past(tier="gold"), None),
        ({"tier": ["gold"]}, Past(tier="silver"), "other_tier"),
        ({"tier": ["gold"]}, Past(), "other_tier"),
        ({"segment": ["new", "vip"]}, Past(segments=frozenset({"vip", "far"})), None),
        ({"segment": ["new"]}, Past(segments=frozenset({"vip"})), "other_segment"),
        ({"segment": ["new"]}, Past(), "other_segment"),
        ({"first_purchase": True}, 0, None),
        ({"first_purchase": True}, 1, "other_visit"),
        ({"visit_number": [1, 3]}, 2, None),
        ({"visit_number": [1, 3]}, 3, "other_visit"),
        ({"every_visits": 10}, 9, None),
        ({"every_visits": 10}, 19, None),
        ({"every_visits": 10}, 10, "other_visit"),
        ({"every_visits": 10, "visit_number": [20]}, 9, "other_visit"),
        ({"every_visits": 10, "visit_number": [20]}, 19, None),
    ],
)
def test_a_rule_asks_for_what_is_known_of_the_member(
    match: dict[str, Any], past: Any, reason: str | None
):
    before = Past({VISITS: Fraction(past)}) if isinstance(past, int) else past
    assert found(match, past=before) == ((10, []) if reason is None else (0, [reason]))


def test_every_rule_has_its_own_visits():
    rules = program(
        *(
            {**BASE, "rule": f"every-{n}", "points": n, "match": {"every_visits": n}}
            for n in (2, 3, 5)
        )
    )
    points = [award(rules, receipt(100), Past({VISITS: Fraction(n - 1)})) for n in range(1, 31)]
    assert [worth.points for worth in points if isinstance(worth, Award)] == [
        sum(step for step in (2, 3, 5) if n % step == 0) for n in range(1, 31)
    ]


@pytest.mark.parametrize(
    ("at", "local"),
    [
        ("2026-03-08T06:59:00Z", "01:59"),
        ("2026-03-08T07:00:00Z", "03:00"),
        ("2026-11-01T05:30:00Z", "01:30"),
        ("2026-11-01T06:30:00Z", "01:30"),
    ],
)
def test_hours_are_those_of_the_clocks_on_the_wall_in_summer_time_and_out_of_it(
    at: str, local: str
):
    hour, minute = local.split(":")
    end = f"{hour}:{int(minute) + 1:02}" if minute != "59" else f"{int(hour) + 1:02}:00"
    assert found({"hours": [f"{local}-{end}"]}, at=at)[0] == 10


Selections = list[tuple[dict[str, Any], dict[str, Any]]]
TIMES: Selections = [
    ({"weekday": ["tuesday"]}, {}),
    ({"hours": ["07:00-08:00"]}, {}),
    ({"hours": ["06:00-07:00"]}, {}),
    ({}, {"hours": ["07:00-07:30", "09:00-10:00"]}),
    ({"dates": ["2026-03-03"]}, {}),
    ({"dates": ["2026-03-04"]}, {}),
    ({"dates": ["03-03"]}, {}),
    ({}, {"dates": ["2026-03-03"]}),
    ({}, {"dates": ["2026-03-04", "12-24"]}),
]
WHERE: Selections = [
    ({"store": ["7"]}, {}),
    ({"store": ["7", "8"]}, {"store": ["8"]}),
    ({}, {"store": ["7"]}),
    ({"channel": ["app"]}, {}),
    ({"payment_method": ["app"]}, {}),
    ({}, {"payment_method": ["card"]}),
    ({"tier": ["gold"]}, {}),
    ({}, {"segment": ["vip"]}),
]
VISITED: Selections = [
    ({"first_purchase": True}, {}),
    ({"visit_number": [2, 3]}, {}),
    ({"visit_number": [3, 6]}, {}),
    ({"every_visits": 3}, {}),
    ({"every_visits": 2}, {}),
    ({"every_visits": 3, "visit_number": [6, 7]}, {}),
]
ACTIVITIES: list[tuple[Past, dict[str, Any]]] = [
    (Past(), {}),
    (Past({VISITS: Fraction(1)}, tier="gold"), {"store": "7", "payments": CARD_AND_APP}),
    (Past({VISITS: Fraction(2)}), {"store": "8", "channel": "app"}),
    (Past({VISITS: Fraction(5)}, segments=frozenset({"vip"})), {"at": "2026-03-04T12:15:00Z"}),
]


@pytest.mark.parametrize("selections", [TIMES, WHERE, VISITED], ids=["when", "where", "visits"])
@pytest.mark.parametrize(("past", "fields"), ACTIVITIES)
def test_rules_ask_for_their_own_whatever_the_others_ask_for(
    selections: Selections, past: Past, fields: dict[str, Any]
):
    """Of rules together each gives what it gives alone, whichever stands before the other."""
    rules = [
        {"rule": f"r{number}", "kind": "per_visit", "points": 1, "match": match, "exclude": exclude}
        for number, (match, exclude) in enumerate(selections)
    ]
    review = {"rule": "review", "kind": "action", "actions": ["review"], "points": 1}

    def gave(*together: dict[str, Any]) -> set[str]:
        worth = award(program(*together, timezone="America/New_York"), receipt(9, **fields), past)
        assert isinstance(worth, Award)
        return {share.rule for share in worth.breakdown}

    alone = set().union(*(gave(rule) for rule in rules))
    assert gave(*rules) == gave(*reversed(rules)) == gave(review, *rules) == alone
