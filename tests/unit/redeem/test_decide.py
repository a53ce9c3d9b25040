"""The account keeper: what dates brought about comes first, each fact has its own cause."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from services.redeem.decide import decide
from shared.events.awards import Awaits, DatedPoints
from shared.events.ids import award_cause, expiry_cause
from shared.events.movements import AwardConfirmed, ExpiryExtended, HoldLapsed
from shared.events.points import PointsCredited, RefusalReason
from shared.ledger.evolve import evolve
from shared.program.model import Program
from tests.stories.facts import credited, expired, redeemed, refused
from tests.stories.setting import ACCOUNT, PLAIN, START, at, named, program
from tests.stories.steps import Step, delivered, earned, hold, redeem, returned, tick
from tests.stories.telling import Story, given


def test_dates_come_first_each_with_its_own_cause():
    story = given(earned(10, "a", expires=5), earned(20, "b", expires=3), earned(30, "c"))
    step = redeem(30, on=6)
    decisions = decide(story.account, step.message, lambda *_: PLAIN, step.cause, at(6))
    assert [(decision.cause, decision.fact) for decision in decisions] == [
        (expiry_cause(ACCOUNT, named("b"), at(3)), expired(20, "b", on=3)),
        (expiry_cause(ACCOUNT, named("a"), at(5)), expired(10, "a", on=5)),
        (step.cause, redeemed(30, c=30)),
    ]


def test_at_one_instant_lots_expire_in_the_order_in_which_they_were_credited():
    story = given(earned(10, "z", expires=5), earned(20, "a", expires=5, on=1))
    story.when(tick(5)).then(expired(10, "z", on=5), expired(20, "a", on=5))


@pytest.mark.parametrize(
    ("step", "fact"),
    [
        pytest.param(earned(5, "b"), credited(5, "b"), id="award"),
        pytest.param(earned(0, "b"), credited(0, "b"), id="award of nothing"),
        pytest.param(redeem(5), redeemed(5, L1=5), id="redemption"),
        pytest.param(
            redeem(11),
            refused(RefusalReason.INSUFFICIENT_POINTS, 11, available=10, missing=1),
            id="refusal",
        ),
    ],
)
def test_an_input_becomes_one_fact_under_its_own_cause(step: Step, fact):
    story = given(earned(10))
    (decision,) = decide(story.account, step.message, lambda *_: PLAIN, step.cause, START)
    assert (decision.cause, decision.fact) == (step.cause, fact)


@pytest.mark.parametrize("story", [Story(), given(earned(10, expires=9))], ids=["none", "one"])
def test_a_tick_adds_nothing_of_its_own(story: Story):
    story.when(tick(8)).then()


def test_an_account_opens_on_its_first_award():
    story = given(earned(0))
    assert story.open_account.version == 1


def test_asking_for_points_opens_no_account():
    story = given().when(redeem(1)).then(refused(RefusalReason.ACCOUNT_UNKNOWN, 1))
    assert story.account is None
    story.when(redeem(2, "s")).then(refused(RefusalReason.ACCOUNT_UNKNOWN, 2, "s"))


def test_points_that_expire_with_the_redemption_are_not_spent():
    story = given(earned(10, expires=5)).when(redeem(10, on=5))
    story.then(
        expired(10, on=5),
        refused(RefusalReason.INSUFFICIENT_POINTS, 10, available=0, missing=10),
    )


def test_the_version_of_the_program_is_that_of_the_decisions_instant():
    seen: list[tuple[str, datetime]] = []

    def program_at(name: str, instant: datetime) -> Program | None:
        seen.append((name, instant))
        return None

    story, step = given(earned(10)), redeem(10)
    (decision,) = decide(story.account, step.message, program_at, step.cause, at(4))
    assert decision.fact == refused(RefusalReason.PROGRAM_UNKNOWN, 10)
    assert seen == [("shop", at(4))]


def test_the_parts_of_an_award_are_lots_of_their_own_with_their_own_dates():
    waits = Awaits(event="delivered", otherwise="activated")
    of: dict[str, Any] = {"rules": ("bonus",)}
    parts = (
        DatedPoints(**of, lot_id=named("P"), points=3, active_from=at(7), expires_at=at(9)),
        DatedPoints(
            **of, lot_id=named("Q"), points=2, active_from=at(8), sliding=True, awaits=waits
        ),
    )
    step = earned(10, expires=30)
    award = step.message.model_copy(update={"parts": parts})
    credits = decide(None, award, lambda *_: PLAIN, step.cause, START)
    own = {"receipt_id": "L1"}
    assert [(decision.cause, decision.fact) for decision in credits] == [
        (
            award_cause(ACCOUNT, named("P")),
            credited(3, "P", active=7, expires=9).model_copy(update=own),
        ),
        (
            award_cause(ACCOUNT, named("Q")),
            credited(2, "Q", active=8).model_copy(update={**own, "sliding": True}),
        ),
        (step.cause, credited(5, expires=30)),
    ]


def test_dates_are_extended_before_an_award_is_credited_to_what_is_there():
    story = given(earned(70, expires=20, sliding=True))
    story = story.when(earned(50, "act", extends=40, cap=100, on=10))
    assert [type(fact) for fact in story.last] == [ExpiryExtended, PointsCredited]
    story.then_reads(available=100).then_reads(on=20, available=100)


def confirmed(facts: Iterable[object]) -> list[UUID]:
    return [fact.lot_id for fact in facts if isinstance(fact, AwardConfirmed)]


def test_each_lot_of_an_event_is_active_once():
    """Also where what was said of the others was lost: those that are active are passed over."""
    lots = [earned(50, name, active=30, awaits=True) for name in ("L1", "L2", "L3")]
    event = delivered("L1", "L2", "L3", on=5)
    whole = given(*lots).when(event)
    assert confirmed(whole.last) == [named(name) for name in ("L1", "L2", "L3")]
    whole.then_reads(available=150)
    torn = given(*lots)
    [first, *_] = decide(torn.account, event.message, lambda *_: PLAIN, event.cause, at(5))
    account = evolve(torn.open_account, first.fact, at(5))
    again = decide(account, event.message, lambda *_: PLAIN, event.cause, at(6))
    assert confirmed(decision.fact for decision in again) == [named("L2"), named("L3")]
    assert again[-1].cause == event.cause


def test_dates_that_pass_together_have_causes_of_their_own():
    rules = program(
        holds={"longest": "24h"}, returns={"deficit": "written_off", "write_off_after": "5D"}
    )
    begin = [earned(5), redeem(5, "r"), earned(5, "L2"), redeem(5, "s")]
    owing = [returned(5), returned(5, "L2")]
    story = Story().under(rules).given(*begin, *owing, tick(5)).then_reads(written_off=10)
    held = story.given(earned(9, "L3", on=6), hold(1, "h", until=7, on=6), hold(1, "g", on=6))
    lapsed = held.when(tick(8))
    assert [type(fact) for fact in lapsed.last] == [HoldLapsed, HoldLapsed]


def test_an_award_asks_for_no_program():
    story = given(earned(10)).under(None).when(earned(5, "b")).then(credited(5, "b"))
    story.then_reads(available=15)
