"""Examples that other systems print of themselves, each from the receipt to the balances.

The letters are those of a collection of such examples: E earning, L lots, R returns, B redemptions.
What is decided by a program alone, or by dates alone, has its table in `tests/unit/program`.
"""

import pytest

from shared.events.commands import CancelRedemption, HoldPoints
from shared.events.points import PointsRedeemed
from shared.events.rewards import RedeemReward
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

WHOLE = {**BASE, "steps": "whole_steps"}


def is_clean(shop: Shop) -> bool:
    """Nothing is found by those who decide everything again."""
    assert verified(shop.ledger).findings == []
    return True


# earning


def test_e6_each_rule_says_what_it_gave():
    bonus = {"rule": "rule-9", "kind": "fixed", "points": 5}
    shop = Shop(under({**WHOLE, "rule": "rule-7"}, bonus)).sells("ann", 1_999).says(points=24)
    told = [(share.rule, share.exact) for share in shop.award().breakdown]
    assert told == [("rule-7", "19"), ("rule-9", "5")]


def test_e8_points_to_spend_count_twice_and_those_for_a_level_once():
    level = {**BASE, "rule": "level", "currency": "level"}
    double = {"rule": "double", "kind": "multiplier", "factor": 2, "rules": ["base"]}
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "level", "spendable": False},
    ]
    shop = Shop(under(BASE, level, double, currencies=currencies)).sells("ann", 10_000)
    assert (shop.balances("ann").available, shop.in_all("ann", "level")) == (200, 100)


def test_e12_points_can_be_spent_from_the_fifth_day_on():
    shop = Shop(under(activation={"after": "5D"})).on("2026-03-01T18:30").sells("ann", 1_299)
    shop.has("ann", available=0, pending=12)
    shop.has("ann", on="2026-03-05T23:59", available=0, pending=12)
    shop.redeems("ann", 12).declines("insufficient_points", available=0, missing=12)
    shop.has("ann", on="2026-03-06T00:00", available=12, pending=0)
    assert is_clean(shop)


def test_e13_the_line_of_a_reward_does_not_earn():
    coffee = {"reward": "coffee", "name": "A coffee", "price": {"points": 5}}
    shop = Shop(under(redemption={"rewards": [coffee]}))
    shop.sells("ann", 500, {"amount_minor": 300, "kind": "reward"}).says(points=5)
    shop.asks("ann", RedeemReward, reward="coffee").has("ann", available=0, redeemed=5)
    assert is_clean(shop)


# lots


def test_l10_what_is_gone_does_not_take_from_what_lives():
    shop = Shop(under(expiry={"after": "1M"})).on("2026-01-10").sells("ann", 10_000)
    shop.on("2026-02-01").sells("ann", 5_000).has("ann", on="2026-02-11", available=50, expired=100)
    assert is_clean(shop)


# what comes back


@pytest.mark.parametrize(("policy", "taken"), [("proportional", 35), ("re_earn", 20)])
def test_r1_what_a_return_takes_is_the_programs_choice(policy: str, taken: int):
    per_item = {"kind": "per_item", "items": 1}
    rules = (
        {"rule": "a", **per_item, "points": 10, "match": {"sku": ["A"]}},
        {"rule": "b", **per_item, "points": 20, "match": {"sku": ["B"]}},
        BASE,
    )
    shop = Shop(under(*rules, returns={"policy": policy}))
    bought = [("A", 1_000), ("B", 1_000), ("C", 2_000)]
    shop.sells("ann", *({"sku": sku, "amount_minor": amount} for sku, amount in bought))
    shop.says(points=70)
    shop.returns("ann", shop.receipt(), line_id="2", quantity=1, amount_minor=2_000)
    shop.has("ann", available=70 - taken, clawed_back=taken)
    assert is_clean(shop)


def returned_whole(shop: Shop, receipt: str, amount: int) -> Shop:
    """The one line of a receipt comes back."""
    return shop.returns("ann", receipt, line_id="0", quantity=1, amount_minor=amount)


@pytest.mark.parametrize(
    ("earned", "spent", "deficit", "later"),
    [
        pytest.param(50, 50, 50, 0, id="R4: 50 spent, and the next 50 give nothing"),
        pytest.param(100, 80, 80, 0, id="R7: 20 are left of 100"),
    ],
)
def test_a_return_of_what_was_spent_is_carried(earned: int, spent: int, deficit: int, later: int):
    shop = Shop(under()).sells("ann", 100 * earned).redeems("ann", spent)
    returned_whole(shop, "receipt-1", 100 * earned)
    shop.has("ann", available=0, deficit=deficit)
    shop.sells("ann", 100 * deficit).has("ann", available=later, deficit=0)
    assert is_clean(shop)


def test_r8_an_order_that_is_cancelled_gives_its_points_back_and_takes_those_it_earned():
    welcome = {"rule": "welcome", "kind": "action", "actions": ["signup"], "points": 50}
    shop = Shop(under(BASE, welcome)).does("ann", "signup").redeems("ann", 50)
    spent = shop.asked()
    shop.sells("ann", 2_100).has("ann", available=21)
    shop.happens("retail.void.v1", "ann", receipt_id=shop.receipt())
    shop.asks("ann", CancelRedemption, redemption_id=spent)
    shop.has("ann", available=50, deficit=0, redeemed=0)
    assert is_clean(shop)


def test_r9_points_go_back_to_their_lots_and_only_the_card_gets_money():
    shop = Shop(under(cash_off={"points": 2, "minor": 1}, expiry={"after": "1M"}))
    shop.on("2026-01-10").sells("ann", 10_000).on("2026-02-05").sells("ann", 9_000)
    shop.redeems("ann", 176, order_minor=3_609)
    spent = shop.told()
    assert isinstance(spent, PointsRedeemed)
    assert (spent.points, spent.value_minor) == (176, 88)
    payments = [
        {"method": "points", "amount_minor": 88},
        {"method": "card", "amount_minor": 3_521},
    ]
    shop.sells("ann", 3_609, payments=payments).says(points=35)
    returned_whole(shop, shop.receipt(), 3_609)
    shop.asks("ann", CancelRedemption, redemption_id=shop.asked())
    shop.has("ann", available=190, deficit=0, redeemed=0)
    shop.has("ann", on="2026-02-11", available=90, expired=100)
    assert is_clean(shop)


def test_r10_a_void_after_all_was_spent_is_cleared_by_the_next_points():
    shop = Shop(under()).sells("ann", 10_000).redeems("ann", 100)
    shop.happens("retail.void.v1", "ann", receipt_id="receipt-1").has("ann", deficit=100)
    shop.sells("ann", 10_000).has("ann", deficit=0, available=0)
    assert is_clean(shop)


# redemptions


def test_b7_no_more_points_than_the_order_is_worth():
    shop = Shop(under(cash_off={"points": 1, "minor": 10})).sells("ann", 1_000_000)
    shop.redeems("ann", 10_000, order_minor=10_100)
    spent = shop.told()
    assert isinstance(spent, PointsRedeemed)
    assert (spent.asked, spent.points, spent.value_minor) == (10_000, 1_010, 10_100)


def test_b8_one_hold_more_than_the_program_allows_is_refused():
    shop = Shop(under(redemption={"holds": {"open_most": 4}})).sells("ann", 10_000)
    for _ in range(4):
        shop.asks("ann", HoldPoints, points=10)
    shop.has("ann", held=40, available=60)
    shop.asks("ann", HoldPoints, points=10).declines("limit_reached", limit=4)
    shop.has("ann", held=40, available=60)
    assert is_clean(shop)
