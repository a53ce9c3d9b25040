"""Connections to Postgres with the settings that folding and reading need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.stream.store import StoreUnavailable

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0

LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientResourcesError,
    TimeoutError,
    asyncio.TimeoutError,
)
"""What a store that is away, restarting, or being swapped under a living service looks like."""


async def connect(
    dsn: str, *, schema: str | None = None, size: int = 8, durable: bool = True
) -> asyncpg.Pool:
    """A pool of up to `size` connections whose search path is `schema`.

    `durable=False` lets commits return before they are on disk: only for folds, which go back
    together with the head that the next append is chained on. Raises StoreUnavailable.
    """
    settings = {"application_name": f"tessera-{schema or 'query'}", "timezone": "UTC"}
    if schema is not None:
        settings["search_path"] = schema
    if not durable:
        settings["synchronous_commit"] = "off"
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings=settings,
            reset=_keep,
        )
    except LOST as error:
        raise StoreUnavailable(f"Postgres cannot be reached: {error}") from error


async def _keep(_connection: asyncpg.Connection) -> None:
    """No statement leaves anything behind in its session; a reset would cost a round trip."""


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Turns the many ways in which Postgres can be away into StoreUnavailable."""
    try:
        yield
    except LOST as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
