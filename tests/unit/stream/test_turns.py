"""What a turn takes, what it writes, and who is told: on a ledger in memory.

1. Of an input that is a fact topic only valid records count.
2. What no reader could read, or no topic take, is never written: its input is rejected, others go
   on.
3. Who waits for a command is told of its fold; nobody waits for what earn says.
"""

from typing import Any

import pytest

from services.earn.projection import DECISION
from services.redeem.projection import ACCOUNT
from shared.events.awards import PointsEarned
from shared.events.facts import InputRejected
from shared.events.ids import command_cause
from shared.events.points import PointsRedeemed
from shared.events.registry import TYPE_OF
from shared.events.topics import AWARDS
from shared.stream import planning
from shared.stream.log import Outgoing
from shared.stream.records import written
from shared.stream.service import Decision
from tests.ledgers import MemoryLedger, with_fact
from tests.stories.facts import redeemed
from tests.stories.setting import named

JO = "shop:jo"


def account(ledger: MemoryLedger) -> Any:
    return ledger.stores["redeem"].tables[ACCOUNT].rows[JO]


@pytest.fixture
def ledger() -> MemoryLedger:
    """Jo has 12 points."""
    made = MemoryLedger()
    made.buy(JO, "r1", 12)
    made.run()
    return made


@pytest.mark.parametrize("further", [0, 1])
def test_an_award_of_a_writer_that_was_outpaced_counts_for_nothing(
    ledger: MemoryLedger, further: int
):
    """It is another award, appended late; valid ones may come behind it in the same turn."""
    decided = ledger.records(AWARDS.name, JO)[ledger.find(AWARDS.name, JO, TYPE_OF[PointsEarned])]
    late = with_fact(decided, award_id=named("late"), points=900)
    ledger.put(AWARDS.name, JO, Outgoing(late.key, late.value, late.headers))
    for number in range(further):
        ledger.buy(JO, f"further {number}", 5)
    ledger.run()
    assert account(ledger).earned == 12 + 5 * further


def test_a_decision_that_no_topic_takes_is_rejected_and_others_go_on(
    ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning, "RECORD_BYTES_MAX", 600)
    ledger.buy(JO, "r" * 100, 900)
    ledger.buy(JO, "r2", 5)
    ledger.run()
    assert account(ledger).earned == 17
    said = ledger.stores["earn"].tables[DECISION].rows.values()
    assert [row.type for row in said].count(TYPE_OF[InputRejected]) == 1


def test_what_no_reader_could_read_is_not_written():
    fact = redeemed(5, lot=5)
    cause = command_cause(JO, "key")
    assert written(Decision(cause, b"", fact), time_ms=0, seq=1).fact == fact
    unreadable: PointsRedeemed = fact.model_copy(update={"points": -5})
    with pytest.raises(ValueError, match="points"):
        written(Decision(cause, b"", unreadable), time_ms=0, seq=1)


def test_who_waits_for_a_command_is_told_and_nobody_else(ledger: MemoryLedger):
    told = ledger.stores["redeem"]
    assert told.notified == 0
    ledger.redeem(JO, "key", 5)
    ledger.run()
    assert told.notified == 1
    ledger.buy(JO, "r2", 5)
    ledger.run()
    assert told.notified == 1
