"""Connections to Postgres with the settings that folding and reading need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from shared.stream.store import StoreUnavailable

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0
STATEMENTS_KEPT = 256
"""Statements that a connection keeps prepared while it lives, however long they are."""
LEFT_FOR_OTHERS = 2
"""Connections of a pool that `Pool.lent` never keeps to itself."""

LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
)
"""What a store that is away, restarting, full, or swapped under a living service looks like."""

BY_INDEX = {
    # Every statement finds its rows by an index. A plan is made once: planning a fold anew takes
    # longer than the fold; and one made while a table was small must not scan it when it has grown.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}


class Pool(asyncpg.Pool):  # type: ignore[misc]
    """A pool that can also lend a connection without the ceremony of acquiring and releasing it.

    That ceremony (a task, a reset, a proxy) takes as long as the statement of a small turn.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._kept: list[Any] = []
        self._kept_max = max(0, self.get_max_size() - LEFT_FOR_OTHERS)
        self._kept_out = 0

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for one statement at a time, which leaves nothing behind in its session."""
        connection = await self._lend()
        try:
            yield connection
        except BaseException:
            await self.release(connection)
            raise
        if self.is_closing() or len(self._kept) >= self._kept_max:
            await self.release(connection)
        else:
            self._kept.append(connection)

    async def _lend(self) -> Any:
        while self._kept:
            connection = self._kept.pop()
            if _is_usable(connection):
                return connection
            await self.release(connection)
        return await self.acquire()

    async def close(self) -> None:
        """Wait until all connections are given back, and close them."""
        while self._kept:
            await self.release(self._kept.pop())
        await super().close()


def _is_usable(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has noticed before us that it is lost
        return False


async def connect(
    dsn: str, *, schema: str | None = None, size: int = 8, durable: bool = True
) -> Pool:
    """A pool of up to `size` connections whose search path is `schema`.

    With a schema, statements are planned once and by index, whatever the size of its tables.
    `durable=False` lets commits return before they are on disk: only for folds, which go back
    together with the head that the next append is chained on. Raises StoreUnavailable.
    """
    settings = {"application_name": f"tessera-{schema or 'query'}", "timezone": "UTC"}
    if schema is not None:
        settings |= {"search_path": schema, **BY_INDEX}
    if not durable:
        settings["synchronous_commit"] = "off"
    pool = Pool(
        dsn,
        min_size=1,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        statement_cache_size=STATEMENTS_KEPT,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=settings,
        reset=_keep,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
    )
    try:
        await pool
    except (*LOST, ValueError) as error:  # ValueError: not an address at all
        raise unreachable(dsn, error) from error
    return pool


async def require_reachable(dsn: str) -> None:
    """Raises StoreUnavailable, with what to do, unless there is a database at this address."""
    pool = await connect(dsn, size=1)
    await pool.close()


def unreachable(dsn: str, why: BaseException) -> StoreUnavailable:
    """What to tell whoever named a Postgres that does not answer; never the password."""
    told = str(why) or type(why).__name__
    return StoreUnavailable(
        f"Postgres{_place_of(dsn)} cannot be reached ({told}). Start it, or set TESSERA_POSTGRES "
        "to the address of one that runs, such as postgresql://user@host:5432/database"
    )


def _place_of(dsn: str) -> str:
    """Where it is, without its password; nothing of what is no address."""
    try:
        address = urlsplit(dsn)
    except ValueError:
        return ""
    if address.scheme not in {"postgresql", "postgres"}:
        return ""
    user, at, host = address.netloc.rpartition("@")
    place = address._replace(netloc=user.partition(":")[0] + at + host, query="")
    return f" at {place.geturl()!r}"


async def _keep(_connection: asyncpg.Connection) -> None:
    """No statement leaves anything behind in its session; a reset would cost a round trip."""


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Turns the many ways in which Postgres can be away into StoreUnavailable."""
    try:
        yield
    except ValueError:  # what it was given is wrong, whatever else the client calls it
        raise
    except LOST as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
