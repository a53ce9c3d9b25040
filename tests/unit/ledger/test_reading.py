"""What a reader of an account is told: totals of every kind, and what ends when."""

from shared.ledger.reading import Expiry, expiries
from tests.stories.setting import at
from tests.stories.setting import program as shop
from tests.stories.steps import earned, give
from tests.stories.telling import Story, given


def test_points_that_were_given_away_are_told():
    story = Story(program=shop(transfers={"minimum": 1})).given(earned(10), give(4))
    story.then_reads(available=6, sent=4, received=0)


def test_points_of_one_date_are_told_together_soonest_first():
    story = given(
        earned(5, "L1", expires=20),
        earned(7, "L2", expires=10),
        earned(3, "L3", expires=20, active=15),
        earned(9, "L4"),
    )
    lots = story.open_account.lots.values()
    assert expiries(lots, at(1)) == (Expiry(at(10), 7), Expiry(at(20), 8))
    assert expiries(lots, at(10)) == (Expiry(at(20), 8),)
