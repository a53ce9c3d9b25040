"""The schemas of a rebuild: one filled beside the live one, and the moment in which names change.

Guarantees: the new tables take over at exactly the live positions, inputs included, in one
transaction; a living owner of the old ones finds another fold version and opens afresh. Readers
who name tables by schema read the old ones before that moment and the new ones after it.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import asyncpg

from cli.rebuild.folding import Folding, beginning, fold_to
from cli.refusals import Refused
from shared.postgres.bulk import BulkStore, Index, set_aside
from shared.postgres.generations import after
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.rows import POSITION_COLUMNS, position_of
from shared.stream.log import Log, Place
from shared.stream.service import Recorded, Service
from shared.stream.store import InputMark, Lookup, Position

REPLACED = "replaced"
"""The fold version of positions whose schema was replaced: no owner has it."""


class Names(NamedTuple):
    """Schemas: the one that services use, the one that is filled, the one that is dropped."""

    live: str
    fresh: str
    old: str


def names(service: str) -> Names:
    """The schemas of a service and of its rebuild."""
    return Names(service, f"{service}_rebuild", f"{service}_{REPLACED}")


def swap_lock(service: str) -> str:
    """What a swap holds alone, and whoever must not be swapped under holds together with others."""
    return f"tessera.swap.{service}"


async def claim(connection: asyncpg.Connection, service: str) -> None:
    """Be the only rebuild of the service while the connection lasts. Raises Refused."""
    held = await connection.fetchval(
        "SELECT pg_try_advisory_lock(hashtext($1))", f"tessera.rebuild.{service}"
    )
    if not held:
        raise Refused(f"another rebuild of {service} is under way")


async def prepare(connection: asyncpg.Connection, service: Service[Any]) -> list[Index]:
    """An empty schema, made by the service's own files; the indexes that are still to be made."""
    schema = names(service.name)
    for left in (schema.fresh, schema.old):
        await connection.execute(f'DROP SCHEMA IF EXISTS "{left}" CASCADE')
    await migrate(connection, schema.fresh, [STREAM, f"services.{service.name}"])
    return await set_aside(connection, service.tables, replayed_lookups(service))


def replayed_lookups(service: Service[Any]) -> set[Lookup]:
    """The lookups that a rebuild loads by."""
    nothing: Sequence[Recorded] = ()
    return {need.lookup for need in service.replay_needs(nothing)}


async def live_positions(
    connection: asyncpg.Connection, service: Service[Any]
) -> dict[int, Position]:
    """The live positions by partition; none if there is no live schema."""
    table = f'"{names(service.name).live}".stream_position'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return {}
    rows = await connection.fetch(
        f"SELECT {POSITION_COLUMNS} FROM {table} WHERE topic = $1",  # noqa: S608
        service.output.name,
    )
    return {position.partition: position for position in map(_readable, rows)}


def _readable(row: Any) -> Position:
    """The position in a row. Raises Refused where its inputs cannot be read."""
    try:
        return position_of(tuple(row))
    except (ValueError, TypeError, AttributeError) as error:
        place = f"{row['topic']}/{row['partition']}"
        raise Refused(
            f"the column inputs of the position of {place} cannot be read ({error}): set it to "
            "'{}', then they are read from their beginnings, which known causes make harmless"
        ) from error


def next_version(service: Service[Any], live: dict[int, Position]) -> str:
    """A fold version that no owner has: the service's own, in the generation after the live one."""
    return after(service.fold_version, (position.fold_version for position in live.values()))


async def swap(
    connection: asyncpg.Connection,
    log: Log,
    service: Service[Any],
    folding: Folding,
    *,
    accept_log: bool,
) -> float:
    """Fold what is left, take over the live positions, change the names; the seconds it took.

    Raises Refused, with nothing changed, where the live tables were folded from another log.
    """
    schema = names(service.name)
    started = perf_counter()
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit TO on")
        for lock in (swap_lock(service.name), f"tessera.{schema.live}"):
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", lock)
        is_live = await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema.live}"')
        if await connection.fetchval("SELECT to_regclass($1)", f'"{schema.live}".stream_position'):
            # readers go on, owners wait for the end of this
            await connection.execute(
                f'LOCK TABLE "{schema.live}".stream_position IN EXCLUSIVE MODE'
            )
        started = perf_counter()
        live = await live_positions(connection, service)
        for partition in range(folding.installation.partitions):
            await _take_over(
                connection,
                log,
                service,
                beginning(folding, service, partition),
                live.get(partition),
                accept_log=accept_log,
            )
        if live:
            await connection.execute(
                f'UPDATE "{schema.live}".stream_position SET fold_version = $1',  # noqa: S608
                REPLACED,
            )
        if is_live:
            await connection.execute(f'ALTER SCHEMA "{schema.live}" RENAME TO "{schema.old}"')
        await connection.execute(f'ALTER SCHEMA "{schema.fresh}" RENAME TO "{schema.live}"')
    seconds = perf_counter() - started
    await connection.execute(f'DROP SCHEMA IF EXISTS "{schema.old}" CASCADE')
    return seconds


async def _take_over(
    connection: asyncpg.Connection,
    log: Log,
    service: Service[Any],
    first: Position,
    live: Position | None,
    *,
    accept_log: bool,
) -> None:
    """Bring one partition to where the live one is, and its inputs too."""
    place = Place(first.topic, first.partition)
    end = (await log.bounds([place]))[place].end
    store = BulkStore(connection, service.tables)
    if live is None or accept_log:
        await fold_to(service, log, store, first, end)
        return
    if live.next_offset > end:
        raise Refused(
            f"{place} ends at offset {end}, but {live.next_offset} records were folded into the "
            f"live tables: {_REMEDY}"
        )
    position = await fold_to(service, log, store, first, live.next_offset)
    if position.next_offset == live.next_offset and position.head != live.head:
        raise Refused(
            f"{place} before offset {live.next_offset} is not what the live tables were folded "
            f"from: {_REMEDY}"
        )
    inputs = live.inputs if position.next_offset == live.next_offset else _later(position, live)
    await store.fold(position, position._replace(inputs=inputs), {}, notify=False)


_REMEDY = (
    "the topic was truncated, made anew or edited. Restore it; or, if this log is the truth, run "
    "this again with --accept-log"
)


def _later(one: Position, other: Position) -> dict[str, InputMark]:
    """The marks that lie further on."""
    found = dict(one.inputs)
    for topic, mark in other.inputs.items():
        if topic not in found or mark.next >= found[topic].next:
            found[topic] = mark
    return found
