"""Appending to Kafka on behalf of callers: acknowledged by all in-sync replicas, or said not to be.

Guarantees: what is returned is on the log. What is not acknowledged in time may still get there;
all that is published here is harmless when repeated. Records of one call to one partition keep
their order.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.query.connections import UNANSWERED, Lifeline
from services.query.limits import ACK_SECONDS, START_SECONDS, UNACKNOWLEDGED_MAX
from services.query.problems import Code, Problem
from shared.events.topics import COMMANDS, Topic
from shared.stream.kafka import producer
from shared.stream.log import AppendFailed, LogUnavailable, Outgoing, Place
from shared.stream.topics_setup import TopicsWrong

logger = structlog.get_logger()


class Publisher:
    """One producer for all requests, so that records of many callers share a round trip."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.partitions = partitions
        self._bootstrap = bootstrap
        self._unacknowledged = 0
        self.line: Lifeline[AIOKafkaProducer] = Lifeline(
            "Kafka", self._started, AIOKafkaProducer.stop
        )

    async def publish(self, topic: Topic, records: Sequence[Outgoing]) -> None:
        """Append to partitions by the records' keys. Raises AppendFailed."""
        await self._send(topic.name, None, records)

    async def command(self, place: Place, record: Outgoing) -> int:
        """Append to one partition of a keyed topic; the record's offset. Raises AppendFailed."""
        [offset] = await self._send(place.topic, place.partition, [record])
        return offset

    async def _started(self) -> AIOKafkaProducer:
        started = producer(self._bootstrap)
        try:
            async with asyncio.timeout(START_SECONDS):
                await started.start()
                await self._check_partitions(started)
        except TimeoutError as error:
            await started.stop()
            raise LogUnavailable(UNANSWERED) from error
        except BaseException:
            await started.stop()
            raise
        return started

    async def _check_partitions(self, producing: AIOKafkaProducer) -> None:
        """Another number of partitions than the ledger was made with would misplace accounts."""
        found = len(await producing.partitions_for(COMMANDS.name))
        if found != self.partitions:
            raise TopicsWrong(f"{COMMANDS.name} has {found} partitions, not {self.partitions}")

    async def _send(
        self, topic: str, partition: int | None, records: Sequence[Outgoing]
    ) -> list[int]:
        if self._unacknowledged + len(records) > UNACKNOWLEDGED_MAX:
            raise Problem(Code.BUSY, limit=UNACKNOWLEDGED_MAX)
        self._unacknowledged += len(records)
        producing = None
        try:
            async with asyncio.timeout(ACK_SECONDS):
                producing = self.line.made or await self.line.get(ACK_SECONDS)
                if producing is None:
                    raise AppendFailed(self.line.trouble or "not connected yet")
                await self._check_partitions(producing)
                sent = [
                    await producing.send(
                        topic, record.value, record.key, partition, headers=record.headers
                    )
                    for record in records
                ]
                return [metadata.offset for metadata in await asyncio.gather(*sent)]
        except (KafkaError, TopicsWrong, OSError, TimeoutError) as error:
            logger.warning("not acknowledged", topic=topic, why=repr(error))
            if producing is not None:
                self.line.lose(producing)
            raise AppendFailed(f"{type(error).__name__}: {error}") from error
        finally:
            self._unacknowledged -= len(records)
