"""What earn concludes: given an activity and the version in force, then this fact."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.earn.decide import decide
from shared.events import registry
from shared.events.activity import (
    ActivityRecorded,
    CustomActionRecorded,
    PurchaseRecorded,
    ReferralRecorded,
    ReturnRecorded,
    ReviewRecorded,
)
from shared.events.awards import ActivityRefused, PointsEarned, RuleMissed, RuleShare
from shared.events.base import AMOUNT_MINOR_MAX
from shared.events.bought import in_normal_form
from shared.events.ids import activity_cause, part_id
from shared.events.upstream import CustomAction, Purchase, Referral, Return, Review
from shared.program.model import Program
from tests.receipts import BASE, earned, program, receipt

ACCOUNT = "shop:jo"
SHOP = program(BASE, expiry={"after": "1M"})
WHO = {
    "event_id": "event-2",
    "source": "till",
    "brand": "shop",
    "member": "jo",
    "occurred_at": "2026-03-03T12:00:00Z",
}


def purchased(purchase: Purchase) -> PurchaseRecorded:
    return PurchaseRecorded(account=ACCOUNT, activity=in_normal_form(purchase))


def decided(recorded: ActivityRecorded, rules: Program | None) -> PointsEarned | ActivityRefused:
    fact = decide(recorded, rules, activity_cause(ACCOUNT, recorded.activity))
    wire_type = registry.TYPE_OF[type(fact)]
    assert registry.decode(wire_type, registry.encode(fact)) == fact
    return fact


def test_a_purchase_is_an_award_with_all_that_explains_it():
    purchase = receipt(1999, store="7")
    assert decided(purchased(purchase), SHOP) == PointsEarned(
        account=ACCOUNT,
        award_id=activity_cause(ACCOUNT, purchase).id,
        activity_type="loyalty.activity.purchase.v1",
        source="till",
        event_id="event-1",
        brand="shop",
        store="7",
        receipt_id="receipt-1",
        occurred_at=purchase.occurred_at,
        money="USD",
        basis_minor=1999,
        program_version=1,
        rounding="floor",
        breakdown=(RuleShare(rule="base", basis_minor=1999, rate="1/100", exact="1999/100"),),
        points=19,
        active_from=purchase.occurred_at,
        expires_at=datetime(2026, 4, 4, tzinfo=UTC),
        lines=("1\tsku-1\t1\t1999",),
    )


@pytest.mark.parametrize(
    ("purchase", "reason"),
    [
        (receipt(0), "no_amount"),
        (receipt(), "no_matching_line"),
        (receipt(1999, currency="EUR"), "other_currency"),
    ],
)
def test_an_award_of_nothing_says_why(purchase: Purchase, reason: str):
    fact = decided(purchased(purchase), SHOP)
    assert isinstance(fact, PointsEarned)
    assert (fact.points, fact.why_not) == (0, (RuleMissed(rule="base", reason=reason),))


def test_an_award_below_one_point_keeps_its_breakdown():
    fact = decided(purchased(receipt(99)), SHOP)
    assert isinstance(fact, PointsEarned)
    assert (fact.points, [share.exact for share in fact.breakdown]) == (0, ["99/100"])


CLIPPED = program(
    currencies=[
        {"currency": "points", "spendable": True},
        {"currency": "stamps", "spendable": False},
    ],
    earn={
        "rules": [BASE, {"rule": "stamp", "kind": "per_visit", "points": 1, "currency": "stamps"}],
        "caps": [{"points": 12, "per": "day"}],
        "balance_cap": 500,
    },
    expiry={"after": "1Y", "extended_by": ["purchase"]},
)
WAITING = program(
    BASE, activation={"on": "delivered", "within": "30D"}, expiry={"anniversary": True}
)
PAYMENTS = [{"method": "points", "amount_minor": 400}, {"method": "card", "amount_minor": 1_599}]


@pytest.mark.parametrize("rules", [SHOP, CLIPPED, WAITING])
def test_the_award_is_what_a_preview_of_the_purchase_says(rules: Program):
    purchase = receipt(1999, payments=PAYMENTS)
    fact = decided(purchased(purchase), rules)
    preview = earned(rules, purchase)
    for name in preview._fields:
        assert getattr(fact, name) == getattr(preview, name), name
    assert isinstance(fact, PointsEarned)
    assert fact.balance_cap == rules.earn.balance_cap


def test_parts_of_an_award_are_lots_that_are_numbered_from_one():
    gifts = [
        {"rule": f"gift-{n}", "kind": "fixed", "points": n, "expiry": {"after": f"{n}D"}}
        for n in (1, 2)
    ]
    purchase = receipt(1999)
    fact = decided(purchased(purchase), program(BASE, *gifts))
    assert isinstance(fact, PointsEarned)
    ids = [part_id(ACCOUNT, activity_cause(ACCOUNT, purchase).id, number) for number in (1, 2)]
    assert [(part.lot_id, part.points) for part in fact.parts] == [(ids[0], 1), (ids[1], 2)]


def test_the_same_receipt_has_the_same_award_whatever_its_event():
    first = decided(purchased(receipt(1999)), SHOP)
    again = decided(purchased(receipt(1999, event_id="event-9", source="till-2")), SHOP)
    assert isinstance(first, PointsEarned)
    assert isinstance(again, PointsEarned)
    assert first.award_id == again.award_id


@pytest.mark.parametrize(
    ("recorded", "rules", "reason", "detail"),
    [
        (purchased(receipt(1999)), None, "no_program_in_force", "at 2026-03-03T12:00:00+00:00"),
        (purchased(receipt(1999, brand="other")), SHOP, "other_brand", "other is not in version 1"),
        (purchased(receipt(AMOUNT_MINOR_MAX, 1)), SHOP, "out_of_range", "minor units"),
    ],
)
def test_a_purchase_that_cannot_be_awarded_is_refused(
    recorded: PurchaseRecorded, rules: Program | None, reason: str, detail: str
):
    fact = decided(recorded, rules)
    assert isinstance(fact, ActivityRefused)
    assert (fact.reason, fact.activity_type) == (reason, "loyalty.activity.purchase.v1")
    assert detail in fact.detail


def _returned() -> ReturnRecorded:
    lines = [{"line_id": "1", "quantity": 1, "amount_minor": 100}]
    data: dict[str, Any] = {**WHO, "receipt_id": "r", "currency": "USD", "lines": lines}
    return ReturnRecorded(account=ACCOUNT, activity=Return.model_validate(data))


@pytest.mark.parametrize(
    "recorded",
    [
        _returned(),
        ReviewRecorded(account=ACCOUNT, activity=Review.model_validate(WHO)),
        ReferralRecorded(account=ACCOUNT, activity=Referral.model_validate(WHO)),
        CustomActionRecorded(
            account=ACCOUNT, activity=CustomAction.model_validate({**WHO, "action": "ran"})
        ),
    ],
)
def test_activities_that_no_rule_is_about_are_in_no_program(recorded: ActivityRecorded):
    assert decided(recorded, SHOP) == ActivityRefused(
        account=ACCOUNT,
        activity_type=registry.TYPE_OF[type(recorded)],
        source="till",
        event_id="event-2",
        reason="not_in_program",
        detail="no rule of version 1 is about it",
    )
