"""The embedded Kafka for real: it answers, survives kill -9 of itself and of its parent, is one."""

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.local import EmbeddedKafka, free_port
from shared.local.errors import AlreadyRunning, PortInUse, ServerDied
from tests.polling import wait_until
from tests.servers import QUICK, create_topic, run, temporary_folder

RUN_AND_HANG = """
import asyncio, pathlib, sys
from shared.local import EmbeddedKafka
async def main():
    server = EmbeddedKafka(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedKafka]:
    with temporary_folder() as folder:
        server = EmbeddedKafka(folder / "kafka, with spaces", free_port(), jvm_options=QUICK)
        run(server.start())
        yield server
        run(server.stop())


@pytest.fixture
async def running(server: EmbeddedKafka) -> EmbeddedKafka:
    await server.start()
    return server


async def append(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(bootstrap: str, topic: str) -> list[bytes | None]:
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, 0)
        return [(await consumer.getone()).value for _ in range(end)]


async def test_what_was_acknowledged_is_there_after_kill_and_after_stop(running):
    topic = uuid.uuid4().hex
    await create_topic(running.bootstrap, topic)
    await append(running.bootstrap, topic, [b"1", b"2"])
    os.kill(running.pid, signal.SIGKILL)
    await running.ended()
    assert not running.is_alive
    await running.start()
    await append(running.bootstrap, topic, [b"3"])
    await running.stop()
    async with EmbeddedKafka(running.data_dir, free_port()) as moved:
        assert await read(moved.bootstrap, topic) == [b"1", b"2", b"3"]


async def test_topics_are_made_on_purpose_only(running):
    topic = uuid.uuid4().hex
    admin = AIOKafkaAdminClient(bootstrap_servers=running.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics([topic])
        assert described[0]["error_code"] == UnknownTopicOrPartitionError.errno
        assert topic not in await admin.list_topics()
    finally:
        await admin.close()


async def test_a_second_start_in_the_same_folder_is_refused(running):
    with pytest.raises(AlreadyRunning, match="already runs there"):
        await EmbeddedKafka(running.data_dir, free_port()).start()
    assert running.is_alive


async def test_a_port_in_use_is_refused_and_the_folder_is_free_again(running):
    port = running.port
    await running.stop()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortInUse, match=rf"Port {port} .*TESSERA_KAFKA_PORT="),
    ):
        await running.start()


async def test_a_server_that_cannot_start_says_why_from_its_log(running):
    other = EmbeddedKafka(running.data_dir, running.port, heap="1k")
    await running.stop()
    with pytest.raises(ServerDied, match=r"(?s)kafka\.log.*heap"):
        await other.start()
    assert not other.is_alive


def test_a_killed_parent_takes_its_server_along_and_the_next_start_recovers(server):
    run(server.stop())
    with subprocess.Popen(
        [sys.executable, "-c", RUN_AND_HANG, str(server.data_dir), str(server.port)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        with pytest.raises(AlreadyRunning, match=f"process {parent.pid}"):
            run(server.start())
        parent.send_signal(signal.SIGKILL)
    run(server.start())
    assert server.pid != pid
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists())
