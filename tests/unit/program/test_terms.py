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
