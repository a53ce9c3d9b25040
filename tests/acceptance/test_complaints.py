"""What users of other loyalty systems complain of, as stories that must end well here.

The numbers are those of a collection of such complaints. Races between processes, over HTTP and
with kills, are in `tests/integration/system`; tables of dates in `tests/unit/program`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from shared.events.commands import (
    AdjustPoints,
    CancelRedemption,
    CapturePoints,
    Direction,
    HoldPoints,
    ReleasePoints,
)
from shared.events.movements import HoldCaptured, RequestRefused
from shared.events.points import PointsRedeemed, RefusalReason
from shared.program.model import Program
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

WHOLE = {**BASE, "steps": "whole_steps"}


def next_version(**sections: Any) -> Program:
    """A second version, from February 2026 on."""
    later = {"version": 2, "effective_from": "2026-02-01"}
    return under(**sections).model_copy(update=later)


@pytest.fixture
def shop() -> Any:
    """A shop where a dollar is a point; its ledger is verified at the end."""
    told = Shop(under())
    yield told
    assert verified(told.ledger).findings == []


def gives_back(
    shop: Shop, receipt: str, cents: int, line_id: str = "0", *, pieces: int = 0
) -> None:
    """Money of a line of a receipt comes back, and so many pieces."""
    shop.returns("ann", receipt, line_id=line_id, quantity=pieces, amount_minor=cents)


# spent twice


def test_c1_two_checkouts_that_each_claim_everything(shop: Shop):
    shop.sells("ann", 10_000)
    with shop.at_once():
        shop.asks("ann", HoldPoints, points=100).asks("ann", HoldPoints, points=100)
    shop.declines("insufficient_points", available=0, missing=100)
    shop.has("ann", held=100, available=0)


def test_c36_c43_an_order_that_ends_takes_no_more_than_its_own_hold(shop: Shop):
    shop.sells("ann", 10_000).asks("ann", HoldPoints, points=30).asks("ann", HoldPoints, points=50)
    first, other = shop.asked(-2), shop.asked(-1)
    shop.asks("ann", CapturePoints, hold_id=first, points=31).has("ann", held=80, redeemed=0)
    assert isinstance(shop.told(), RequestRefused)
    shop.asks("ann", CapturePoints, hold_id=first).has("ann", held=50, redeemed=30)
    shop.asks("ann", CapturePoints, hold_id=other, points=20)
    shop.has("ann", held=0, redeemed=50, available=50)


def test_c42_every_way_to_take_points_meets_the_same_guard(shop: Shop):
    shop.sells("ann", 10_000).asks("ann", HoldPoints, points=60)
    deduct = {"direction": Direction.DEDUCT, "points": 50, "actor": "eve", "reason": "a mistake"}
    for take in (
        lambda: shop.redeems("ann", 50),
        lambda: shop.asks("ann", HoldPoints, points=50),
        lambda: shop.asks("ann", AdjustPoints, **deduct),
    ):
        take()
        shop.declines("insufficient_points", available=40, missing=10)
    shop.has("ann", available=40, held=60)


# given back twice


def test_c6_two_cancellations_of_one_redemption_at_once(shop: Shop):
    shop.sells("ann", 10_000).redeems("ann", 100)
    spent = shop.asked()
    with shop.at_once():
        for _ in range(2):
            shop.asks("ann", CancelRedemption, redemption_id=spent)
    assert isinstance(shop.told(), RequestRefused)
    shop.has("ann", available=100, redeemed=0)


def test_c16_a_hold_that_lapses_while_it_is_released_gives_back_once(shop: Shop):
    shop.on("2026-03-02T12:00").sells("ann", 10_000).asks("ann", HoldPoints, points=60)
    held = shop.asked()
    shop.on("2026-03-02T12:15")
    with shop.at_once():
        shop.asks("ann", ReleasePoints, hold_id=held)
        shop.asks("ann", CapturePoints, hold_id=held).asks("ann", ReleasePoints, hold_id=held)
    shop.has("ann", available=100, held=0, redeemed=0)


def test_c17_going_back_from_the_payment_page_ten_times(shop: Shop):
    shop.sells("ann", 10_000).asks("ann", HoldPoints, points=60)
    held = shop.asked()
    for _ in range(10):
        shop.asks("ann", ReleasePoints, hold_id=held)
    shop.has("ann", available=100, held=0)


# counted twice


def test_c7_everything_is_delivered_three_times(shop: Shop):
    shop.sells("ann", 50_000).repeats().repeats()
    shop.redeems("ann", 200)
    gives_back(shop, "receipt-1", 10_000)
    shop.repeats().repeats().has("ann", earned=500, clawed_back=100, redeemed=200, available=200)


def test_c8_a_till_that_was_offline_sends_its_batch_twice(shop: Shop):
    sold: list[Callable[[], object]] = []
    with shop.at_once():
        for _ in range(5):
            shop.sells("ann", 1_000)
            sold.append(shop.repeats)
            for again in sold:
                again()
    shop.has("ann", earned=50, available=50)


# what comes back


def test_c10_a_return_does_not_spend_the_points_of_the_order_again(shop: Shop):
    shop.sells("ann", 10_000).redeems("ann", 60)
    paid = [{"method": "points", "amount_minor": 60}, {"method": "card", "amount_minor": 1_940}]
    shop.sells("ann", 1_000, 1_000, payments=paid).says(points=19).has("ann", available=59)
    gives_back(shop, shop.receipt(), 1_000, "1")
    shop.has("ann", redeemed=60, clawed_back=10, available=49, deficit=0)


def test_c11_a_part_comes_back_of_a_receipt_that_was_paid_with_points(shop: Shop):
    paid = [{"method": "points", "amount_minor": 2_000}, {"method": "card", "amount_minor": 8_000}]
    shop.sells("ann", 6_000, 4_000, payments=paid).says(points=80)
    gives_back(shop, "receipt-1", 4_000, "1")
    shop.has("ann", available=48, clawed_back=32)
    gives_back(shop, "receipt-1", 6_000)
    shop.has("ann", available=0, clawed_back=80)


def test_c12_a_return_while_points_are_pending_takes_the_pending_points():
    shop = Shop(under(activation={"after": "14D"})).on("2026-03-02").sells("ann", 10_000)
    gives_back(shop, "receipt-1", 4_000)
    shop.has("ann", pending=60, available=0, clawed_back=40, deficit=0)
    shop.has("ann", on="2026-03-16", pending=0, available=60)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"rules": [{**BASE, "points": 2}]}, id="two points a dollar from then on"),
        pytest.param({"rules": [{**BASE, "rule": "other", "points": 7}]}, id="the rule is gone"),
        pytest.param({"rules": []}, id="nothing earns any more"),
    ],
)
def test_c13_a_return_counts_by_the_rules_of_the_day_of_purchase(later: dict[str, Any]):
    shop = Shop(under()).on("2026-01-10").sells("ann", 5_000)
    shop.publishes(next_version(earn=later)).on("2026-03-02")
    gives_back(shop, "receipt-1", 5_000)
    shop.has("ann", available=0, clawed_back=50, deficit=0)


def test_c14_a_return_gives_the_limit_back_that_its_purchase_used():
    cap = {"times": 1, "per": "week"}
    once = {"rule": "offer", "kind": "fixed", "points": 500, "caps": [cap]}
    shop = Shop(under(once)).on("2026-03-02").sells("ann", 1_000).says(points=500)
    gives_back(shop, "receipt-1", 1_000, pieces=1)
    shop.has("ann", available=0).sells("ann", 1_000).says(points=500)
    shop.sells("ann", 1_000).says(points=0).tells("offer", "limit_reached")


def test_c21_an_item_that_was_voided_before_its_receipt_was_closed_earns_nothing(shop: Shop):
    shop.happens("retail.void.v1", "ann", receipt_id="receipt-2")
    shop.sells("ann", 10_000).has("ann", available=0, earned=100, clawed_back=100)


def test_c46_a_receipt_that_comes_back_in_four_steps():
    shop = Shop(under({**BASE, "points": 1, "per_minor": 1_000})).sells("ann", 2_000)
    shop.has("ann", available=2)
    for taken in (1, 1, 2, 2):
        gives_back(shop, "receipt-1", 500)
        shop.has("ann", clawed_back=taken, available=2 - taken)


def test_c38_the_history_adds_up_after_sign_up_spending_cancelling_and_refunds():
    welcome = {"rule": "welcome", "kind": "action", "actions": ["signup"], "points": 50}
    shop = Shop(under(BASE, welcome)).does("ann", "signup").sells("ann", 8_000)
    shop.redeems("ann", 90).has("ann", available=40)
    shop.asks("ann", CancelRedemption, redemption_id=shop.asked(), points=30)
    shop.has("ann", available=70, redeemed=60)
    gives_back(shop, "receipt-2", 8_000)
    shop.has("ann", available=0, deficit=10, earned=130, clawed_back=80, redeemed=60)
    shop.asks("ann", CancelRedemption, redemption_id=shop.asked(0))
    shop.has("ann", available=50, deficit=0, redeemed=0)
    assert verified(shop.ledger).findings == []


# what earns


def test_c18_buying_a_gift_card_earns_nothing(shop: Shop):
    shop.sells("ann", {"amount_minor": 10_000, "kind": "gift_card"}, 500).says(points=5)


@pytest.mark.parametrize(("cents", "points"), [(199, 0), (200, 1), (299, 1), (400, 3), (700, 5)])
def test_c25_a_fraction_is_rounded_once_and_nothing_else_is_lost(cents: int, points: int):
    half = {**WHOLE, "points": "1/2"}
    times = {"rule": "times", "kind": "multiplier", "factor": "3/2"}
    Shop(under(half, times)).sells("ann", cents).says(points=points)


# dates


def test_c28_points_that_were_spent_do_not_expire_again():
    shop = Shop(under(expiry={"after": "1M"})).on("2026-01-10").sells("ann", 10_000)
    shop.redeems("ann", 100).on("2026-02-01").sells("ann", 5_000)
    shop.has("ann", on="2026-02-11", available=50, expired=0)


def test_c29_points_expire_whatever_they_were_given_for():
    welcome = {"rule": "welcome", "kind": "action", "actions": ["signup"], "points": 50}
    shop = Shop(under(BASE, welcome, expiry={"after": "1M"})).on("2026-01-10")
    add = {"direction": Direction.ADD, "points": 7, "actor": "eve", "reason": "an apology"}
    shop.does("ann", "signup").sells("ann", 1_000).asks("ann", AdjustPoints, **add)
    shop.has("ann", on="2026-02-10", available=67)
    shop.has("ann", on="2026-02-11", available=0, expired=67)


def test_c40_another_version_leaves_balances_and_dates_as_they_are():
    shop = Shop(under(expiry={"after": "12M"})).on("2026-01-10").sells("ann", 10_000)
    shop.publishes(next_version(expiry={"after": "1M"})).has("ann", on="2026-06-01", available=100)
    shop.sells("ann", 5_000).has("ann", on="2026-07-02", available=100, expired=50)
    shop.has("ann", on="2027-01-11", available=0, expired=150)


def test_c45_points_of_a_cancelled_redemption_keep_the_date_of_their_lot():
    shop = Shop(under(expiry={"after": "1M"})).on("2026-01-10").sells("ann", 10_000)
    shop.on("2026-02-09").redeems("ann", 100)
    shop.on("2026-02-10").asks("ann", CancelRedemption, redemption_id=shop.asked())
    shop.has("ann", available=100).has("ann", on="2026-02-11", available=0, expired=100)


def test_c47_what_is_spent_comes_back_or_stays_spent_as_the_program_says():
    shop = Shop(under(returns={"spent": "stays_spent"})).on("2026-01-10").sells("ann", 10_000)
    shop.redeems("ann", 40)
    order = shop.asked()
    shop.asks("ann", CancelRedemption, redemption_id=order)
    refused = shop.told()
    assert isinstance(refused, RequestRefused)
    assert refused.reason is RefusalReason.CANCELLATION_NOT_ALLOWED
    shop.has("ann", available=60, redeemed=40).publishes(next_version()).on("2026-02-01")
    shop.asks("ann", CancelRedemption, redemption_id=order).has("ann", available=100, redeemed=0)


def test_c44_what_an_account_has_is_the_sum_of_its_lots(shop: Shop):
    shop.sells("ann", 10_000).redeems("ann", 30).asks("ann", HoldPoints, points=20)
    hold = shop.asked()
    gives_back(shop, "receipt-1", 9_000)
    shop.has("ann", held=20, available=0, deficit=40)
    shop.asks("ann", CapturePoints, hold_id=hold)
    assert isinstance(shop.told(), HoldCaptured)
    shop.sells("ann", 5_000).has("ann", available=10, deficit=0)


def test_c24_points_are_not_rounded_as_money_is():
    tenths = {**BASE, "points": 1, "per_minor": 1}
    Shop(under(tenths, money="JPY")).sells("ann", 1).has("ann", available=1).redeems("ann", 1).has(
        "ann", available=0, redeemed=1
    )


def test_c27_no_part_of_a_unit_of_money_is_paid_out():
    shop = Shop(under(cash_off={"points": 2, "minor": 300, "multiple": 2})).sells("ann", 300)
    shop.redeems("ann", 3).has("ann", available=1, redeemed=2)
    spent = shop.told()
    assert isinstance(spent, PointsRedeemed)
    assert (spent.asked, spent.points, spent.value_minor) == (3, 2, 300)


def test_c35_a_member_who_comes_to_two_brands_at_once_has_one_account():
    first = {"rule": "first", "kind": "fixed", "points": 100, "match": {"first_purchase": True}}
    shop = Shop(under(BASE, first).model_copy(update={"brands": ("own", "sister")}))
    with shop.at_once():
        shop.sells("ann", 1_000).sells("ann", 2_000, brand="sister")
    shop.has("ann", available=130, earned=130)
    assert shop.points("ann") == [110, 20]


def test_c23_three_thousand_and_thirty_points_at_three_hundredths():
    shop = Shop(under(cash_off={"points": 1, "minor": 3})).sells("ann", 303_000)
    shop.redeems("ann", 3_030).has("ann", available=0, redeemed=3_030)
    spent = shop.told()
    assert isinstance(spent, PointsRedeemed)
    assert (spent.points, spent.value_minor) == (3_030, 9_090)
