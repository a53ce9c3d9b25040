"""Which points of an award an event makes active: those that waited for it, of whichever terms."""

from typing import Any

import pytest

from services.earn.activations import activated
from shared.events.activity import CustomActionRecorded
from shared.events.awards import ActivityRefused
from shared.events.ids import activity_cause
from tests.receipts import BASE, program
from tests.shops import Shop
from tests.unit.program.test_kinds import action

DELIVERED = {"on": "delivered", "within": "30D"}
FITTING = {
    "rule": "fitting",
    "kind": "fixed",
    "points": 50,
    "activation": {"on": "fitted", "within": "7D"},
}


def bought(*rules: dict[str, Any], **sections: Any) -> Shop:
    """A shop in which Ann has bought something for 10 dollars."""
    terms = program(*rules, program="parcels", brands=["parcels"], **sections)
    return Shop(terms).on("2026-03-02").sells("ann", 1_000)


def test_points_that_wait_for_nothing_are_not_touched_by_the_event_of_a_rule():
    shop = bought(BASE, FITTING).has("ann", available=10, pending=50)
    shop.does("ann", "fitted", receipt_id="receipt-1").has("ann", available=60, pending=0)


def test_an_award_whose_rules_have_all_its_points_has_none_that_wait_for_the_programs_event():
    shop = bought(FITTING, activation=DELIVERED).has("ann", pending=50)
    shop.does("ann", "delivered", receipt_id="receipt-1").refuses("nothing_waits")
    shop.does("ann", "fitted", receipt_id="receipt-1").has("ann", available=50, pending=0)


@pytest.mark.parametrize("knows_award", [True, False])
def test_without_the_award_or_its_version_nothing_is_made_active(knows_award: bool):
    terms = program(BASE, activation=DELIVERED)
    award = bought(BASE, activation=DELIVERED).award() if knows_award else None
    event = action("delivered")
    recorded = CustomActionRecorded(account="shop:ann", activity=event)
    version = None if knows_award else terms
    found = activated(recorded, award, version, activity_cause("shop:ann", event))
    assert isinstance(found, ActivityRefused)
    assert found.reason == "award_unknown"
