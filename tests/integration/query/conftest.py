"""The API in this process, on a real Postgres, with Kafka and redeem where a test needs them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from services.redeem.service import Redeem
from shared.events.topics import TOPICS
from shared.settings import Settings
from shared.stream.process import Chore, serve
from shared.stream.topics_setup import make_topics
from tests.api import PARTITIONS, running, settings_of
from tests.integration.query.ledger import Ledger
from tests.polling import eventually
from tests.servers import run


@asynccontextmanager
async def redeem_running(settings: Settings, *chores: Chore) -> AsyncIterator[None]:
    """The account keeper in this process, with these chores beside it."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(Redeem(), settings, stop, chores=chores))
    try:
        yield
    finally:
        stop.set()
        await serving


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    """A ledger in a fresh database."""
    made = await Ledger.made(database)
    yield made
    await made.pool.close()


@pytest.fixture
async def client(database: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API on that database, without a Kafka."""
    async with running(settings_of(database)) as made:
        yield made


@pytest.fixture(scope="module")
def fresh_topics(kafka: str) -> str:
    """A Kafka whose topics are new: the names are fixed, so a module has them for itself."""
    run(_remake_topics(kafka))
    return kafka


@pytest.fixture(scope="module")
def fresh_database(postgres: str) -> Iterator[str]:
    """A database for a whole module."""
    name = f"test_{uuid.uuid4().hex}"
    run(_execute(postgres, f"CREATE DATABASE {name} TEMPLATE template0"))
    yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    run(_execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="module")
def installed(fresh_topics: str, fresh_database: str) -> Settings:
    """Settings of a new and empty installation."""
    return settings_of(fresh_database, fresh_topics)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(installed: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API on that installation."""
    async with running(installed) as made:
        yield made


async def _remake_topics(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        there = set(await admin.list_topics()) & {topic.name for topic in TOPICS}
        if there:
            await admin.delete_topics(list(there))
        wanted = {topic.name for topic in TOPICS}

        async def made() -> bool:
            await make_topics(kafka, partitions=PARTITIONS, replication=1)
            return wanted <= set(await admin.list_topics())

        await eventually(made)
    finally:
        await admin.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
