"""In which order points are taken, and what facts and refusals tell besides the points."""

from datetime import timedelta

import pytest

from shared.events.movements import HoldReleased, PointsClawedBack, PointsHeld
from shared.events.points import RefusalReason
from shared.ledger.account import HoldState
from shared.ledger.covering import covering_order
from tests.stories.setting import START, at, named, program, redemption
from tests.stories.steps import (
    WHO,
    cancel_award,
    capture,
    earned,
    give,
    hold,
    redeem,
    release,
    returned,
)
from tests.stories.telling import given

GIVING = program(transfers={"minimum": 1})
IN_CENTS = program(points=100, minor=3)


def test_active_points_cover_before_pending_ones_and_points_past_their_date_never():
    account = given(
        earned(10, "pending late", active=8, expires=9),
        earned(10, "pending", active=5),
        earned(10, "pending, and gone soon", active=5, expires=30),
        earned(10, "active"),
        earned(10, "active, and gone soon", expires=20),
        earned(10, "active now", active=2, expires=40),
        earned(10, "past its date", expires=1),
        earned(10, "spent", expires=3),
        redeem(10, on=1),
    ).open_account
    names = (
        *("active, and gone soon", "active now", "active"),
        *("pending, and gone soon", "pending", "pending late"),
    )
    order = covering_order(account.lots.values(), at(2))
    assert [lot.lot_id for lot in order] == [named(name) for name in names]


def test_of_points_given_away_the_last_ones_are_taken_back_first():
    story = given(earned(100)).under(GIVING).given(give(30, "first"), give(30, "then"))
    (fact,) = story.when(returned(50)).last
    assert isinstance(fact, PointsClawedBack)
    lost = [(loss.debit_id, loss.points) for clawed in fact.lots for loss in clawed.lost]
    assert lost == [(redemption("then"), 10)]


def test_a_pending_award_that_is_taken_back_says_who_why_and_under_which_program():
    (fact,) = given(earned(40, active=5)).when(cancel_award()).last
    assert isinstance(fact, PointsClawedBack)
    assert {"actor": fact.actor, "reason": fact.reason} == WHO
    assert fact.program_version == program().version


@pytest.mark.parametrize(
    ("asked", "reason", "numbers"),
    [
        (350, RefusalReason.NOT_A_MULTIPLE, {"multiple": 100}),
        (400, RefusalReason.LIMIT_REACHED, {"limit": 300}),
    ],
)
def test_a_capture_that_is_refused_says_what_was_asked_and_what_there_is(asked, reason, numbers):
    held = given(earned(900)).under(IN_CENTS).given(hold(300))
    held.when(capture(asked)).then_refused(reason, asked=asked, **numbers)


def test_a_hold_that_was_let_go_is_released():
    story = given(earned(100), hold(60)).when(release())
    assert isinstance(story.last[-1], HoldReleased)
    assert story.open_account.debits[redemption("h")].state is HoldState.RELEASED


BRIEF = program(holds={"open_most": 1, "longest": "1h"})


def test_a_hold_beyond_a_limit_is_refused_with_the_limit():
    story = given(earned(100)).under(BRIEF)
    too_long = story.when(hold(10, "long", until=START + timedelta(seconds=3_601)))
    numbers = {"limit": 3_600, "limit_of": "hold_seconds"}
    too_long.then_refused(RefusalReason.LIMIT_REACHED, asked=10, **numbers)
    longest = story.when(hold(10, "longest", until=START + timedelta(hours=1)))
    assert isinstance(longest.last[-1], PointsHeld)
    one_more = longest.when(hold(20, "one more", until=START + timedelta(minutes=1)))
    one_more.then_refused(RefusalReason.LIMIT_REACHED, asked=20, limit=1, limit_of="open_holds")


def test_a_hold_keeps_the_order_that_it_is_for():
    (held,) = given(earned(100)).when(hold(10, order_minor=700)).last
    assert isinstance(held, PointsHeld)
    assert held.order_minor == 700
