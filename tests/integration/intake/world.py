"""An intake between real topics and a real database, all of the test's own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as SlowBuilder

from services.intake.service import Intake, Outputs
from services.intake.store import PostgresStore, Store
from services.intake.upstream import UpstreamInputs
from shared.events.wire import Source
from shared.metrics import ServiceMeter
from shared.postgres.migrations import migrate
from shared.postgres.pool import connect
from shared.program.catalogue import Catalogue
from shared.program.document import read_program
from shared.program.model import Program
from shared.stream.kafka import KafkaLog, consumer
from shared.stream.limits import Limits
from shared.stream.log import Place
from tests.polling import eventually
from tests.strategies.poison import ARRIVED_MS, BINARY, Headers

GROCER = Path(__file__).parents[3] / "programs" / "grocer.yaml"
ACTIVITY_PARTITIONS = 5
QUARANTINE_PARTITIONS = 2
METER = ServiceMeter("intake")


class Message(NamedTuple):
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    headers: Headers = BINARY


class OtherName(str):
    """The name of a header whose bytes are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


class FixedGroup:
    """Gives the places that it is told."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.changed = asyncio.Event()
        self.own(places)

    def own(self, places: Iterable[Place]) -> None:
        self.owned = frozenset(places)
        self.changed.set()

    def places(self) -> frozenset[Place]:
        return self.owned

    async def committed(self, nexts: Any) -> None:
        pass


class FixedPrograms:
    """What is published; `later` is seen only by who asks for the end of the topic."""

    def __init__(self, catalogue: Catalogue, later: Catalogue | None = None) -> None:
        self.catalogue = catalogue
        self.later = later

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        if to_end and self.later is not None:
            self.catalogue = self.later
        return self.catalogue


def program(name: str = "grocer", **changes: Any) -> Program:
    """The demo's program, under another name."""
    read = read_program(GROCER.read_text("utf-8"))
    assert read.program is not None
    return read.program.model_copy(update={"program": name, **changes})


def published(*programs: Program) -> Catalogue:
    catalogue = Catalogue()
    for one in programs:
        catalogue = catalogue.with_version(one)
    return catalogue


class World:
    """Topics under a prefix, a database, and intakes on them."""

    def __init__(self, kafka: str, database: str, prefix: str) -> None:
        self.kafka = kafka
        self.database = database
        self.prefix = prefix
        self.purchases = f"{prefix}purchases"
        self.outputs = Outputs(
            ACTIVITY_PARTITIONS, QUARANTINE_PARTITIONS, f"{prefix}activity", f"{prefix}quarantine"
        )

    async def make(self, topic: str, partitions: int, bytes_max: int = 9 << 20) -> None:
        async with self._admin() as admin:
            configs = {"max.message.bytes": str(bytes_max)}
            answer = await admin.create_topics(
                [NewTopic(topic, partitions, 1, topic_configs=configs)]
            )
            assert [code for _, code, *_ in answer.topic_errors] == [0]

    async def make_topics(self, partitions: int = 3, quarantine_bytes_max: int = 9 << 20) -> None:
        await self.make(self.purchases, partitions)
        await self.make(self.outputs.activity, ACTIVITY_PARTITIONS, 1 << 20)
        await self.make(self.outputs.quarantine, QUARANTINE_PARTITIONS, quarantine_bytes_max)

    async def delete(self, *topics: str) -> None:
        async with self._admin() as admin:
            await admin.delete_topics(list(topics))

            async def gone() -> bool:
                return not set(topics) & set(await admin.list_topics())

            await eventually(gone)

    async def delete_topics(self) -> None:
        await self.delete(self.purchases, self.outputs.activity, self.outputs.quarantine)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    def places(self, partitions: int = 3) -> list[Place]:
        return [Place(self.purchases, number) for number in range(partitions)]

    async def publish(self, messages: Sequence[Message], partitions: int = 3) -> list[Source]:
        """Spread over the partitions one after the other; where each of them stands."""
        spread: dict[int, list[Message]] = defaultdict(list)
        firsts: dict[int, int] = {}
        for number, message in enumerate(messages):
            spread[number % partitions].append(message)
        sender = AIOKafkaProducer(bootstrap_servers=self.kafka, max_request_size=9 << 20)
        await sender.start()
        try:
            for partition, share in spread.items():
                batch = sender.create_batch()
                batch._builder = SlowBuilder(2, 0, 0, -1, -1, -1, 9 << 20)
                for one in share:
                    batch.append(
                        key=one.key, value=one.value, timestamp=ARRIVED_MS, headers=one.headers
                    )
                batch.close()
                appended = await sender.send_batch(batch, self.purchases, partition=partition)
                firsts[partition] = (await appended).offset
        finally:
            await sender.stop()
        return [
            Source(
                self.purchases,
                number % partitions,
                firsts[number % partitions] + number // partitions,
            )
            for number in range(len(messages))
        ]

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresStore]:
        pool = await connect(self.database, schema="intake", size=4)
        try:
            async with pool.acquire() as connection:
                await migrate(connection, "intake", ["services.intake"])
            yield PostgresStore(pool)
        finally:
            await pool.close()

    @asynccontextmanager
    async def intake(
        self,
        store: Store,
        programs: FixedPrograms | None = None,
        group: FixedGroup | None = None,
        inputs_per_turn: int = 100,
        inputs_type: type[UpstreamInputs] = UpstreamInputs,
    ) -> AsyncIterator[Intake]:
        log, inputs = KafkaLog(self.kafka), inputs_type(self.kafka)
        await log.start()
        await inputs.start()
        try:
            yield Intake(
                log,
                inputs,
                store,
                programs or FixedPrograms(published(program())),
                group or FixedGroup(self.places()),
                METER,
                self.outputs,
                Limits(inputs_per_turn=inputs_per_turn),
                jitter=lambda: 0,
            )
        finally:
            await inputs.close()
            await log.close()

    async def take_all(self, intake: Intake) -> None:
        """Run it until it has taken all that is there."""
        stop = asyncio.Event()
        running = asyncio.create_task(intake.run(stop))
        places = sorted(intake.group.places())

        async def is_done() -> bool:
            if running.done():
                return True
            bounds = await intake.log.bounds(places)
            stored = await intake.store.positions(places)
            return all(
                place in stored and stored[place].next_offset == bounds[place].end
                for place in places
            )

        try:
            await eventually(is_done, seconds_max=60)
        finally:
            stop.set()
            await running

    async def read(self, topic: str, partitions: int) -> list[ConsumerRecord]:
        """All that a topic holds, partition by partition."""
        reader = consumer(self.kafka)
        await reader.start()
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            reader.assign(places)
            ends = await reader.end_offsets(places)
            found: list[ConsumerRecord] = []
            for place in places:
                reader.seek(place, 0)
                while await reader.position(place) < ends[place]:
                    for records in (await reader.getmany(place, timeout_ms=500)).values():
                        found.extend(records)
            return found
        finally:
            await reader.stop()

    async def activities(self) -> list[ConsumerRecord]:
        return await self.read(self.outputs.activity, ACTIVITY_PARTITIONS)

    async def quarantined(self) -> list[ConsumerRecord]:
        return await self.read(self.outputs.quarantine, QUARANTINE_PARTITIONS)

    async def rows(self, statement: str) -> list[Any]:
        connection = await asyncpg.connect(self.database)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()
