"""Rewards of a member whose account is merged: claims move, and their units find the way back."""

from typing import Any

import pytest

from shared.events.merges import MergeAccepted
from shared.events.movements import RequestRefused
from shared.events.points import RefusalReason
from shared.events.rewards import RewardReserved
from shared.ledger.claims import ClaimState
from tests.rewards import Rewards, coffee, reward


def world(points: int = 250) -> Rewards:
    """Jo with points and Flo with one, in a program with a reward of which there is a unit."""
    made = Rewards(coffee(reward(stock="counted")))
    made.stock(1)
    made.earn("jo", points, "first")
    made.earn("flo", 1, "own")
    return made


def merged(made: Rewards) -> Rewards:
    made.merge("jo", "flo")
    made.carry()
    return made


def cancelled(made: Rewards, claim: Any, member: str) -> None:
    made.cancel(claim._replace(account=made.member(member).key))
    made.carry()


@pytest.mark.parametrize("asked", ["jo", "flo"])
def test_a_reward_is_cancelled_after_the_merge_whoever_asks(asked: str):
    made = world()
    reserved = made.redeem("jo")
    made.carry()
    merged(made)
    claim = made.claim(reserved)
    assert (claim.account, claim.state) == (made.member("flo").key, ClaimState.ISSUED)
    cancelled(made, claim, asked)
    assert (made.claim(reserved).state, made.claim(reserved).errand) == (ClaimState.CANCELLED, None)
    assert (made.member("flo").free, made.member("flo").redeemed) == (251, 0)
    assert made.units() == (1, 0, 0)


def test_while_a_reward_waits_for_its_unit_there_is_no_merge():
    made = world()
    assert isinstance(made.redeem("jo"), RewardReserved)
    refused = made.merge("jo", "flo")
    assert isinstance(refused, RequestRefused)
    assert (refused.reason, refused.open_count) == (RefusalReason.HOLD_OPEN, 1)


@pytest.mark.parametrize("turn", [0, -1])
def test_a_unit_that_is_on_its_way_back_arrives_once(turn: int):
    made = world()
    reserved = made.redeem("jo")
    made.carry()
    made.merge("jo", "flo")
    while not isinstance(made.facts[-1], MergeAccepted):
        made.say(made.letters[-1].command)
    made.cancel(made.claim(reserved))
    made.carry(lambda letters: letters[turn])
    claim = made.claim(reserved)
    assert (claim.account, claim.errand) == (made.member("flo").key, None)
    left = made.shelf.changed_claims[made.member("jo").key, claim.redemption_id]
    assert (left.state, left.errand) == (ClaimState.MOVED, None)
    assert (made.member("flo").free, any(made.member("jo").sums)) == (251, False)
    assert made.units() == (1, 0, 0)


def test_a_reward_that_a_merged_account_asks_for_is_the_other_ones():
    made = merged(world())
    made.redeem("jo")
    made.carry()
    [claim] = made.shelf.claims.values()
    assert (claim.account, claim.state) == (made.member("flo").key, ClaimState.ISSUED)
    assert (made.member("flo").free, made.units()) == (151, (0, 1, 0))
