"""Logs to hold against the contract: the one in memory, and a real Kafka's."""

import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.stream.kafka import KafkaInputs, KafkaLog
from shared.stream.log import Inputs, Log, Outgoing, Place
from shared.stream.memory import MemoryInputs, MemoryLog
from tests.polling import eventually

READ_SECONDS = 1.0
"""How long a read that cannot succeed is kept waiting here."""
CHECKSUM = slice(17, 21)
"""Where a batch has its own, over all that follows."""
CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",
    "max.message.bytes": str(1024 * 1024),
}


class Ground(Protocol):
    """Where logs of one kind are tried out."""

    async def topic(self, partitions: int = 4) -> str:
        """A new topic's name."""
        ...

    async def log(self) -> Log:
        """A log."""
        ...

    async def inputs(self, *topics: str) -> Inputs:
        """Inputs, earlier topics first."""
        ...

    async def delete_before(self, place: Place, offset: int) -> None:
        """As retention does."""
        ...


class MemoryGround:
    """Logs in memory."""

    def __init__(self) -> None:
        self.records = MemoryLog({})

    async def topic(self, partitions: int = 4) -> str:
        name = f"topic-{len(self.records.counts)}"
        self.records.make(name, partitions)
        return name

    async def log(self) -> Log:
        return self.records

    async def inputs(self, *topics: str) -> Inputs:
        return MemoryInputs(self.records, topics)

    async def delete_before(self, place: Place, offset: int) -> None:
        self.records.delete_before(place, offset)


class KafkaGround:
    """Logs on a real Kafka; what is made here is closed and deleted with the stack."""

    def __init__(self, bootstrap: str, admin: AIOKafkaAdminClient, stack: AsyncExitStack) -> None:
        self.bootstrap = bootstrap
        self.admin = admin
        self.stack = stack
        self.topics: list[str] = []

    async def topic(self, partitions: int = 4, name: str | None = None) -> str:
        name = name or f"contract-{uuid.uuid4().hex[:12]}"
        answer = await self.admin.create_topics(
            [NewTopic(name, partitions, 1, topic_configs=CONFIG)]
        )
        assert [code for _, code, *_ in answer.topic_errors] == [0]
        self.topics.append(name)
        await eventually(lambda: self._is_led(name))
        return name

    async def _is_led(self, name: str) -> bool:
        [found] = await self.admin.describe_topics([name])
        return bool(found["partitions"]) and all(p["leader"] >= 0 for p in found["partitions"])

    async def log(self) -> KafkaLog:
        log = KafkaLog(self.bootstrap, read_seconds=READ_SECONDS)
        await log.start()
        self.stack.push_async_callback(log.close)
        return log

    async def inputs(self, *topics: str) -> KafkaInputs:
        inputs = KafkaInputs(self.bootstrap, topics)
        await inputs.start()
        self.stack.push_async_callback(inputs.close)
        return inputs

    async def delete_before(self, place: Place, offset: int) -> None:
        await self.admin.delete_records({TopicPartition(*place): RecordsToDelete(offset)})

    async def put_raw(
        self,
        place: Place,
        value: bytes,
        headers: Sequence[tuple[str, bytes | None]],
        replaced: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        """Append a record as producers in other languages may: with bytes of it replaced."""
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 2**20)
        builder.append(0, None, b"k", value, list(headers))
        batch = bytearray(bytes(builder.build()).replace(*replaced))
        batch[CHECKSUM] = calc_crc32c(bytes(batch[CHECKSUM.stop :])).to_bytes(4, "big")
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        await client.bootstrap()
        self.stack.push_async_callback(client.close)
        request = ProduceRequest(
            required_acks=-1,
            timeout=10_000,
            topics=[(place.topic, [(place.partition, bytes(batch))])],
            transactional_id=None,
        )

        async def put() -> bool:
            answer = await client.send(client.get_random_node(), request)
            return bool(answer.topics[0][1][0][1] == 0)

        await eventually(put)


def numbered(numbers: Sequence[int], *, size: int = 0) -> list[Outgoing]:
    """Records that say their number, and are about this large."""
    return [Outgoing(b"key", b"%d" % number + b" " * size, []) for number in numbers]


def numbers(records: Sequence[object]) -> list[int]:
    """What numbered records say."""
    return [int(record.value or b"-1") for record in records]  # type: ignore[attr-defined]
