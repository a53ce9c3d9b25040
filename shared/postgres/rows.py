"""The store of a service on Postgres: one snapshot to decide on, one statement to fold with.

A fold is a single statement: the position's compare-and-swap is its first part, and every row is
written only if the swap took place. One statement is one round trip and one transaction, whatever
it writes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import asyncpg

from shared.postgres.pool import available
from shared.stream.store import (
    InputMark,
    Loaded,
    Lookup,
    Need,
    Position,
    Table,
    Writes,
)

POSITION_COLUMNS = ", ".join(Position._fields)


class PostgresStore:
    """The tables of one service, in the schema that the pool's search path names."""

    def __init__(self, pool: asyncpg.Pool, tables: Sequence[Table], channel: str) -> None:
        self.pool = pool
        self.tables = tuple(tables)
        self.channel = channel
        self.statement = fold_statement(self.tables, channel)
        self.begin_arguments = len(Position._fields)

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`: one REPEATABLE READ transaction, one query per lookup."""
        async with (
            available(),
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = await connection.fetch(
                f"SELECT {POSITION_COLUMNS} FROM stream_position "
                "WHERE topic = $1 AND partition = ANY($2::int[])",
                topic,
                list(partitions),
            )
            rows: dict[Lookup, Sequence[Any]] = {}
            for lookup, values, horizon in needs:
                arguments = [values] if horizon is None else [values, horizon]
                selected = await connection.fetch(select_statement(lookup), *arguments)
                rows[lookup] = list(map(_maker(lookup.table.row), selected))
        return Loaded({row["partition"]: _position(row) for row in found}, rows)

    async def begin(self, position: Position) -> None:
        """See `Store.begin`."""
        slots = ", ".join(f"${number + 1}" for number in range(self.begin_arguments))
        async with available(), self.pool.acquire() as connection:
            await connection.execute(
                f"INSERT INTO stream_position ({POSITION_COLUMNS}) VALUES ({slots}) "
                "ON CONFLICT DO NOTHING",
                *position._replace(inputs=_encode_inputs(position.inputs)),  # type: ignore[arg-type]
            )

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        """See `Store.fold`: one statement."""
        arguments = fold_arguments(self.tables, old, new, writes, notify)
        async with available(), self.pool.acquire() as connection:
            return bool(await connection.fetchval(self.statement, *arguments))


def fold_statement(tables: Sequence[Table], channel: str) -> str:
    """The statement that swaps the position and writes rows; `fold_arguments` are its arguments."""
    parts = [
        "WITH moved AS (UPDATE stream_position SET next_offset = $6, head = $7, seq = $8, "
        "time_ms = $9, mark = $10, inputs = $11 WHERE topic = $1 AND partition = $2 "
        "AND next_offset = $3 AND head = $4 AND fold_version = $5 RETURNING 1)"
    ]
    slot = 13
    for table in tables:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        arrays = ", ".join(f"${slot + n}::{kind}[]" for n, kind in enumerate(table.types))
        updates = ", ".join(
            f'"{column}" = excluded."{column}"' for column in table.columns if column != table.key
        )
        parts.append(
            f"{table.name}_written AS (INSERT INTO {table.name} ({columns}) "
            f"SELECT * FROM unnest({arrays}) WHERE EXISTS (SELECT FROM moved) "
            f'ON CONFLICT ("{table.key}") DO UPDATE SET {updates})'
        )
        slot += len(table.types)
    return (
        ",\n".join(parts)
        + f"\nSELECT CASE WHEN $12 THEN pg_notify('{channel}', $2::int::text) IS NOT NULL "
        "ELSE true END FROM moved"
    )


def fold_arguments(
    tables: Sequence[Table], old: Position, new: Position, writes: Writes, notify: bool
) -> list[Any]:
    """The arguments of `fold_statement`: the swap's, then an array for each column of each table."""
    arguments: list[Any] = [
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
        _encode_inputs(new.inputs),
        notify,
    ]
    for table in tables:
        rows = writes.get(table)
        arguments.extend(zip(*rows, strict=True) if rows else ((),) * len(table.types))
    return arguments


@lru_cache
def select_statement(lookup: Lookup) -> str:
    """The query of a lookup: its values are the first argument, its horizon the second."""
    table = lookup.table
    columns = ", ".join(f'"{column}"' for column in table.columns)
    kind = table.types[table.columns.index(lookup.by)]
    narrowed = f" AND ({lookup.where})" if lookup.where else ""
    return f'SELECT {columns} FROM {table.name} WHERE "{lookup.by}" = ANY($1::{kind}[]){narrowed}'


def _maker(row: type[Any]) -> Callable[[Any], Any]:
    make: Callable[[Any], Any] = row._make
    return make


def _position(row: Mapping[str, Any]) -> Position:
    return Position(**{**dict(row), "inputs": _decode_inputs(row["inputs"])})


def _encode_inputs(inputs: Mapping[str, InputMark]) -> str:
    return json.dumps(
        {
            topic: [mark.next, *(part.hex() if part else None for part in (mark.mark, mark.head))]
            for topic, mark in inputs.items()
        },
        sort_keys=True,
    )


def _decode_inputs(text: str) -> dict[str, InputMark]:
    return {
        topic: InputMark(following, *(bytes.fromhex(part) if part else None for part in known))
        for topic, (following, *known) in json.loads(text).items()
    }
