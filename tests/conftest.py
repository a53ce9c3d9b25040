"""Fixtures for every test: servers started only when a test asks, and fresh places on them."""

import uuid
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.servers import kafka_server, postgres_server


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of a real Kafka, the same for the whole session."""
    with kafka_server() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real Postgres, the same for the whole session; tests take `database`."""
    with postgres_server() as dsn:
        yield dsn


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[str]:
    """The address of a fresh and empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def topic_prefix() -> str:
    """What no other topic or group on the test's Kafka begins with."""
    return f"t{uuid.uuid4().hex[:12]}."
