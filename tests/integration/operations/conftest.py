"""An installation that is filled once for a module, and copies of its database for each test."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio

from tests.integration.operations.world import World


@asynccontextmanager
async def fresh_database(postgres: str, template: str = "template0") -> AsyncIterator[str]:
    """The address of a database, empty or a copy, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(kafka: str, postgres: str) -> AsyncIterator[World]:
    """An installation with facts of every kind; its services are stopped."""
    async with fresh_database(postgres) as database:
        world = World(kafka, database)
        await world.start()
        await world.fill()
        yield world
        await world.log.close()


@pytest_asyncio.fixture(loop_scope="module")
async def world(filled: World, postgres: str) -> AsyncIterator[World]:
    """The filled installation with a copy of its database."""
    template = urlsplit(filled.where.postgres).path.removeprefix("/")
    async with fresh_database(postgres, template) as database:
        copy = filled.on(database)
        await copy.log.start()
        yield copy
        await copy.log.close()


@pytest_asyncio.fixture(loop_scope="module")
async def connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A connection to that copy."""
    made = await asyncpg.connect(world.where.postgres)
    yield made
    await made.close()
