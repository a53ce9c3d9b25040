"""Rewards: what a member gets for points, what becomes of units and codes, and why not.

A world of members and stocks is in `tests.rewards`: letters between them are carried by `carry`.
"""

from typing import Any

import pytest

from shared.events.facts import RefusalReason
from shared.events.movements import RequestRefused
from shared.events.rewards import (
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    UnitRefused,
)
from shared.ledger.account import Status
from shared.ledger.claims import ClaimState
from shared.ledger.rewards import made_code
from shared.program.rewards import REWARDS_MAX
from tests.rewards import Rewards, coffee, reward
from tests.stories import redemption

COUNTED: dict[str, Any] = {"stock": "counted"}
POOL: dict[str, Any] = {"stock": "counted", "codes": "pool"}


def world(*rewards: dict[str, object], points: int = 250, **further: object) -> Rewards:
    """A member `jo` with points, in a program with these rewards."""
    made = Rewards(coffee(*rewards, **further))
    if points:
        made.earn("jo", points, "first")
    return made


def refusal(fact: object) -> RefusalReason:
    assert isinstance(fact, RequestRefused)
    return fact.reason


# without stock


def test_a_reward_without_stock_is_issued_at_once():
    shop = world(reward(codes="made"))
    fact = shop.redeem("jo")
    assert isinstance(fact, RewardIssued)
    assert (fact.points, fact.brand, fact.code) == (100, "north", made_code(fact.redemption_id))
    assert shop.letters == []
    assert (shop.member("jo").free, shop.member("jo").redeemed) == (150, 100)


def test_codes_are_made_of_the_redemption_and_no_two_are_alike():
    codes = {made_code(redemption(str(number))) for number in range(REWARDS_MAX)}
    assert len(codes) == REWARDS_MAX
    assert made_code(redemption("1")) == made_code(redemption("1"))
    assert all(len(code) == len("XXXX-XXXX-XXXX") for code in codes)


# with stock


def test_points_are_set_aside_until_the_stock_has_given_a_unit():
    shop = world(reward(**COUNTED, honoured_by="south"))
    assert isinstance(shop.stock(2), StockAdded)
    reserved = shop.redeem("jo")
    assert isinstance(reserved, RewardReserved)
    jo = shop.member("jo")
    assert (jo.free, jo.held, jo.redeemed) == (150, 100, 0)
    shop.carry()
    jo, claim = shop.member("jo"), shop.claim(reserved)
    assert (jo.free, jo.held, jo.redeemed) == (150, 0, 100)
    assert (claim.state, claim.brand, claim.errand) == (ClaimState.ISSUED, "south", None)
    assert shop.units() == (1, 1, 0)


def test_without_a_unit_the_points_come_back():
    shop = world(reward(**COUNTED))
    reserved = shop.redeem("jo")
    shop.carry()
    assert isinstance(shop.facts[-2], UnitRefused)
    assert isinstance(shop.facts[-1], RewardRefused)
    assert shop.claim(reserved).reason is RefusalReason.REWARD_NOT_AVAILABLE
    jo = shop.member("jo")
    assert (jo.free, jo.held, jo.redeemed, jo.balance) == (250, 0, 0, 250)


def test_the_last_unit_goes_to_exactly_one_of_fifty():
    shop = world(reward(**COUNTED), points=0)
    shop.stock(1)
    for number in range(50):
        shop.earn(f"m{number}", 100, "first")
        shop.redeem(f"m{number}")
    shop.carry()
    states = [claim.state for claim in shop.shelf.claims.values()]
    assert states.count(ClaimState.ISSUED) == 1
    assert states.count(ClaimState.REFUSED) == 49
    assert shop.units() == (0, 1, 0)
    assert sum(shop.member(f"m{number}").free for number in range(50)) == 4_900


def test_codes_of_a_pool_are_given_out_in_the_order_in_which_they_came():
    shop = world(reward(**POOL, points=10))
    shop.stock(2, "A-2", "A-1")
    shop.stock(1, "B-1", key="later")
    claims = []
    for number in range(4):
        fact = shop.redeem("jo", key=str(number))
        shop.carry()
        claims.append(shop.claim(fact))
    assert [claim.code for claim in claims] == ["A-2", "A-1", "B-1", None]
    assert claims[-1].state is ClaimState.REFUSED


# handed over, cancelled


def test_a_reward_is_handed_over_once_by_the_brand_that_honours_it():
    shop = world(reward(honoured_by="south"))
    claim = shop.claim(shop.redeem("jo"))
    assert refusal(shop.fulfil(claim, "north", key="1")) is RefusalReason.REWARD_NOT_AVAILABLE
    done = shop.fulfil(claim, "south", key="2")
    assert isinstance(done, RewardFulfilled)
    assert (done.brand, done.actor) == ("south", "ann")
    assert refusal(shop.fulfil(claim, key="3")) is RefusalReason.REWARD_NOT_OPEN
    assert refusal(shop.cancel(claim)) is RefusalReason.REWARD_NOT_OPEN
    assert shop.member("jo").redeemed == 100


@pytest.mark.parametrize(
    ("when_cancelled", "units", "next_code"),
    [("restocked", (2, 0, 0), "A-1"), ("written_off", (1, 0, 1), "A-2")],
)
def test_a_cancelled_reward_gives_points_back_and_its_unit_as_the_program_says(
    when_cancelled, units, next_code
):
    shop = world(reward(**POOL, when_cancelled=when_cancelled))
    shop.stock(2, "A-1", "A-2")
    first = shop.redeem("jo", key="1")
    shop.carry()
    fact = shop.cancel(shop.claim(first))
    assert isinstance(fact, RewardCancelled)
    assert fact.points == 100
    shop.carry()
    assert shop.units() == units
    assert shop.claim(first).state is ClaimState.CANCELLED
    jo = shop.member("jo")
    assert (jo.free, jo.redeemed) == (250, 0)
    second = shop.redeem("jo", key="2")
    shop.carry()
    assert shop.claim(second).code == next_code


def test_a_reward_that_is_still_reserved_can_neither_be_cancelled_nor_handed_over():
    shop = world(reward(**COUNTED))
    claim = shop.claim(shop.redeem("jo"))
    assert refusal(shop.cancel(claim)) is RefusalReason.REWARD_NOT_OPEN
    assert refusal(shop.fulfil(claim)) is RefusalReason.REWARD_NOT_OPEN


def test_nobody_cancels_the_reward_of_another_member():
    shop = world(reward())
    claim = shop.claim(shop.redeem("jo"))
    shop.earn("eve", 10, "first")
    theirs = claim._replace(account="coffee:eve")
    assert refusal(shop.cancel(theirs)) is RefusalReason.REDEMPTION_UNKNOWN
    assert refusal(shop.fulfil(theirs)) is RefusalReason.REDEMPTION_UNKNOWN


# why not


@pytest.mark.parametrize(
    ("reason", "program", "status", "points", "name"),
    [
        ("program_unknown", None, None, 0, "tea"),
        ("account_unknown", {}, None, 0, "tea"),
        ("account_blocked", {}, Status.FROZEN, 1, "tea"),
        ("account_blocked", {}, Status.EARN_ONLY, 1, "tea"),
        ("reward_unknown", {}, Status.ACTIVE, 1, "tea"),
        ("reward_not_available", {"effective_until": "2026-05-01"}, Status.ACTIVE, 1, "cup"),
        ("insufficient_points", {}, Status.ACTIVE, 1, "cup"),
        ("insufficient_points", COUNTED, Status.ACTIVE, 1, "cup"),
    ],
)
def test_of_several_reasons_the_first_in_precedence_is_told(reason, program, status, points, name):
    """Each case has the reasons of those below it, too."""
    shop = Rewards(None if program is None else coffee(reward(**program)))
    if points:
        shop.earn("jo", points, "first")
        shop.accounts["coffee:jo"] = shop.member("jo")._replace(status=status)
    assert refusal(shop.redeem("jo", name)).value == reason


def test_a_refusal_says_how_many_points_are_missing():
    fact = world(reward(points=300)).redeem("jo")
    assert (fact.asked, fact.available, fact.missing) == (300, 250, 50)


@pytest.mark.parametrize(
    ("reason", "program", "units", "codes"),
    [
        ("program_unknown", None, 1, ()),
        ("reward_unknown", [reward("tea", **COUNTED)], 1, ()),
        ("reward_not_available", [reward()], 1, ()),
        ("below_minimum", [reward(**POOL)], 1, ()),
        ("limit_reached", [reward(**COUNTED)], 1, ("A-1",)),
        ("limit_reached", [reward(**POOL)], 2, ("A-1",)),
        ("code_known", [reward(**POOL)], 2, ("A-1", "A-1")),
        ("code_known", [reward(**POOL)], 2, ("A-2", "A-0")),
    ],
)
def test_stock_that_cannot_be_put_is_refused(reason, program, units, codes):
    shop = Rewards(None if program is None else coffee(*program))
    shop.stock(1, "A-0", key="before")
    assert refusal(shop.stock(units, *codes)).value == reason


def test_a_pool_takes_no_more_codes_than_a_turn_can_load():
    shop = world(reward(**POOL))
    for thousand in range(10):
        codes = [f"{thousand}-{number}" for number in range(1_000)]
        assert isinstance(shop.stock(1_000, *codes, key=str(thousand)), StockAdded)
    fact = shop.stock(1, "one-more", key="11")
    assert (refusal(fact), fact.limit, fact.limit_of) == (
        RefusalReason.LIMIT_REACHED,
        10_000,
        "stock",
    )
