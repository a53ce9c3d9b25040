"""The enrolment of a member, and the anniversaries of it on which points end."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.events.upstream import Purchase, Review
from shared.program.earning import Award, OutOfRange, Rewarded, award
from shared.program.past import Past
from tests.receipts import BASE, program, receipt
from tests.unit.program.test_kinds import WHO, action

YEARLY = {"expiry": {"anniversary": True}}
DAY = date(2026, 3, 3)


def worth(rules: Any, activity: Rewarded | Purchase, enrolled_on: date | None = None) -> Award:
    found = award(rules, activity, Past(enrolled_on=enrolled_on))
    assert isinstance(found, Award)
    return found


def last_day(found: Award, rules: Any) -> date:
    assert found.expires_at is not None
    return (found.expires_at - timedelta(microseconds=1)).astimezone(rules.zone).date()


@pytest.mark.parametrize(
    ("zone", "at", "enrolled_on", "last"),
    [
        ("Etc/GMT+12", "2026-03-03T11:59:59Z", date(2026, 3, 2), date(2027, 3, 1)),
        ("Etc/GMT+12", "2026-03-03T12:00:00Z", DAY, date(2027, 3, 2)),
        ("UTC", "2026-03-03T23:59:59Z", DAY, date(2027, 3, 2)),
        ("Pacific/Kiritimati", "2026-03-03T09:59:59Z", DAY, date(2027, 3, 2)),
        ("Pacific/Kiritimati", "2026-03-03T10:00:00Z", date(2026, 3, 4), date(2027, 3, 3)),
        ("America/New_York", "2028-02-29T12:00:00-05:00", date(2028, 2, 29), date(2029, 2, 27)),
    ],
)
def test_the_first_activity_enrols_on_its_local_day(
    zone: str, at: str, enrolled_on: date, last: date
):
    rules = program(BASE, timezone=zone, **YEARLY)
    found = worth(rules, receipt(1_000, at=at))
    assert (found.enrolled_on, last_day(found, rules)) == (enrolled_on, last)


@pytest.mark.parametrize(
    ("enrolled_on", "at", "last"),
    [
        ("2020-03-03", "2026-03-02T23:59:59-05:00", "2026-03-02"),
        ("2020-03-03", "2026-03-03T00:00:00-05:00", "2027-03-02"),
        ("2020-03-03", "2026-03-04T00:00:00-05:00", "2027-03-02"),
        ("2020-02-29", "2026-02-27T12:00:00-05:00", "2026-02-27"),
        ("2020-02-29", "2026-02-28T12:00:00-05:00", "2027-02-27"),
        ("2020-02-29", "2027-02-28T12:00:00-05:00", "2028-02-28"),
        ("2020-02-29", "2028-02-28T12:00:00-05:00", "2028-02-28"),
        ("2020-02-29", "2028-02-29T12:00:00-05:00", "2029-02-27"),
        ("2026-03-10", "2026-03-03T12:00:00-05:00", "2027-03-09"),
    ],
)
def test_points_end_the_day_before_the_next_anniversary(enrolled_on: str, at: str, last: str):
    rules = program(BASE, timezone="America/New_York", **YEARLY)
    known = date.fromisoformat(enrolled_on)
    found = worth(rules, receipt(1_000, at=at), known)
    assert (found.enrolled_on, last_day(found, rules)) == (known, date.fromisoformat(last))


@pytest.mark.parametrize(
    ("attributes", "enrolled_on"),
    [
        ({}, DAY),
        ({"channel": "web"}, DAY),
        ({"enrolled_on": "2019-05-17"}, date(2019, 5, 17)),
        ({"enrolled_on": "2026-03-03"}, DAY),
        ({"enrolled_on": "2026-03-04"}, None),
        ({"enrolled_on": "2019-02-29"}, None),
        ({"enrolled_on": "20190517"}, None),
        ({"enrolled_on": 20190517}, None),
        ({"enrolled_on": True}, None),
        ({"enrolled_on": ""}, None),
    ],
)
def test_a_sign_up_tells_its_own_day_or_an_earlier_one(
    attributes: dict[str, Any], enrolled_on: date | None
):
    found = award(program(), action("signup", **attributes))
    if enrolled_on is None:
        assert isinstance(found, OutOfRange)
        assert "a day up to 2026-03-03" in found.detail
    else:
        assert isinstance(found, Award)
        assert (found.points, found.enrolled_on) == (0, enrolled_on)


def test_points_of_a_sign_up_end_on_the_anniversary_of_the_day_that_it_tells():
    welcome = {"rule": "hi", "kind": "action", "actions": ["signup"], "points": 5}
    rules = program(welcome, **YEARLY)
    found = worth(rules, action("signup", enrolled_on="2019-06-01"))
    assert last_day(found, rules) == date(2026, 5, 31)


def test_rules_ask_for_the_local_time_also_where_dates_go_by_the_anniversary():
    monday = {**BASE, "match": {"weekday": ["monday"]}}
    rules = program(monday, timezone="America/New_York", **YEARLY)
    assert worth(rules, receipt(1_000, at="2026-03-03T04:59:59Z")).points == 10


def test_only_a_sign_up_tells_another_day():
    rules = program({"rule": "run", "kind": "action", "actions": ["run"], "points": 5}, **YEARLY)
    assert worth(rules, action("run", enrolled_on="2019-05-17")).enrolled_on == DAY


def test_what_is_known_is_not_told_anew():
    known = date(2020, 1, 1)
    assert worth(program(), action("signup", enrolled_on="2019-05-17"), known).enrolled_on == known
    assert worth(program(), action("signup", enrolled_on="soon"), known).enrolled_on == known


@pytest.mark.parametrize("activity", [receipt(1_000), action("run")])
def test_where_no_date_goes_by_it_nobody_is_enrolled(activity: Rewarded | Purchase):
    run = {"rule": "run", "kind": "action", "actions": ["run"], "points": 5}
    found = worth(program(BASE, run, expiry={"after": "1Y"}), activity, DAY)
    assert found.enrolled_on is None


def test_a_rule_may_have_points_that_end_on_the_anniversary():
    gift = {"rule": "gift", "kind": "fixed", "points": 7, **YEARLY}
    rules = program(BASE, gift, expiry={"after": "3Y"})
    [part] = worth(rules, receipt(1_000), date(2020, 6, 1)).parts
    assert part.expires_at == datetime.fromisoformat("2026-06-01T00:00:00Z")
    assert worth(rules, receipt(1_000)).enrolled_on == DAY


def test_points_beside_those_of_a_rule_end_on_the_anniversary_too():
    gift = {"rule": "gift", "kind": "fixed", "points": 7, "expiry": {"after": "3Y"}}
    rules = program(BASE, gift, **YEARLY)
    found = worth(rules, receipt(1_000), date(2020, 6, 1))
    assert (last_day(found, rules), len(found.parts)) == (date(2026, 5, 31), 1)


def test_reviews_enrol_too():
    rules = program({"rule": "r", "kind": "action", "actions": ["review"], "points": 5}, **YEARLY)
    assert worth(rules, Review.model_validate(WHO)).enrolled_on == DAY


def test_a_sign_up_that_no_rule_is_about_extends_nothing():
    sliding = {"after": "1Y", "extended_by": ["action", "earning"]}
    assert worth(program(BASE, expiry=sliding), action("signup")).extends is None
    welcome = {"rule": "hi", "kind": "action", "actions": ["signup"], "points": 5}
    extends = worth(program(welcome, expiry=sliding), action("signup")).extends
    assert extends is not None
    assert extends.act == "action"
