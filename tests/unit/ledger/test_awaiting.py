"""Points that wait for an event: pending until it comes, gone at their date without it."""

import pytest

from shared.events.awards import Awaits
from shared.events.movements import AwardConfirmed
from shared.events.points import RefusalReason
from shared.ledger.account import InvariantError
from shared.ledger.evolve import evolve
from tests.stories.facts import credited, expired
from tests.stories.setting import ACCOUNT, at, named, program
from tests.stories.steps import (
    Step,
    cancel,
    cancel_award,
    confirm,
    delivered,
    earned,
    extend,
    hold,
    redeem,
    reinstate,
    release,
    returned,
    tick,
)
from tests.stories.telling import given

WAITING = earned(100, active=30, expires=365, awaits=True)
"""Until day 30; then gone, or good until day 365."""
NOT_PENDING, NOT_LATER = RefusalReason.LOT_NOT_PENDING, RefusalReason.DATE_NOT_LATER
GRACE = program(returns={"grace": "30D"})


def test_it_is_pending_until_its_date_and_then_gone():
    story = (
        given()
        .when(WAITING)
        .then(
            credited(100, active=30, expires=30).model_copy(
                update={"awaits": "delivered", "promised": at(365)}
            )
        )
    )
    story.then_reads(on=29, pending=100).then_reads(on=30, pending=0, available=0, expired=100)
    story.when(tick(30)).then(expired(100, on=30))


@pytest.mark.parametrize("until", [200, None])
def test_the_event_makes_it_active_until_the_date_that_it_says(until: int | None):
    story = given(WAITING).when(delivered("L1", until=until, on=10))
    assert isinstance(story.last[0], AwardConfirmed)
    story.then_reads(available=100, pending=0)
    story.then_reads(on=200, available=100 if until is None else 0)


def test_an_operator_makes_it_active_until_the_date_that_was_promised():
    story = given(WAITING).when(confirm(on=10))
    story.then_reads(on=364, available=100).then_reads(on=365, available=0)


@pytest.mark.parametrize(
    ("before", "step", "reason"),
    [
        ([WAITING], delivered("L1", on=30), NOT_PENDING),
        ([WAITING], confirm(on=30), NOT_PENDING),
        ([WAITING, delivered("L1", on=10)], delivered("L1", times=2, on=11), NOT_PENDING),
        ([WAITING, cancel_award(on=5)], extend("L1", 60, on=10), NOT_LATER),
        ([WAITING], extend("L1", 60, on=10), NOT_LATER),
        ([earned(100)], delivered("L1", on=10), NOT_PENDING),
        ([WAITING], delivered("L2", on=10), RefusalReason.LOT_UNKNOWN),
    ],
)
def test_what_cannot_be(before: list[Step], step: Step, reason: RefusalReason):
    given(*before).when(step).then_refused(reason)


def test_what_comes_back_of_it_leaves_the_promise_as_it_was():
    story = given(WAITING).when(returned(40, on=5)).when(confirm(on=10))
    story.then_reads(on=364, available=60).then_reads(on=365, available=0)


def test_points_that_are_active_without_their_event_wait_for_nothing():
    """Of an award that its program makes active at the date, whether the event has come or not."""
    award = earned(100, active=30, expires=365).message
    waits = Awaits(event="delivered", otherwise="activated")
    step = WAITING._replace(message=award.model_copy(update={"awaits": waits}))
    given().when(step).then(credited(100, active=30, expires=365)).then_reads(on=30, available=100)


def test_what_was_reinstated_waits_no_more():
    story = given(WAITING).when(reinstate("L1", 90, on=40))
    story.then_reads(available=100).then_reads(on=89, available=100).then_reads(on=90, expired=100)


def test_what_was_reinstated_or_confirmed_slides_as_if_it_had_never_waited():
    waiting = earned(100, active=30, expires=365, awaits=True, sliding=True)
    for step in (reinstate("L1", 90, on=40), confirm(on=10)):
        story = given(waiting).when(step)
        assert (story.lot("L1").awaits, story.lot("L1").promised) == (None, None)
        story.when(earned(0, "act", extends=400, on=41)).then_reads(on=399, available=100)


def test_several_lots_are_activated_together_and_those_that_are_active_stay_so():
    first = earned(100, active=30, expires=365, awaits=True, parts={"P": (40, 200)})
    story = given(first, delivered("L1", on=5)).when(delivered("P", "L1", times=2, on=10))
    story.then_refused(NOT_PENDING).then_reads(available=100)
    assert len(story.last) == 1


def test_waiting_points_cover_what_is_due_and_what_covered_by_then_stays():
    due = [earned(50, "L0"), redeem(50), returned(50, "L0")]
    story = given(*due, WAITING).then_reads(deficit=0, pending=50)
    story.then_reads(on=30, deficit=0, expired=50)


def test_grace_is_for_points_that_could_be_spent():
    due = [earned(50, "L0"), redeem(50), returned(50, "L0")]
    story = given(*due, WAITING).under(GRACE).when(cancel(on=40))
    story.then_reads(available=0, expired=100)


def test_what_a_hold_had_covered_is_pending_again_when_it_is_let_go():
    due = [earned(50, "L0"), hold(50, until=20), returned(50, "L0")]
    story = given(*due, WAITING).when(release(on=10))
    story.then_reads(pending=100).then_reads(on=30, expired=100)


def test_an_award_that_arrives_behind_its_window_is_gone_at_once():
    late = earned(100, active=30, expires=365, awaits=True, on=40)
    given(late).then_reads(expired=100, pending=0)


def test_a_waiting_lot_does_not_slide():
    waiting = earned(100, active=30, expires=365, awaits=True, sliding=True)
    story = given(waiting, earned(0, "act", extends=400, on=10))
    story.then_reads(on=30, expired=100)
    story.when(delivered("L1", until=365)).when(earned(0, "act 2", extends=410, on=20)).then_reads(
        on=409, available=100
    )


def test_a_confirmation_without_a_date_is_no_fact_of_ours():
    fact = AwardConfirmed(
        account=ACCOUNT, lot_id=named("L1"), active_from=at(10), actor="ann", reason="x"
    )
    with pytest.raises(InvariantError):
        evolve(given(WAITING).open_account, fact, at(10))
