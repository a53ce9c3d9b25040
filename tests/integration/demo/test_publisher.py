"""The publisher as a process of its own, on a real Kafka: all is there, also after a `kill -9`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cli.demo.kept import Kept
from cli.demo.publisher import EVENTS_A_BATCH
from shared.events.upstream import Purchase, Return

PARTITIONS = 3
EVENTS = 4_500


@pytest.fixture
async def topic(kafka: str, topic_prefix: str) -> AsyncIterator[str]:
    name = f"{topic_prefix}retail.purchases.v1"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        yield name
        await admin.delete_topics([name])
    finally:
        await admin.close()


@asynccontextmanager
async def publisher(
    kafka: str, topic: str, home: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """The process and its output; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.demo.publisher"),
        *("--bootstrap", kafka, "--topic", topic, "--home", str(home), "--limit", str(EVENTS)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run_to_the_end(kafka: str, topic: str, home: Path) -> list[dict[str, int]]:
    async with publisher(kafka, topic, home) as (process, output):
        lines = [json.loads(line) async for line in output]
        assert await process.wait() == 0
    return lines


async def read(kafka: str, topic: str) -> list[ConsumerRecord]:
    """Everything that the topic holds, partition by partition."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    records: list[ConsumerRecord] = []
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while len(records) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records += batch
    finally:
        await consumer.stop()
    return records


def told(record: ConsumerRecord) -> Purchase | Return:
    """What a record says, by its type."""
    is_return = dict(record.headers)["ce_type"] == b"retail.return.v1"
    return (Return if is_return else Purchase).model_validate_json(record.value)


async def test_events_are_published_once_in_order_under_the_store(kafka, topic, tmp_path):
    lines = await run_to_the_end(kafka, topic, tmp_path)
    assert lines[-1]["published"] == lines[-1]["total"] == EVENTS
    records = await read(kafka, topic)
    assert len(records) == EVENTS
    events = [told(record) for record in records]
    assert len({event.event_id for event in events}) == EVENTS
    stores = {event.receipt_id: event.store for event in events if isinstance(event, Purchase)}
    for record, event in zip(records, events, strict=True):
        assert dict(record.headers)["ce_id"] == event.event_id.encode()
        assert record.key == (stores[event.receipt_id] or "").encode()
    returns = [event for event in events if isinstance(event, Return)]
    assert {event.receipt_id for event in returns} <= {
        receipt for receipt in stores if int(receipt) % 50 == 0
    }
    assert len(returns) > EVENTS // 70
    for number in range(PARTITIONS):
        times = [
            event.occurred_at
            for record, event in zip(records, events, strict=True)
            if record.partition == number
        ]
        assert all(before <= after for before, after in pairwise(times))


async def test_a_killed_publisher_goes_on_and_repeats_one_batch_at_most(kafka, topic, tmp_path):
    async with publisher(kafka, topic, tmp_path) as (process, output):
        await output.readline()
        process.kill()
        assert await process.wait() != 0
    assert Kept(tmp_path).published() >= EVENTS_A_BATCH
    await run_to_the_end(kafka, topic, tmp_path)
    ids = [dict(record.headers)["ce_id"] for record in await read(kafka, topic)]
    assert len(set(ids)) == EVENTS
    assert len(ids) <= EVENTS + EVENTS_A_BATCH


async def test_a_second_run_publishes_nothing(kafka, topic, tmp_path):
    await run_to_the_end(kafka, topic, tmp_path)
    [last] = await run_to_the_end(kafka, topic, tmp_path)
    assert (last["published"], last["a_second"]) == (EVENTS, 0)
    assert len(await read(kafka, topic)) == EVENTS


async def test_a_kafka_that_is_not_there_gets_a_message(tmp_path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.demo.publisher"),
        *("--bootstrap", "127.0.0.1:1", "--home", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    _, message = await process.communicate()
    assert process.returncode == 1
    assert message.startswith(b"Kafka at 127.0.0.1:1: ")
    assert message.count(b"\n") == 1
