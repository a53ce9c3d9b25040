"""A program is published, and its first inputs come at once: a service may not have read it yet."""

import asyncio
import json

import pytest

from services.earn.projection import DECISION
from services.redeem.projection import ACCOUNT
from services.redeem.projection import DECISION as DECIDED
from shared.events.topics import ACTIVITY
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.log import Place, Record
from shared.stream.memory import MemoryInputs
from shared.stream.runner import Runner
from tests.ledgers import PARTITIONS, Alone, MemoryLedger
from tests.simulation.program import SHOP
from tests.verified import verified

JO, UNKNOWN = "shop:jo", "nowhere:jo"


@pytest.mark.parametrize("known", [None, Catalogue()])
def test_an_input_that_is_faster_than_its_program_is_decided_under_it(known: Catalogue | None):
    ledger = MemoryLedger(arrived=known)
    ledger.buy(JO, "r1", 12)
    ledger.run()
    ledger.redeem(JO, "key", 5)
    ledger.run()
    [decision] = ledger.stores["earn"].tables[DECISION].rows.values()
    assert (decision.type, decision.points) == ("loyalty.points.earned.v1", 12)
    assert ledger.stores["redeem"].tables[ACCOUNT].rows[JO].redeemed == 5
    assert verified(ledger).findings == []


def test_one_program_that_is_known_does_not_hide_one_that_is_not():
    ledger = MemoryLedger(arrived=Catalogue().with_version(Program.model_validate(SHOP)))
    ledger.publish({**SHOP, "program": "bar", "brands": ["bar"]})
    for account in (JO, "bar:jo"):
        ledger.redeem(account, "key", 5)
    ledger.run()
    refusals = [
        json.loads(row.fact) for row in ledger.stores["redeem"].tables[DECIDED].rows.values()
    ]
    assert {refusal["reason"] for refusal in refusals} == {"account_unknown"}


def test_what_is_of_no_program_after_all_is_refused_and_holds_nothing_up():
    ledger = MemoryLedger(arrived=Catalogue())
    ledger.buy(UNKNOWN, "r1", 12)
    ledger.buy(JO, "r2", 3)
    ledger.run()
    decided = ledger.stores["earn"].tables[DECISION].rows.values()
    assert {row.account: row.type for row in decided} == {
        UNKNOWN: "loyalty.activity.refused.v1",
        JO: "loyalty.points.earned.v1",
    }


def test_an_input_counts_under_what_was_published_while_the_poll_waited_for_it():
    ledger = MemoryLedger()
    rules = [{"rule": "base", "kind": "per_amount", "points": 5, "per_minor": 100}]

    class Waiting(MemoryInputs):
        async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
            if len(ledger.catalogue.versions("shop")) == 1:
                second = {"version": 2, "effective_from": "2001-01-01", "earn": {"rules": rules}}
                ledger.publish({**SHOP, **second})
                ledger.buy(JO, "r1", 12)
            return await super().poll(limit, wait_ms)

    ledger.inputs_type = Waiting
    ledger.run()
    [decision] = ledger.stores["earn"].tables[DECISION].rows.values()
    assert decision.points == 60


def test_who_takes_over_knows_every_version_that_was_decided_under_before():
    first = Catalogue().with_version(Program.model_validate(SHOP))
    ledger = MemoryLedger()
    ledger.publish({**SHOP, "version": 2, "effective_from": "2001-01-01"})
    ledger.buy(JO, "r1", 12)
    ledger.run()
    ledger.give_back(JO, "r1", "back", 500)
    asyncio.run(_take_over(ledger, first))
    back = list(ledger.stores["earn"].tables[DECISION].rows.values())[-1]
    assert (back.type, back.points) == ("loyalty.return.assessed.v1", -5)


async def _take_over(ledger: MemoryLedger, arrived: Catalogue) -> None:
    """earn goes on in a process to which only these programs have arrived by themselves."""
    ledger.arrived = arrived
    turn, opening = ledger.loop_of("earn")
    stop = asyncio.Event()
    turn.watchers.append(lambda _writes: stop.set())
    runner = Runner(turn, opening, turn.inputs, Alone(ACTIVITY.name, PARTITIONS))
    await asyncio.wait_for(runner.run(stop), timeout=10)
