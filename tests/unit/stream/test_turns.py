"""What a turn takes, what it writes, and who is told: on a ledger in memory.

1. Of an input that is a fact topic only valid records count.
2. What no reader could read, or no topic take, is never written: its input is rejected, others go
   on.
3. Who waits for a command is told of its fold; nobody waits for what earn says.
4. An account is decided in its own partition only, at no time before what its chain says, and
   nothing is decided by a broker whose clock is far ahead.
5. A turn of which one partition cannot be folded, or whose log is another one, is no turn.
"""

from contextlib import nullcontext
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from services.earn.projection import DECISION
from services.redeem.projection import ACCOUNT, LOT
from services.redeem.projection import DECISION as REDEEM_DECISION
from shared.events import quarantine
from shared.events.awards import PointsEarned
from shared.events.facts import InputRejected
from shared.events.ids import command_cause
from shared.events.points import PointsRedeemed
from shared.events.quarantine import Reason
from shared.events.registry import TYPE_OF
from shared.events.topics import AWARDS, COMMANDS, LEDGER, QUARANTINE, partition_of
from shared.stream import planning
from shared.stream.log import Outgoing, Place, Record
from shared.stream.memory import MemoryInputs, MemoryStore
from shared.stream.positions import Halted, Outpaced
from shared.stream.records import written
from shared.stream.service import Decision
from shared.stream.store import Position, StoreUnavailable, Writes
from shared.stream.turn import InputAhead
from tests.ledgers import LIMITS, PARTITIONS, MemoryLedger, with_fact
from tests.stories.facts import redeemed
from tests.stories.setting import named
from tests.verified import verified

JO = "shop:jo"


FLO = next(
    name
    for name in (f"shop:flo {number}" for number in count())
    if partition_of(name, PARTITIONS) == partition_of(JO, PARTITIONS)
)
MAX = next(
    name
    for name in (f"shop:max {number}" for number in count())
    if partition_of(name, PARTITIONS) != partition_of(JO, PARTITIONS)
)
"""Flo's account is in Jo's partition, Max's is not."""


def account(ledger: MemoryLedger, name: str = JO) -> Any:
    return ledger.stores["redeem"].tables[ACCOUNT].rows[name]


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
    assert verified(ledger).findings == []


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


def test_whoever_watches_is_shown_the_rows_that_are_committed(ledger: MemoryLedger):
    shown: list[Any] = []
    ledger.watchers.append(shown.append)
    ledger.redeem(JO, "key", 5)
    ledger.run()
    assert [row for writes in shown for row in writes.get(ACCOUNT, ())] == [account(ledger)]


# whose turn it is, and when


def test_a_command_in_another_partition_than_its_accounts_is_set_aside(ledger: MemoryLedger):
    ledger.redeem(JO, "key", 5)
    strayed = ledger.records(COMMANDS.name, JO).pop()
    ledger.put(COMMANDS.name, MAX, Outgoing(strayed.key, strayed.value, strayed.headers))
    ledger.run()
    [record] = ledger.log.records[Place(QUARANTINE.name, 0)]
    item = quarantine.decode(record.key, record.value, record.headers)
    assert (item.reason, item.value) == (Reason.WRONG_KEY, strayed.value)
    assert account(ledger).redeemed == 0


@pytest.mark.parametrize(("late_ms", "is_decided"), [(0, True), (1, False)])
def test_an_input_of_a_broker_whose_clock_is_ahead_is_waited_for(
    ledger: MemoryLedger, late_ms: int, is_decided: bool
):
    ahead = timedelta(milliseconds=LIMITS.input_ahead_ms + late_ms)
    ledger.now += ahead
    ledger.redeem(JO, "key", 5)
    ledger.now -= ahead
    with nullcontext() if is_decided else pytest.raises(InputAhead, match="set the clocks"):
        ledger.run()
    assert account(ledger).redeemed == (5 if is_decided else 0)


def test_dates_up_to_the_last_decision_have_passed_when_the_brokers_clock_goes_back(
    ledger: MemoryLedger,
):
    [lot] = ledger.stores["redeem"].tables[LOT].rows.values()
    ledger.now = lot.expires_at
    ledger.buy(FLO, "r2", 5)
    ledger.run()
    ledger.pass_time(seconds=-30)
    ledger.tick(JO)
    ledger.run()
    assert account(ledger).expired == 12


def test_dates_of_one_partition_do_not_wait_for_those_of_another(ledger: MemoryLedger):
    ledger.tick(MAX)
    ledger.pass_time(days=40)
    ledger.tick(JO)
    ledger.run()
    assert account(ledger).expired == 12


# what is no turn


class Refusing(MemoryStore):
    """Folds no command of Jo's partition: somebody else has, or it is away."""

    away: StoreUnavailable | None = None

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        """See `Store.fold`."""
        if not notify or old.partition != partition_of(JO, PARTITIONS):
            return await super().fold(old, new, writes, notify)
        if self.away is not None:
            raise self.away
        return False


@pytest.mark.parametrize("away", [None, StoreUnavailable("away")])
def test_a_turn_is_over_when_one_of_its_partitions_is_not_folded(away: StoreUnavailable | None):
    ledger = MemoryLedger()
    redeem = ledger.services["redeem"]
    ledger.stores["redeem"] = store = Refusing(redeem.tables, redeem.lookups)
    store.away = away
    shown: list[Any] = []
    ledger.watchers.append(shown.append)
    for name in (JO, MAX):
        ledger.redeem(name, "key", 5)
    with pytest.raises(Outpaced if away is None else StoreUnavailable):
        ledger.run()
    rows = [row for writes in shown for row in writes.get(REDEEM_DECISION, ())]
    assert {row.account for row in rows} == {MAX}


class Editing(MemoryInputs):
    """Under whoever polls commands the last fact is edited, and somebody else appends."""

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        found = await super().poll(limit, wait_ms)
        for place in found:
            if place.topic == COMMANDS.name:
                facts = Place(LEDGER.name, place.partition)
                last = self.log.records[facts][-1]
                self.log.records[facts][-1] = last._replace(value=b"edited")
                self.log.put(facts, Outgoing(None, b"foreign", ()))
        return found


def test_an_owner_halts_when_its_log_is_another_one_under_it(ledger: MemoryLedger):
    ledger.redeem(JO, "key", 5)
    ledger.inputs_type = Editing
    with pytest.raises(Halted, match="is not the record that was read there before"):
        ledger.run()
    assert account(ledger).redeemed == 0
