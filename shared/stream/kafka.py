"""The log and the inputs on Apache Kafka, through aiokafka.

No consumer group: positions live in the store. Appends go as whole batches through an idempotent
producer with `acks=all`. While the broker is away calls wait, up to a named time, and then raise
LogUnavailable; after a failed append the producer is given up with what it still holds (what is
under way may be appended later all the same: the chain makes such records void).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from shared.events.topics import QUARANTINE_BYTES_MAX
from shared.stream.batches import Chunk, Fetched
from shared.stream.fetching import PLACE_BYTES, Fetcher, NotThereYet
from shared.stream.lane import Lane
from shared.stream.log import AppendFailed, Bounds, LogUnavailable, Outgoing, Place, Record

BATCH_BYTES_MAX = 256 * 1024
"""One request's batch: a broker takes up to 1 MiB; more than this was measured to gain nothing."""
REQUEST_SECONDS = 10.0
APPEND_SECONDS = 15.0
READ_SECONDS = 15.0
STOP_SECONDS = 2.0
ABANDON_SECONDS = 0.2
RETRY_BACKOFF_MS = 50
NOWHERE = -1
AHEAD_WAIT_MS = 250
"""How long a broker keeps a read of what is about to be appended."""
SENDER_STEPS = 6
"""Passes of the event loop that the client's sender takes from a batch to its request."""
READ_WAIT_MS = 100
"""How long a broker keeps a read of what is not there yet: it holds back other reads meanwhile."""
FETCH_BYTES = 2 * 1024 * 1024


def consumer(bootstrap: str, **settings: Any) -> AIOKafkaConsumer:
    """A consumer that never guesses an offset and checks what it reads."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        **{
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "check_crcs": True,
            "isolation_level": "read_uncommitted",
            "max_partition_fetch_bytes": FETCH_BYTES,
            "request_timeout_ms": int(REQUEST_SECONDS * 1000) + 30_000,
            "retry_backoff_ms": RETRY_BACKOFF_MS,
            **settings,
        },
    )


async def let_go(consuming: AIOKafkaConsumer) -> None:
    """Disconnect a consumer.

    Where one of its requests waits to be tried again, the client lets the cancellation of that
    request out, and its connections stay: it is no cancellation of ours.
    """
    try:
        await consuming.stop()
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        await consuming._client.close()  # noqa: SLF001  (of a client whose version is pinned)


def producer(bootstrap: str) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=QUARANTINE_BYTES_MAX,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
        retry_backoff_ms=RETRY_BACKOFF_MS,
    )


class Ahead(NamedTuple):
    """A fetch of what is about to be appended."""

    nexts: Mapping[Place, int]
    fetching: asyncio.Task[list[Chunk]]


class KafkaLog:
    """See `shared.stream.log.Log`; gives up after the seconds that it is made with."""

    def __init__(
        self,
        bootstrap: str,
        *,
        append_seconds: float = APPEND_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.bootstrap = bootstrap
        self.append_seconds = append_seconds
        self.read_seconds = read_seconds
        self._producer: AIOKafkaProducer | None = None
        self._producing = asyncio.Lock()
        self._fetcher = Fetcher(bootstrap)
        self._read_to: dict[Place, int] = {}
        self._ahead: Ahead | None = None

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        await self._fetcher.start()

    async def close(self) -> None:
        """Disconnect."""
        self._look_away()
        stopped, self._producer = self._producer, None
        if stopped is not None:
            await _stop(stopped)
        await self._fetcher.close()

    # append

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`.

        Whoever has read a place to its end reads what it appends there: the fetch of that goes out
        behind the append, and is answered with it.
        """
        filled = {place: records for place, records in batches.items() if records}
        try:
            async with asyncio.timeout(self.append_seconds):
                producing = await self._started()
                packed = {place: _packed(producing, records) for place, records in filled.items()}
                self._look_ahead(packed)
                sent = await asyncio.gather(
                    *(_send(producing, place, parts) for place, parts in packed.items())
                )
        except (KafkaError, OSError, TimeoutError) as error:
            await self._give_up()
            raise AppendFailed(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            await self._give_up()
            raise
        return dict(zip(filled, sent, strict=True))

    async def _started(self) -> AIOKafkaProducer:
        async with self._producing:
            if self._producer is None:
                fresh = producer(self.bootstrap)
                try:
                    await fresh.start()
                except BaseException:
                    await _abandon(fresh)
                    raise
                self._producer = fresh
            return self._producer

    async def _give_up(self) -> None:
        self._look_away()
        abandoned, self._producer = self._producer, None
        if abandoned is not None:
            await _abandon(abandoned)

    # read

    def _look_ahead(self, packed: Mapping[Place, Sequence[Any]]) -> None:
        nexts = {place: self._read_to[place] for place in packed if place in self._read_to}
        self._look_away()
        if nexts:
            sizes = {place: sum(part.size() for part in packed[place]) for place in nexts}
            fetching = asyncio.create_task(self._fetch_ahead(nexts, sizes), name="looking ahead")
            fetching.add_done_callback(_heed)
            self._ahead = Ahead(nexts, fetching)

    async def _fetch_ahead(
        self, nexts: Mapping[Place, int], sizes: Mapping[Place, int]
    ) -> list[Chunk]:
        for _ in range(SENDER_STEPS):  # the append goes out first
            await asyncio.sleep(0)
        return await self._fetcher.fetch(nexts, AHEAD_WAIT_MS, sizes)

    def _look_away(self) -> None:
        if self._ahead is not None:
            self._ahead.fetching.cancel()
            self._ahead = None

    async def _fetch(self, nexts: Mapping[Place, int]) -> list[Chunk]:
        """Fetch, or take what was fetched ahead if it is of these places at these offsets."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and nexts.items() <= ahead.nexts.items():
            with contextlib.suppress(KafkaError):
                return [chunk for chunk in await ahead.fetching if chunk.place in nexts]
        elif ahead is not None:
            ahead.fetching.cancel()
        return await self._fetcher.fetch(nexts, READ_WAIT_MS)

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """See `Log.read`.

        An offset without a record (Kafka's own transaction markers take one) comes as a record
        without key, value and headers, so that every reader counts the same.
        """
        found: dict[Place, list[Record]] = {place: [] for place in ends}
        nexts = {place: bounds.first for place, bounds in ends.items() if bounds.first < bounds.end}

        async def go_on() -> None:
            while nexts:
                try:
                    chunks = await self._fetch(nexts)
                except OffsetOutOfRangeError as error:
                    why = await self._why_out_of_range(nexts)
                    raise why from error
                for chunk in chunks:
                    place, end = chunk.place, ends[chunk.place].end
                    first, records = chunk.next, chunk.take(PLACE_BYTES, end)
                    found[place].extend(_without_gaps(place, first, records, min(chunk.next, end)))
                    nexts[place] = chunk.next
                    if chunk.next >= end:
                        del nexts[place]
                        self._read_to[place] = end

        try:
            await self._fetcher.patiently(go_on, self.read_seconds)
        except LogUnavailable as error:
            waiting = ", ".join(f"{place} from {offset}" for place, offset in nexts.items())
            raise LogUnavailable(f"{error}; not read: {waiting}") from error
        return found

    async def _why_out_of_range(self, nexts: Mapping[Place, int]) -> Exception:
        """What is gone will not come back; what is not there yet may be about to."""
        bounds = await self._fetcher.bounds(nexts)
        for place, offset in nexts.items():
            if offset < bounds[place].first:
                return LogUnavailable(f"{place} begins at {bounds[place].first}, after {offset}")
        return NotThereYet(", ".join(f"{place} ends at {b.end}" for place, b in bounds.items()))

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        asked = list(places)
        return await self._fetcher.patiently(lambda: self._fetcher.bounds(asked), self.read_seconds)

    async def partitions(self, topic: str) -> int:
        """See `Log.partitions`."""
        return await self._fetcher.patiently(
            lambda: self._fetcher.partitions(topic), self.read_seconds
        )


def _heed(task: asyncio.Task[list[Chunk]]) -> None:
    """A look ahead that fails is of no consequence: whoever reads, asks again."""
    if not task.cancelled():
        task.exception()


def _without_gaps(place: Place, first: int, records: list[Fetched], end: int) -> list[Fetched]:
    """The records of `first` to `end`, with empty ones where there is none."""
    if len(records) == end - first:
        return records
    by_offset = {record.offset: record for record in records}
    return [
        by_offset.get(offset) or Fetched(*place, offset, 0, None, None, ())
        for offset in range(first, end)
    ]


def _packed(producing: AIOKafkaProducer, records: Sequence[Outgoing]) -> list[Any]:
    """The records as few batches."""
    batches = [producing.create_batch()]
    for record in records:
        if not _added(batches[-1], record):
            batches.append(producing.create_batch())
            _added(batches[-1], record)  # alone in a batch, a record may have any size
    return batches


def _added(batch: Any, record: Outgoing) -> bool:
    headers = list(record.headers)
    added = batch.append(key=record.key, value=record.value, timestamp=None, headers=headers)
    return added is not None


async def _send(producing: AIOKafkaProducer, place: Place, batches: Sequence[Any]) -> int:
    """Append batches to one place, one after the other; the last record's offset."""
    last = NOWHERE
    for batch in batches:
        batch.close()
        sending = await producing.send_batch(batch, place.topic, partition=place.partition)
        last = (await sending).offset + batch.record_count() - 1
    return last


async def _stop(producing: AIOKafkaProducer) -> None:
    """Disconnect once what was sent is acknowledged, or after a named time."""
    stopping = asyncio.ensure_future(producing.stop())
    await asyncio.wait([stopping], timeout=STOP_SECONDS)
    if not stopping.done():
        await _abandon(producing)
        await stopping


async def _abandon(producing: AIOKafkaProducer) -> None:
    """Disconnect and forget what was not acknowledged; the client's own stop would wait for it.

    Its sender, when cancelled, waits for its requests, and these may wait for metadata that nobody
    fetches any more: it is cancelled until it has ended.
    """
    sending = producing._sender.sender_task  # noqa: SLF001  (of a client whose version is pinned)
    if sending is not None:
        sending.cancel()
    await producing.client.close()
    while sending is not None and not sending.done():
        await asyncio.wait([sending], timeout=ABANDON_SECONDS)
        sending.cancel()


class KafkaInputs:
    """See `shared.stream.log.Inputs`; records of earlier `topics` come before those of later ones.

    Each topic is fetched over a connection of its own, so that a backlog of one delays none other.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._arrived = asyncio.Event()
        self._lanes = {topic: Lane(bootstrap, self._arrived) for topic in topics}

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        for lane in self._lanes.values():
            await lane.start()

    async def close(self) -> None:
        """Disconnect."""
        for lane in self._lanes.values():
            await lane.close()

    def assign(self, positions: Mapping[Place, int]) -> None:
        """See `Inputs.assign`."""
        for topic, lane in self._lanes.items():
            lane.assign(
                {place: offset for place, offset in positions.items() if place.topic == topic}
            )

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        await asyncio.sleep(0)  # what has arrived comes in, also where every poll finds something
        polled = self._take(limit)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                while not polled:
                    self._arrived.clear()
                    await self._arrived.wait()
                    polled = self._take(limit)
        return polled

    def _take(self, limit: int) -> dict[Place, list[Record]]:
        polled: dict[Place, list[Record]] = {}
        for lane in self._lanes.values():
            if limit > 0:
                taken = lane.take(limit)
                limit -= sum(map(len, taken.values()))
                polled.update(taken)
        return polled
