"""The servers that the API stands on: reached when they are there, waited for while they are not.

Guarantees: the process starts and stops without them; a request learns within a named time that one
is away (StoreUnavailable, LogUnavailable); connections are made anew by themselves.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from services.query.limits import (
    ACK_SECONDS,
    CLOSE_SECONDS,
    CONNECTIONS_MAX,
    PROGRAMS_SECONDS,
    QUERY_SECONDS,
    RETRY_SECONDS,
    START_SECONDS,
)
from shared.postgres.pool import LOST, Pool, connect
from shared.program.catalogue import Catalogue
from shared.stream.log import LogUnavailable
from shared.stream.programs import Programs
from shared.stream.store import StoreUnavailable
from shared.stream.topics_setup import TopicsWrong

T = TypeVar("T")
AWAY = (
    LogUnavailable,
    StoreUnavailable,
    TopicsWrong,
    KafkaError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
"""What keeps a connection from being made; each of it passes, or an operator makes it pass."""
UNANSWERED = "Kafka does not answer, or its topics are not made yet"
logger = structlog.get_logger()


class Lifeline(Generic[T]):
    """Something that is made as soon as its server answers, and made anew after it was lost."""

    def __init__(
        self, name: str, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]
    ) -> None:
        self.name = name
        self.made: T | None = None
        self.trouble: str | None = None
        self._make = make
        self._close = close
        self._there = asyncio.Event()
        self._gone = asyncio.Event()

    async def keep(self) -> None:
        """Make it, whenever it is not there; until cancelled."""
        while True:
            try:
                made = self.made = await self._make()
            except AWAY as error:
                why = str(error) or type(error).__name__
                if self.trouble is None:
                    logger.warning("waiting", what=self.name, why=why)
                self.trouble = why
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self.trouble is not None:
                logger.info("there again", what=self.name)
            self.trouble = None
            self._gone.clear()
            self._there.set()
            try:
                await self._gone.wait()
            finally:
                self.lose(made)
                await self._closed(made)

    async def get(self, seconds: float) -> T | None:
        """It, if it is there within this time."""
        if self.made is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._there.wait()
        return self.made

    def lose(self, what: T) -> None:
        """It cannot be used any more; does nothing if it was made anew already."""
        if self.made is what:
            self.made = None
            self._there.clear()
            self._gone.set()

    async def _closed(self, lost: T) -> None:
        """Close it; what takes longer (a producer gives its records up late) goes on by itself."""
        closing = asyncio.ensure_future(self._close(lost))
        await asyncio.wait([closing], timeout=CLOSE_SECONDS)


class Database:
    """Reads of the projections; each is one statement, so one snapshot."""

    def __init__(self, dsn: str) -> None:
        self.line: Lifeline[Pool] = Lifeline(
            "Postgres", lambda: connect(dsn, size=CONNECTIONS_MAX), Pool.close
        )

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """The rows. Raises StoreUnavailable."""
        pool = self.line.made or await self.line.get(QUERY_SECONDS)
        if pool is None:
            raise StoreUnavailable(self.line.trouble or "not connected yet")
        try:
            async with asyncio.timeout(QUERY_SECONDS), pool.lent() as connection:
                rows: list[Any] = await connection.fetch(statement, *arguments)
        except LOST as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        return rows


class Published:
    """The programs as they are published."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.line: Lifeline[Programs] = Lifeline("programs", self._started, Programs.close)

    async def _started(self) -> Programs:
        programs = Programs(self._bootstrap)
        try:
            async with asyncio.timeout(START_SECONDS):
                await programs.start()
        except TimeoutError as error:
            await programs.close()
            raise LogUnavailable(UNANSWERED) from error
        except BaseException:
            await programs.close()
            raise
        return programs

    async def follow(self) -> None:
        """Take in what is published, all the time."""
        while True:
            programs = await self.line.get(RETRY_SECONDS)
            if programs is not None:
                with contextlib.suppress(LogUnavailable):
                    await programs.refresh()
            await asyncio.sleep(PROGRAMS_SECONDS)

    async def catalogue(self) -> Catalogue:
        """What is known of them; some milliseconds old. Raises LogUnavailable."""
        return (await self._there()).catalogue

    async def newest(self) -> Catalogue:
        """Everything that is published by now. Raises LogUnavailable."""
        programs = await self._there()
        try:
            async with asyncio.timeout(ACK_SECONDS):
                return await programs.refresh(to_end=True)
        except TimeoutError as error:
            raise LogUnavailable("the programs could not be read in time") from error

    async def _there(self) -> Programs:
        programs = self.line.made or await self.line.get(QUERY_SECONDS)
        if programs is None:
            raise LogUnavailable(self.line.trouble or "not connected yet")
        return programs
