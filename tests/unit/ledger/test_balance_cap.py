"""A cap on the balance: an award is clipped to it, and a return takes what was granted."""

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from shared.events.movements import PointsClawedBack
from shared.events.points import PointsCredited, RefusalReason
from tests.stories.steps import Step, adjust, earned, hold, redeem, returned
from tests.stories.telling import Story, given


def granted(story: Story) -> tuple[int, int | None]:
    """What the last award was granted, and what it would have been if it was clipped."""
    fact = story.last[-1]
    assert isinstance(fact, PointsCredited)
    assert (fact.balance_cap is None) is (fact.desired is None)
    return fact.points, fact.desired


@pytest.mark.parametrize(
    ("before", "points", "expected"),
    [
        ([], 80, (80, None)),
        ([], 100, (100, None)),
        ([], 130, (100, 130)),
        ([earned(70)], 50, (30, 50)),
        ([earned(100)], 50, (0, 50)),
        ([earned(120)], 50, (0, 50)),
        ([earned(70, active=20)], 50, (30, 50)),
        ([earned(70), hold(60)], 50, (30, 50)),
        ([earned(70), redeem(60)], 50, (50, None)),
        ([earned(70, expires=10)], 50, (50, None)),
        ([earned(70), redeem(70), returned(70)], 200, (170, 200)),
        ([earned(70), adjust(20)], 50, (10, 50)),
    ],
)
def test_an_award_brings_the_balance_to_the_cap_at_most(
    before: list[Step], points: int, expected: tuple[int, int | None]
):
    story = given(*before).when(earned(points, "new", cap=100, on=10))
    assert granted(story) == expected
    assert story.reading().balance <= max(100, story.reading().balance - expected[0])


def test_what_is_past_its_date_is_not_clipped_since_it_adds_nothing():
    story = given(earned(100)).when(earned(50, "late", expires=5, cap=100, on=10))
    assert granted(story) == (50, None)
    story.then_reads(available=100, expired=50)


def test_the_parts_of_an_award_are_granted_before_the_rest_of_it():
    story = given(earned(70)).when(earned(50, "new", parts={"bonus": (20, 90)}, cap=100))
    assert granted(story) == (10, 30)
    assert story.lot("bonus").free == 20


@pytest.mark.parametrize(
    ("kept", "clawed"), [([70], [None]), ([30], [10]), ([0], [40]), ([70, 20, 0], [None, 20, 20])]
)
def test_a_return_takes_first_what_was_never_granted(kept: list[int], clawed: list[int | None]):
    story = given(earned(60), earned(100, "new", cap=100))
    before = 0
    for number, (points, expected) in enumerate(zip(kept, clawed, strict=True)):
        story = story.when(
            returned(100 - points - before, "new", of=100, before=before, times=number)
        )
        before = 100 - points
        if expected is None:
            story.then_refused(RefusalReason.LIMIT_REACHED, limit=0)
        else:
            fact = story.last[-1]
            assert isinstance(fact, PointsClawedBack)
            assert fact.points == expected
    left = story.lot("new")
    assert left.original - left.clawed == min(40, kept[-1])


@drawn(
    st.integers(0, 120),
    st.integers(1, 120),
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
)
@settings(deadline=None, max_examples=60)
def test_however_returns_are_split_no_more_is_kept_than_was_granted_or_is_earned(
    balance: int, points: int, returns: list[int]
):
    story = given(earned(balance), earned(points, "new", cap=100))
    original = max(0, min(points, 100 - balance))
    before = 0
    for number, each in enumerate(returns):
        taken = min(each, points - before)
        if taken:
            story = story.when(returned(taken, "new", of=points, before=before, times=number))
        before += taken
    lots = [lot for lot in story.open_account.lots.values() if lot.receipt_id == "new"]
    assert sum(lot.original - lot.clawed for lot in lots) == min(original, points - before)
