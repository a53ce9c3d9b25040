"""The store of a rebuild: the same snapshot and the same guarded fold, with COPY for new rows.

A row is new unless the load of this fold found it: facts change what they name, and what they name
was loaded. Indexes that no load of a rebuild needs are set aside while rows come in, since one made
at the end, of sorted rows, costs a fraction of one that is kept up row by row.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from shared.postgres.rows import PostgresStore
from shared.stream.store import Loaded, Lookup, Need, Position, Row, Table, Writes

INDEXES = """
    SELECT tables.relname AS "table", indexes.relname AS name, columns.attname AS "column",
           pg_get_indexdef(indexes.oid) AS definition,
           constraints.conname AS "constraint", pg_get_constraintdef(constraints.oid) AS rule
    FROM pg_index JOIN pg_class indexes ON indexes.oid = pg_index.indexrelid
    JOIN pg_class tables ON tables.oid = pg_index.indrelid
    JOIN pg_attribute columns ON columns.attrelid = tables.oid AND columns.attnum = indkey[0]
    LEFT JOIN pg_constraint constraints ON constraints.conindid = indexes.oid
    WHERE tables.relnamespace = current_schema()::regnamespace AND tables.relname = ANY($1)
    ORDER BY tables.relname, indexes.relname
"""


class Alone:
    """One connection, lent as a pool lends: to whoever works on it, one after another."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection."""
        yield self.connection


class BulkStore(PostgresStore):
    """See `Store`; of one partition at a time, on one connection, whose transaction it joins."""

    def __init__(self, connection: asyncpg.Connection, tables: Sequence[Table]) -> None:
        super().__init__(Alone(connection), tables, channel="")
        self._found: dict[Table, set[Any]] = {}

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`."""
        loaded = await super().load(topic, partitions, needs)
        self._found = {table: set() for table in self.tables}
        for lookup, rows in loaded.rows.items():
            self._found[lookup.table].update(_keys(lookup.table, rows))
        return loaded

    async def fold(
        self,
        old: Position,
        new: Position,
        writes: Writes,
        notify: bool,  # noqa: FBT001  (callers name it)
    ) -> bool:
        """See `Store.fold`; tells nobody."""
        changed: dict[Table, Sequence[Row]] = {}
        fresh: dict[Table, Sequence[Row]] = {}
        for table, rows in writes.items():
            found = self._found[table]
            column = table.columns.index(table.key)
            changed[table] = [row for row in rows if row[column] in found] if found else ()
            fresh[table] = [row for row in rows if row[column] not in found] if found else rows
        async with self._connection() as connection, connection.transaction():
            if not await super().fold(old, new, changed, notify=False):
                return False
            for table, rows in fresh.items():
                if rows:
                    await connection.copy_records_to_table(
                        table.name, columns=table.columns, records=rows
                    )
        return True


def _keys(table: Table, rows: Iterable[Row]) -> Iterable[Any]:
    column = table.columns.index(table.key)
    return (row[column] for row in rows)


class Index(NamedTuple):
    """An index of a table, as a constraint or by itself."""

    table: str
    name: str
    column: str
    definition: str
    constraint: str | None
    rule: str | None

    @property
    def removal(self) -> str:
        """The statement that takes it away."""
        if self.constraint is not None:
            return f'ALTER TABLE "{self.table}" DROP CONSTRAINT "{self.constraint}"'
        return f'DROP INDEX "{self.name}"'

    @property
    def creation(self) -> str:
        """The statement that makes it again."""
        if self.constraint is not None:
            return f'ALTER TABLE "{self.table}" ADD CONSTRAINT "{self.constraint}" {self.rule}'
        return self.definition


async def set_aside(
    connection: asyncpg.Connection, tables: Sequence[Table], lookups: Collection[Lookup]
) -> list[Index]:
    """Remove the indexes of empty tables that these lookups have no use for; what was removed."""
    names = [table.name for table in tables]
    needed = {(lookup.table.name, lookup.by) for lookup in lookups}
    found = [Index(*row) for row in await connection.fetch(INDEXES, names)]
    removed = [index for index in found if (index.table, index.column) not in needed]
    for index in removed:
        await connection.execute(index.removal)
    return removed
