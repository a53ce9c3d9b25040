"""The log and the inputs on Apache Kafka, through aiokafka.

Two consumers, inputs and read-back apart, without a group: positions live in the store. Appends go
as whole batches through an idempotent producer with `acks=all`. While the broker is away calls
wait, up to a named time, and then raise LogUnavailable; after a failed append the producer is made
anew, since what it still holds may be appended later (the chain makes such records void).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.topics import QUARANTINE_BYTES_MAX
from shared.stream.log import AppendFailed, Bounds, LogUnavailable, Outgoing, Place, Record

BATCH_BYTES_MAX = 256 * 1024
"""One request's batch: the broker's limit is 1 MiB for a batch, and infra measured no gain above this."""
REQUEST_SECONDS = 10.0
READ_SECONDS = 15.0
RETRY_BACKOFF_MS = 50
FETCH_BYTES = 2 * 1024 * 1024
Batch = list[Outgoing]


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


class KafkaLog:
    """See `shared.stream.log.Log`."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._producing = asyncio.Lock()
        self._reader = consumer(bootstrap)
        self._reading = asyncio.Lock()
        self._next: dict[Place, int] = {}

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        try:
            await self._reader.start()
        except KafkaError as error:
            raise LogUnavailable(f"Kafka at {self.bootstrap} cannot be reached: {error}") from error

    async def close(self) -> None:
        """Disconnect."""
        await self._reader.stop()
        await self._discard()

    # append

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS + 5.0):
                producing = await self._started()
                sent = await asyncio.gather(
                    *(_send(producing, place, records) for place, records in batches.items())
                )
        except (KafkaError, OSError, TimeoutError) as error:
            await self._discard()
            raise AppendFailed(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            await self._discard()
            raise
        return dict(zip(batches, sent, strict=True))

    async def _started(self) -> AIOKafkaProducer:
        async with self._producing:
            if self._producer is None:
                fresh = producer(self.bootstrap)
                await fresh.start()
                self._producer = fresh
            return self._producer

    async def _discard(self) -> None:
        abandoned, self._producer = self._producer, None
        if abandoned is not None:
            stopping = asyncio.create_task(abandoned.stop())
            await asyncio.wait([stopping], timeout=1.0)

    # read

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """See `Log.read`."""
        async with self._reading:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    return await self._read(ends)
            except (KafkaError, OSError, TimeoutError) as error:
                self._next.clear()
                raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        self._go_to({place: bounds.first for place, bounds in ends.items()})
        found: dict[Place, list[Record]] = {place: [] for place in ends}
        open_places = {place for place, bounds in ends.items() if bounds.first < bounds.end}
        while open_places:
            fetched = await self._reader.getmany(
                *(TopicPartition(*place) for place in open_places), timeout_ms=1_000
            )
            for partition, records in fetched.items():
                place = Place(partition.topic, partition.partition)
                end = ends[place].end
                self._next[place] = records[-1].offset + 1
                if self._next[place] > end:  # what is read beyond the end is read again next time
                    records = [record for record in records if record.offset < end]
                    del self._next[place]
                found[place].extend(records)
                if found[place] and found[place][-1].offset == end - 1:
                    open_places.discard(place)
        return found

    def _go_to(self, firsts: Mapping[Place, int]) -> None:
        assigned = self._reader.assignment()
        if not {TopicPartition(*place) for place in firsts} <= assigned:
            self._reader.assign(
                [*assigned, *(TopicPartition(*p) for p in firsts if p not in assigned)]
            )
            for place in assigned:
                self._reader.seek(place, self._next.setdefault(Place(*place), 0))
        for place, first in firsts.items():
            if self._next.get(place) != first:
                self._reader.seek(TopicPartition(*place), first)
                self._next[place] = first

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        partitions = [TopicPartition(*place) for place in places]
        try:
            firsts = await self._reader.beginning_offsets(partitions)
            ends = await self._reader.end_offsets(partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return {Place(*place): Bounds(firsts[place], ends[place]) for place in partitions}

    async def partitions(self, topic: str) -> int:
        """See `Log.partitions`."""
        try:
            metadata = await self._reader._client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return len(metadata.partitions_for_topic(topic) or ())


async def _send(producing: AIOKafkaProducer, place: Place, records: Sequence[Outgoing]) -> int:
    """Append records to one partition as few batches, one after the other; the last one's offset."""
    offset = -1
    batch = producing.create_batch()
    for record in records:
        appended = batch.append(
            key=record.key, value=record.value, timestamp=None, headers=record.headers
        )
        if appended is None:
            offset = await _sent(producing, place, batch)
            batch = producing.create_batch()
            batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
    return max(offset, await _sent(producing, place, batch))


async def _sent(producing: AIOKafkaProducer, place: Place, batch: Any) -> int:
    batch.close()
    sending = await producing.send_batch(batch, place.topic, partition=place.partition)
    metadata = await sending
    return int(metadata.offset) + batch.record_count() - 1


class KafkaInputs:
    """See `shared.stream.log.Inputs`; records of earlier `topics` come before those of later ones."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self.topics = tuple(topics)
        self._consumer = consumer(bootstrap)
        self._places: list[list[TopicPartition]] = []

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise LogUnavailable(str(error)) from error

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    def assign(self, positions: Mapping[Place, int]) -> None:
        """See `Inputs.assign`."""
        places = [TopicPartition(*place) for place in positions]
        self._consumer.assign(places)
        for place, offset in positions.items():
            self._consumer.seek(TopicPartition(*place), offset)
        by_topic = [[place for place in places if place.topic == topic] for topic in self.topics]
        self._places = [group for group in by_topic if group]

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        polled: dict[Place, list[Record]] = {}
        if not self._places:
            await asyncio.sleep(wait_ms / 1000)
            return polled
        try:
            if len(self._places) > 1:
                for group in self._places:
                    if limit > 0:
                        taken = await self._consumer.getmany(
                            *group, timeout_ms=0, max_records=limit
                        )
                        limit -= _take(taken, polled)
            if not polled:
                taken = await self._consumer.getmany(timeout_ms=wait_ms, max_records=limit)
                _take(taken, polled)
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return polled


def _take(taken: Mapping[TopicPartition, list[Any]], polled: dict[Place, list[Record]]) -> int:
    for partition, records in taken.items():
        polled[Place(partition.topic, partition.partition)] = records
    return sum(map(len, taken.values()))
