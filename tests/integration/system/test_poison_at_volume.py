"""Bad input in bulk: each record stands in quarantine once, and the good ones all count (I1, I13).

`TESSERA_POISON` says how many; `make poison` plays 100,000, and then also holds the longest time
that a partition with work stood still against the limit.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import asyncpg

from cli.program import publish_file
from cli.stack.host import ROOT
from shared.events import quarantine
from shared.events.quarantine import Reason
from shared.events.topics import PURCHASES, QUARANTINE
from shared.events.wire import Source
from shared.stream.kafka import KafkaLog, producer
from shared.stream.log import Bounds, Place
from tests.command import assert_verified
from tests.integration.system.system import System, purchase, running_system
from tests.polling import pause
from tests.strategies.poison import POISON, Headers, Poison, broken

USUAL = 1_000
COUNT = int(os.environ.get("TESSERA_POISON", USUAL))
GOOD_EVERY = 10
MEMBERS = 20
STILL_SECONDS_MAX = 5.0
LARGE = 100_000
AT_ONCE = 500
GROCER: Path = ROOT / "programs" / "grocer.yaml"
TAKEN = "SELECT partition, next_offset FROM intake.upstream_position WHERE topic = $1"
GOOD_HEADERS: Headers = (("ce_type", b"retail.purchase.v1"),)


class Sent(NamedTuple):
    """A record; `reason` is None for good ones, and for those whose bytes may have become good."""

    value: bytes | None
    headers: Headers
    reason: Reason | None = None


def bad_records(count: int) -> list[Sent]:
    """Every kind of the table in turn, large ones once; and as many with some bytes changed."""
    drawn = random.Random(count)
    table = [one for one in POISON if one.topic == PURCHASES.name and not depends_on_today(one)]
    small = [one for one in table if len(one.value or b"") < LARGE]
    records = [Sent(one.value, one.headers, one.reason) for one in table]
    while len(records) < count:
        known = small[len(records) % len(small)]
        records.append(Sent(known.value, known.headers, known.reason))
        records.append(Sent(*broken(drawn)))
    drawn.shuffle(records)
    return records


def depends_on_today(one: Poison) -> bool:
    """The table's records arrive on a day of its own; these are not in the future for ever."""
    return one.name.startswith("in_the_future_by_a_day")


def with_good_ones(system: System, bad: list[Sent]) -> list[Sent]:
    """A good purchase after every few bad records."""
    mixed: list[Sent] = []
    for number, record in enumerate(bad):
        mixed.append(record)
        if number % GOOD_EVERY == 0:
            member, dollars = str(number % MEMBERS), 1 + number % 37
            system.earned[member] += dollars
            mixed.append(Sent(purchase(number, member, dollars), GOOD_HEADERS))
    return mixed


class Stand:
    """How long a partition of upstream, with records that intake has not taken, stood still."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.ends: Counter[int] = Counter()
        self.longest = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        moved: dict[int, tuple[int, float]] = {}
        connection = await asyncpg.connect(self.system.host.dsn)
        try:
            while True:
                now = monotonic()
                for partition, at in await connection.fetch(TAKEN, PURCHASES.name):
                    was, since = moved.get(partition, (-1, now))
                    if at != was or at >= self.ends[partition]:
                        moved[partition] = (at, now)
                    else:
                        self.longest = max(self.longest, now - since)
                await pause()
        finally:
            await connection.close()


async def publish(bootstrap: str, records: list[Sent], stand: Stand) -> dict[Source, Reason]:
    """Send all, and return where those stand that must be set aside, and why."""
    expected: dict[Source, Reason] = {}
    drawn = random.Random(len(records))
    sending = producer(bootstrap)
    await sending.start()
    try:
        for first in range(0, len(records), AT_ONCE):
            batch = records[first : first + AT_ONCE]
            sent = [
                await sending.send(
                    PURCHASES.name,
                    record.value,
                    key=b"%d" % drawn.randrange(100),
                    headers=list(record.headers),
                )
                for record in batch
            ]
            for record, where in zip(batch, await asyncio.gather(*sent), strict=True):
                stand.ends[where.partition] = max(stand.ends[where.partition], where.offset + 1)
                if record.reason is not None:
                    source = Source(PURCHASES.name, where.partition, where.offset)
                    expected[source] = record.reason
    finally:
        await sending.stop()
    return expected


async def set_aside(bootstrap: str) -> dict[Source, Reason]:
    """What stands in quarantine, each record once, by where it came from."""
    log = KafkaLog(bootstrap)
    await log.start()
    found: dict[Source, Reason] = {}
    try:
        places = [Place(QUARANTINE.name, n) for n in range(await log.partitions(QUARANTINE.name))]
        for place, (first, end) in (await log.bounds(places)).items():
            for start in range(first, end, AT_ONCE):
                part = Bounds(start, min(end, start + AT_ONCE))
                for record in (await log.read({place: part}))[place]:
                    item = quarantine.decode(record.key, record.value, record.headers)
                    assert found.setdefault(item.source, item.reason) == item.reason
    finally:
        await log.close()
    return found


async def test_poison_is_set_aside_once_and_the_good_between_it_all_counts() -> None:
    async with running_system() as system:
        await publish_file(system.host.bootstrap, GROCER)
        bad = bad_records(COUNT)
        stand = Stand(system)
        watching = asyncio.create_task(stand.watch())
        expected = await publish(system.host.bootstrap, with_good_ones(system, bad), stand)
        await system.drained(600)
        watching.cancel()

        found = await set_aside(system.host.bootstrap)
        assert {source: found.get(source) for source in expected} == expected
        balances = await system.balances(system.earned)
        assert {member: told["earned"] for member, told in balances.items()} == system.earned
        await assert_verified(system.host.environment)
        print(  # noqa: T201  (what `make poison` shows)
            f"{len(bad):,} bad records: {len(expected):,} of a known kind and "
            f"{len(found) - len(expected):,} of changed bytes are set aside; "
            f"the longest stand of a partition was {stand.longest:.1f} s"
        )
        if COUNT > USUAL:
            assert stand.longest < STILL_SECONDS_MAX
