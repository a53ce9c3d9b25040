"""A program is published, and its first inputs come at once: a service may not have read it yet."""

import json

import pytest

from services.earn.projection import DECISION
from services.redeem.projection import ACCOUNT
from services.redeem.projection import DECISION as DECIDED
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from tests.ledgers import MemoryLedger
from tests.simulation.program import SHOP
from tests.verified import verified

JO, UNKNOWN = "shop:jo", "nowhere:jo"


@pytest.mark.parametrize("known", [None, Catalogue()])
def test_an_input_that_is_faster_than_its_program_is_decided_under_it(known: Catalogue | None):
    ledger = MemoryLedger(known_at_first=known)
    ledger.buy(JO, "r1", 12)
    ledger.run()
    ledger.redeem(JO, "key", 5)
    ledger.run()
    [decision] = ledger.stores["earn"].tables[DECISION].rows.values()
    assert (decision.type, decision.points) == ("loyalty.points.earned.v1", 12)
    assert ledger.stores["redeem"].tables[ACCOUNT].rows[JO].redeemed == 5
    assert verified(ledger).findings == []


def test_one_program_that_is_known_does_not_hide_one_that_is_not():
    ledger = MemoryLedger(known_at_first=Catalogue().with_version(Program.model_validate(SHOP)))
    ledger.publish({**SHOP, "program": "bar", "brands": ["bar"]})
    for account in (JO, "bar:jo"):
        ledger.redeem(account, "key", 5)
    ledger.run()
    refusals = [
        json.loads(row.fact) for row in ledger.stores["redeem"].tables[DECIDED].rows.values()
    ]
    assert {refusal["reason"] for refusal in refusals} == {"account_unknown"}


def test_what_is_of_no_program_after_all_is_refused_and_holds_nothing_up():
    ledger = MemoryLedger(known_at_first=Catalogue())
    ledger.buy(UNKNOWN, "r1", 12)
    ledger.buy(JO, "r2", 3)
    ledger.run()
    decided = ledger.stores["earn"].tables[DECISION].rows.values()
    assert {row.account: row.type for row in decided} == {
        UNKNOWN: "loyalty.activity.refused.v1",
        JO: "loyalty.points.earned.v1",
    }
