"""What comes back, together with all else that may be going on in an account.

Every number is what the rules of the program give when they are worked out by hand.
"""

import pytest

from shared.events.commands import CancelRedemption, CapturePoints, HoldPoints
from shared.events.rewards import CancelReward, RedeemReward
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

POINTS, CARD = "points", "card"


def paid(points: int, card: int) -> list[dict[str, object]]:
    """A receipt that was paid in two ways, in minor units."""
    return [
        {"method": POINTS, "amount_minor": points},
        {"method": CARD, "amount_minor": card},
    ]


def comes_back(shop: Shop, receipt: str, amount: int, line_id: str = "0") -> Shop:
    """A line of one of ann's receipts, or so much of its money."""
    return shop.returns("ann", receipt, line_id=line_id, quantity=1, amount_minor=amount)


def is_clean(shop: Shop) -> None:
    """Nothing is found by those who decide everything again."""
    assert verified(shop.ledger).findings == []


def test_a_part_comes_back_while_a_hold_stands_and_points_wait_for_summer_time():
    shop = Shop(
        under(
            activation={"after": "5D"},
            timezone="Europe/Berlin",
            redemption={"holds": {"longest": "240h"}},
        )
    )
    shop.on("2026-03-20T18:00").sells("ann", 5_000)
    shop.on("2026-03-27T18:30").sells("ann", 5_000, 5_000)
    shop.on("2026-03-28T12:00").asks("ann", HoldPoints, points=40, hold_seconds=3 * 86_400)
    comes_back(shop, "receipt-2", 5_000)
    shop.has("ann", available=10, held=40, pending=50, clawed_back=50)
    shop.has("ann", on="2026-03-31T12:59", held=40)  # 72 hours later it is 13:00 there
    shop.on("2026-03-31T13:00").sells("ann", 0).has("ann", available=50, held=0, pending=50)
    shop.has("ann", on="2026-03-31T23:59", available=50, pending=50)
    shop.has("ann", on="2026-04-01T00:00", available=100, pending=0)
    is_clean(shop)


def test_what_a_cap_has_clipped_comes_back_first_and_the_room_under_it_too():
    day = {"points": 100, "per": "day"}
    shop = Shop(under(earn={"rules": [BASE], "caps": [day]})).on("2026-03-02")
    shop.sells("ann", 8_000, 7_000).says(points=100, desired=150)
    shop.sells("ann", 1_000).says(points=0)
    comes_back(shop, "receipt-1", 7_000, "1").has("ann", available=80, clawed_back=20)
    shop.sells("ann", 5_000).says(points=20)
    comes_back(shop, "receipt-1", 8_000).has("ann", available=20, clawed_back=100)
    shop.sells("ann", 10_000).says(points=80)
    is_clean(shop)


def test_what_a_cap_on_the_balance_has_clipped_comes_back_first():
    shop = Shop(under(earn={"rules": [BASE], "balance_cap": 100}))
    shop.sells("ann", 8_000).sells("ann", 8_000).has("ann", available=100, earned=100)
    comes_back(shop, "receipt-2", 8_000).has("ann", available=80, clawed_back=20)
    shop.redeems("ann", 50).sells("ann", 10_000).has("ann", available=100, redeemed=50)
    is_clean(shop)


def test_an_order_that_was_paid_with_points_is_voided():
    shop = Shop(under(cash_off={"points": 1, "minor": 10})).sells("ann", 10_000)
    shop.redeems("ann", 20, order_minor=1_000)
    spent = shop.asked()
    shop.sells("ann", 1_000, payments=paid(200, 800)).says(points=8)
    shop.happens("retail.void.v1", "ann", receipt_id=shop.receipt())
    shop.has("ann", available=80, clawed_back=8)
    shop.asks("ann", CancelRedemption, redemption_id=spent).has("ann", available=100, redeemed=0)
    is_clean(shop)


@pytest.mark.parametrize(
    ("refunds", "available"),
    [
        pytest.param([], 48, id="in parts, as it was paid: 48 of 60 by card"),
        pytest.param([{"method": CARD, "amount_minor": 4_000}], 40, id="all of it to the card"),
        pytest.param([{"method": POINTS, "amount_minor": 2_000}], 60, id="points first"),
    ],
)
def test_c15_how_the_money_went_back_says_what_is_still_paid_with_points(
    refunds: list[dict[str, object]], available: int
):
    shop = Shop(under()).sells("ann", 6_000, 4_000, payments=paid(2_000, 8_000)).says(points=80)
    shop.happens(
        "retail.return.v1",
        "ann",
        receipt_id="receipt-1",
        currency="USD",
        lines=[{"line_id": "1", "quantity": 1, "amount_minor": 4_000}],
        refunds=refunds,
    )
    shop.has("ann", available=available)
    is_clean(shop)


def test_a_reward_was_had_for_points_of_a_purchase_that_comes_back():
    cup = {"reward": "cup", "name": "A cup", "price": {"points": 100}}
    shop = Shop(under(redemption={"rewards": [cup]})).sells("ann", 10_000)
    shop.asks("ann", RedeemReward, reward="cup")
    taken = shop.asked()
    comes_back(shop, "receipt-1", 10_000).has("ann", available=0, deficit=100)
    shop.asks("ann", CancelReward, redemption_id=taken, actor="eve", reason="brought back")
    shop.has("ann", available=0, deficit=0, redeemed=0)
    is_clean(shop)


def test_a_first_purchase_that_comes_back_was_none():
    welcome = {"rule": "welcome", "kind": "action", "actions": ["signup"], "points": 50}
    first = {"rule": "first", "kind": "fixed", "points": 100, "match": {"first_purchase": True}}
    shop = Shop(under(BASE, welcome, first)).does("ann", "signup")
    shop.sells("ann", 2_000).says(points=120).sells("ann", 1_000).says(points=10)
    comes_back(shop, "receipt-2", 2_000).has("ann", available=60)
    comes_back(shop, "receipt-3", 1_000).has("ann", available=50)
    shop.sells("ann", 1_000).says(points=110)
    is_clean(shop)


def test_money_that_comes_back_counts_no_more_towards_a_better_rate():
    rates = [
        {"from_minor": 0, "points": 1, "per_minor": 100},
        {"from_minor": 10_000, "points": 2, "per_minor": 100},
    ]
    shop = Shop(under({"rule": "rate", "kind": "tiered", "rates": rates, "per": "month"}))
    shop.on("2026-03-02").sells("ann", 9_000).says(points=90).sells("ann", 2_000).says(points=40)
    comes_back(shop, "receipt-1", 9_000).has("ann", available=40)
    shop.sells("ann", 1_000).says(points=10)
    shop.on("2026-04-01").sells("ann", 9_000).says(points=90)


def test_what_was_kept_may_be_worth_more_than_all_of_it_and_nobody_gains_by_that():
    match = {"when": "purchase.total_minor < 5000"}
    small = {"rule": "small-baskets", "kind": "fixed", "points": 100, "match": match}
    shop = Shop(under(BASE, small)).sells("ann", 2_000, 2_000, 2_000).says(points=60)
    for line, available in (("0", 60), ("1", 60), ("2", 0)):
        comes_back(shop, "receipt-1", 2_000, line).has("ann", available=available)
    is_clean(shop)


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        pytest.param("re_earn", 40, id="what was kept is below the bonus' minimum"),
        pytest.param("refunded", 90, id="what came back is below it, too"),
        pytest.param("proportional", 74, id="110 less a third, rounded down"),
    ],
)
def test_a_bonus_above_an_amount(policy: str, left: int):
    match = {"when": "purchase.total_minor >= 5000"}
    bonus = {"rule": "bonus", "kind": "fixed", "points": 50, "match": match}
    shop = Shop(under(BASE, bonus, returns={"policy": policy}))
    shop.sells("ann", 4_000, 2_000).says(points=110)
    comes_back(shop, "receipt-1", 2_000, "1").has("ann", available=left)
    comes_back(shop, "receipt-1", 4_000).has("ann", available=0)
    is_clean(shop)


def test_three_parts_come_back_before_their_purchase():
    shop = Shop(under()).on("2026-03-02")
    comes_back(shop, "receipt-4", 1_000)
    comes_back(shop, "receipt-4", 500, "1")
    shop.returns("ann", "receipt-4", line_id="1", quantity=0, amount_minor=500)
    shop.sells("ann", 1_000, 2_050, 999)  # 40.49 of which 20.49 is kept
    shop.has("ann", earned=40, clawed_back=20, available=20)
    is_clean(shop)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"line_id": "0", "quantity": 1, "amount_minor": 10_001}, "more_than_bought"),
        ({"line_id": "0", "quantity": 2, "amount_minor": 10_000}, "more_than_bought"),
        ({"line_id": "9", "quantity": 1, "amount_minor": 1}, "line_unknown"),
    ],
)
def test_a_return_that_cannot_be_takes_nothing_and_says_why(line: dict[str, object], why: str):
    shop = Shop(under()).sells("ann", 10_000).returns("ann", "receipt-1", **line).refuses(why)
    shop.has("ann", available=100, clawed_back=0)
    is_clean(shop)


def test_a_captured_hold_gives_its_rest_to_a_lot_that_is_gone():
    shop = Shop(under(expiry={"after": "1D"}, redemption={"holds": {"longest": "100h"}}))
    shop.on("2026-03-02").sells("ann", 10_000)
    shop.asks("ann", HoldPoints, points=60, hold_seconds=3 * 86_400)
    held = shop.asked()
    shop.has("ann", on="2026-03-03T23:59", available=40, held=60)
    shop.has("ann", on="2026-03-04T00:00", available=0, held=60, expired=40)
    shop.asks("ann", CapturePoints, hold_id=held, points=10)
    shop.has("ann", held=0, available=0, redeemed=10, expired=90)
    is_clean(shop)
