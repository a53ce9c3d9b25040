"""The bare loop: every step of a turn and nothing of a ledger. It says what a machine can do.

Purchases of three lines become points by one rule, through pydantic both ways, as chained records
that are read back and folded: with the clients as they come, in one straight piece of code. Targets
in absolute numbers were drawn where it makes what `THERE` says.

`python -m bench.bare PURCHASES ALONE SECONDS` prints what it makes, as JSON.
"""

import asyncio
import json
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg
import uvloop
from aiokafka import TopicPartition
from pydantic import BaseModel

from bench.report import BARE_ALONE, BARE_OFFERED, BARE_RATE, DRAWN, Figure
from bench.stage import PARTITIONS, stage
from shared.process import few_collections
from shared.stream.kafka import consumer, producer

PER_TURN = 500
MEMBERS = 2_000
OFFERED_A_SECOND = 200
INPUT, OUTPUT = "bench.bare.input", "bench.bare.output"
SCHEMA = """
    CREATE TABLE bare_position (partition int PRIMARY KEY, next bigint NOT NULL, head bytea);
    CREATE TABLE bare_account (key text PRIMARY KEY, points bigint, version bigint)
        WITH (fillfactor = 70);
    CREATE TABLE bare_entry (cause uuid PRIMARY KEY, account text, points bigint, fact text);
    SET synchronous_commit = off;
"""
LOAD = """
    SELECT (SELECT array_agg(ROW(partition, next, head)) FROM bare_position
            WHERE partition = ANY($1)),
           (SELECT array_agg(ROW(key, points, version)) FROM bare_account WHERE key = ANY($2)),
           (SELECT array_agg(cause) FROM bare_entry WHERE cause = ANY($3))
"""
FOLD = """
    WITH moved AS (UPDATE bare_position SET next = $3, head = $4
                   WHERE partition = $1 AND next = $2 RETURNING 1),
    accounts AS (INSERT INTO bare_account
                 SELECT * FROM unnest($5::text[], $6::bigint[], $7::bigint[])
                 WHERE EXISTS (SELECT FROM moved)
                 ON CONFLICT (key) DO UPDATE
                 SET points = excluded.points, version = excluded.version),
    entries AS (INSERT INTO bare_entry
                SELECT * FROM unnest($8::uuid[], $9::text[], $10::bigint[], $11::text[])
                WHERE EXISTS (SELECT FROM moved))
    SELECT count(*) FROM moved
"""


class Machine(NamedTuple):
    """What the bare loop makes of a machine.

    Purchases a second in turns of 500, and milliseconds (p50) from a purchase that is sent to its
    committed fold: one at a time, and with 200 sent a second.
    """

    a_second: float
    alone_ms: float
    offered_ms: float


THERE = Machine(15_000, 1.2, 1.9)
"""Where the targets were drawn: two cores, Debian 12, Python 3.11, in 2026-11."""


class Line(BaseModel):
    line_id: str
    sku: str
    category: str
    amount_minor: int


class Purchase(BaseModel):
    event_id: str
    account: str
    occurred_at: datetime
    currency: str
    lines: list[Line]


class Earned(BaseModel):
    award_id: UUID
    account: str
    occurred_at: datetime
    points: int
    version: int


class Decision(NamedTuple):
    cause: UUID
    fact: Earned
    value: bytes
    hash: bytes


def purchase(number: int) -> Purchase:
    """A purchase of some 380 bytes: not more than where the targets were drawn."""
    lines = [
        Line(line_id=str(n), sku=f"sku-{number * 7 + n:08}", category="GROCERY", amount_minor=499)
        for n in range(3)
    ]
    return Purchase(
        event_id=f"purchase-{number:032}",
        account=f"grocer:member-{number % MEMBERS}",
        occurred_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        currency="USD",
        lines=lines,
    )


def partition_of(account: str) -> int:
    """Where an account belongs; any spread will do."""
    return int(account.rpartition("-")[2]) % PARTITIONS


class Loop:
    """Turns over all partitions."""

    def __init__(self, bootstrap: str, sql: asyncpg.Connection) -> None:
        self.sql = sql
        self.inputs = consumer(bootstrap)
        self.outputs = consumer(bootstrap)
        self.producer = producer(bootstrap)
        self.partitions = list(range(PARTITIONS))
        self.folded: Callable[[str], object] = lambda _: None
        """Called with the id of each purchase whose fold is committed."""

    async def start(self) -> None:
        """Connect, and begin at the beginning."""
        await self.sql.execute(SCHEMA)
        for partition in self.partitions:
            await self.sql.execute(
                "INSERT INTO bare_position VALUES ($1, 0, $2)", partition, bytes(32)
            )
        await self.producer.start()
        for reading, topic in ((self.inputs, INPUT), (self.outputs, OUTPUT)):
            await reading.start()
            places = [TopicPartition(topic, partition) for partition in self.partitions]
            reading.assign(places)
            for place in places:
                reading.seek(place, 0)

    async def stop(self) -> None:
        """Disconnect."""
        await self.inputs.stop()
        await self.outputs.stop()
        await self.producer.stop()

    async def turn(self) -> int:
        """Poll, load, decide, append, read back, fold; how many purchases it took."""
        polled = await self.inputs.getmany(timeout_ms=100, max_records=PER_TURN)
        if not polled:
            return 0
        asked = {
            place.partition: [Purchase.model_validate_json(record.value) for record in records]
            for place, records in polled.items()
        }
        positions, accounts, known = await self._load(asked)
        decided = {
            partition: self._decide(purchases, positions[partition][1], accounts, known)
            for partition, purchases in asked.items()
        }
        await asyncio.gather(*(self._append(*part) for part in decided.items()))
        await self._read_back(decided)
        for partition, decisions in decided.items():
            await self._fold(partition, positions[partition][0], decisions, accounts)
        for purchases in asked.values():
            for bought in purchases:
                self.folded(bought.event_id)
        return sum(map(len, asked.values()))

    async def _load(self, asked: dict[int, list[Purchase]]) -> tuple[Any, Any, set[UUID]]:
        everything = [bought for purchases in asked.values() for bought in purchases]
        positions, accounts, known = await self.sql.fetchrow(
            LOAD,
            list(asked),
            list({bought.account for bought in everything}),
            [uuid5(NAMESPACE_OID, bought.event_id) for bought in everything],
        )
        return (
            {partition: (following, head) for partition, following, head in positions},
            {key: (points, version) for key, points, version in accounts or ()},
            set(known or ()),
        )

    def _decide(
        self, purchases: Sequence[Purchase], head: bytes, accounts: Any, known: set[UUID]
    ) -> list[Decision]:
        decisions = []
        for bought in purchases:
            cause = uuid5(NAMESPACE_OID, bought.event_id)
            if cause in known:
                continue
            points, version = accounts.get(bought.account, (0, 0))
            earned = Earned(
                award_id=cause,
                account=bought.account,
                occurred_at=bought.occurred_at,
                points=sum(line.amount_minor for line in bought.lines) // 100,
                version=version + 1,
            )
            value = earned.model_dump_json().encode()
            fact = Earned.model_validate_json(value)
            head = sha256(head + value).digest()
            accounts[bought.account] = (points + fact.points, fact.version)
            decisions.append(Decision(cause, fact, value, head))
        return decisions

    async def _append(self, partition: int, decisions: Sequence[Decision]) -> None:
        batch = self.producer.create_batch()
        for cause, fact, value, link in decisions:
            headers = [("cause", cause.bytes), ("hash", link)]
            batch.append(key=fact.account.encode(), value=value, timestamp=None, headers=headers)
        batch.close()
        await (await self.producer.send_batch(batch, OUTPUT, partition=partition))

    async def _read_back(self, decided: dict[int, list[Decision]]) -> None:
        missing = {partition: iter(decisions) for partition, decisions in decided.items()}
        remaining = sum(map(len, decided.values()))
        while remaining:
            found = await self.outputs.getmany(timeout_ms=100, max_records=PER_TURN)
            for place, records in found.items():
                for record in records:
                    assert record.value == next(missing[place.partition]).value
                remaining -= len(records)

    async def _fold(
        self, partition: int, following: int, decisions: Sequence[Decision], accounts: Any
    ) -> None:
        keys = list({decision.fact.account for decision in decisions})
        points, versions = zip(*(accounts[key] for key in keys), strict=True)
        moved = await self.sql.fetchval(
            FOLD,
            partition,
            following,
            following + len(decisions),
            decisions[-1].hash,
            keys,
            points,
            versions,
            [decision.cause for decision in decisions],
            [decision.fact.account for decision in decisions],
            [decision.fact.points for decision in decisions],
            [decision.value.decode() for decision in decisions],
        )
        assert moved == 1


class Sender:
    """Sends purchases, and knows when each is folded."""

    def __init__(self, loop: Loop, bootstrap: str) -> None:
        loop.folded = self._seen
        self.producer = producer(bootstrap)
        self._numbers = iter(range(10**9))
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def _seen(self, event_id: str) -> None:
        waiting = self._waiting.pop(event_id, None)
        if waiting is not None:
            waiting.set_result(perf_counter())

    async def send(self, count: int) -> None:
        """Many at once, in batches."""
        batches = {partition: self.producer.create_batch() for partition in range(PARTITIONS)}
        for _ in range(count):
            bought = purchase(next(self._numbers))
            partition = partition_of(bought.account)
            if not self._added(batches[partition], bought):
                await self._flush(partition, batches[partition])
                batches[partition] = self.producer.create_batch()
                self._added(batches[partition], bought)
        for partition, batch in batches.items():
            await self._flush(partition, batch)

    @staticmethod
    def _added(batch: Any, bought: Purchase) -> bool:
        value = bought.model_dump_json().encode()
        added = batch.append(key=bought.account.encode(), value=value, timestamp=None, headers=[])
        return added is not None

    async def _flush(self, partition: int, batch: Any) -> None:
        batch.close()
        await (await self.producer.send_batch(batch, INPUT, partition=partition))

    async def milliseconds(self) -> float:
        """From sending one until its fold is committed."""
        bought = purchase(next(self._numbers))
        folded: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[bought.event_id] = folded
        batch = self.producer.create_batch()
        self._added(batch, bought)
        started = perf_counter()
        await self._flush(partition_of(bought.account), batch)
        return 1000 * (await folded - started)


async def bare(purchases: int, alone: int, seconds: float) -> list[Figure]:
    """What the loop makes of this machine, in a process of its own."""
    async with stage() as on:
        await on.make_topics(INPUT, OUTPUT)
        child = on.spawn("bench.bare", str(purchases), str(alone), str(seconds))
        await child.ended()
        try:
            made = Machine(**json.loads(child.output()))
        except ValueError as error:
            raise RuntimeError(child.output()) from error
    return [
        Figure(BARE_RATE, made.a_second, "purchases/s", details={DRAWN: THERE.a_second}),
        Figure(BARE_ALONE, made.alone_ms, "ms p50", details={DRAWN: THERE.alone_ms}),
        Figure(BARE_OFFERED, made.offered_ms, "ms p50", details={DRAWN: THERE.offered_ms}),
    ]


async def measure(bootstrap: str, dsn: str, purchases: int, alone: int, seconds: float) -> Machine:
    """What the loop makes; latencies are those of the second half, when all is warm."""
    sql = await asyncpg.connect(dsn)
    loop = Loop(bootstrap, sql)
    await loop.start()
    sender = Sender(loop, bootstrap)
    await sender.producer.start()
    await sender.send(purchases)
    await loop.turn()
    done, started = 0, perf_counter()
    ended = started
    while taken := await loop.turn():
        done, ended = done + taken, perf_counter()
    a_second = done / (ended - started)
    turning = asyncio.create_task(_keep_turning(loop))
    one_by_one = [await sender.milliseconds() for _ in range(alone)]
    offered = await _offered(sender, seconds)
    turning.cancel()
    await asyncio.gather(turning, return_exceptions=True)
    await loop.stop()
    await sender.producer.stop()
    await sql.close()
    return Machine(
        a_second,
        statistics.median(one_by_one[alone // 2 :]),
        statistics.median(offered[len(offered) // 2 :]),
    )


async def _keep_turning(loop: Loop) -> None:
    while True:
        await loop.turn()


async def _offered(sender: Sender, seconds: float) -> list[float]:
    async def one(delay: float) -> float:
        await asyncio.sleep(delay)
        return await sender.milliseconds()

    count = int(OFFERED_A_SECOND * seconds)
    return await asyncio.gather(*(one(number / OFFERED_A_SECOND) for number in range(count)))


if __name__ == "__main__":
    few_collections()
    _, purchases_asked, alone_asked, seconds_asked = sys.argv
    made = uvloop.run(
        measure(
            os.environ["TESSERA_KAFKA"],
            os.environ["TESSERA_POSTGRES"],
            int(purchases_asked),
            int(alone_asked),
            float(seconds_asked),
        )
    )
    print(json.dumps(made._asdict()), flush=True)
