"""The outsider's own numbers: what must hold of them whatever the product does.

Invariants: 1 earned is clawed back + expired + redeemed + available; 2 redeemed is a multiple of
500 and leaves less than 500 at that instant; 3 time only moves points from available to expired.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.outsider import balances

WEEKS = 463
AT = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def now():
    return balances(WEEKS, AT)


def test_every_household_earned_what_the_year_is_worth(now):
    assert len(now) == 2_469
    assert sum(balance.earned for balance in now.values()) == 5_162_458
    assert sum(balance.clawed_back for balance in now.values()) == 25_973


def test_points_are_conserved_and_redeemed_in_whole_steps(now):
    for balance in now.values():
        kept = balance.expired + balance.redeemed + balance.available
        assert balance.earned == balance.clawed_back + kept
        assert balance.redeemed % 500 == 0
        assert 0 <= balance.available < 500
        assert min(balance.expired, balance.clawed_back) >= 0


def test_points_go_at_the_first_midnight_of_a_month_in_new_york(now):
    before = balances(WEEKS, datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC), AT)
    after = balances(WEEKS, datetime(2026, 12, 1, 5, 0, tzinfo=UTC), AT)
    assert before == now
    assert sum(b.expired for b in after.values()) > sum(b.expired for b in now.values())


def test_all_that_is_left_expires_and_what_was_redeemed_does_not(now):
    later = balances(WEEKS, AT + timedelta(days=365), AT)
    for household, balance in later.items():
        was = now[household]
        assert balance[:2] == was[:2]
        assert balance.redeemed == was.redeemed
        assert (balance.expired, balance.available) == (was.expired + was.available, 0)
