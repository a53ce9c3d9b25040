"""The store of a service on Postgres: one snapshot to decide on, one statement to fold with.

A load is a single statement, and so one snapshot and one round trip: each lookup comes as one array
for each column. A fold is a single statement too: the position's compare-and-swap is its first
part, and every row is written only if the swap took place. Measured against a transaction of one
statement for each lookup, a load of a small turn takes a quarter of the time, one of a large turn
no longer.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any, Protocol

import asyncpg

from shared.postgres.pool import STATEMENTS_KEPT, available
from shared.stream.store import InputMark, Loaded, Lookup, Need, Position, Table, Unstorable, Writes

POSITION_COLUMNS = ", ".join(Position._fields)
INPUTS = Position._fields.index("inputs")
HORIZON = "$2"
"""What the condition of a lookup calls its horizon."""


class Lender(Protocol):
    """Lends connections; see `shared.postgres.pool.Pool`."""

    def lent(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection for one statement at a time, which leaves nothing behind in its session."""
        ...


class PostgresStore:
    """The tables of one service, in the schema that the connections' search path names."""

    def __init__(self, pool: Lender, tables: Sequence[Table], channel: str) -> None:
        self.pool = pool
        self.tables = tuple(tables)
        self.channel = channel

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`."""
        statement = load_statement(tuple(need.lookup for need in needs))
        arguments: list[Any] = [topic, list(partitions)]
        for need in needs:
            arguments.append(need.values)
            if HORIZON in need.lookup.asked.where:
                arguments.append(need.horizon)
        async with self._connection() as connection:
            found = await connection.fetchrow(statement, *arguments)
        return _loaded(tuple(found), needs)

    async def begin(self, position: Position) -> None:
        """See `Store.begin`."""
        slots = ", ".join(f"${number + 1}" for number in range(len(position)))
        cells = (*position[:INPUTS], encode_inputs(position.inputs), *position[INPUTS + 1 :])
        async with self._connection() as connection:
            await connection.execute(
                f"INSERT INTO stream_position ({POSITION_COLUMNS}) VALUES ({slots}) "
                "ON CONFLICT DO NOTHING",
                *cells,
            )

    async def fold(
        self,
        old: Position,
        new: Position,
        writes: Writes,
        notify: bool,  # noqa: FBT001  (callers name it)
    ) -> bool:
        """See `Store.fold`."""
        written = [(table, writes[table]) for table in self.tables if writes.get(table)]
        shape = tuple((table, len(rows) == 1) for table, rows in written)
        statement = fold_statement(shape, self.channel if notify else None)
        arguments = fold_arguments(old, new)
        for _, rows in written:
            arguments.extend(rows[0] if len(rows) == 1 else zip(*rows, strict=True))
        async with self._connection() as connection:
            return bool(await connection.fetchval(statement, *arguments))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        async with available(), self.pool.lent() as connection:
            try:
                yield connection
            except (asyncpg.DataError, ValueError) as error:
                raise Unstorable(str(error)) from error


class Slots:
    """Numbers the arguments of a statement."""

    def __init__(self, used: int) -> None:
        self.used = used

    def next(self, kind: str) -> str:
        """The next argument, of this type."""
        self.used += 1
        return f"${self.used}::{kind}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def load_statement(lookups: tuple[Lookup, ...]) -> str:
    """The statement for these lookups.

    Its arguments: the topic, the partitions, and for each lookup its values, and its horizon if it
    asks for one. Its one row: an array for each column of the positions, then of each lookup in
    turn.
    """
    positions = (
        f"(SELECT {_arrays(Position._fields, 0)} FROM stream_position "
        "WHERE topic = $1 AND partition = ANY($2::int[])) AS found_0"
    )
    found, slots = [positions], Slots(2)
    for number, lookup in enumerate(lookups, 1):
        table = lookup.table
        found.append(
            f"(SELECT {_arrays(table.columns, number)} FROM {table.name} "
            f"WHERE {_condition(lookup, slots)}) AS found_{number}"
        )
    return "SELECT * FROM " + ",\n".join(found)


def _condition(lookup: Lookup, slots: Slots) -> str:
    """Which rows a lookup finds; one that goes through others finds the values there first."""
    if lookup.through is not None:
        asked = lookup.asked
        named = f"SELECT {lookup.through.sql} FROM {asked.table.name}"
        values = f"ARRAY({named} WHERE {_condition(asked, slots)})"
    else:
        kind = lookup.table.types[lookup.table.columns.index(lookup.by)]
        values = slots.next(kind + "[]")
    condition = f'"{lookup.by}" = ANY({values})'
    if HORIZON in lookup.where:
        condition += f" AND ({lookup.where.replace(HORIZON, slots.next('timestamptz'))})"
    elif lookup.where:
        condition += f" AND ({lookup.where})"
    return condition


def _arrays(columns: Iterable[str], number: int) -> str:
    return ", ".join(f'array_agg("{column}") AS "{column}_{number}"' for column in columns)


def _loaded(arrays: tuple[Any, ...], needs: Sequence[Need]) -> Loaded:
    at = len(Position._fields)
    positions = [position_of(row) for row in _rows(arrays[:at])]
    rows: dict[Lookup, Sequence[Any]] = {}
    for need in needs:
        table = need.lookup.table
        until = at + len(table.types)
        rows[need.lookup] = list(map(table.row._make, _rows(arrays[at:until])))
        at = until
    return Loaded({position.partition: position for position in positions}, rows)


def _rows(arrays: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    """Rows out of columns; of nothing Postgres makes no array."""
    return zip(*arrays, strict=True) if arrays[0] is not None else ()


@lru_cache(maxsize=STATEMENTS_KEPT)
def fold_statement(shape: tuple[tuple[Table, bool], ...], channel: str | None) -> str:
    """The statement that swaps the position and writes rows of these tables, one or many of each.

    Its arguments: `fold_arguments`, then the columns of each table in turn; arrays, unless it is
    one row. With a channel, the partition is told there.
    """
    swap = (
        "moved AS (UPDATE stream_position SET next_offset = $6, head = $7, seq = $8, time_ms = $9, "
        "mark = $10, inputs = $11 WHERE topic = $1 AND partition = $2 AND next_offset = $3 "
        "AND head = $4 AND fold_version = $5 RETURNING 1)"
    )
    parts, slots = [swap], Slots(11)
    for table, one in shape:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        if one:
            source = f"SELECT {', '.join(map(slots.next, table.types))} FROM moved"
        else:
            arrays = ", ".join(slots.next(f"{kind}[]") for kind in table.types)
            source = f"SELECT * FROM unnest({arrays}) WHERE EXISTS (SELECT FROM moved)"
        updates = ", ".join(
            f'"{column}" = excluded."{column}"'
            for column in table.columns
            if column not in table.keys
        )
        keys = ", ".join(f'"{column}"' for column in table.keys)
        parts.append(
            f"{table.name}_written AS (INSERT INTO {table.name} ({columns}) {source} "
            f"ON CONFLICT ({keys}) DO UPDATE SET {updates})"
        )
    told = f"pg_notify('{channel}', $2::int::text) IS NOT NULL" if channel else "true"
    return "WITH " + ",\n".join(parts) + f"\nSELECT {told} FROM moved"


def fold_arguments(old: Position, new: Position) -> list[Any]:
    """The arguments of the swap."""
    return [
        old.topic,
        old.partition,
        old.next_offset,
        old.head,
        old.fold_version,
        new.next_offset,
        new.head,
        new.seq,
        new.time_ms,
        new.mark,
        encode_inputs(new.inputs),
    ]


def position_of(row: tuple[Any, ...]) -> Position:
    """The position in a row of `POSITION_COLUMNS`."""
    return Position._make((*row[:INPUTS], decode_inputs(row[INPUTS]), *row[INPUTS + 1 :]))


def encode_inputs(inputs: Mapping[str, InputMark]) -> str:
    """The column `inputs` of a position."""
    return json.dumps(
        {
            topic: [mark.next, *(part.hex() if part else None for part in (mark.mark, mark.head))]
            for topic, mark in inputs.items()
        },
        sort_keys=True,
    )


def decode_inputs(text: str) -> dict[str, InputMark]:
    """What `encode_inputs` wrote."""
    return {
        topic: InputMark(following, *(bytes.fromhex(part) if part else None for part in known))
        for topic, (following, *known) in json.loads(text).items()
    }
