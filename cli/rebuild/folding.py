"""Folding partitions from their beginning into a schema of their own: the fold of every reader.

Guarantees: what `shared.stream.opening.fold_records` guarantees, batch by batch; a fold that was
interrupted goes on where it was. Raises Refused where the facts do not fold.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from cli.deciding import SERVICES
from cli.refusals import Refused
from cli.where import Installation
from shared.ledger.account import InvariantError
from shared.postgres.bulk import BulkStore
from shared.postgres.pool import BY_INDEX, available
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.opening import fold_records
from shared.stream.positions import first_position, same_log
from shared.stream.service import Service
from shared.stream.store import Position

RECORDS_PER_FOLD = 5_000
"""At some 6 KB a record, decoded and as rows, a batch stays below 32 MB."""
CONNECT_SECONDS = 10.0
WITHOUT_LIMIT = 24 * 60 * 60.0
"""Making an index of a large table may take its time; nobody waits for it but the rebuild."""


class Folding(NamedTuple):
    """What is folded: a service's partitions, into which schema, under which version."""

    installation: Installation
    service: str
    schema: str
    fold_version: str


class Partitions(NamedTuple):
    """A part of it for one process: partitions with the offsets to fold to."""

    folding: Folding
    ends: Mapping[int, int]


@asynccontextmanager
async def connected(dsn: str, schema: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for folding in bulk, whose search path is `schema`. Raises StoreUnavailable."""
    settings = {
        "application_name": f"tessera-{schema}",
        "timezone": "UTC",
        "search_path": schema,
        "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
        **BY_INDEX,
    }
    async with available():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS, command_timeout=WITHOUT_LIMIT, server_settings=settings
        )
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def fold_partitions(part: Partitions) -> None:
    """Fold each partition to its end: the work of one process."""
    folding, installation = part.folding, part.folding.installation
    service = SERVICES[folding.service]()
    log = KafkaLog(installation.kafka)
    try:
        await log.start()
        async with connected(installation.postgres, folding.schema) as connection:
            for partition, end in part.ends.items():
                store = BulkStore(connection, service.tables)
                first = beginning(folding, service, partition)
                await fold_to(service, log, store, first, end)
    finally:
        await log.close()


def beginning(folding: Folding, service: Service[Any], partition: int) -> Position:
    """The position of a partition of which nothing is folded."""
    return first_position(
        Place(service.output.name, partition),
        ledger_id=folding.installation.ledger_id,
        partitions=folding.installation.partitions,
        writer=service.name,
        fold_version=folding.fold_version,
    )


async def fold_to(
    service: Service[Any], log: Log, store: BulkStore, first: Position, end: int
) -> Position:
    """Fold a partition from where the store has it up to `end`; the position there.

    Raises Refused, and Halted where the log is not the ledger's, or not whole.
    """
    await same_log(log, first)
    await store.begin(first)
    place = Place(first.topic, first.partition)
    loaded = await store.load(first.topic, [first.partition], [])
    position = loaded.positions[first.partition]
    async for records in read_ahead(log, place, position.next_offset, end):
        try:
            position = await fold_records(service, store, position, records)
        except (InvariantError, asyncpg.IntegrityConstraintViolationError) as error:
            raise Refused(
                f"{place}: the facts of offsets {records[0].offset} to {records[-1].offset} do not "
                f"fold ({type(error).__name__}: {error}). The live tables are untouched; "
                "`tessera verify` says which facts are in the wrong"
            ) from error
    return position


async def read_ahead(
    log: Log, place: Place, first: int, end: int, size: int = RECORDS_PER_FOLD
) -> AsyncIterator[list[Record]]:
    """The records of `first` to `end` in batches; while one is worked on the next is read."""
    bounds = [Bounds(at, min(end, at + size)) for at in range(first, end, size)]
    reading: asyncio.Task[dict[Place, list[Record]]] | None = None
    try:
        for number in range(len(bounds)):
            reading = reading or asyncio.create_task(log.read({place: bounds[number]}))
            records = (await reading)[place]
            following = bounds[number + 1 : number + 2]
            reading = asyncio.create_task(log.read({place: following[0]})) if following else None
            yield records
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
