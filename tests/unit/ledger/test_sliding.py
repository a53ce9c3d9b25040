"""Dates that slide: which acts extend which lots, and what a reader of the ledger sees of it."""

from typing import Any

import pytest

from shared.events.movements import ExpiryExtended, HoldCaptured, LotSlid
from shared.events.points import RefusalReason
from shared.ledger import sliding
from shared.ledger.account import InvariantError
from shared.ledger.evolve import evolve
from tests.stories.facts import credited, redeemed, refused
from tests.stories.setting import ACCOUNT, at, named, program, redemption
from tests.stories.steps import Step, adjust, capture, earned, hold, redeem, returned
from tests.stories.telling import Story, fold, given

SLIDING = program(expiry={"after": "30D", "extended_by": ["redemption"]})


def slid(*lots: tuple[str, int, int], by: Any, act: str = "purchase") -> ExpiryExtended:
    """Lots with their days before and after."""
    return ExpiryExtended(
        account=ACCOUNT,
        act=act,
        by=by,
        program_version=3,
        lots=tuple(
            LotSlid(lot_id=named(name), expired_at=at(before), expires_at=at(after))
            for name, before, after in lots
        ),
    )


def spent(*lots: tuple[str, int, int], key: str = "r") -> ExpiryExtended:
    return slid(*lots, by=redemption(key), act="redemption")


def test_an_act_extends_the_lots_that_slide_and_end_before_soonest_first():
    story = given(
        earned(10, "L1", expires=20, sliding=True),
        earned(10, "L2", expires=15, sliding=True),
        earned(10, "L3", expires=60, sliding=True),
        earned(10, "L4", expires=20),
        earned(10, "L5", sliding=True),
    )
    story = story.when(earned(0, "act", extends=40, on=10)).then(
        slid(("L2", 15, 40), ("L1", 20, 40), by=named("act")), credited(0, "act")
    )
    assert story.open_account.lots[named("L4")].expires_at == at(20)
    story.then_reads(on=39, available=40).then_reads(on=40, available=20)


@pytest.mark.parametrize(
    ("before", "act"),
    [
        ([earned(10, expires=10, sliding=True)], earned(0, "act", extends=40, on=10)),
        ([earned(10, expires=10, sliding=True)], earned(0, "act", extends=10, on=1)),
        ([earned(10, expires=10, sliding=True)], earned(0, "act", extends=9, on=1)),
        (
            [earned(10, expires=10, sliding=True), redeem(10)],
            earned(0, "act", extends=40, on=1),
        ),
    ],
)
def test_an_act_brings_nothing_back_shortens_nothing_and_leaves_spent_points_alone(
    before: list[Step], act: Step
):
    story = given(*before)
    date = story.lot("L1").expires_at
    assert story.when(act).lot("L1").expires_at == date


def test_pending_points_are_extended_too():
    story = given(earned(10, expires=20, active=5, sliding=True))
    story.when(earned(0, "act", extends=40, on=1)).then_reads(pending=10).then_reads(
        on=39, available=10
    )


def test_spending_extends_first_and_then_takes_what_ends_soonest():
    story = given(earned(10, expires=20, sliding=True), earned(10, "L2", expires=25)).under(SLIDING)
    story.when(redeem(15, on=10)).then(spent(("L1", 20, 41)), redeemed(15, L2=10, L1=5))


@pytest.mark.parametrize("step", [redeem(15, on=10), redeem(0, on=10)])
def test_a_refused_redemption_extends_nothing(step: Step):
    story = given(earned(10, expires=20, sliding=True)).under(SLIDING).when(step)
    assert [type(fact) for fact in story.last] == [type(refused(RefusalReason.BELOW_MINIMUM, 0))]


def test_spending_extends_nothing_to_a_date_that_no_fact_can_hold():
    far = program(expiry={"after": "100Y", "extended_by": ["redemption"]})
    story = given(earned(10, expires="8960-01-01", sliding=True)).under(far)
    story.when(redeem(5, on="8950-01-01")).then(redeemed(5, L1=5))


def test_a_captured_hold_extends_and_a_hold_alone_does_not():
    story = given(earned(10, expires=20, sliding=True)).under(SLIDING)
    story = story.when(hold(4, on=10, until=15))
    assert len(story.last) == 1
    story = story.when(capture(on=10))
    assert story.last[0] == slid(("L1", 20, 41), by=story_cause(story), act="redemption")


def test_each_act_extends_by_a_fact_of_its_own():
    story = given(earned(10, expires=20, sliding=True))
    story = story.given(earned(0, "act", extends=40, on=10), earned(0, "more", extends=50, on=11))
    story.then_reads(on=49, available=10)


def test_what_was_held_under_a_program_that_is_gone_extends_nothing():
    story = given(earned(10, expires=20, sliding=True)).under(SLIDING).given(hold(4, until=15))
    assert [type(fact) for fact in story.under(None).when(capture(on=10)).last] == [HoldCaptured]


def story_cause(story: Story) -> Any:
    """The id of the last request."""
    fact = story.last[0]
    assert isinstance(fact, ExpiryExtended)
    return fact.by


@pytest.mark.parametrize(("expires", "sliding_lot"), [(None, True), (20, False)])
def test_points_of_an_operator_slide_unless_they_were_given_a_date(
    expires: int | None, sliding_lot: bool
):
    story = Story().under(SLIDING).when(adjust(10, expires=expires, on=0))
    [lot] = story.open_account.lots.values()
    assert lot.sliding is sliding_lot


def test_a_return_leaves_extended_dates_as_they_are():
    story = given(earned(10, expires=20, sliding=True), earned(5, "act", extends=40, on=10))
    story = story.when(returned(5, "act"))
    assert story.lot("L1").expires_at == at(40)


def test_many_lots_are_extended_by_several_facts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sliding, "LOTS_PER_FACT_MAX", 2)
    lots = [earned(1, f"L{number}", expires=20, sliding=True) for number in range(5)]
    story = given(*lots).when(earned(0, "act", extends=40, on=10))
    assert [len(fact.lots) for fact in story.last if isinstance(fact, ExpiryExtended)] == [2, 2, 1]
    assert len(set(story.causes)) == len(story.causes)
    assert fold(story.history) == story.account


@pytest.mark.parametrize(
    "fact",
    [
        slid(("L1", 20, 19), by=named("act")),
        slid(("L1", 20, 20), by=named("act")),
        slid(("L1", 21, 40), by=named("act")),
        slid(("L2", 20, 40), by=named("act")),
    ],
)
def test_a_date_that_does_not_fit_is_no_fact_of_ours(fact: ExpiryExtended):
    story = given(earned(10, expires=20, sliding=True), earned(10, "L2", expires=20))
    with pytest.raises(InvariantError):
        evolve(story.open_account, fact, at(10))
