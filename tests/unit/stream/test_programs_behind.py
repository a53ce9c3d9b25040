"""A program is published, and its first inputs come at once: a service may not have read it yet."""

import pytest

from services.earn.projection import DECISION
from services.redeem.projection import ACCOUNT
from tests.ledgers import MemoryLedger
from tests.verified import verified

JO, UNKNOWN = "shop:jo", "nowhere:jo"


@pytest.mark.parametrize("reads_late", [False, True])
def test_an_input_that_is_faster_than_its_program_is_decided_under_it(reads_late: bool):
    ledger = MemoryLedger(reads_late=reads_late)
    ledger.buy(JO, "r1", 12)
    ledger.run()
    ledger.redeem(JO, "key", 5)
    ledger.run()
    [decision] = ledger.stores["earn"].tables[DECISION].rows.values()
    assert (decision.type, decision.points) == ("loyalty.points.earned.v1", 12)
    assert ledger.stores["redeem"].tables[ACCOUNT].rows[JO].redeemed == 5
    assert verified(ledger).findings == []


def test_what_is_of_no_program_after_all_is_refused_and_holds_nothing_up():
    ledger = MemoryLedger(reads_late=True)
    ledger.buy(UNKNOWN, "r1", 12)
    ledger.buy(JO, "r2", 3)
    ledger.run()
    decided = ledger.stores["earn"].tables[DECISION].rows.values()
    assert {row.account: row.type for row in decided} == {
        UNKNOWN: "loyalty.activity.refused.v1",
        JO: "loyalty.points.earned.v1",
    }
