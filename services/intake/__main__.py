"""`python -m services.intake`: intake as a process."""

import asyncio
from contextlib import AsyncExitStack

from services.intake.records import SERVICE
from services.intake.service import Intake, Outputs
from services.intake.store import PostgresStore
from services.intake.upstream import UpstreamInputs
from shared.events.topics import QUARANTINE, UPSTREAM
from shared.metrics import ServiceMeter, serve_metrics
from shared.postgres.migrations import migrate
from shared.postgres.pool import available, connect
from shared.process import run
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.limits import Limits
from shared.stream.membership import Membership
from shared.stream.programs import Programs
from shared.stream.topics_setup import check_topics


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Run intake until `stop` is set. Raises Halted, TopicsWrong."""
    async with AsyncExitStack() as stack:
        await check_topics(settings.kafka, partitions=settings.partitions)
        log = KafkaLog(settings.kafka)
        inputs = UpstreamInputs(settings.kafka)
        programs = Programs(settings.kafka)
        membership = Membership(
            settings.kafka, f"tessera.{SERVICE}", [topic.name for topic in UPSTREAM]
        )
        for part in (log, inputs, programs, membership):
            stack.push_async_callback(part.close)
            await part.start()
        pool = await connect(settings.postgres, schema=SERVICE)
        stack.push_async_callback(pool.close)
        async with available(), pool.acquire() as connection:
            await migrate(connection, SERVICE, ["services.intake"])
        outputs = Outputs(settings.partitions, await log.partitions(QUARANTINE.name))
        serve_metrics(settings.metrics_host, settings.metrics_port)
        intake = Intake(
            log,
            inputs,
            PostgresStore(pool),
            programs,
            membership,
            ServiceMeter(SERVICE),
            outputs,
            Limits(inputs_per_turn=settings.inputs_per_turn),
        )
        await intake.run(stop)


if __name__ == "__main__":
    run(SERVICE, main)
