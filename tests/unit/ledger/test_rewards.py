"""Rewards: what a member gets for points, what becomes of units and codes, and why not.

A world of members and stocks is in `tests.rewards`: letters between them are carried by `carry`.
"""

from typing import Any
from uuid import UUID

import pytest

from shared.events.base import POINTS_MAX, account_key, stock_account
from shared.events.ids import command_cause
from shared.events.movements import GivenBack, LotBack, RequestRefused
from shared.events.points import RefusalReason
from shared.events.rewards import (
    ConcludeReturn,
    ConcludeReward,
    PutStock,
    ReturnUnit,
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    TakeUnit,
    UnitRefused,
    UnitReturned,
    UnitTaken,
)
from shared.ledger.account import DebitKind, HoldState, InvariantError, Status
from shared.ledger.claims import ClaimState
from shared.ledger.evolve import evolve
from shared.ledger.rewards import made_code
from shared.program.rewards import REWARDS_MAX
from tests.rewards import Rewards, coffee, reward
from tests.stories.setting import named, redemption
from tests.worlds import DAY, PROGRAM, START

COUNTED: dict[str, Any] = {"stock": "counted"}
POOL: dict[str, Any] = {"stock": "counted", "codes": "pool"}
STOCK = stock_account(PROGRAM, "cup")
SPENT = command_cause(account_key(PROGRAM, "jo"), "s").id
IN_PART = GivenBack(lots=(LotBack(lot_id=named("jo/first"), points=99),))


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


def test_the_code_of_a_redemption_is_the_same_for_ever():
    assert made_code(UUID("00000000-0000-5000-8000-000000000007")) == "K8W5-VM9Y-T8P0"


@pytest.mark.parametrize("stock", ["unlimited", "counted"])
@pytest.mark.parametrize("codes", ["none", "made"])
def test_a_reward_has_a_code_if_its_program_makes_one(stock: str, codes: str):
    shop = world(reward(stock=stock, codes=codes))
    shop.stock(1)
    fact = shop.redeem("jo")
    shop.carry()
    made = made_code(fact.redemption_id) if codes == "made" else None
    assert (shop.claim(fact).state, shop.claim(fact).code) == (ClaimState.ISSUED, made)


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
    assert jo.debits[reserved.redemption_id].state is HoldState.RELEASED


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


def test_units_are_those_of_the_brand_that_honours_them_and_each_is_a_debit_of_the_stock():
    shop = world(reward(**COUNTED, honoured_by="south"))
    shop.stock(2)
    reserved = shop.redeem("jo")
    shop.carry()
    taken = next(fact for fact in shop.facts if isinstance(fact, UnitTaken))
    stock = shop.accounts[STOCK]
    assert [lot.brand for lot in stock.lots.values()] == ["south"]
    unit = stock.debits[taken.unit_id]
    assert (unit.kind, unit.amount) == (DebitKind.REWARD, 1)
    assert START < unit.made_at < shop.claim(reserved).changed_at


def test_why_there_was_no_unit_is_told():
    shop = world(reward(**COUNTED))
    reserved = shop.redeem("jo")
    command = shop.letters[0].command
    assert isinstance(command, TakeUnit)
    why = RefusalReason.PROGRAM_UNKNOWN
    told = ConcludeReward(
        account=reserved.account, redemption_id=reserved.redemption_id, refused=why
    )
    refused = shop.say(told)
    assert isinstance(refused, RewardRefused)
    assert (refused.reason, shop.claim(reserved).reason) == (why, why)


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


@pytest.mark.parametrize(("grace", "back"), [("30D", (250, 0)), (None, (150, 100))])
def test_points_of_a_cancelled_reward_whose_date_is_past_have_the_programs_grace(grace, back):
    shop = Rewards(coffee(reward(), returns={"grace": grace} if grace else {}))
    shop.earn("jo", 100, "soon", expires_at=START + DAY)
    shop.earn("jo", 150, "own")
    claim = shop.claim(shop.redeem("jo"))
    shop.now = START + 2 * DAY
    shop.cancel(claim)
    assert (shop.member("jo").free, shop.member("jo").expired) == back


def test_a_reward_stays_redeemed_where_what_is_spent_stays_spent():
    shop = Rewards(coffee(reward(), returns={"spent": "stays_spent"}))
    shop.earn("jo", 100, "own")
    refused = shop.cancel(shop.claim(shop.redeem("jo")))
    assert isinstance(refused, RequestRefused)
    assert refused.reason is RefusalReason.CANCELLATION_NOT_ALLOWED
    assert (shop.member("jo").free, shop.member("jo").redeemed) == (0, 100)


def test_grace_ends_at_a_time_of_day_in_the_zone_of_the_program():
    """From a summer's evening in New York to a winter's, when it is an hour later in UTC."""
    terms = {"timezone": "America/New_York", "returns": {"grace": "200D"}}
    shop = Rewards(coffee(reward(points=50), **terms))
    for lot, points in (("a", 50), ("b", 50)):
        shop.earn("jo", points, lot, expires_at=START + DAY)
    claim, spent = shop.claim(shop.redeem("jo")), shop.spend("jo", 50)
    shop.now = START + 2 * DAY
    shop.cancel(claim)
    shop.refund("jo", spent.redemption_id)
    dates = [lot.expires_at for lot in shop.member("jo").lots.values()]
    assert [date and date.hour for date in dates] == [1, 1]


def test_a_cancelled_reward_of_a_program_that_is_gone_gives_its_points_back():
    shop = world(reward())
    claim = shop.claim(shop.redeem("jo"))
    shop.program = None
    assert isinstance(shop.cancel(claim), RewardCancelled)
    assert shop.member("jo").free == 250


def test_what_is_told_of_a_reward_that_is_not_there_is_refused():
    """Whoever carries it: of another account, of a reward that nobody redeemed, or twice."""
    shop = world(reward(**COUNTED), reward("tea", **COUNTED))
    shop.stock(1, name="tea")
    shop.earn("eve", 100, "first")
    claim = shop.claim(shop.redeem("jo"))
    eve, nothing = account_key(PROGRAM, "eve"), redemption("nothing")
    for account, told in ((eve, claim.redemption_id), (claim.account, nothing), (eve, nothing)):
        unit: dict[str, Any] = {"account": account, "redemption_id": told}
        for command in (ConcludeReward(**unit, lot_id=nothing), ConcludeReturn(**unit)):
            why = shop.say(command)
            assert (refusal(why), why.subject) == (RefusalReason.REWARD_NOT_OPEN, told)
    early = ConcludeReturn(account=claim.account, redemption_id=claim.redemption_id)
    assert refusal(shop.say(early)) is RefusalReason.REWARD_NOT_OPEN
    for stock in (STOCK, "coffee:~reward~tea"):
        back = ReturnUnit(account=stock, redemption_id=nothing)
        why = shop.say(back)
        assert (refusal(why), why.subject) == (RefusalReason.REDEMPTION_UNKNOWN, nothing)
    shop.carry()
    assert shop.claim(claim).state is ClaimState.REFUSED


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
        ("reward_not_available", {"effective_until": "2026-05-31"}, Status.ACTIVE, 1, "cup"),
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


def test_a_reward_is_offered_on_the_days_of_its_program():
    """It begins on June 1st in UTC, when it is still May in New York."""
    shop = Rewards(coffee(reward(effective_until="2026-05-31"), timezone="America/New_York"))
    shop.earn("jo", 100, "first")
    assert isinstance(shop.redeem("jo"), RewardIssued)


def test_a_refusal_says_how_many_points_are_missing():
    fact = world(reward(points=300)).redeem("jo")
    assert (fact.asked, fact.available, fact.missing) == (300, 250, 50)


CODES = {"limit_of": "codes"}


@pytest.mark.parametrize(
    ("reason", "program", "units", "codes", "numbers"),
    [
        ("program_unknown", None, 1, (), {}),
        ("reward_unknown", [reward("tea", **COUNTED)], 1, (), {}),
        ("reward_not_available", [reward()], 1, (), {}),
        ("below_minimum", [reward(**POOL)], 1, (), {**CODES, "minimum": 1}),
        ("limit_reached", [reward(**COUNTED)], 1, ("A-1",), {**CODES, "limit": 0}),
        ("limit_reached", [reward(**POOL)], 2, ("A-1",), {**CODES, "limit": 1}),
        ("code_known", [reward(**POOL)], 2, ("A-1", "A-1"), {}),
        ("code_known", [reward(**POOL)], 2, ("A-2", "A-0"), {}),
    ],
)
def test_stock_that_cannot_be_put_is_refused(reason, program, units, codes, numbers):
    shop = Rewards(None if program is None else coffee(*program))
    shop.stock(1, "A-0", key="before")
    why = shop.stock(units, *codes)
    assert refusal(why).value == reason
    told = why.model_dump(include={"asked", "limit", "limit_of", "minimum"}, exclude_none=True)
    assert told == {"asked": units, **numbers}


def test_a_members_account_is_no_stock():
    command = PutStock(
        account="coffee:jo", idempotency_key="x", units=1, actor="ann", reason="more"
    )
    assert refusal(world(reward(**COUNTED)).say(command)) is RefusalReason.REWARD_UNKNOWN


def test_a_stock_holds_as_many_units_as_an_account_points():
    shop = world(reward(**COUNTED))
    shop.stock(1)
    units = POINTS_MAX - 9
    shop.accounts[STOCK] = shop.accounts[STOCK]._replace(added=units, free=units)
    fact = shop.stock(10, key="too many")
    assert (refusal(fact), fact.limit, fact.limit_of) == (
        *(RefusalReason.LIMIT_REACHED, POINTS_MAX, "stock"),
    )
    assert isinstance(shop.stock(9, key="all that fit"), StockAdded)


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


# the fold


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (RewardIssued, {"points": 99}),
        (RewardIssued, {"redemption_id": SPENT}),
        (RewardRefused, {"points": 99}),
        (RewardRefused, {"back": IN_PART}),
        (RewardCancelled, {"points": 99}),
        (RewardCancelled, {"back": IN_PART}),
        (RewardCancelled, {"redemption_id": SPENT}),
        (UnitReturned, {"back": GivenBack()}),
    ],
)
def test_a_fact_that_does_not_fit_the_account_is_not_folded(kind, change):
    """Of a member who has spent as many points as the reward takes."""
    shop = world(reward(**COUNTED))
    shop.spend("jo", 100)
    if kind is not RewardRefused:
        shop.stock(1)
    claim = shop.claim(shop.redeem("jo"))
    shop.carry()
    shop.cancel(claim)
    shop.carry()
    account, fact, at = shop.first(kind)
    after = evolve(account, fact, at)
    for before, wrong in ((account, fact.model_copy(update=change)), (after, fact)):
        with pytest.raises(InvariantError):
            evolve(before, wrong, at)
