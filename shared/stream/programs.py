"""The programs as published: a catalogue that follows `loyalty.programs.v1`.

Guarantees: every published version, in the order of publication. A version that contradicts an
earlier one (which publishing refuses) is reported and left out. A process sees a new version some
milliseconds after it was published; where it must not miss one it refreshes to the topic's end.
"""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events import registry
from shared.events.facts import ProgramPublished
from shared.events.topics import PROGRAMS
from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.model import Program
from shared.stream.kafka import READ_SECONDS, consumer
from shared.stream.log import LogUnavailable

PLACE = TopicPartition(PROGRAMS.name, 0)
logger = structlog.get_logger()


class Programs:
    """Follows the programs topic from its beginning."""

    def __init__(self, bootstrap: str) -> None:
        self.catalogue = Catalogue()
        self._consumer: AIOKafkaConsumer = consumer(bootstrap)
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Read all that is published. Raises LogUnavailable."""
        try:
            await self._consumer.start()
            self._consumer.assign([PLACE])
            self._consumer.seek(PLACE, (await self._consumer.beginning_offsets([PLACE]))[PLACE])
        except KafkaError as error:
            raise LogUnavailable(f"Kafka cannot be reached: {error}") from error
        await self.refresh(to_end=True)

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        """The catalogue with what has arrived; `to_end` waits for all that is published by now.

        Raises LogUnavailable.
        """
        async with self._reading:
            try:
                if not to_end:
                    await self._take(0)
                    return self.catalogue
                async with asyncio.timeout(READ_SECONDS):
                    end = (await self._consumer.end_offsets([PLACE]))[PLACE]
                    while await self._consumer.position(PLACE) < end:
                        await self._take(500)
            except (KafkaError, OSError, TimeoutError) as error:
                raise LogUnavailable(f"programs: {type(error).__name__}: {error}") from error
            return self.catalogue

    async def _take(self, wait_ms: int) -> None:
        for records in (await self._consumer.getmany(timeout_ms=wait_ms)).values():
            for record in records:
                if record.value is not None:
                    self._add(record.value)

    def _add(self, value: bytes) -> None:
        try:
            published = registry.decode("loyalty.program.published.v1", value)
            assert isinstance(published, ProgramPublished)
            program = Program.model_validate(published.document)
            self.catalogue = self.catalogue.with_version(program)
        except (ValueError, CatalogueError) as error:
            logger.error("a published program cannot be used", error=str(error))
