"""A log takes the facts of a turn in several batches, and may take only the first of them.

1. Wherever the log tears, what was decided but not appended is decided after the next opening: the
   same facts, in the same order, are there in the end, whatever an input brings about beside its
   own decision (dates that have passed, returns that had to wait).
2. What had to be set aside is in quarantine in the end, also where the facts of later inputs are
   there and it is not.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pytest

from shared.events.topics import AWARDS, LEDGER, QUARANTINE
from shared.stream.log import AppendFailed, Outgoing, Place
from shared.stream.memory import MemoryLog
from tests.ledgers import PARTITIONS, MemoryLedger
from tests.receipts import BASE
from tests.simulation.program import SHOP
from tests.verified import verified

JO = "shop:jo"
OPENED = b"loyalty.chain.opened.v1"


class TearingLog(MemoryLog):
    """Takes `room` more facts, and then no more in the append that is under way."""

    room = 10**9

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`."""
        if any(dict(record.headers).get("ce_type") == OPENED for [record, *_] in batches.values()):
            return await super().append(batches)
        whole = sum(map(len, batches.values()))
        taken = {}
        for place, records in batches.items():
            taken[place] = records[: self.room]
            self.room -= len(taken[place])
        ends = await super().append(taken)
        if sum(map(len, taken.values())) < whole:
            raise AppendFailed("torn")
        return ends


def returned_before_bought(ledger: MemoryLedger) -> None:
    ledger.give_back(JO, "r1", "back-1", 200)
    ledger.give_back(JO, "r1", "back-2", 300)
    ledger.buy(JO, "r1", 12)
    ledger.buy(JO, "r2", 3)


def credited_after_dates_have_passed(ledger: MemoryLedger) -> None:
    ledger.buy(JO, "r1", 12)
    ledger.buy(JO, "r2", 3)
    ledger.run()
    ledger.pass_time(days=400)
    ledger.buy(JO, "r3", 7)
    ledger.buy(JO, "r4", 1)


def redeemed_after_dates_have_passed(ledger: MemoryLedger) -> None:
    ledger.buy(JO, "r1", 12)
    ledger.buy(JO, "r2", 3)
    ledger.run()
    ledger.pass_time(days=400)
    ledger.redeem(JO, "key", 5)


def credited_in_parts(ledger: MemoryLedger) -> None:
    rule = {"kind": "fixed", "points": 5}
    parts = [
        {**rule, "rule": "month", "expiry": {"after": "1M"}},
        {**rule, "rule": "week", "expiry": {"after": "1W"}},
    ]
    earn = {"rules": [BASE, *parts]}
    ledger.publish({**SHOP, "version": 2, "effective_from": "2001-01-01", "earn": earn})
    ledger.buy(JO, "r1", 12)
    ledger.buy(JO, "r2", 3)


def extended_by_acts(ledger: MemoryLedger) -> None:
    sliding = {"after": "30D", "extended_by": ["purchase", "redemption"]}
    ledger.publish({**SHOP, "version": 2, "effective_from": "2001-01-01", "expiry": sliding})
    ledger.buy(JO, "r1", 12)
    ledger.buy(JO, "r2", 3, days_ago=2)
    ledger.run()
    ledger.pass_time(days=5)
    ledger.buy(JO, "r3", 0)
    ledger.pass_time(days=5)
    ledger.redeem(JO, "key", 5)


def activated_by_an_event(ledger: MemoryLedger) -> None:
    waits = {"on": "delivered", "within": "30D"}
    bonus = {"rule": "bonus", "kind": "fixed", "points": 5, "expiry": {"after": "1M"}}
    ledger.publish(
        {
            **SHOP,
            "version": 2,
            "effective_from": "2001-01-01",
            "activation": waits,
            "earn": {"rules": [BASE, bonus]},
        }
    )
    ledger.buy(JO, "r1", 12)
    ledger.run()
    ledger.does(JO, "delivered", "event-1", receipt_id="r1")
    ledger.buy(JO, "r2", 1)


def set_aside_before_others(ledger: MemoryLedger) -> None:
    ledger.buy(JO, "r1", 12)
    ledger.redeem(JO, "key", 5)
    ledger.run()
    ledger.redeem(JO, "key", 6)
    for number in range(3):
        ledger.redeem(JO, f"key-{number}", 1)


Story = Callable[[MemoryLedger], None]


def facts(ledger: MemoryLedger) -> list[tuple[str, bytes | None]]:
    """What all partitions of earn and redeem say, without who opened them."""
    return [
        (topic.name, record.value)
        for topic in (AWARDS, LEDGER)
        for partition in range(PARTITIONS)
        for record in ledger.log.records[Place(topic.name, partition)]
        if dict(record.headers)["ce_type"] != OPENED
    ]


def aside(ledger: MemoryLedger) -> set[bytes | None]:
    """What stands in quarantine, once or several times."""
    return {record.value for record in ledger.log.records[Place(QUARANTINE.name, 0)]}


def told(story: Story, room: int) -> MemoryLedger:
    """The story's end, on a log that tears once behind `room` facts."""
    ledger = MemoryLedger(log_type=TearingLog)
    story(ledger)
    assert isinstance(ledger.log, TearingLog)
    ledger.log.room = room
    with suppress(AppendFailed):
        ledger.run()
    ledger.log.room = 10**9
    ledger.run()
    return ledger


@pytest.mark.parametrize(
    "story",
    [
        returned_before_bought,
        credited_after_dates_have_passed,
        redeemed_after_dates_have_passed,
        credited_in_parts,
        extended_by_acts,
        activated_by_an_event,
        set_aside_before_others,
    ],
)
def test_nothing_is_lost_wherever_the_log_tears(story: Story):
    untorn = told(story, 10**9)
    whole, refused = facts(untorn), aside(untorn)
    assert len(whole) > 5
    for room in range(len(whole) + len(refused)):
        ledger = told(story, room)
        assert facts(ledger) == whole, room
        assert aside(ledger) == refused, room
        assert verified(ledger).findings == []
