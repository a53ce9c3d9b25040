"""Which installation an operation works on: its Kafka, its Postgres, its API, its ledger.

What the settings name counts; else the servers of the `tessera run` that lives in the home folder;
else the folder's embedded servers, started for the operation and stopped after it. Never draws a
ledger's identity: that is for `tessera run` and `tessera topics create`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from cli.operation import console
from cli.stack.run import running
from cli.where import Installation
from shared.identity import with_ledger
from shared.local import EmbeddedKafka, EmbeddedPostgres
from shared.postgres.pool import require_reachable
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Log

Note = Callable[[str], None]


@asynccontextmanager
async def installation(settings: Settings, note: Note) -> AsyncIterator[Installation]:
    """The installation, reachable.

    Raises LedgerUnknown, LedgerMismatch, LocalServerError, StoreUnavailable.
    """
    settings = with_ledger(settings)
    async with AsyncExitStack() as stack:
        kafka, postgres = await asyncio.gather(
            _kafka(settings, note, stack), _postgres(settings, note, stack)
        )
        yield Installation(kafka, postgres, settings.ledger_id, settings.partitions)


async def _kafka(settings: Settings, note: Note, stack: AsyncExitStack) -> str:
    if "kafka" in settings.model_fields_set:
        return settings.kafka
    if (living := _living(settings)) is not None:
        return str(living["kafka"])
    server = EmbeddedKafka(settings.home / "kafka", settings.kafka_port, note=note)
    note("starting Kafka")
    await server.start()
    stack.push_async_callback(server.stop)
    return server.bootstrap


async def _postgres(settings: Settings, note: Note, stack: AsyncExitStack) -> str:
    if "postgres" in settings.model_fields_set:
        await require_reachable(settings.postgres)
        return settings.postgres
    if (living := _living(settings)) is not None:
        return str(living["postgres"])
    server = EmbeddedPostgres(settings.home / "postgres", settings.postgres_port, note=note)
    note("starting Postgres")
    await server.start()
    stack.push_async_callback(server.stop)
    return server.dsn


async def with_log(settings: Settings, work: Callable[[Installation, Log], Awaitable[int]]) -> int:
    """Do something with an installation and its log; its exit code."""
    async with installation(settings, console().print) as where:
        log = KafkaLog(where.kafka)
        try:
            await log.start()
            return await work(where, log)
        finally:
            await log.close()


def api_of(settings: Settings) -> str:
    """The address of the API, without `/v1`."""
    living = _living(settings)
    if living is not None:
        return str(living["api"])
    return f"http://{settings.api_host}:{settings.api_port}"


def kafka_of(settings: Settings) -> str:
    """The address of Kafka, for what needs no more than that."""
    living = _living(settings)
    if living is not None and "kafka" not in settings.model_fields_set:
        return str(living["kafka"])
    return settings.kafka


def _living(settings: Settings) -> dict[str, Any] | None:
    if running(settings) is None:
        return None
    found: dict[str, Any] = json.loads((settings.home / "run.json").read_text(encoding="utf-8"))
    return found
