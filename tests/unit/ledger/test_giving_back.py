"""In which order what a debit gives back is taken from: due, then waived, then its lots."""

import pytest

from shared.events.movements import RedemptionCancelled
from tests.stories.setting import program
from tests.stories.steps import cancel, earned, redeem, returned, tick
from tests.stories.telling import given

WRITTEN_OFF = program(
    holds={"longest": "1h"}, returns={"deficit": "written_off", "write_off_after": "30D"}
)


@pytest.mark.parametrize(
    ("points", "due", "waived", "to_lots"),
    [
        (10, 10, 0, 0),
        (20, 20, 0, 0),
        (21, 20, 1, 0),
        (50, 20, 30, 0),
        (51, 20, 30, 1),
        (100, 20, 30, 50),
    ],
)
def test_due_falls_first_then_what_was_waived_then_points_come_back(
    points: int, due: int, waived: int, to_lots: int
):
    spent = given(earned(100), redeem(100)).under(WRITTEN_OFF)
    story = spent.given(returned(30, of=100, on=1), tick(on=31))
    story = story.given(returned(20, times=2, of=100, before=30, on=32))
    story.then_reads(deficit=20, written_off=30, available=0)
    [cancelled] = story.when(cancel(points)).last
    assert isinstance(cancelled, RedemptionCancelled)
    back = cancelled.back
    assert (back.due, back.waived, sum(lot.points for lot in back.lots)) == (due, waived, to_lots)
    story.when(cancel(points)).then_reads(deficit=20 - due, available=to_lots)
