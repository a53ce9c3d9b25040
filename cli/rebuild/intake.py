"""`tessera rebuild intake`: whose each event is, written down anew from what was forwarded.

Guarantees: what was forwarded first stands, as it does for intake, and rows of which no activity is
on the log stay: intake goes on meanwhile. How far intake has read is left as it is; where that is
gone too, it reads from the beginning, which known causes make harmless.
"""

from collections.abc import AsyncIterator
from time import perf_counter

import asyncpg
from rich.console import Console

from cli.rebuild.folding import connected, read_ahead
from cli.verify.resolutions import forwarded
from cli.where import Installation
from services.intake.records import SERVICE
from shared.events.topics import ACTIVITY
from shared.postgres.migrations import MigrationError, migrate
from shared.stream.kafka import KafkaLog
from shared.stream.log import Log, Place
from shared.stream.topics_setup import check_topics

TABLES = ("resolution", "upstream_position")
PACKAGES = ("services.intake",)
FRESH = f"{SERVICE}_rebuild"
GATHERED = """
CREATE TEMPORARY TABLE forwarded (identity bytea, account text, content bytea, at_ms bigint)
ON COMMIT DROP
"""
WRITTEN = """
WITH written AS (
  INSERT INTO intake.resolution AS kept (identity, account, content)
  SELECT DISTINCT ON (identity) identity, account, content FROM forwarded ORDER BY identity, at_ms
  ON CONFLICT (identity) DO UPDATE SET account = excluded.account, content = excluded.content
  WHERE (kept.account, kept.content) <> (excluded.account, excluded.content)
  RETURNING 1
)
SELECT count(*) FROM written
"""
"""Writes in one order, as intake does, so that neither waits for the other for ever."""


async def rebuild_intake(where: Installation, told: Console) -> None:
    """Put right what intake has kept. Raises LogUnavailable, StoreUnavailable, TopicsWrong."""
    await check_topics(where.kafka, partitions=where.partitions)
    started = perf_counter()
    log = KafkaLog(where.kafka)
    try:
        await log.start()
        async with connected(where.postgres, SERVICE) as connection:
            await _make_tables(connection)
            async with connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit TO on")
                await connection.execute(GATHERED)
                known = 0
                async for rows in _resolutions(log, where.partitions):
                    known += len(rows)
                    await connection.copy_records_to_table("forwarded", records=rows)
                wrong = await connection.fetchval(WRITTEN)
    finally:
        await log.close()
    told.print(
        f"intake is rebuilt: {known:,} identities of forwarded events, of which {wrong:,} were "
        f"missing or wrong, in {perf_counter() - started:.1f} s"
    )


async def _make_tables(connection: asyncpg.Connection) -> None:
    """The schema as its own files make it; anew, with the rows that are there, where it is not."""
    there = [await _is_there(connection, SERVICE, table) for table in TABLES]
    try:
        if all(there) or not any(there):
            await migrate(connection, SERVICE, PACKAGES)
        else:
            await _remake(connection)
    except MigrationError:
        await _remake(connection)


async def _remake(connection: asyncpg.Connection) -> None:
    """Intake waits meanwhile: what it wrote into a table that goes would be lost."""
    async with connection.transaction():
        await connection.execute(f"DROP SCHEMA IF EXISTS {FRESH} CASCADE")
        await migrate(connection, FRESH, PACKAGES)
        for table in TABLES:
            if await _is_there(connection, SERVICE, table):
                await connection.execute(f"LOCK TABLE {SERVICE}.{table} IN EXCLUSIVE MODE")
                await connection.execute(
                    f"INSERT INTO {FRESH}.{table} SELECT * FROM {SERVICE}.{table}"  # noqa: S608
                )
        await connection.execute(f"DROP SCHEMA IF EXISTS {SERVICE} CASCADE")
        await connection.execute(f"ALTER SCHEMA {FRESH} RENAME TO {SERVICE}")


async def _is_there(connection: asyncpg.Connection, schema: str, table: str) -> bool:
    return await connection.fetchval("SELECT to_regclass($1)", f"{schema}.{table}") is not None


async def _resolutions(
    log: Log, partitions: int
) -> AsyncIterator[list[tuple[bytes, str, bytes, int]]]:
    """Identities with their accounts, contents and instants, in batches."""
    places = [Place(ACTIVITY.name, number) for number in range(partitions)]
    for place, (first, end) in (await log.bounds(places)).items():
        async for records in read_ahead(log, place, first, end):
            yield [
                (each.identity, *each.resolution, record.timestamp)
                for record in records
                for each in forwarded(record)
            ]
