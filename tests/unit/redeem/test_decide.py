"""The account keeper: what dates brought about comes first, each fact has its own cause."""

from datetime import datetime

import pytest

from services.redeem.decide import decide
from shared.events.facts import RefusalReason
from shared.events.ids import expiry_cause
from shared.program.model import Program
from tests.stories import (
    ACCOUNT,
    PLAIN,
    START,
    Step,
    Story,
    at,
    credited,
    earned,
    expired,
    given,
    named,
    redeem,
    redeemed,
    refused,
    tick,
)


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


def test_an_award_asks_for_no_program():
    story = given(earned(10)).under(None).when(earned(5, "b")).then(credited(5, "b"))
    story.then_reads(available=15)
