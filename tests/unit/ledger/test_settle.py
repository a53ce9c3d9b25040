"""What dates bring about: the same facts in the same order, however rows were loaded."""

from typing import Any

import pytest

from shared.events.movements import DeficitWrittenOff, HoldLapsed
from shared.events.points import RefusalReason
from shared.ledger.account import Account
from shared.ledger.settle import Settlement, settle
from tests.stories.setting import at, named, program, redemption
from tests.stories.steps import Step, capture, earned, hold, redeem, returned
from tests.stories.telling import Story, loaded_otherwise

NAMES = ("d", "b", "e", "a", "c")
"""In the order in which they were made, which is not that of their ids."""
RULES = program(
    holds={"longest": "48h"}, returns={"deficit": "written_off", "write_off_after": "10D"}
)


def told(account: Account) -> list[Settlement]:
    return [fact for fact, _ in settle(account, at(11))]


def about(fact: Any) -> Any:
    """The hold, the lot or the debit that a fact is about."""
    match fact:
        case HoldLapsed():
            return fact.hold_id
        case DeficitWrittenOff():
            return fact.debit_id
        case _:
            return fact.lot_id


@pytest.mark.parametrize(
    ("steps", "made"),
    [
        ([earned(5, name, expires=10) for name in NAMES], named),
        ([earned(50), *(hold(5, name, on=8, until=10) for name in NAMES)], redemption),
        (
            [
                *(step for name in NAMES for step in (earned(5, f"{name}0"), redeem(5, name))),
                *(returned(5, f"{name}0") for name in NAMES),
            ],
            redemption,
        ),
    ],
    ids=["lots", "holds", "debts"],
)
def test_of_what_comes_at_one_instant_the_oldest_is_first(steps: list[Step], made: Any):
    account = Story().under(RULES).given(*steps).open_account
    assert [about(fact) for fact in told(account)] == [made(name) for name in NAMES]
    assert told(loaded_otherwise(account)) == told(account)


def test_lots_that_came_with_one_fact_expire_in_the_order_of_their_ids():
    """As those of a transfer do: they are of one age."""
    story = Story().given(earned(5, "d", expires=10))
    lots = {named(name): story.lot("d")._replace(lot_id=named(name)) for name in NAMES}
    account = story.open_account._replace(lots=lots, free=25, earned=25)
    assert [about(fact) for fact in told(account)] == sorted(lots)
    assert told(loaded_otherwise(account)) == told(account)


def test_a_hold_lapses_before_points_expire_at_that_instant():
    story = Story().under(RULES).given(earned(5, expires=10), hold(2, on=8, until=10))
    assert [about(fact) for fact in told(story.open_account)] == [redemption("h"), named("L1")]


def test_a_hold_lapses_also_when_all_of_its_points_are_waived():
    rules = program(holds={"longest": "48h"}, returns={"deficit": "unspent_only"})
    story = Story().under(rules).given(earned(5), hold(5, until=2), returned(5, on=1))
    assert [about(fact) for fact in told(story.open_account)] == [redemption("h")]
    story.then_reads(on=1, written_off=5).then_reads(on=2, written_off=0)
    story.when(capture(on=2)).then_refused(RefusalReason.HOLD_EXPIRED)
