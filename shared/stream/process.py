"""A deciding service as a process: connects, checks, migrates, and runs until it is told to stop.

Exit codes: 0 told to stop, 3 halted (log and store contradict each other, or topics are wrong).
Both say why in the last log line.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog

from shared.events.topics import QUARANTINE
from shared.metrics import ServiceMeter, serve_metrics
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.pool import Pool, available, connect
from shared.postgres.rows import PostgresStore
from shared.settings import Settings
from shared.stream.kafka import KafkaInputs, KafkaLog
from shared.stream.limits import Limits
from shared.stream.membership import Membership
from shared.stream.opening import Ledger, Opening, Owner
from shared.stream.programs import Programs
from shared.stream.runner import Runner
from shared.stream.service import Service, State
from shared.stream.topics_setup import check_topics
from shared.stream.turn import Turn
from shared.version import VERSION

S = TypeVar("S", bound=State)
logger = structlog.get_logger()
Chore = Callable[["Shell"], Coroutine[None, None, None]]


class SystemClock:
    """The local clock."""

    def now_ms(self) -> int:
        """See `shared.stream.turn.Clock`."""
        return time.time_ns() // 1_000_000


class Shell:
    """What a service's own chores (a sweep, say) may use: the log, the pool, and what is owned."""

    def __init__(self, settings: Settings, log: KafkaLog, pool: Pool, runner: Runner[Any]) -> None:
        self.settings = settings
        self.log = log
        self.pool = pool
        self.runner = runner


async def serve(
    service: Service[S], settings: Settings, stop: asyncio.Event, *, chores: Sequence[Chore] = ()
) -> None:
    """Run a deciding service until `stop` is set. Raises Halted, TopicsWrong, UnreadableFact."""
    async with AsyncExitStack() as stack:
        await check_topics(settings.kafka, partitions=settings.partitions)
        log = KafkaLog(settings.kafka)
        inputs = KafkaInputs(settings.kafka, [topic.name for topic in service.inputs])
        programs = Programs(settings.kafka)
        membership = Membership(
            settings.kafka, f"tessera.{service.name}", [topic.name for topic in service.inputs]
        )
        for part in (log, inputs, programs, membership):
            await part.start()
            stack.push_async_callback(part.close)
        pool = await connect(settings.postgres, schema=service.name, durable=False)
        stack.push_async_callback(pool.close)
        async with available(), pool.acquire() as connection:
            await migrate(connection, service.name, [STREAM, f"services.{service.name}"])
        runner = await _runner(service, settings, log, inputs, programs, membership, pool)
        serve_metrics(settings.metrics_host, settings.metrics_port)
        shell = Shell(settings, log, pool, runner)
        async with asyncio.TaskGroup() as tasks:
            side = [tasks.create_task(chore(shell)) for chore in chores]
            await runner.run(stop)
            for task in side:
                task.cancel()


async def _runner(
    service: Service[S],
    settings: Settings,
    log: KafkaLog,
    inputs: KafkaInputs,
    programs: Programs,
    membership: Membership,
    pool: Pool,
) -> Runner[S]:
    limits = Limits(inputs_per_turn=settings.inputs_per_turn)
    store = PostgresStore(pool, service.tables, channel=service.name)

    turn = Turn(
        service,
        log,
        inputs,
        store,
        programs,
        SystemClock(),
        ServiceMeter(service.name),
        partitions=settings.partitions,
        quarantine_partitions=await log.partitions(QUARANTINE.name),
        limits=limits,
    )
    opening = Opening(
        service,
        log,
        store,
        Ledger(settings.ledger_id, settings.partitions),
        Owner(f"{service.name}@{socket.gethostname()}:{os.getpid()}", VERSION),
        replay_records=limits.replay_records,
        fold_version=f"{service.fold_version}.0",
    )

    return Runner(turn, opening, inputs, membership)
