"""Stores to hold against the contract, and rows to fill them with."""

import importlib.util
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import asyncpg
from hypothesis import strategies as st

import services
from services.redeem import projection as redeem
from shared.ledger.account import Lot
from shared.ledger.stored import AccountRow
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.pool import Pool, connect
from shared.postgres.rows import PostgresStore
from shared.stream.memory import MemoryStore
from shared.stream.store import InputMark, Lookup, Position, Row, Store, Table, Writes

TOPIC = "facts"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Projection(NamedTuple):
    """What a service's projection says of its tables."""

    service: str
    tables: Sequence[Table]
    lookups: Sequence[Lookup]


def projections() -> list[Projection]:
    """Those of all services that have one."""
    found = []
    for module in pkgutil.iter_modules(services.__path__):
        name = f"services.{module.name}.projection"
        if importlib.util.find_spec(name) is not None:
            loaded = importlib.import_module(name)
            found.append(Projection(module.name, loaded.TABLES, loaded.LOOKUPS))
    return found


class Listener(Protocol):
    """Hears what a fold tells."""

    async def heard(self) -> int:
        """How often it was told so far."""
        ...


@dataclass
class StoreGround:
    """A store of the tables of one service, and how to hear it."""

    store: Store
    listener: Listener
    pool: Pool | None = None


class MemoryListener:
    """Asks the store."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def heard(self) -> int:
        return self.store.notified


class PostgresListener:
    """Listens on the channel."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.payloads: list[str] = []

    async def start(self, channel: str) -> None:
        await self.connection.add_listener(channel, lambda *told: self.payloads.append(told[-1]))

    async def heard(self) -> int:
        await self.connection.execute("SELECT 1")  # what was told before comes before the answer
        return len(self.payloads)


def memory_ground(projection: Projection) -> StoreGround:
    """The store in memory."""
    store = MemoryStore(projection.tables, projection.lookups)
    return StoreGround(store, MemoryListener(store))


async def postgres_ground(projection: Projection, dsn: str, stack: AsyncExitStack) -> StoreGround:
    """The real one, in a schema as the service's own migrations make it."""
    pool = await connect(dsn, schema=projection.service, durable=False)
    stack.push_async_callback(pool.close)
    async with pool.acquire() as connection:
        await migrate(connection, projection.service, [STREAM, f"services.{projection.service}"])
    store = PostgresStore(pool, projection.tables, channel=projection.service)
    listening = await asyncpg.connect(dsn)
    stack.push_async_callback(listening.close)
    listener = PostgresListener(listening)
    await listener.start(projection.service)
    return StoreGround(store, listener, pool)


# positions and rows


def position(partition: int = 0) -> Position:
    """Where a fold begins."""
    return Position(TOPIC, partition, 0, b"genesis", 0, 0, None, {}, "ledger", "1.0")


def after(old: Position, records: int = 1) -> Position:
    """The position so many records on; another head, whatever they are."""
    end = old.next_offset + records
    return old._replace(
        next_offset=end,
        head=b"head %d" % end,
        seq=end,
        time_ms=1_000 * end,
        mark=b"mark %d" % end,
        inputs={"input": InputMark(end, b"m", b"h"), "other": InputMark(end + 1)},
    )


def number(value: int) -> UUID:
    """An id that can be told from others."""
    return UUID(int=value)


def account(key: str = "shop:jo", version: int = 1, free: int = 0) -> AccountRow:
    """An account's row."""
    return AccountRow(key, "active", version, START, free, 0, 0, 0, 0, free, *(0,) * 7, None)


def lot(name: int, key: str = "shop:jo", free: int = 5, expires: datetime | None = None) -> Lot:
    """A lot's row."""
    return Lot(key, number(name), "shop", None, free, free, 0, 0, 0, START, START, expires, name)


def decision(name: int, key: str = "shop:jo", fact: str = "{}") -> redeem.DecisionRow:
    """A decision's row."""
    return redeem.DecisionRow(
        number(name), key, 1, 1, "loyalty.points.credited.v1", b"body", START, 5, 5, fact
    )


# any rows

KEYS = ("shop:jo", "shop:al", "grocer:1", "grocer:2", "ünï:🛒")
IDS = st.integers(0, 12).map(number)
DAYS = st.integers(0, 6)
INSTANTS = st.builds(lambda day, micro: START + timedelta(days=day, microseconds=micro), DAYS, DAYS)
CELLS: Mapping[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from(KEYS),
    "uuid": IDS,
    "bigint": st.integers(0, 3),
    "bytea": st.binary(max_size=4),
    "timestamptz": INSTANTS,
    "date": INSTANTS.map(datetime.date),
    "boolean": st.booleans(),
}
NULLABLE = {"version", "receipt_id", "expires_at", "brand"}
"""Columns of these names may be null where the table's own row says so."""


def _lot(row: Any) -> Any:
    return row._replace(original=row.free + row.used + row.expired + row.clawed)


def _account(row: Any) -> Any:
    return row._replace(due=row.due if row.free == 0 else 0)


def _debit(row: Any) -> Any:
    covers = json.dumps([[str(number(row.order)), 1], [str(number(row.order + 1)), 1]])
    return row._replace(amount=row.covered + row.due + row.waived, allocation=covers)


def _some_points(row: Any) -> Any:
    return row._replace(points=row.points + 1)


SUMS: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("redeem", "lot"): _lot,
    ("redeem", "account"): _account,
    ("redeem", "debit"): _debit,
    ("redeem", "claim"): _some_points,
    ("redeem", "transfer"): _some_points,
}
"""Tables whose rows must add up."""


def _cell(table: Table, column: str, kind: str) -> st.SearchStrategy[Any]:
    hint = str(table.row.__annotations__[column])
    return CELLS[kind] | st.none() if "None" in hint else CELLS[kind]


def rows_of(projection: Projection, table: Table) -> st.SearchStrategy[list[Row]]:
    """Rows of a table, at most one for each key."""
    row = st.builds(
        table.row,
        *(_cell(table, *pair) for pair in zip(table.columns, table.types, strict=True)),
    ).map(SUMS.get((projection.service, table.name), lambda row: row))
    key_of = itemgetter(*map(table.columns.index, table.keys))
    return st.lists(row, max_size=6, unique_by=key_of)


def writes_of(projection: Projection) -> st.SearchStrategy[Writes]:
    """Rows of all tables."""
    return st.fixed_dictionaries({table: rows_of(projection, table) for table in projection.tables})


def values_of(lookup: Lookup) -> st.SearchStrategy[list[Any]]:
    """Values to look up."""
    lookup = lookup.asked
    kind = lookup.table.types[lookup.table.columns.index(lookup.by)]
    return st.lists(CELLS[kind], max_size=5)
