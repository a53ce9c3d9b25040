"""What a return takes of the lots of its purchase, and what becomes of what had used them.

Of all lots first what is free, then what expired, then what was used; pending lots before active
ones in spending order, before those past their date.
"""

from datetime import timedelta
from typing import Any

import pytest

from shared.events.movements import PointsClawedBack
from shared.events.points import RefusalReason
from tests.stories.setting import at, named, program
from tests.stories.steps import Step, cancel_award, earned, redeem, returned, tick
from tests.stories.telling import Story, given
from tests.worlds import DAY, World, coffee

PARTS = {"late": (20, 30), "early": (20, 10)}
"""Of the points of a purchase those of two lots, with the days on which these end."""
NAMES = {named(name): name for name in (*PARTS, "own")}


def taken(story: Story) -> dict[str, tuple[int, int, int]]:
    """Of each lot, in the order in which it was taken from: what was free, expired, used."""
    [fact] = story.last
    assert isinstance(fact, PointsClawedBack)
    return {
        NAMES[lot.lot_id]: (lot.free, lot.forgiven, sum(loss.points for loss in lot.lost))
        for lot in fact.lots
    }


@pytest.mark.parametrize(
    ("before", "points", "expected"),
    [
        ([], 5, {"early": (5, 0, 0)}),
        ([], 30, {"early": (20, 0, 0), "late": (10, 0, 0)}),
        ([], 50, {"early": (20, 0, 0), "late": (20, 0, 0), "own": (10, 0, 0)}),
        ([tick(12)], 30, {"late": (20, 0, 0), "own": (10, 0, 0)}),
        ([tick(12)], 45, {"late": (20, 0, 0), "own": (20, 0, 0), "early": (0, 5, 0)}),
        ([tick(32)], 50, {"own": (20, 0, 0), "late": (0, 20, 0), "early": (0, 10, 0)}),
        ([redeem(30)], 25, {"late": (10, 0, 0), "own": (15, 0, 0)}),
        ([redeem(30)], 35, {"late": (10, 0, 5), "own": (20, 0, 0)}),
        ([redeem(30)], 45, {"early": (0, 0, 5), "late": (10, 0, 10), "own": (20, 0, 0)}),
        (
            [redeem(15), tick(12)],
            50,
            {"late": (20, 0, 0), "own": (20, 0, 0), "early": (0, 5, 5)},
        ),
    ],
)
def test_from_which_lots_of_its_purchase_a_return_takes(
    before: list[Step], points: int, expected: dict[str, tuple[int, int, int]]
):
    story = given(earned(60, "own", parts=PARTS), *before)
    story = story.when(returned(points, "own", parts=list(PARTS)))
    assert list(taken(story).items()) == list(expected.items())


def test_a_return_takes_pending_points_first():
    story = given(earned(60, "own", active=5, parts=PARTS), tick(1))
    story = story.when(returned(30, "own", parts=list(PARTS)))
    assert list(taken(story).items()) == [("own", (20, 0, 0)), ("early", (10, 0, 0))]


@pytest.mark.parametrize(
    ("asked", "points", "desired"), [(61, 1, 61), (80, 20, 80), (100, 40, 100)]
)
def test_what_was_never_granted_is_told_beside_what_is_taken(asked: int, points: int, desired: int):
    """Of a hundred points forty were granted."""
    [fact] = given(earned(100, cap=40)).when(returned(asked, of=100)).last
    assert isinstance(fact, PointsClawedBack)
    assert (fact.points, fact.desired) == (points, desired)


def test_where_all_was_granted_nothing_else_is_told():
    [fact] = given(earned(100)).when(returned(40, of=100)).last
    assert isinstance(fact, PointsClawedBack)
    assert (fact.points, fact.desired) == (40, None)


def test_what_an_operator_took_back_is_not_asked_for_again():
    """Of sixty points twenty were taken back while they were pending; then all comes back."""
    story = given(earned(60, "own", active=5, parts=PARTS), cancel_award("own", on=1))
    story = story.when(returned(35, "own", of=60, parts=list(PARTS))).then_reads(available=5)
    [fact] = story.when(returned(25, "own", of=60, before=35, times=2, parts=list(PARTS))).last
    assert isinstance(fact, PointsClawedBack)
    assert (fact.points, fact.desired) == (5, 25)


def test_a_return_of_more_than_there_was_is_refused_with_what_was_asked():
    story = given(earned(10)).when(returned(11))
    story.then_refused(RefusalReason.LIMIT_REACHED, asked=11, limit=10)


def lost(story: Story) -> Any:
    [fact] = story.last
    assert isinstance(fact, PointsClawedBack)
    return fact.program_version, fact.lots[0].lost[0].write_off_at


RETURNS = {"deficit": "written_off", "write_off_after": "30D"}
WRITTEN_OFF = program(returns=RETURNS, holds={"longest": "24h"})


def test_what_is_lost_is_due_until_the_programs_date():
    spent = given(earned(100), redeem(100)).under(WRITTEN_OFF)
    assert lost(spent.when(returned(100, on=1))) == (3, at(31))


def test_what_is_lost_is_due_for_ever_where_there_is_no_program_any_more():
    spent = given(earned(100), redeem(100)).under(None)
    assert lost(spent.when(returned(100, on=1))) == (None, None)


def test_what_an_award_had_covered_that_is_taken_back_is_due_until_the_programs_date():
    owes = given(earned(50), redeem(50)).under(WRITTEN_OFF).given(returned(50))
    story = owes.given(earned(80, "own", active=10)).when(cancel_award("own", on=6))
    assert lost(story) == (3, at(36))


def test_that_date_is_counted_in_the_programs_zone():
    """Clocks are set back in between."""
    returns = {"deficit": "written_off", "write_off_after": "180D"}
    world = World(coffee(timezone="America/New_York", returns=returns))
    world.earn("jo", 10, "first")
    world.spend("jo", 10)
    [lot] = world.bring_back("jo", 10, "first").lots
    assert lot.lost[0].write_off_at == world.now + 180 * DAY + timedelta(hours=1)
