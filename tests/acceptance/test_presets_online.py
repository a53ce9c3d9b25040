"""The presets on the real servers: a retailer publishes events over HTTP and reads what came of it.

The stories of `test_presets` tell the rules with the calendar in hand; here they are told today, by
somebody who has the API only. So is that of points that wait for a parcel, over Kafka as well.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from cli.program import publish_file
from tests.acceptance.online import WHO, KafkaShop, OnlineShop
from tests.integration.system.system import System, running_system
from tests.receipts import BASE, program
from tests.shops import PROGRAMS

STORIES = (
    *("beauty-insider", "charity", "coffee", "employee", "extra-care", "key-rewards"),
    "reviews",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        for name in STORIES:
            await publish_file(running.host.bootstrap, PROGRAMS / f"{name}.yaml")
        yield running


@pytest.fixture
def api(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.host.api, timeout=60, trust_env=False) as client:
        yield client


def test_coffee_ten_visits_and_the_eleventh_pays_for_a_free_one(api: httpx.Client):
    bar = OnlineShop("coffee", api)
    for day in range(10, 0, -1):
        bar.days_ago(day).sells("ann", 450)
    bar.has("ann", available=60)
    bar.asks("ann", "rewards", {"reward": "free-coffee"})
    bar.then_refused("insufficient_points", available=60, missing=40)
    bar.days_ago(0).sells("ann", 4_000).has("ann", available=100)
    assert bar.reads("ann", "catalogue")["rewards"][0]["affordable"]
    bar.asks("ann", "rewards", {"reward": "free-coffee"}).then_told(points=100)
    bar.has("ann", available=0, redeemed=100)
    claim = bar.told["redemption_id"]
    bar.asks("ann", f"rewards/{claim}/fulfilment", WHO).then_told(reward="free-coffee")
    bar.asks("ann", f"rewards/{claim}/cancellation", WHO).then_refused("reward_not_open")


def test_extra_care_money_back_at_once_for_ninety_days_and_taken_back_with_the_goods(
    api: httpx.Client,
):
    store = OnlineShop("extra-care", api)
    store.sells("joan", 4_999, {"amount_minor": 2_000, "department": "VITAMINS"})
    store.has("joan", available=639, pending=0)
    bought = store.receipt()
    [expiry] = store.reads("joan", "expiries")["expiries"]
    days = datetime.fromisoformat(expiry["at"]).astimezone(store.program.zone) - (
        store.now().astimezone(store.program.zone)
    )
    assert timedelta(days=89) < days <= timedelta(days=91)
    store.sells("joan", {"amount_minor": 9_000, "department": "PRESCRIPTIONS"})
    store.receipt_says("joan", store.receipt(), earned=0)
    store.asks("joan", "redemptions", {"points": 539}).then_told(value_minor=539)
    store.happens(
        "retail.return.v1",
        "joan",
        receipt_id=bought,
        currency="USD",
        lines=[{"line_id": "0", "quantity": 1, "amount_minor": 4_999}],
    )
    store.receipt_says("joan", bought, earned=639, clawed=99, earned_on_kept=540)
    store.has("joan", available=1, clawed_back=99, deficit=0)


def test_key_rewards_wait_for_thirty_days_unless_someone_makes_them_active(api: httpx.Client):
    group = OnlineShop("key-rewards", api)
    group.days_ago(40).sells("lee", 30_000, payments=[{"method": "cash", "amount_minor": 30_000}])
    group.has("lee", available=600, pending=0)
    card = [{"method": "key-card", "amount_minor": 10_000}]
    group.days_ago(0).sells("lee", 10_000, brand="barn", payments=card)
    group.has("lee", available=600, pending=500)
    group.asks("lee", "holds", {"points": 700, "hold_seconds": 600})
    group.then_refused("insufficient_points", available=600, missing=100)
    [lot] = [lot for lot in group.reads("lee", "lots")["lots"] if lot["state"] == "pending"]
    group.asks("lee", f"lots/{lot['lot_id']}/confirmation", WHO).then_told(lot_id=lot["lot_id"])
    group.asks("lee", "holds", {"points": 700, "hold_seconds": 600}).then_told(points=700)
    group.has("lee", available=400, held=700)
    group.asks("lee", f"holds/{group.told['hold_id']}/capture", {"points": 650})
    group.then_told(points=650, value_minor=650).has("lee", available=450, held=0, redeemed=650)


def test_beauty_insider_a_welcome_once_and_products_while_there_are_any(api: httpx.Client):
    beauty = OnlineShop("beauty-insider", api)
    beauty.does("mia", "signup").does("mia", "signup").does("mia", "birthday")
    beauty.has("mia", available=300)
    beauty.asks("mia", "preview", {"lines": [{"line_id": "1", "sku": "a", "amount_minor": 5_000}]})
    beauty.then_told(points=50)
    beauty.sells("mia", 40_000).has("mia", available=700)
    beauty.asks("mia", "rewards", {"reward": "mini-mascara"}).then_told(points=100)
    beauty.asks("mia", "redemptions", {"points": 600}).then_told(points=500, value_minor=1_000)
    beauty.has("mia", available=100, redeemed=600)
    beauty.asks("mia", f"redemptions/{beauty.told['redemption_id']}/cancel").then_told(points=500)
    beauty.has("mia", available=600, redeemed=100)


def test_reviews_wait_and_the_dishonest_one_is_taken_back(api: httpx.Client):
    shop = OnlineShop("reviews", api)
    shop.happens("retail.review.v1", "sam", sku="a-book", rating=2)
    shop.does("sam", "survey", answered=12)
    shop.has("sam", available=0, pending=80)
    [review] = [lot for lot in shop.reads("sam", "lots")["lots"] if lot["original"] == 20]
    shop.asks("sam", f"lots/{review['lot_id']}/cancellation", WHO).then_told(points=20)
    shop.has("sam", pending=60, clawed_back=20)
    shop.asks("sam", "redemptions", {"points": 100}).then_refused(
        "insufficient_points", missing=100
    )


def test_charity_hours_become_a_tree(api: httpx.Client):
    fair = OnlineShop("charity", api)
    fair.days_ago(1).does("eva", "volunteered", minutes=200).days_ago(0)
    fair.does("eva", "volunteered", minutes=300).has("eva", available=200)
    fair.asks("eva", "rewards", {"reward": "plant-a-tree"}).then_told(points=200)
    fair.has("eva", available=0, redeemed=200)
    [claim] = fair.reads("eva", "rewards")["rewards"]
    assert (claim["reward"], claim["status"]) == ("plant-a-tree", "issued")


def test_employee_a_budget_for_rules_and_a_limit_for_managers(api: httpx.Client):
    team = OnlineShop("employee", api)
    team.does("kim", "danced").does("kim", "target-reached")
    team.does("kim", "sale", sold_minor=9_000_000)
    team.has("kim", available=3_000)
    by_hand = {"direction": "add", "points": 501, **WHO}
    team.asks("kim", "adjustments", by_hand).then_refused("limit_reached", limit=500)
    team.asks("kim", "adjustments", {**by_hand, "points": 500}).then_told(points=500)
    team.has("kim", available=3_500, added=500)
    team.asks("kim", "rewards", {"reward": "gift-card-25"}).then_told(points=2_500)
    team.has("kim", available=1_000)
    kinds = [entry["type"] for entry in team.reads("kim", "entries")["entries"]]
    assert kinds.count("loyalty.points.credited.v1") == 2


@pytest.mark.parametrize("way", ["http", "kafka"])
def test_points_wait_for_the_parcel_and_are_gone_where_it_comes_too_late(
    system: System, api: httpx.Client, way: str
):
    express = {
        "rule": "express",
        "kind": "fixed",
        "points": 50,
        "match": {"channel": ["express"]},
        "activation": {"on": "delivered", "within": "5s"},
    }
    parcels = program(
        *(BASE, express),
        program=f"parcels-{way}",
        brands=[f"parcels-{way}"],
        activation={"on": "delivered", "within": "30D"},
        redemption={"cash_off": {"points": 1, "minor": 1}},
    )
    shop = OnlineShop(parcels, api)
    if way == "kafka":
        shop = KafkaShop(parcels, api, system.host.bootstrap)
    shop.publishes().sells("ann", 10_000).has("ann", pending=100, available=0)
    ordered = shop.receipt()
    shop.asks("ann", "redemptions", {"points": 1}).then_refused("insufficient_points", missing=1)
    shop.does("ann", "delivered", receipt_id=ordered).has("ann", pending=0, available=100)
    shop.asks("ann", "redemptions", {"points": 40}).then_told(points=40)
    shop.sells("bob", 1_000, channel="express").has("bob", pending=10, available=0, expired=50)
    shop.does("bob", "delivered", receipt_id=shop.receipt())
    shop.has("bob", pending=0, available=10, expired=50)
    shop.days_ago(40).sells("cem", 2_000).has("cem", pending=0, available=0, expired=20)
    shop.days_ago(0).does("cem", "delivered", receipt_id=shop.receipt())
    shop.sells("cem", 300).has("cem", pending=3, available=0, expired=20)


def test_one_person_in_two_programs_under_ids_with_slashes(api: httpx.Client):
    """A wholesaler's customer number and invoice numbers, which no path may take apart."""
    who, path = "K/100 %2F", "K%2F100%20%252F"
    pallet = {"reward": "pallet", "name": "A pallet", "price": {"points": 100}}
    wholesale, club = (
        program(BASE, program=name, brands=[name], redemption={"rewards": [pallet]})
        for name in ("wholesale", "club")
    )
    here, there = OnlineShop(wholesale, api).publishes(), OnlineShop(club, api).publishes()
    line = {"line_id": "1", "sku": "a", "amount_minor": 12_000}
    here.happens("retail.purchase.v1", who, receipt_id="2026/11/7", currency="USD", lines=[line])
    here.has(path, available=120, earned=120)
    here.receipt_says(path, "2026%2F11%2F7", earned=120, clawed=0)
    there.sells(who, 1_000).has(path, available=10)
    here.asks(path, "rewards", {"reward": "pallet"}).then_told(member=who, points=100)
    claim = here.told["redemption_id"]
    assert here.reads(path, f"rewards/{claim}")["claim"]["status"] == "issued"
    here.asks(path, f"rewards/{claim}/cancellation", WHO).then_told(points=100)
    here.happens("retail.void.v1", who, receipt_id="2026/11/7")
    here.receipt_says(path, "2026%2F11%2F7", earned=120, clawed=120)
    here.has(path, available=0, clawed_back=120, deficit=0)
    there.has(path, available=10, clawed_back=0)
