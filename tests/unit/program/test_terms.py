"""What a program may say of dates, and what it is told where that cannot be meant."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.program.differences import differences
from shared.program.terms import Activation, Expiry
from tests.receipts import BASE, program, receipt
from tests.receipts import earned as awarded


@pytest.mark.parametrize(
    ("section", "terms", "said"),
    [
        (Activation, {"after": "5D", "dates": ["04-15"]}, "either after or dates"),
        (Activation, {"on": "delivered", "within": "5D", "after": "5D"}, "one of after, dates, on"),
        (Activation, {"on": "delivered"}, "an event needs `within`"),
        (Activation, {"within": "5D"}, "only with `on`"),
        (Activation, {"on": "signup", "within": "5D"}, "by which members enrol"),
        (
            Activation,
            {"on": "d", "within": "5D", "otherwise": "kept"},
            "'cancelled' or 'activated'",
        ),
        (Expiry, {"after": "5D", "dates": ["04-15"]}, "one of after, dates, anniversary"),
        (Expiry, {"after": "5D", "anniversary": True}, "one of after, dates, anniversary"),
        (Expiry, {"round_up": "month"}, "points never expire"),
        (Expiry, {"after": "5h", "round_up": "month"}, "days, weeks, months or years"),
        (Expiry, {"extended_by": ["purchase"]}, "only with `after`"),
        (Expiry, {"anniversary": True, "extended_by": ["purchase"]}, "only with `after`"),
        (Expiry, {"after": "1Y", "extended_by": ["smile"]}, "'earning', 'purchase'"),
    ],
)
def test_what_cannot_be_meant_is_refused(section: Any, terms: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        section.model_validate(terms)


def test_only_the_expiry_of_the_program_slides():
    rule = {**BASE, "expiry": {"after": "1M", "extended_by": ["purchase"]}}
    with pytest.raises(ValidationError, match="only the program's own expiry is extended"):
        program(rule)


def test_an_event_that_points_wait_for_is_not_rewarded_itself():
    rule = {"rule": "stay", "kind": "action", "actions": ["stayed"], "points": 5}
    waits = {"on": "stayed", "within": "30D"}
    with pytest.raises(ValidationError, match="which rule stay rewards"):
        program(rule, activation=waits)
    with pytest.raises(ValidationError, match="which rule stay rewards"):
        program(rule, {**BASE, "activation": waits})


@pytest.mark.parametrize(
    ("within", "until"),
    [
        ("30D", "2026-04-03T00:00:00+00:00"),
        ("0D", "2026-03-04T00:00:00+00:00"),
        ("1M_U", "2026-05-01T00:00:00+00:00"),
        ("36h", "2026-03-05T00:00:00+00:00"),
    ],
)
def test_an_event_may_come_through_the_last_day_of_its_window(within: str, until: str):
    worth = awarded(program(BASE, activation={"on": "d", "within": within}), receipt(100))
    assert worth.active_from.isoformat() == until
    assert worth.awaits is not None
    assert (worth.awaits.event, worth.awaits.otherwise) == ("d", "cancelled")


def test_a_change_of_dates_is_told_in_words():
    before = program({**BASE, "expiry": {"after": "1M"}}, expiry={"after": "1Y"})
    after = program(BASE, expiry={"after": "1Y", "extended_by": ["purchase", "earning"]})
    assert differences(before, after) == [
        "rule base: expiry is gone: it was after 1M, counts_from earning",
        "expiry.extended_by has purchase, earning now",
    ]


@pytest.mark.parametrize(
    ("acts", "points", "act"),
    [
        (["earning", "purchase"], 100, "earning"),
        (["purchase", "earning"], 100, "purchase"),
        (["earning", "purchase"], 0, "purchase"),
        (["earning", "action", "redemption"], 0, None),
        ([], 100, None),
    ],
)
def test_an_award_says_whether_it_extends_other_points(
    acts: list[str], points: int, act: str | None
):
    under = program(BASE, expiry={"after": "1M", "extended_by": acts})
    worth = awarded(under, receipt(100 * points))
    assert worth.sliding is bool(acts)
    assert (worth.extends and worth.extends.act) == act
    assert worth.extends is None or worth.extends.until == worth.expires_at
