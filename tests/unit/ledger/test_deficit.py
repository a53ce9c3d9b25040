"""What is due: points that become free cover it first; while it lasts nothing is free.

Deficits come from returns, which are decided elsewhere; here an account begins with one.
"""

import pytest

from shared.events.points import RefusalReason
from shared.ledger.account import Due
from tests.stories.facts import credited, redeemed, refused
from tests.stories.setting import at, redemption
from tests.stories.steps import earned, redeem, tick
from tests.stories.telling import owing

CARRIED = None


def carried(points: int) -> tuple[Due, ...]:
    return (Due(points, CARRIED),)


def test_case_9_a_credit_covers_what_is_due_and_leaves_the_rest_due():
    story = owing(("r", 100, carried(100))).when(earned(30))
    story.then(credited(30, covers={"r": 30})).then_reads(deficit=70, available=0, balance=-70)
    story.then_lots(L1=0)
    assert story.lot("L1").used == 30


def test_r10_the_next_hundred_clear_a_deficit_of_a_hundred():
    story = owing(("r", 100, carried(100))).when(earned(100)).then_reads(deficit=0, available=0)
    story.when(earned(5, "L2")).then(credited(5, "L2")).then_reads(available=5)


def test_what_a_deficit_leaves_of_a_credit_is_free():
    story = owing(("r", 50, carried(20))).when(earned(80)).then(credited(80, covers={"r": 20}))
    story.then_reads(deficit=0, available=60).when(redeem(60, "s")).then(redeemed(60, "s", L1=60))


def test_case_20_pending_points_cover_too():
    story = owing(("r", 50, carried(50))).when(earned(80, active=10))
    story.then(credited(80, active=10, covers={"r": 50}))
    story.then_reads(on=5, available=0, pending=30, deficit=0)


@pytest.mark.parametrize(
    ("active", "expires"), [(0, 3), (0, 5), (9, 9), (9, 7)], ids=["past", "now", "at", "before"]
)
def test_points_past_their_date_cover_nothing(active: int, expires: int):
    story = owing(("r", 100, carried(100))).when(earned(30, active=active, expires=expires, on=5))
    story.then(credited(30, active=active, expires=expires, expired=30))
    story.then_reads(deficit=100, available=0, pending=0, expired=30, earned=130)


def test_the_oldest_debit_is_covered_first():
    story = owing(("r", 40, carried(30)), ("s", 90, carried(90)), ("t", 10, carried(10)))
    story = story.when(earned(50)).then(credited(50, covers={"r": 30, "s": 20}))
    story.then_reads(deficit=80)
    story.when(earned(90, "L2")).then(credited(90, "L2", covers={"s": 70, "t": 10})).then_reads(
        deficit=0, available=10
    )


def test_in_a_debit_the_earliest_write_off_date_is_covered_first_and_undated_last():
    owed = (Due(10, at(20)), Due(20, at(30)), Due(30, CARRIED))
    story = owing(("r", 100, owed)).when(earned(25))
    debit = story.open_account.debits[redemption()]
    assert debit.owed == (Due(5, at(30)), Due(30, CARRIED))
    assert (debit.covered, debit.due, debit.waived) == (65, 35, 0)
    assert debit.allocation[-1][1] == 25


def test_nothing_can_be_spent_while_anything_is_due():
    story = owing(("r", 100, carried(100))).when(earned(99)).when(redeem(1, "s"))
    story.then(refused(RefusalReason.INSUFFICIENT_POINTS, 1, "s", available=0, missing=1))


def test_an_award_of_nothing_covers_nothing():
    owing(("r", 100, carried(100))).when(earned(0)).then(credited(0)).then_reads(deficit=100)


def test_a_lot_that_covered_something_expires_only_what_was_left():
    story = owing(("r", 100, carried(30))).given(earned(80, expires=10)).when(tick(10))
    assert [fact.points for fact in story.last if hasattr(fact, "points")] == [50]
    story.then_reads(deficit=0, expired=50, available=0)
