"""Points that an operator adds or deducts: limits, dates, and the account that they open."""

from typing import Any

import pytest

from shared.events.points import RefusalReason
from shared.ledger.reading import balances
from tests.stories.setting import at, program
from tests.stories.steps import adjust, earned
from tests.stories.telling import Story, given

LIMITED = {"most": 100, "operators": {"ann": 50}}


@pytest.mark.parametrize(
    ("points", "adjustments", "limit"),
    [(51, LIMITED, 50), (101, {"most": 100}, 100), (-51, LIMITED, 50), (-101, {"most": 100}, 100)],
)
def test_above_the_operators_limit_the_refusal_says_what_was_asked_and_allowed(
    points: int, adjustments: dict[str, Any], limit: int
):
    story = given(earned(500)).under(program(adjustments=adjustments)).when(adjust(points))
    numbers = {"asked": abs(points), "limit": limit, "limit_of": "adjustment"}
    story.then_refused(RefusalReason.LIMIT_REACHED, **numbers).then_reads(available=500)
    allowed = story.when(adjust(limit if points > 0 else -limit, "another"))
    allowed.then_reads(available=500 + (limit if points > 0 else -limit))


@pytest.mark.parametrize(
    ("expiry", "until"),
    [
        ({}, None),
        ({"after": "1M"}, "2026-02-05"),
        ({"anniversary": True}, "2027-01-04"),
    ],
)
def test_what_is_added_without_a_date_has_that_of_the_program_from_its_own_day(
    expiry: dict[str, Any], until: str | None
):
    story = Story().under(program(expiry=expiry)).given(adjust(70, on="2026-01-04T12:00"))
    [lot] = story.open_account.lots.values()
    assert (lot.expires_at, lot.brand, lot.sliding) == (until and at(until), "shop", False)
    assert (lot.active_from, lot.free) == (at("2026-01-04T12:00"), 70)


def test_what_is_added_slides_where_the_program_does():
    sliding = program(expiry={"after": "1M", "extended_by": ["purchase"]})
    [lot] = Story().under(sliding).given(adjust(70)).open_account.lots.values()
    assert lot.sliding


def test_a_reader_counts_what_no_sweep_has_written_yet():
    story = given(earned(100, expires=10), earned(50, "L2", expires=10), earned(7, "L3", active=11))
    account = story.open_account
    told = {
        on: (seen.available, seen.pending, seen.expired, seen.balance)
        for on in (9, 10, 11)
        for seen in [balances(account, account.lots.values(), at(on))]
    }
    assert told == {9: (150, 7, 0, 157), 10: (0, 7, 150, 7), 11: (7, 0, 150, 7)}
