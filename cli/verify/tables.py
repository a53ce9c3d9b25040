"""The tables of all services as of one instant, and the rows of the log held against them.

One snapshot, shared by all processes of a verification: rows of different tables and partitions
belong together. Services go on meanwhile; a rebuild waits with its swap. Changes nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any, NamedTuple

import asyncpg

from cli.rebuild.schemas import live_positions, swap_lock
from cli.refusals import Refused
from cli.verify.report import Check, Report
from services.intake import store as upstream
from shared.postgres.pool import available
from shared.stream.log import Place
from shared.stream.records import partition_of_account
from shared.stream.service import Service
from shared.stream.store import Position, Table

ROWS_AT_ONCE = 2_000
CONNECT_SECONDS = 10.0
WITHOUT_LIMIT = 24 * 60 * 60.0


class Tables(NamedTuple):
    """What a snapshot says of one service; no positions and no counts: it has no tables."""

    exist: bool
    positions: Mapping[int, Position]
    counts: Mapping[str, Counter[int]]
    """By table, how many rows the accounts of each partition have."""


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to look at all schemas. Raises StoreUnavailable."""
    async with available():
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=WITHOUT_LIMIT,
            server_settings={"application_name": "tessera-verify", "timezone": "UTC"},
        )
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


@asynccontextmanager
async def snapshot(
    connection: asyncpg.Connection, shared: str | None = None
) -> AsyncIterator[None]:
    """A transaction that sees one instant: a new one, or the one that another process exported."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if shared is not None:
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{shared}'")
        yield


async def not_swapped(connection: asyncpg.Connection, services: Iterable[str]) -> None:
    """Keep rebuilds from swapping while the connection lasts; waits for one that is at it."""
    for name in services:
        await connection.execute("SELECT pg_advisory_lock_shared(hashtext($1))", swap_lock(name))


async def tables_of(
    connection: asyncpg.Connection, service: Service[Any], partitions: int
) -> Tables:
    """Positions and counts of a service."""
    relation = f'"{service.name}".stream_position'
    if await connection.fetchval("SELECT to_regclass($1)", relation) is None:
        return Tables(exist=False, positions={}, counts={})
    await _complete(connection, service)
    counts: dict[str, Counter[int]] = {}
    for table in service.tables:
        account, counted = account_column(table), counts.setdefault(table.name, Counter())
        place = f'"{service.name}"."{table.name}"'
        statement = f'SELECT "{account}", count(*) FROM {place} GROUP BY 1'  # noqa: S608
        async for key, number in connection.cursor(statement, prefetch=ROWS_AT_ONCE):
            counted[partition_of_account(key, partitions)] += number
    return Tables(True, await live_positions(connection, service), counts)


async def _complete(connection: asyncpg.Connection, service: Service[Any]) -> None:
    """Raises Refused where a table, or a column of one, is gone: then nothing can be compared."""
    rows = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1",
        service.name,
    )
    there = {tuple(row) for row in rows}
    expected = {(table.name, column) for table in service.tables for column in table.columns}
    if gone := sorted(expected - there):
        raise Refused(
            f"{service.name} lacks {', '.join(f'{table}.{column}' for table, column in gone)}: "
            f"run `tessera rebuild {service.name}`, then verify again"
        )


async def upstream_positions(connection: asyncpg.Connection) -> dict[Place, upstream.Position]:
    """How far intake has read each upstream partition; empty if there is no intake.

    Raises Refused where that alone is gone.
    """
    if await connection.fetchval("SELECT to_regclass('intake.upstream_position')") is None:
        if await connection.fetchval("SELECT to_regclass('intake.resolution')") is not None:
            raise Refused(
                "intake lacks upstream_position: run `tessera rebuild intake`, then verify again"
            )
        return {}
    rows = await connection.fetch(
        "SELECT topic, partition, next_offset, mark FROM intake.upstream_position"
    )
    return {
        Place(topic, partition): upstream.Position(following, mark)
        for topic, partition, following, mark in rows
    }


def account_column(table: Table) -> str:
    """The column that says whose a row is."""
    return "account" if "account" in table.columns else table.key


class RowCheck:
    """The rows of one partition of a service."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        service: Service[Any],
        place: Place,
        partitions: int,
        report: Report,
    ) -> None:
        self.connection = connection
        self.service = service
        self.place = place
        self.partitions = partitions
        self.report = report
        self.found: Counter[str] = Counter()
        self.remedy = f"tessera rebuild {service.name}"

    async def compare(self, table: Table, rows: Iterable[Any]) -> None:
        """Hold rows that the log gives against the stored ones."""
        column = table.columns.index(table.key)
        key_of = itemgetter(*map(table.columns.index, table.keys))
        columns = ", ".join(f'"{name}"' for name in table.columns)
        kind = table.types[column]
        statement = (
            f'SELECT {columns} FROM "{self.service.name}"."{table.name}" '  # noqa: S608
            f'WHERE "{table.key}" = ANY($1::{kind}[])'
        )
        ordered = list(rows)
        for start in range(0, len(ordered), ROWS_AT_ONCE):
            expected = {key_of(row): row for row in ordered[start : start + ROWS_AT_ONCE]}
            named = list({row[column] for row in expected.values()})
            stored = {
                key_of(row): tuple(row) for row in await self.connection.fetch(statement, named)
            }
            self.report.count(Check.ROWS, len(expected))
            self.found[table.name] += len(stored.keys() & expected.keys())
            for key, row in expected.items():
                if stored.get(key) != row:
                    self._differs(table, row, stored.get(key))

    def _differs(self, table: Table, row: Sequence[Any], stored: Sequence[Any] | None) -> None:
        account = str(row[table.columns.index(account_column(table))])
        key = row[table.columns.index(table.key)]
        name = f"{self.service.name}.{table.name} {key}"
        what = f"{name} is missing" if stored is None else f"{name}: {told(table, row, stored)}"
        self.report.find(Check.ROWS, account, what, self.remedy)

    async def surplus(
        self, table: Table, known: Container[Any], counts: Mapping[str, Mapping[int, int]]
    ) -> None:
        """Find the stored rows of the partition's accounts that no fact gives."""
        partition = self.place.partition
        if counts[table.name][partition] == self.found[table.name]:
            return
        account = account_column(table)
        place = f'"{self.service.name}"."{table.name}"'
        keys = ", ".join(f'"{column}"' for column in table.keys)
        statement = f'SELECT "{account}", {keys} FROM {place}'  # noqa: S608
        async for owner, *keyed in self.connection.cursor(statement, prefetch=ROWS_AT_ONCE):
            key = keyed[0] if table.scope is None else tuple(keyed)
            if partition_of_account(owner, self.partitions) == partition and key not in known:
                what = f"{self.service.name}.{table.name} {key} is in the table, but not in the log"
                self.report.find(Check.ROWS, owner, what, self.remedy)


def told(table: Table, row: Sequence[Any], stored: Sequence[Any]) -> str:
    """In which columns two rows differ."""
    return "; ".join(
        f"{column} is {found}, the log says {expected}"
        for column, expected, found in zip(table.columns, row, stored, strict=True)
        if expected != found
    )
