"""Where log, tables and settings contradict each other a service stops, says why, decides nothing.

Every case runs the process itself. It must end with the exit code of a halt, its last words must
name the fact and the way out, and its fact topic must be as it was.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from cli.deciding import SERVICES
from cli.stack.host import ROOT, last_reason
from shared.events.topics import ACTIVITY, AWARDS, LEDGER, Topic
from shared.process import EXIT_HALTED
from shared.stream.log import Bounds, Outgoing, Place, Record
from tests.integration.operations.conftest import fresh_database
from tests.integration.operations.world import PARTITIONS, World, as_it_was

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALT_SECONDS_MAX = 60


class Damage(Protocol):
    """What is wrong while the service runs; put right afterwards where the next case needs it."""

    def __call__(self, world: World) -> AbstractAsyncContextManager[Mapping[str, str]]:
        """What the process is told besides."""
        ...


@dataclass(frozen=True)
class Case:
    """A contradiction: who must halt over it, and words that it must say."""

    name: str
    damage: Damage
    says: tuple[str, ...]
    service: str = "redeem"


def changed_rows(statement: str) -> Damage:
    """Positions that are not those of this log; the database is a copy of the test's own."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        connection = await asyncpg.connect(world.where.postgres)
        await connection.execute(f"UPDATE redeem.stream_position SET {statement}")
        await connection.close()
        yield {}

    return damage


def told(**settings: str) -> Damage:
    """Settings of another installation."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        yield {f"TESSERA_{name.upper()}": value for name, value in settings.items()}

    return damage


@asynccontextmanager
async def an_empty_database_of_another_ledger(world: World) -> AsyncIterator[Mapping[str, str]]:
    async with fresh_database(world.where.postgres) as database:
        yield {"TESSERA_POSTGRES": database, "TESSERA_LEDGER_ID": "another"}


def edited(topic: Topic) -> Damage:
    """The last record of each partition says something else."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        ends = {
            place: records[-1].offset for place, records in (await world.records(topic)).items()
        }

        def edit(record: Record) -> Outgoing:
            if record.offset != ends[Place(record.topic, record.partition)]:
                return as_it_was(record)
            return Outgoing(record.key, (record.value or b"") + b" ", record.headers)

        async with world.rewritten(topic, edit):
            yield {}

    return damage


def made_anew(topic: Topic) -> Damage:
    """The topic is empty."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        async with world.rewritten(topic, lambda _: None):
            yield {}

    return damage


def cut_at_its_beginning(topic: Topic) -> Damage:
    """The first records of the topic are deleted, as retention would."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=world.where.kafka)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(2)})
        finally:
            await admin.close()
        yield {}

    return damage


def enlarged(topic: Topic) -> Damage:
    """The topic has a partition more."""

    @asynccontextmanager
    async def damage(world: World) -> AsyncIterator[Mapping[str, str]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=world.where.kafka)
        await admin.start()
        try:
            more = {topic.name: NewPartitions(total_count=PARTITIONS + 1)}
            await admin.create_partitions(more)
        finally:
            await admin.close()
        yield {}

    return damage


CASES = [
    Case(
        "a projection from the future",
        changed_rows("next_offset = next_offset + 1000"),
        ("loyalty.points.v1/", "records were folded", "tessera rebuild redeem --accept-log"),
    ),
    Case(
        "a projection of newer code",
        changed_rows("fold_version = '99.0'"),
        ("folded by version 99.0", "this code folds version", "tessera rebuild redeem"),
    ),
    Case(
        "inputs from the future",
        changed_rows(
            r"inputs = regexp_replace(inputs, '\[\d+', '[1000000', 'g')",
        ),
        ("but the next input is 1000000", "tessera positions reset"),
    ),
    Case(
        "the database of another cluster",
        told(ledger_id="another"),
        ("two clusters are mixed up", "Check the addresses of Kafka and Postgres"),
    ),
    Case(
        "the log of another cluster",
        an_empty_database_of_another_ledger,
        ("begins with a record of another ledger", "TESSERA_LEDGER_ID"),
    ),
    Case(
        "another partition count in the settings",
        told(partitions="8"),
        ("every keyed topic must have 8 partitions", "Set TESSERA_PARTITIONS"),
    ),
    Case(
        "an edited fact",
        edited(LEDGER),
        ("is not the record that was read there before", "tessera rebuild redeem --accept-log"),
    ),
    Case(
        "an edited award",
        edited(AWARDS),
        ("is not the record that was read there before", "tessera positions reset"),
    ),
    Case(
        "facts made anew",
        made_anew(LEDGER),
        ("ends at offset 0", "truncated or made anew", "tessera rebuild redeem --accept-log"),
    ),
    Case(
        "activity made anew",
        made_anew(ACTIVITY),
        ("records are missing", "tessera positions reset loyalty.activity.v1"),
        service="earn",
    ),
    # what follows cannot be put right: the last ones
    Case(
        "facts without their beginning",
        cut_at_its_beginning(LEDGER),
        ("begins at offset 2, not 0", "Restore the topic from a backup"),
    ),
    Case(
        "a topic that was enlarged",
        enlarged(LEDGER),
        ("loyalty.points.v1 has 5", "must be restored from a backup"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_service_halts_says_why_and_decides_nothing(world: World, case: Case):
    async with case.damage(world) as environment:
        before = await ends(world, case.service)
        code, reason = await run(case.service, {**world.environment, **environment})
        assert code == EXIT_HALTED, reason
        for words in case.says:
            assert words in reason
        assert await ends(world, case.service) == before


async def run(service: str, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """Exit code and last reason of a service's process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}"),
        cwd=ROOT,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), HALT_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        said, _ = await process.communicate()
        return None, said.decode()
    return process.returncode, last_reason(said.decode())


async def ends(world: World, service: str) -> dict[Place, Bounds]:
    """What its fact topic holds."""
    topic = SERVICES[service]().output.name
    return await world.log.bounds([Place(topic, number) for number in range(PARTITIONS)])
