"""The Kafka and the Postgres that tests run against.

Those that TESSERA_TEST_KAFKA and TESSERA_TEST_POSTGRES name, else ones that live as long as the
test session: embedded, or in containers with TESSERA_TEST_SERVERS=containers. What a test makes on
them it names uniquely: a named server may be shared.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.local import EmbeddedKafka, EmbeddedPostgres, free_port

# a third less work to start, at the price of speed later
QUICK = ("-XX:TieredStopAtLevel=1",)
# a test's database survives the server's process, not the machine's power
FAST = {"fsync": "off", "full_page_writes": "off"}
T = TypeVar("T")


def in_containers() -> bool:
    """Whether servers that are not named run in containers."""
    chosen = os.environ.get("TESSERA_TEST_SERVERS", "embedded")
    assert chosen in {"embedded", "containers"}, f"TESSERA_TEST_SERVERS={chosen}"
    return chosen == "containers"


@contextmanager
def kafka_server() -> Iterator[str]:
    """The bootstrap address of a Kafka."""
    if named := os.environ.get("TESSERA_TEST_KAFKA"):
        yield named
        return
    if in_containers():
        from tests.containers import Kafka  # noqa: PLC0415  (slow, and rarely needed)

        with Kafka() as container:
            yield container.bootstrap
        return
    with temporary_folder() as folder:
        server = EmbeddedKafka(folder, free_port(), jvm_options=QUICK)
        run(server.start())
        try:
            yield server.bootstrap
        finally:
            run(server.stop())


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a database on a Postgres, as a user who may create more."""
    if named := os.environ.get("TESSERA_TEST_POSTGRES"):
        yield named
        return
    if in_containers():
        from tests.containers import postgres  # noqa: PLC0415  (slow, and rarely needed)

        with postgres() as container:
            yield container.get_connection_url()
        return
    with temporary_folder() as folder:
        server = EmbeddedPostgres(folder, free_port(), settings=FAST)
        run(server.start())
        try:
            yield server.dsn
        finally:
            run(server.stop())


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own: Postgres never runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="tessera-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def create_topic(bootstrap: str, name: str, partitions: int = 1) -> None:
    """Make a topic that is not there yet; fail when it cannot be made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1)])
        assert [error[1] for error in answer.topic_errors] == [0], answer
    finally:
        await admin.close()


def run(work: Awaitable[T]) -> T:
    """Run it on a loop of its own, without touching the loops of the tests."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
