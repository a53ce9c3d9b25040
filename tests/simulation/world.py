"""The world around the real loop: a broker and a database that may do whatever real ones can.

Requests travel to a server of the environment and back, each way with a delay of its own. So a
client may give up, be killed or be paused while its append or commit still takes place: lost acks,
late appends and zombies come about by themselves. On top of that a seed may double an append, lose
a request, or take the last commits of a database back.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.stream.log import AppendFailed, Bounds, LogUnavailable, Outgoing, Place, Record
from shared.stream.memory import MemoryInputs, MemoryLog, MemoryStore, MemoryTable
from shared.stream.store import Loaded, Need, Position, StoreUnavailable, Writes
from tests.simulation.loop import ENVIRONMENT, SeededLoop

T = TypeVar("T")
IDLE_SECONDS = 3.0
"""Longest wait of a poll that finds nothing: virtual, but each wait costs real steps."""
EPOCH_MS = 1_800_000_000_000
"""When virtual time begins."""


@dataclass(frozen=True)
class Faults:
    """How often requests go wrong."""

    slow: float = 0.03
    lost: float = 0.02
    doubled: float = 0.03
    cut: float = 0.02


CALM = Faults(0.0, 0.0, 0.0, 0.0)


class Network:
    """Carries requests from processes to servers and back."""

    def __init__(self, loop: SeededLoop, faults: Faults) -> None:
        self.loop = loop
        self.random: random.Random = loop.random
        self.faults = faults
        self.clock_ahead_ms = 0

    def now_ms(self) -> int:
        """The broker's clock: may be set back or forward."""
        return EPOCH_MS + int(self.loop.time() * 1000) + self.clock_ahead_ms

    def chance(self, probability: float) -> bool:
        """A seeded coin."""
        return self.random.random() < probability

    async def delay(self) -> None:
        """The way of one message."""
        slow = self.chance(self.faults.slow)
        await asyncio.sleep(self.random.uniform(1, 40) if slow else self.random.uniform(0, 0.004))

    async def request(
        self, serve: Callable[[], Awaitable[T]], error: type[Exception], patience: float
    ) -> T:
        """What the server answers; `error` if no answer comes in time, whatever the server did."""
        reply: asyncio.Future[T] = self.loop.create_future()

        async def server() -> None:
            await self.delay()
            if self.chance(self.faults.lost):
                return
            try:
                answer = await serve()
            except Exception as refused:  # noqa: BLE001  (whatever it is travels back)
                if not reply.done():
                    reply.set_exception(refused)
                    reply.exception()
                return
            await self.delay()
            if not reply.done() and not self.chance(self.faults.lost):
                reply.set_result(answer)

        self.loop.spawn(ENVIRONMENT, server())
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(reply)
        except TimeoutError as late:
            raise error("no answer") from late


class SimulatedLog:
    """A client's view of the broker's log."""

    def __init__(self, network: Network, records: MemoryLog) -> None:
        self.network = network
        self.records = records

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """Each place's batch is a request of its own."""
        ends = await asyncio.gather(
            *(self._append(place, batch) for place, batch in batches.items()),
            return_exceptions=True,
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise AppendFailed("not acknowledged") from end
        return dict(zip(batches, ends, strict=True))  # type: ignore[arg-type]

    async def _append(self, place: Place, batch: Sequence[Outgoing]) -> int:
        faults = self.network.faults

        async def serve() -> int:
            taken = list(batch)
            if self.network.chance(faults.cut):
                taken = taken[: self.network.random.randrange(len(taken)) + 1]
            end = [self.records.put(place, record) for record in taken][-1]
            if self.network.chance(faults.doubled):
                await self.network.delay()
                for record in taken:
                    self.records.put(place, record)
            if len(taken) < len(batch):
                raise AppendFailed("a batch was cut")
            return end

        return await self.network.request(serve, AppendFailed, 10.0)

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """See `Log.read`."""

        async def serve() -> dict[Place, list[Record]]:
            return await self.records.read(ends)

        return await self.network.request(serve, LogUnavailable, 10.0)

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        asked = list(places)

        async def serve() -> dict[Place, Bounds]:
            return await self.records.bounds(asked)

        return await self.network.request(serve, LogUnavailable, 10.0)

    async def partitions(self, topic: str) -> int:
        """See `Log.partitions`."""
        return await self.records.partitions(topic)


class SimulatedInputs(MemoryInputs):
    """A client's poll: a request like any other."""

    def __init__(self, network: Network, records: MemoryLog, topics: Sequence[str]) -> None:
        super().__init__(records, topics)
        self.network = network

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`; a batch may end anywhere."""
        taken = self.network.random.randint(1, limit)
        polled = await super().poll(taken, wait_ms)
        await asyncio.sleep(self.network.random.uniform(0, IDLE_SECONDS if not polled else 0.02))
        return polled


class Undo:
    """What a commit replaced, so that a database can lose it."""

    def __init__(self, store: MemoryStore, old: Position, writes: Writes) -> None:
        self.place = (old.topic, old.partition)
        self.position = store.positions[self.place]
        self.rows = [
            (table, row, store.tables[table].rows.get(row[store.tables[table].key]))
            for table, rows in writes.items()
            for row in rows
        ]

    def undo(self, store: MemoryStore) -> None:
        """Take the commit back."""
        store.positions[self.place] = self.position
        for table, row, replaced in reversed(self.rows):
            kept = store.tables[table]
            if replaced is None:
                _drop_row(kept, row[kept.key])
            else:
                kept.put(replaced)


def _drop_row(table: MemoryTable, key: Any) -> None:
    row = table.rows.pop(key)
    for column, index in table.indexed.items():
        del index[row[column]][key]


class Broker(MemoryLog):
    """The broker's log; its clock may be set back, and then stamps go back."""

    def put(self, place: Place, outgoing: Outgoing) -> int:
        """Append one record at once; its offset."""
        offset = super().put(place, outgoing)
        records = self.records[place]
        records[offset] = records[offset]._replace(timestamp=self.now_ms())
        return offset


class Database:
    """The server side of a service's store: commits that may be lost in a crash."""

    def __init__(self, make: Callable[[], MemoryStore]) -> None:
        self.make = make
        self.rows = make()
        self.commits: list[Undo] = []
        self.swap_checked = True

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        """A commit."""
        stored = self.rows.positions.get((old.topic, old.partition))
        if stored is None:
            return False
        if not self.swap_checked:
            old = stored
        undo = Undo(self.rows, old, writes)
        if not await self.rows.fold(old, new, writes, notify):
            return False
        self.commits.append(undo)
        return True

    def lose(self, count: int) -> int:
        """Crash: the last commits are gone; how many were."""
        lost = [self.commits.pop() for _ in range(min(count, len(self.commits)))]
        for undo in lost:
            undo.undo(self.rows)
        return len(lost)

    def drop(self) -> None:
        """Somebody drops the schema."""
        self.rows = self.make()
        self.commits.clear()


class SimulatedStore:
    """A client's view of a database."""

    def __init__(self, network: Network, database: Database) -> None:
        self.network = network
        self.database = database

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`."""
        asked = list(partitions)

        async def serve() -> Loaded:
            return await self.database.rows.load(topic, asked, needs)

        return await self.network.request(serve, StoreUnavailable, 10.0)

    async def begin(self, position: Position) -> None:
        """See `Store.begin`."""

        async def serve() -> None:
            await self.database.rows.begin(position)

        await self.network.request(serve, StoreUnavailable, 10.0)

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        """See `Store.fold`."""
        kept: dict[Any, Any] = {table: list(rows) for table, rows in writes.items()}

        async def serve() -> bool:
            return await self.database.fold(old, new, kept, notify)

        return await self.network.request(serve, StoreUnavailable, 10.0)
