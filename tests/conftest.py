"""Fixtures for every test: servers started only when a test asks, and fresh places on them."""

import uuid
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from tests.servers import in_containers, kafka_server, postgres_server

SERVERS = {"kafka", "postgres"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On containers run the tests that ask for a server; without a Docker engine say so, once."""
    if not in_containers():
        return
    asks = {item: not SERVERS.isdisjoint(getattr(item, "fixturenames", ())) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not asks[item]])
    items[:] = [item for item in items if asks[item]]
    from tests.containers import engine_trouble  # noqa: PLC0415  (slow, and rarely needed)

    if items and (trouble := engine_trouble()):
        pytest.exit(
            f"no Docker engine answers ({trouble}). Start Docker, or set DOCKER_HOST to an engine; "
            "`make test` runs the same tests without Docker",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


# No test is timed: a busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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
