"""When points are good, from a receipt to the balances: each story is verified at its end."""

from typing import Any

from shared.program.model import Program
from tests.receipts import BASE
from tests.shops import Shop, under
from tests.verified import verified

WEEKEND = {
    "rule": "for-a-month",
    "kind": "fixed",
    "points": 50,
    "expiry": {"after": "30D"},
    "match": {"weekday": ["saturday"]},
}


def sliding(*acts: str) -> Program:
    return under(BASE, expiry={"after": "12M", "extended_by": list(acts)})


def is_clean(shop: Shop) -> bool:
    """Nothing is found by those who decide everything again."""
    report = verified(shop.ledger)
    assert report.findings == []
    return True


def test_a_bonus_for_a_month_is_gone_after_it_and_the_points_beside_it_are_not():
    shop = Shop(under(BASE, WEEKEND, expiry={"after": "1Y"}))
    shop.on("2026-03-07").sells("ann", 2_099).says(points=70).has("ann", available=70)
    shop.has("ann", on="2026-04-06", available=70)
    shop.has("ann", on="2026-04-07", available=20, expired=50)
    shop.sells("ann", 0).has("ann", on="2027-03-08", available=0, expired=70)
    assert is_clean(shop)


def test_what_is_spent_is_spent_of_the_bonus_first():
    shop = Shop(under(BASE, WEEKEND, expiry={"after": "1Y"}))
    shop.on("2026-03-07").sells("ann", 2_000).redeems("ann", 60)
    shop.has("ann", on="2026-04-07", available=10, expired=0)
    assert is_clean(shop)


def test_a_return_takes_back_the_points_of_all_lots_of_its_purchase():
    shop = Shop(under(BASE, WEEKEND, expiry={"after": "1Y"}))
    shop.on("2026-03-07").sells("ann", 2_000, 1_000)
    shop.returns("ann", shop.receipt(), line_id="0", quantity=1, amount_minor=2_000)
    shop.has("ann", available=60, clawed_back=20)
    shop.returns("ann", "receipt-1", line_id="1", quantity=1, amount_minor=1_000)
    shop.has("ann", available=0, clawed_back=80, deficit=0)
    assert is_clean(shop)


def test_a_part_of_an_award_covers_what_is_due():
    shop = Shop(under(BASE, WEEKEND, expiry={"after": "1Y"}))
    shop.on("2026-03-02").sells("ann", 6_000).redeems("ann", 60)
    shop.returns("ann", "receipt-1", line_id="0", quantity=1, amount_minor=6_000)
    shop.has("ann", deficit=60, available=0)
    shop.on("2026-03-07").sells("ann", 2_000).has("ann", deficit=0, available=10)
    assert is_clean(shop)


def test_x10_a_purchase_without_points_extends_where_the_program_says_so():
    for acts, last_day, gone in (
        (["earning"], "2025-01-15", "2025-01-16"),
        (["earning", "purchase"], "2025-12-20", "2025-12-21"),
    ):
        shop = Shop(sliding(*acts)).on("2024-01-15").sells("ann", 10_000)
        shop.on("2024-12-20").sells("ann", 99).says(points=0)
        shop.has("ann", on=last_day, available=100).has("ann", on=gone, available=0, expired=100)
        assert is_clean(shop)


def test_a_bonus_with_an_expiry_of_its_own_keeps_its_date():
    expiry = {"after": "12M", "extended_by": ["purchase"]}
    shop = Shop(under(BASE, WEEKEND, expiry=expiry)).on("2026-03-07").sells("ann", 2_000)
    shop.on("2026-03-30").sells("ann", 0).has("ann", available=70)
    shop.has("ann", on="2026-04-07", available=20, expired=50)
    shop.has("ann", on="2027-03-30", available=20).has("ann", on="2027-03-31", available=0)
    assert is_clean(shop)


def test_spending_extends_what_is_left_where_the_program_says_so():
    for acts, available in ((["earning"], 0), (["earning", "redemption"], 60)):
        shop = Shop(sliding(*acts)).on("2024-01-15").sells("ann", 10_000)
        shop.on("2024-12-20").redeems("ann", 40).has("ann", on="2025-01-16", available=available)
        assert is_clean(shop)


def test_what_is_gone_is_not_extended_and_what_comes_late_counts_from_its_own_day():
    shop = Shop(sliding("purchase")).on("2024-01-15").sells("ann", 10_000)
    shop.on("2025-01-16").sells("ann", 5_000, occurred_at="2024-12-20T12:00:00Z")
    shop.has("ann", available=50, expired=100)
    shop.has("ann", on="2025-12-20", available=50).has("ann", on="2025-12-21", available=0)
    assert is_clean(shop)


def test_a_version_that_slides_leaves_points_alone_that_were_earned_before_it():
    shop = Shop(under(BASE, expiry={"after": "12M"})).on("2024-01-15").sells("ann", 10_000)
    later = sliding("purchase").model_copy(update={"version": 2, "effective_from": "2024-06-01"})
    shop.publishes(later).on("2024-12-20").sells("ann", 5_000).has("ann", available=150)
    shop.on("2025-06-20").sells("ann", 0).has("ann", available=50, expired=100)
    shop.has("ann", on="2026-06-20", available=50).has("ann", on="2026-06-21", available=0)
    assert is_clean(shop)


def delivered(otherwise: str = "cancelled", *rules: dict[str, Any], **expiry: str) -> Program:
    activation = {"on": "delivered", "within": "30D", "otherwise": otherwise}
    return under(*(rules or (BASE,)), activation=activation, expiry={"after": "12M", **expiry})


def test_points_are_active_when_the_parcel_is_there():
    shop = Shop(delivered()).on("2026-03-02").sells("ann", 10_000)
    shop.has("ann", pending=100, available=0)
    shop.on("2026-03-05").does("ann", "delivered", receipt_id="receipt-1")
    shop.has("ann", pending=0, available=100).redeems("ann", 40).has("ann", available=60)
    shop.has("ann", on="2027-03-02", available=60).has("ann", on="2027-03-03", expired=60)
    assert is_clean(shop)


def test_points_are_gone_when_nothing_comes_in_time_sweep_or_no_sweep():
    shop = Shop(delivered()).on("2026-03-02").sells("ann", 10_000)
    shop.has("ann", on="2026-04-01", pending=100)
    shop.has("ann", on="2026-04-02", pending=0, available=0, expired=100)
    shop.does("ann", "delivered", receipt_id="receipt-1").refuses("too_late")
    shop.sells("ann", 500).has("ann", pending=5, available=0, expired=100)
    assert is_clean(shop)


def test_the_last_minute_of_the_window_is_in_time_and_its_end_is_too_late():
    shop = Shop(delivered()).on("2026-03-02").sells("ann", 10_000).sells("bob", 10_000)
    shop.on("2026-04-01T23:59").does("ann", "delivered", receipt_id="receipt-1")
    shop.has("ann", pending=0, available=100)
    shop.on("2026-04-02T00:00").does("bob", "delivered", receipt_id="receipt-2").refuses("too_late")
    shop.has("bob", pending=0, available=0, expired=100)
    assert is_clean(shop)


def test_points_are_active_anyway_where_the_program_says_so():
    shop = Shop(delivered("activated")).on("2026-03-02").sells("ann", 10_000, 500)
    shop.has("ann", on="2026-04-01", pending=105).has("ann", on="2026-04-02", available=105)
    shop.on("2026-04-10").sells("ann", 1_000).on("2026-04-11")
    shop.does("ann", "delivered", receipt_id="receipt-2").has("ann", available=115)
    assert is_clean(shop)


def test_expiry_counts_from_the_event_where_it_counts_from_activation():
    for otherwise in ("cancelled", "activated"):
        shop = Shop(delivered(otherwise, counts_from="activation"))
        shop.on("2026-03-02").sells("ann", 10_000)
        shop.on("2026-03-20").does("ann", "delivered", receipt_id="receipt-1")
        shop.has("ann", on="2027-03-20", available=100).has("ann", on="2027-03-21", available=0)
        assert is_clean(shop)


def test_a_bonus_may_wait_for_an_event_of_its_own():
    bonus = {
        "rule": "fitting",
        "kind": "fixed",
        "points": 50,
        "expiry": {"after": "2M"},
        "activation": {"on": "fitted", "within": "7D"},
    }
    shop = Shop(delivered("cancelled", BASE, bonus)).on("2026-03-02").sells("ann", 1_000)
    shop.does("ann", "fitted", receipt_id="receipt-1").has("ann", available=50, pending=10)
    shop.does("ann", "delivered", receipt_id="receipt-1").has("ann", available=60, pending=0)
    shop.does("ann", "delivered", receipt_id="receipt-1").has("ann", available=60, pending=0)
    shop.has("ann", on="2026-05-03", available=10)
    assert is_clean(shop)


def test_a_return_takes_points_that_wait_and_an_event_brings_none_of_them():
    shop = Shop(delivered()).on("2026-03-02").sells("ann", 10_000, 1_000)
    shop.returns("ann", "receipt-1", line_id="0", quantity=1, amount_minor=10_000)
    shop.does("ann", "delivered", receipt_id="receipt-1").has("ann", available=10, clawed_back=100)
    assert is_clean(shop)


def test_an_event_that_nothing_waits_for_says_so():
    shop = Shop(delivered()).on("2026-03-02").sells("ann", 10_000)
    shop.does("ann", "delivered", receipt_id="another").refuses("award_unknown")
    shop.does("ann", "delivered").refuses("award_unknown")
    shop.does("bob", "delivered", receipt_id="receipt-1").refuses("award_unknown")
    later = under(BASE, activation={"on": "fitted", "within": "7D"})
    shop.publishes(later.model_copy(update={"version": 2, "effective_from": "2026-03-03"}))
    shop.does("ann", "fitted", receipt_id="receipt-1").refuses("nothing_waits")
    assert is_clean(shop)


def test_points_for_an_activity_wait_too_by_the_id_of_its_event():
    stay = {"rule": "stay", "kind": "action", "actions": ["booked"], "points": 70}
    shop = Shop(delivered("cancelled", stay)).on("2026-03-02").does("ann", "booked")
    shop.has("ann", pending=70).does("ann", "delivered", event_id="event-1")
    shop.has("ann", pending=0, available=70)
    assert is_clean(shop)


def test_points_of_a_year_end_together_on_the_anniversary_of_the_enrolment():
    shop = Shop(under(BASE, expiry={"anniversary": True}, timezone="America/New_York"))
    shop.on("2024-02-29T23:30").does("ann", "signup").has("ann", available=0)
    shop.on("2024-03-01").sells("ann", 1_000).on("2025-02-27").sells("ann", 500)
    shop.has("ann", on="2025-02-27T23:59", available=15)
    shop.has("ann", on="2025-02-28T00:00", available=0, expired=15)
    shop.sells("ann", 2_000).has("ann", on="2026-02-27", available=20)
    shop.has("ann", on="2026-02-28", available=0, expired=35)
    assert is_clean(shop)


def test_who_never_signed_up_is_a_member_since_the_first_purchase_however_late_others_come():
    shop = Shop(under(BASE, expiry={"anniversary": True})).on("2026-03-10").sells("ann", 1_000)
    shop.sells("ann", 500, occurred_at="2026-03-03T12:00:00Z")
    shop.on("2026-05-01").sells("ann", 200).does("ann", "signup", enrolled_on="2019-06-01")
    shop.has("ann", on="2027-03-09", available=17).has("ann", on="2027-03-10", expired=17)
    assert is_clean(shop)


def test_a_member_of_another_system_keeps_the_old_anniversary():
    shop = Shop(under(BASE, expiry={"anniversary": True})).on("2026-03-10")
    shop.does("ann", "signup", enrolled_on="2019-06-01").sells("ann", 1_000)
    shop.has("ann", on="2026-05-31", available=10).has("ann", on="2026-06-01", expired=10)
    assert is_clean(shop)


def test_points_that_waited_end_on_the_anniversary_too():
    waits = {"on": "delivered", "within": "30D"}
    shop = Shop(under(BASE, activation=waits, expiry={"anniversary": True})).on("2026-03-10")
    shop.does("ann", "signup", enrolled_on="2019-06-01").sells("ann", 1_000)
    shop.on("2026-03-12").does("ann", "delivered", receipt_id="receipt-2")
    shop.has("ann", on="2026-05-31", available=10).has("ann", on="2026-06-01", expired=10)
    assert is_clean(shop)
