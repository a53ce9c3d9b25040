"""Polling of upstream topics, whose records are anybody's.

Guarantees: partitions take turns, so a backlog of one holds no other up. Every record is handed
out, also one that the Kafka client cannot decode (a header whose name is not UTF-8, which would
stop its partition for good): it is read past the client's decoder. Offsets that hold no record
(transaction markers, what compaction took) are passed over.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy as RecordBatch
from aiokafka.record.util import decode_varint

from shared.stream.kafka import consumer, let_go
from shared.stream.log import LogUnavailable, Place, Record

LENGTH_AT, HEAD_BYTES = 8, 12
"""In a record batch: where its length stands, and the bytes up to behind it."""
READ_UNCOMMITTED = 0
RAW_BYTES = 256 * 1024
"""Fetched of a partition at a time past the decoder: some hundred records; one is always whole."""


class RawRecord(NamedTuple):
    """A record that was read past the client's decoder."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class UpstreamInputs:
    """See `shared.stream.log.Inputs`."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer: AIOKafkaConsumer = consumer(bootstrap)
        self._nexts: dict[Place, int] = {}

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise LogUnavailable(f"Kafka cannot be reached: {error}") from error

    async def close(self) -> None:
        """Disconnect."""
        await let_go(self._consumer)

    def assign(self, positions: Mapping[Place, int]) -> None:
        """See `Inputs.assign`."""
        self._nexts = dict(positions)
        self._consumer.assign([TopicPartition(*place) for place in positions])
        self._seek(positions)

    def _seek(self, positions: Mapping[Place, int]) -> None:
        for place, offset in positions.items():
            self._consumer.seek(TopicPartition(*place), offset)

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        if not self._nexts:
            await asyncio.sleep(wait_ms / 1000)
            return {}
        try:
            return await self._taken(limit, wait_ms)
        except UnicodeDecodeError:
            return await self._past_the_decoder()
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _taken(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        polled: dict[Place, list[Record]] = {}
        taken = await self._consumer.getmany(timeout_ms=wait_ms, max_records=limit)
        for partition, records in taken.items():
            place = Place(partition.topic, partition.partition)
            polled[place] = records
            self._nexts[place] = records[-1].offset + 1
        return polled

    async def _past_the_decoder(self) -> dict[Place, list[Record]]:
        """A little of every partition: the client does not say which one it could not decode.

        What it took of the others in the same call is lost on the way, so all are read again.
        """
        try:
            polled = {place: await self._read_past(place) for place in list(self._nexts)}
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        self._seek(self._nexts)
        return {place: records for place, records in polled.items() if records}

    async def _read_past(self, place: Place) -> list[Record]:
        """The next records of a partition; names of headers are decoded as far as they can be."""
        client = self._consumer._client  # noqa: SLF001 -- the client has no public way to raw bytes
        leader = client.cluster.leader_for_partition(TopicPartition(*place))
        first = self._nexts[place]
        wanted = [(place.topic, [(place.partition, first, RAW_BYTES)])]
        answer = await client.send(leader, FetchRequest(0, 1, RAW_BYTES, READ_UNCOMMITTED, wanted))
        [(_, [(_, code, *_, data)])] = answer.topics
        if code:
            raise for_code(code)(str(place))
        records: list[Record] = []
        for batch in _batches(data):
            if not batch.is_control_batch:
                records.extend(
                    record for record in _records(place, batch) if record.offset >= first
                )
            self._nexts[place] = batch.next_offset
        return records


def _batches(data: bytes) -> Iterator[RecordBatch]:
    """The whole record batches at the beginning of what a fetch brought."""
    while len(data) >= HEAD_BYTES:
        end = HEAD_BYTES + int.from_bytes(data[LENGTH_AT:HEAD_BYTES], "big")
        if len(data) < end:
            return
        yield RecordBatch(bytes(data[:end]))
        data = data[end:]


def _records(place: Place, batch: Any) -> Iterator[RawRecord]:
    """The records of a batch, by the format of Kafka's messages, version 2."""
    batch._maybe_uncompress()  # noqa: SLF001 -- all of the decoder but its names of headers
    fields = _Fields(batch._buffer, batch._pos)  # noqa: SLF001
    for _ in range(batch._num_records):  # noqa: SLF001
        fields.number()  # length
        fields.number()  # attributes
        since = fields.number()
        offset = batch.base_offset + fields.number()
        stamped = batch.max_timestamp if batch.timestamp_type else batch.first_timestamp + since
        key, value = fields.data(), fields.data()
        headers = [
            ((fields.data() or b"").decode("utf-8", "backslashreplace"), fields.data() or b"")
            for _ in range(fields.number())
        ]
        yield RawRecord(place.topic, place.partition, offset, stamped, key, value, headers)


class _Fields:
    """Reads one field after the other."""

    def __init__(self, data: bytearray, at: int) -> None:
        self.rest = data
        self.at = at

    def number(self) -> int:
        number: int
        number, self.at = decode_varint(self.rest, self.at)
        return number

    def data(self) -> bytes | None:
        length = self.number()
        if length < 0:
            return None
        found = bytes(self.rest[self.at : self.at + length])
        self.at += length
        return found
