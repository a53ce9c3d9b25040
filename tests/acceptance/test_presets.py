"""The presets, each with the story that its retailer would tell."""

import pytest

from tests.shops import PROGRAMS, Shop, preset

PRESETS = [
    *("beauty-insider", "charity", "coffee", "employee", "extra-care", "grocer", "key-rewards"),
    "reviews",
]
CARD = [{"method": "key-card", "amount_minor": 10_000}]
CASH = [{"method": "cash", "amount_minor": 10_000}]


def test_every_preset_has_its_story_here():
    assert sorted(path.stem for path in PROGRAMS.glob("*.yaml") if path.stem in PRESETS) == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_commented_for_the_one_who_copies_it(name: str):
    text = (PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert preset(name).program == name


def test_coffee_a_regular_gets_a_stamp_per_visit_and_a_gift_on_the_tenth():
    bar = Shop("coffee")
    for day in range(1, 10):
        bar.on(f"2026-03-{day:02}T08:15").sells("ann", 450).says(points=4)
    bar.has("ann", available=36)
    bar.on("2026-03-10T08:15").sells("ann", 450).says(points=24)
    bar.has("ann", available=60)
    assert bar.in_all("ann", "stamps") == 10
    bar.on("2026-03-11").sells("ann", 4_000).has("ann", available=100)
    assert bar.program.redemption.rewards[0].points == 100


def test_coffee_points_last_a_year_and_a_visit_of_someone_else_is_not_ones_own():
    bar = Shop("coffee").on("2026-03-01").sells("ann", 1_000).sells("bob", 500)
    bar.has("ann", on="2027-03-01", available=10)
    bar.has("ann", on="2027-03-02", available=0, expired=10)
    assert bar.counter("bob", "visits") == 1


def test_extra_care_reward_money_comes_at_once_and_is_gone_after_ninety_days():
    store = Shop("extra-care").on("2026-03-02")
    store.sells("joan", 4_999).says(points=99).has("joan", available=99, pending=0)
    store.sells("joan", {"amount_minor": 9_000, "department": "PRESCRIPTIONS"}).says(points=0)
    store.sells("joan", 150).has("joan", available=102)
    store.redeems("joan", 102).has("joan", available=0, redeemed=102)
    store.on("2026-03-10").sells("joan", 5_000)
    store.has("joan", on="2026-06-08", available=100)
    store.has("joan", on="2026-06-09", available=0, expired=100)


def test_extra_care_the_offer_of_the_week_is_for_once_a_week():
    vitamins = {"amount_minor": 2_000, "department": "VITAMINS"}
    store = Shop("extra-care").on("2026-03-02")
    store.sells("joan", {**vitamins, "amount_minor": 1_999}).says(points=39)
    store.tells("weekly-vitamins", "condition_not_met")
    store.sells("joan", vitamins).says(points=540)
    store.on("2026-03-08").sells("joan", vitamins).says(points=40)
    store.tells("weekly-vitamins", "limit_reached")
    store.sells("bill", vitamins).says(points=540)
    store.on("2026-03-09").sells("joan", vitamins).says(points=540)


def test_key_rewards_two_percent_everywhere_five_with_the_card_after_thirty_days():
    group = Shop("key-rewards").on("2026-01-10")
    group.sells("lee", 10_000, payments=CASH).says(points=200)
    group.sells("lee", 10_000, brand="barn", payments=CARD).says(points=500)
    group.sells("lee", 333, brand="kitchen").says(points=6)
    group.has("lee", available=0, pending=706)
    group.has("lee", on="2026-02-08", available=0, pending=706)
    group.has("lee", on="2026-02-09", available=706, pending=0)
    group.redeems("lee", 500).has("lee", available=206)
    group.has("lee", on="2026-08-31", available=206)
    group.has("lee", on="2026-09-01", available=0, expired=206)


def test_beauty_insider_an_address_is_enough_and_a_birthday_comes_once_a_year():
    beauty = Shop("beauty-insider").on("2026-02-03")
    beauty.does("mia", "signup").says(points=50)
    beauty.does("mia", "signup").says(points=0).tells("welcome", "limit_reached")
    beauty.does("mia", "birthday").says(points=250)
    beauty.on("2026-12-31").does("mia", "birthday").says(points=0)
    beauty.on("2027-01-01").does("mia", "birthday").says(points=250)
    beauty.has("mia", available=550).redeems("mia", 700).has("mia", available=50, redeemed=500)


def test_beauty_insider_the_app_counts_double_on_tuesdays_but_not_towards_a_level():
    beauty = Shop("beauty-insider").on("2026-03-03")
    beauty.sells("mia", 10_000, channel="app").says(points=200)
    beauty.sells("mia", 10_000, channel="store").says(points=100)
    beauty.on("2026-03-04").sells("mia", 10_000, channel="app").says(points=100)
    assert beauty.in_all("mia", "level-dollars") == 300
    beauty.redeems("mia", 400).has("mia", available=400)
    assert beauty.in_all("mia", "level-dollars") == 300


def test_reviews_words_earn_and_wait_for_two_weeks():
    shop = Shop("reviews").on("2026-03-02")
    shop.happens("retail.review.v1", "sam", sku="a-book", rating=2).says(points=20)
    shop.happens("retail.review.v1", "sam", sku="a-book").says(points=0)
    shop.tells("a-review", "condition_not_met")
    shop.does("sam", "review-picture").says(points=30)
    shop.does("sam", "survey", answered=12).says(points=60)
    shop.has("sam", available=0, pending=110)
    shop.has("sam", on="2026-03-16", available=110, pending=0)


def test_reviews_whoever_writes_without_end_is_stopped():
    shop = Shop("reviews").on("2026-03-02")
    for _ in range(7):
        shop.happens("retail.review.v1", "sam", rating=5)
    shop.has("sam", pending=100)
    shop.does("sam", "survey", answered=30).says(points=100, desired=150)
    shop.on("2026-03-09").does("sam", "survey", answered=15).says(points=75, desired=None)
    for day in range(10, 13):
        shop.on(f"2026-03-{day}")
        for _ in range(3):
            shop.happens("retail.review.v1", "sam", rating=5)
    shop.does("sam", "review-picture").says(points=30, desired=None)
    shop.on("2026-03-20").does("sam", "survey", answered=20).says(points=15, desired=100)
    shop.on("2026-04-01").does("sam", "survey", answered=2).says(points=10)


def test_charity_helping_earns_by_the_hour_and_the_day_of_giving_counts_double():
    fair = Shop("charity").on("2026-11-30")
    fair.sells("eva", 5_000).says(points=50)
    fair.does("eva", "volunteered", minutes=200).says(points=75)
    fair.does("eva", "volunteered", minutes=600).says(points=125, desired=250)
    fair.on("2026-12-01T00:00").sells("eva", 5_000).says(points=100)
    fair.on("2026-12-01T23:59").sells("eva", 5_000).says(points=100)
    fair.on("2026-12-02T00:00").sells("eva", 5_000).says(points=50)
    fair.has("eva", on="2027-03-31T23:59", available=500)
    assert [reward.points for reward in fair.program.redemption.rewards] == [200, 500]
    fair.has("eva", on="2027-04-01T00:00", available=0, expired=500)


def test_employee_sales_targets_and_training_earn_within_the_budget():
    team = Shop("employee").on("2026-03-02")
    team.does("kim", "sale", sold_minor=125_999).says(points=125)
    team.does("kim", "training", passed=False).says(points=0)
    team.does("kim", "training", passed=True).says(points=200)
    team.does("kim", "target-reached").says(points=1_000)
    team.does("kim", "target-reached").says(points=0).tells("target-reached", "limit_reached")
    team.does("kim", "sale", sold_minor=9_000_000).says(points=1_675, desired=9_000)
    team.has("kim", available=3_000)
    team.on("2026-04-01").does("kim", "target-reached").says(points=1_000)
    team.does("kim", "danced").refuses("not_in_program")
    team.has("kim", on="2027-03-31", available=4_000)
    team.has("kim", on="2027-04-01", available=1_000, expired=3_000)
