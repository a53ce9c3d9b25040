"""Lots in the worked examples: what is spent first, what is gone when, what is left."""

import pytest

from shared.events.points import RefusalReason
from shared.ledger.reading import expiries
from tests.stories.facts import credited, expired, redeemed, refused
from tests.stories.setting import START, at, redemption
from tests.stories.steps import earned, redeem, tick
from tests.stories.telling import given


def test_l1_what_is_spent_is_gone():
    given(earned(100)).when(redeem(30)).then(redeemed(30, L1=30)).then_reads(available=70)


def test_l3_dated_points_are_spent_before_those_that_never_expire():
    (
        given(earned(100, "never"), earned(100, "dated", expires="2027-01-01"))
        .when(redeem(100))
        .then(redeemed(100, dated=100))
        .then_lots(never=100, dated=0)
    )


def test_l5_points_are_gone_when_their_date_comes():
    story = given(earned(100, expires="2027-01-01"), earned(40, "never"))
    story.then_reads(on="2026-12-31T23:59:59.999999", available=140)
    story.when(tick("2027-01-01")).then(expired(100, on="2027-01-01")).then_reads(available=40)


@pytest.mark.parametrize(("by", "points"), [("2026-03-01", 100), ("2026-07-01", 300)])
def test_l7_what_expires_by_a_date(by: str, points: int):
    story = given(
        earned(100, "a", expires="2026-02-01"),
        earned(200, "b", expires="2026-06-01"),
        earned(50, "c"),
    )
    dates = expiries(story.open_account.lots.values(), START)
    assert sum(lost for instant, lost in dates if instant <= at(by)) == points


def test_l9_a_lot_that_is_spent_expires_nothing_and_a_second_sweep_writes_nothing():
    story = given(earned(150, expires=10), redeem(150))
    story.when(tick(10)).then().when(tick(11)).then().then_reads(expired=0, redeemed=150)


def test_l10_expiry_takes_only_the_lot_that_is_past_its_date():
    (
        given(earned(100, "old", expires=10), earned(50, "live", expires=20))
        .when(tick(10))
        .then(expired(100, "old", on=10))
        .then_reads(available=50, expired=100, balance=50)
        .when(tick(10))
        .then()
    )


def test_c28_valid_points_stay_when_a_lot_expires_that_was_spent_before():
    (
        given(earned(100, "old", expires=10), redeem(100), earned(100, "new", expires=20))
        .when(tick(15))
        .then()
        .then_reads(available=100, expired=0, redeemed=100, earned=200)
        .when(redeem(100, "again"))
        .then(redeemed(100, "again", new=100))
    )


def test_c28_only_the_rest_of_a_lot_expires():
    (
        given(earned(100, "old", expires=10), earned(70, "new"), redeem(60))
        .when(tick(10))
        .then(expired(40, "old", on=10))
        .then_reads(available=70, expired=40, redeemed=60)
    )


def test_c22_the_last_point_can_be_spent():
    lots = [earned(1, f"lot {number}") for number in range(10)]
    story = given(*lots).when(redeem(10)).then_reads(available=0)
    story.when(redeem(1, "one more")).then(
        refused(RefusalReason.INSUFFICIENT_POINTS, 1, "one more", available=0, missing=1)
    )


def test_x16_points_are_gone_at_the_instant_itself():
    story = given(earned(100, expires="2026-06-01T00:00:00+02:00"))
    instant = "2026-05-31T22:00:00"
    story.then_reads(on="2026-05-31T21:59:59.999999", available=100, expired=0)
    story.then_reads(on=instant, available=0, expired=100)
    story.when(tick(instant)).then(expired(100, on=instant))


def test_x17_ninety_days_later_both_lots_are_closed():
    story = given(
        earned(100, "L1", expires=90), earned(50, "L2", expires=91, on=1), tick(91)
    ).then_reads(available=0, expired=150, balance=0)
    assert [story.lot(name).free for name in ("L1", "L2")] == [0, 0]


def test_case_1_soonest_expiry_first_whatever_came_first():
    (
        given(earned(100, "L1", expires="2026-06-01"), earned(100, "L2", expires="2026-01-31"))
        .when(redeem(150))
        .then(redeemed(150, L2=100, L1=50))
        .then_lots(L1=50, L2=0)
    )


def test_case_6_an_expired_lot_reads_the_same_with_and_without_a_sweep():
    story = given(earned(100, expires=10))
    story.then_reads(on=13, available=0, expired=100, balance=0)
    story.when(tick(11)).then_reads(on=13, available=0, expired=100, balance=0)


@pytest.mark.parametrize(
    ("lots", "spent"),
    [
        pytest.param({"a": 10, "b": 10}, {"a": 100, "b": 20}, id="same date: the oldest"),
        pytest.param({"a": None, "b": None}, {"a": 100, "b": 20}, id="no date: the oldest"),
        pytest.param({"a": 20, "b": 10}, {"b": 100, "a": 20}, id="soonest"),
        pytest.param({"a": None, "b": 10}, {"b": 100, "a": 20}, id="no date comes last"),
    ],
)
def test_spending_order(lots: dict[str, int | None], spent: dict[str, int]):
    story = given(*[earned(100, name, expires=date) for name, date in lots.items()])
    story.when(redeem(120)).then(redeemed(120, taken=spent))


def test_pending_points_are_not_spent_before_their_day():
    story = given(earned(100, "now"), earned(50, "later", active=5, expires=30))
    story.then_reads(available=100, pending=50, balance=150)
    story.when(redeem(120, on=4)).then(
        refused(RefusalReason.INSUFFICIENT_POINTS, 120, available=100, missing=20)
    )
    story.then_reads(on="2026-01-06", available=150, pending=0)
    story.when(redeem(120, on=5)).then(redeemed(120, later=50, now=70))


def test_pending_points_can_expire_before_they_were_ever_active():
    story = given(earned(100, active=10, expires=5))
    story.then(credited(100, active=10, expires=5, expired=100)).then_reads(pending=0, expired=100)


def test_points_that_expired_come_out_before_the_redemption_that_found_them():
    story = given(earned(100, "L1", expires=10), earned(100, "L2", expires=5), earned(50, "L3"))
    story = story.when(redeem(50, on=10)).then(
        expired(100, "L2", on=5), expired(100, "L1", on=10), redeemed(50, L3=50)
    )
    assert [cause.split('"')[1] for cause in story.causes[-3:]] == ["expiry", "expiry", "command"]
    assert story.history[-1][0] == at(10)
    assert redemption() in story.open_account.debits
