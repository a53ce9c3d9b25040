"""What a new version of a program changes, and what was begun under the one before keeps."""

from shared.events.commands import CancelRedemption, CapturePoints, HoldPoints
from shared.events.movements import HoldCaptured
from shared.events.rewards import CancelReward, FulfilReward, RedeemReward
from shared.program.model import Program, Redemption
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

MARCH = {"version": 2, "effective_from": "2026-03-01"}
WHO = {"actor": "eve", "reason": "as the story goes"}


def cup(points: int, **dates: str) -> dict[str, object]:
    """A reward of the catalogue."""
    return {"rewards": [{"reward": "cup", "name": "A cup", "price": {"points": points}, **dates}]}


def from_march(program: Program) -> Program:
    """The next version."""
    return program.model_copy(update=MARCH)


def is_clean(shop: Shop) -> None:
    """Nothing is found by those who decide everything again."""
    assert verified(shop.ledger).findings == []


def test_a_reward_gives_back_what_it_was_had_for_whatever_it_costs_now():
    shop = Shop(under(redemption=cup(10))).publishes(from_march(under(redemption=cup(30))))
    shop.on("2026-02-01").sells("ann", 10_000).asks("ann", RedeemReward, reward="cup")
    taken = shop.asked()
    shop.on("2026-03-02").asks("ann", CancelReward, redemption_id=taken, **WHO)
    shop.has("ann", available=100).asks("ann", RedeemReward, reward="cup").has("ann", available=70)
    is_clean(shop)


def test_a_reward_that_is_offered_no_more_is_still_handed_over_once():
    shop = Shop(under(redemption=cup(10))).publishes(from_march(under()))
    shop.on("2026-02-01").sells("ann", 10_000).asks("ann", RedeemReward, reward="cup")
    taken = shop.asked()
    shop.on("2026-03-02").asks("ann", RedeemReward, reward="cup").declines("reward_unknown")
    shop.asks("ann", FulfilReward, redemption_id=taken, **WHO)
    shop.asks("ann", CancelReward, redemption_id=taken, **WHO).declines("reward_not_open")
    is_clean(shop)


def test_a_reward_is_there_from_its_first_local_day_through_its_last():
    dated = cup(10, effective_from="2026-03-01", effective_until="2026-03-31")
    shop = Shop(under(redemption=dated, timezone="Pacific/Kiritimati"))
    shop.on("2026-02-01").sells("ann", 1_000)

    def asks(at: str) -> Shop:
        return shop.on(at).asks("ann", RedeemReward, reward="cup")

    asks("2026-02-28T23:59").declines("reward_not_available")
    asks("2026-03-31T23:59").has("ann", available=0, redeemed=10)
    asks("2026-03-31T23:59").declines("insufficient_points", available=0, missing=10)
    asks("2026-04-01T00:00").declines("reward_not_available")  # which comes before too few points
    is_clean(shop)


def test_a_hold_is_captured_at_the_rate_at_which_it_was_made():
    holds = {"holds": {"longest": "100h"}}
    twice = from_march(under(cash_off={"points": 1, "minor": 2}))
    shop = Shop(under(redemption=holds)).publishes(twice)
    shop.on("2026-02-28T23:00").sells("ann", 10_000)
    shop.asks("ann", HoldPoints, points=50, hold_seconds=86_400)
    held = shop.asked()
    shop.on("2026-03-01T01:00").asks("ann", CapturePoints, hold_id=held, points=20)
    captured = shop.told()
    assert isinstance(captured, HoldCaptured)
    assert (captured.points, captured.value_minor) == (20, 20)
    shop.has("ann", redeemed=20, held=0, available=80)
    is_clean(shop)


def test_what_was_spent_comes_back_although_nothing_can_be_spent_any_more():
    earning_only = from_march(under()).model_copy(update={"redemption": Redemption()})
    shop = Shop(under()).publishes(earning_only)
    shop.on("2026-02-01").sells("ann", 10_000).redeems("ann", 10)
    spent = shop.asked()
    shop.on("2026-03-01T00:00").redeems("ann", 10).declines("reward_not_available")
    shop.asks("ann", CancelRedemption, redemption_id=spent).has("ann", available=100, redeemed=0)
    is_clean(shop)


def test_a_cap_on_a_level_clips_it_alone_and_a_return_makes_room_under_it():
    level = {**BASE, "rule": "level", "currency": "level"}
    counted = [
        {"currency": "points", "spendable": True},
        {"currency": "level", "spendable": False},
    ]
    caps = [{"points": 50, "per": "day", "currency": "level"}]
    shop = Shop(under(earn={"rules": [BASE, level], "caps": caps}, currencies=counted))
    shop.on("2026-03-02").sells("ann", 8_000).says(points=80)
    assert shop.in_all("ann", "level") == 50
    shop.returns("ann", "receipt-1", line_id="0", quantity=1, amount_minor=8_000)
    shop.sells("ann", 3_000).says(points=30)
    assert shop.in_all("ann", "level") == 50 + 30
    is_clean(shop)
