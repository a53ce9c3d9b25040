"""A broker that may do whatever real ones can, and how clients see it.

Its clock may be set back; an append may be taken late, twice or in part; the answer may be lost.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from shared.stream.log import AppendFailed, Bounds, LogUnavailable, Outgoing, Place, Record
from shared.stream.memory import MemoryInputs, MemoryLog, MemoryRecord
from tests.simulation.network import EPOCH_MS, Network

IDLE_SECONDS = 60.0
"""A poll that finds nothing waits for a record this long: waiting for one costs no steps."""


class Broker(MemoryLog):
    """The log itself; tells those who wait when something arrives."""

    def __init__(self, network: Network, topics: Mapping[str, int]) -> None:
        super().__init__(topics, self._clock)
        self.network = network
        self.clock_ahead_ms = 0
        self.is_clock_right = True
        """Whether it always was."""
        self.polls: dict[asyncio.Future[None], Mapping[Place, int]] = {}
        """Who waits for a record, and of which places."""

    def _clock(self) -> int:
        return EPOCH_MS + int(self.network.loop.now * 1000) + self.clock_ahead_ms

    def stamp(self, _records: Sequence[MemoryRecord]) -> int:
        """Stamps go back when the clock does."""
        return self._clock()

    def put(self, place: Place, outgoing: Outgoing) -> int:
        """Append one record at once, and tell those who wait for it; its offset."""
        offset = super().put(place, outgoing)
        for poll in [poll for poll, places in self.polls.items() if place in places]:
            self.arrived(poll)
        return offset

    def arrived(self, poll: "asyncio.Future[None]") -> None:
        """Let somebody look again who waits for a record."""
        self.polls.pop(poll, None)
        if not poll.done():
            poll.set_result(None)


class SimulatedLog:
    """A client's view of the broker's log; see `shared.stream.log.Log`."""

    def __init__(self, network: Network, broker: Broker) -> None:
        self.network = network
        self.broker = broker

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`: each place's batch is a request of its own."""
        if len(batches) == 1:
            [(place, batch)] = batches.items()
            return {place: await self._append(place, batch)}
        ends = await asyncio.gather(
            *(self._append(place, batch) for place, batch in batches.items()),
            return_exceptions=True,
        )
        taken: dict[Place, int] = {}
        for place, end in zip(batches, ends, strict=True):
            if isinstance(end, BaseException):
                raise AppendFailed("not acknowledged") from end
            taken[place] = end
        return taken

    async def _append(self, place: Place, batch: Sequence[Outgoing]) -> int:
        network = self.network
        sent = list(batch)

        def serve() -> int:
            taken = sent
            if network.chance(network.faults.cut):
                taken = sent[: network.random.randrange(len(sent)) + 1]
            end = self._put(place, taken)
            if network.chance(network.faults.doubled):
                network.later(network.delay(), self._put, place, taken)
            if len(taken) < len(sent):
                raise AppendFailed("a batch was cut")
            return end

        return await network.request(serve, AppendFailed)

    def _put(self, place: Place, batch: Sequence[Outgoing]) -> int:
        return [self.broker.put(place, record) for record in batch][-1]

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """See `Log.read`."""
        return await self.network.request(lambda: self.broker.held(ends), LogUnavailable)

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        asked = list(places)
        return await self.network.request(lambda: self.broker.limits(asked), LogUnavailable)

    async def partitions(self, topic: str) -> int:
        """See `Log.partitions`."""
        return await self.broker.partitions(topic)


class SimulatedInputs(MemoryInputs):
    """A client's poll: what is there, or what arrives while it waits."""

    def __init__(self, network: Network, broker: Broker, topics: Sequence[str]) -> None:
        super().__init__(broker, topics)
        self.network = network
        self.broker = broker
        self.look_again: Callable[[], None] = _nothing
        """Ends a wait: what is owned has changed."""

    def assign(self, positions: Mapping[Place, int]) -> None:
        """See `Inputs.assign`; in an order that no hash decides."""
        super().assign(dict(sorted(positions.items())))

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`; a batch may end anywhere, and a record be passed over."""
        limit = self.network.random.randint(1, limit)
        polled = self.taken(limit)
        if polled:
            return self._handed_out(polled)
        arrival: asyncio.Future[None] = self.network.loop.create_future()
        self.broker.polls[arrival] = self.positions
        idle = self.network.loop.call_later(IDLE_SECONDS, self.broker.arrived, arrival)
        self.look_again = lambda: self.broker.arrived(arrival)
        await arrival
        idle.cancel()
        if delay := self.network.delay():
            await asyncio.sleep(delay)
        return self._handed_out(self.taken(limit))

    def _handed_out(self, polled: dict[Place, list[Record]]) -> dict[Place, list[Record]]:
        """Now and then without a record, as long as the client is to hand out more of its place."""
        for place, records in list(polled.items()):
            if not self.network.chance(self.network.faults.skipped):
                continue
            last = len(self.broker.records[place]) - 1
            followed = [record for record in records if record.offset < last]
            if followed:
                records.remove(self.network.random.choice(followed))
            if not records:
                del polled[place]
        return polled


def _nothing() -> None:
    return
