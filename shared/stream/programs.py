"""The programs as published: a catalogue that follows `loyalty.programs.v1`.

Guarantees: every published version, in the order of publication. A version that contradicts an
earlier one (which publishing refuses) is reported and left out. A process sees a new version some
milliseconds after it was published; where it must not miss one it refreshes to the topic's end.
"""

import asyncio
from collections.abc import Awaitable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events import registry
from shared.events.facts import ProgramPublished
from shared.events.topics import PROGRAMS
from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.model import Program
from shared.stream.fetching import Fetcher, unreachable
from shared.stream.kafka import READ_SECONDS, consumer, let_go
from shared.stream.log import Bounds, LogUnavailable, Place

PLACE = Place(PROGRAMS.name, 0)
logger = structlog.get_logger()


class Programs:
    """Follows the programs topic from its beginning."""

    def __init__(self, bootstrap: str) -> None:
        self.catalogue = Catalogue()
        self._consumer: AIOKafkaConsumer = consumer(bootstrap)
        self._fetcher = Fetcher(bootstrap)  # the consumer's waiting fetch holds back its questions
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Read all that is published. Raises LogUnavailable."""
        await self._fetcher.start()
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self.close()
            raise unreachable(self._fetcher.bootstrap) from error
        first = (await self._bounds()).first
        self._consumer.assign([TopicPartition(*PLACE)])
        self._consumer.seek(TopicPartition(*PLACE), first)
        await self.refresh(to_end=True)

    async def close(self) -> None:
        """Disconnect."""
        await let_go(self._consumer)
        await self._fetcher.close()

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
                    end = (await self._bounds()).end
                    while await self._consumer.position(TopicPartition(*PLACE)) < end:
                        await self._take(500)
            except (KafkaError, OSError, TimeoutError) as error:
                raise LogUnavailable(f"programs: {type(error).__name__}: {error}") from error
            return self.catalogue

    async def _bounds(self) -> Bounds:
        def ask() -> Awaitable[dict[Place, Bounds]]:
            return self._fetcher.bounds([PLACE])

        return (await self._fetcher.patiently(ask, READ_SECONDS))[PLACE]

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
