"""What benchmarks stand on: servers of their own, service processes, the demo's purchases."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from time import monotonic
from urllib.request import ProxyHandler, build_opener

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cli.demo.dataset import Dataset
from cli.demo.purchase import Message, Purchases
from cli.program import publish_file
from services.intake.decide import Recognised, read
from services.intake.records import activity
from shared.events.topics import ACTIVITY, PURCHASES, partition_of
from shared.events.wire import Source
from shared.local import EmbeddedKafka, EmbeddedPostgres, free_port
from shared.local.child import Child
from shared.stream.kafka import KafkaLog
from shared.stream.log import Outgoing, Place
from shared.stream.topics_setup import make_topics

ROOT = Path(__file__).resolve().parents[1]
PARTITIONS = 8
BATCH = 5_000
SETTLE_SECONDS = 0.05


class Stage:
    """One Kafka, one Postgres, and the services that a benchmark starts on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = EmbeddedKafka(folder / "kafka", free_port())
        self.postgres = EmbeddedPostgres(folder / "postgres", free_port())
        self.log = KafkaLog(self.kafka.bootstrap)
        self.children: list[Child] = []
        self.api_port = free_port()

    @property
    def api(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.api_port}"

    async def start(self) -> None:
        """Servers, topics and the demo's program."""
        await asyncio.gather(self.kafka.start(), self.postgres.start())
        await make_topics(self.kafka.bootstrap, partitions=PARTITIONS, replication=1)
        await self.log.start()
        await publish_file(self.kafka.bootstrap, ROOT / "programs" / "grocer.yaml")

    async def make_topics(self, *names: str) -> None:
        """Topics of the benchmark's own, beside the product's."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        finally:
            await admin.close()

    def spawn(self, module: str, *arguments: str, **environment: str) -> Child:
        """A process of this stage."""
        child = Child(
            command=(sys.executable, "-m", module, *arguments),
            folder=ROOT,
            log=self.folder / f"{module}-{len(self.children)}.log",
            environment={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TESSERA_KAFKA": self.kafka.bootstrap,
                "TESSERA_POSTGRES": self.postgres.dsn,
                "TESSERA_LEDGER_ID": "bench",
                "TESSERA_PARTITIONS": str(PARTITIONS),
                "TESSERA_API_PORT": str(self.api_port),
                "TESSERA_HOME": str(self.folder),
                **environment,
            },
            orphaned=signal.SIGKILL,
        )
        child.spawn()
        self.children.append(child)
        return child

    async def close(self) -> None:
        """Stop everything."""
        await asyncio.gather(*(child.stop(signal.SIGTERM, 10) for child in self.children))
        await self.log.close()
        await asyncio.gather(self.postgres.stop(), self.kafka.stop())

    async def sql(self) -> asyncpg.Connection:
        """A connection."""
        return await asyncpg.connect(self.postgres.dsn)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A stage in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        standing = Stage(Path(folder))
        try:
            await standing.start()
            yield standing
        finally:
            await standing.close()


def purchases(count: int) -> Iterator[Message]:
    """The first purchases of the demo's year, as the upstream system publishes them."""
    dataset = Dataset.installed()
    made = Purchases(dataset.products)
    return (made.message(basket) for basket in islice(dataset.baskets(400), count))


async def publish_upstream(on: Stage, count: int) -> None:
    """Put purchases on the upstream topic."""
    partitions = await on.log.partitions(PURCHASES.name)
    placed = (
        (Place(PURCHASES.name, number % partitions), Outgoing(key, value, headers))
        for number, (key, value, headers) in enumerate(purchases(count))
    )
    await append_all(on, placed)


async def publish_activity(on: Stage, count: int) -> None:
    """Put purchases on the activity topic, as intake would."""
    await append_all(on, activities(count))


def activities(count: int) -> Iterator[tuple[Place, Outgoing]]:
    """Purchases as intake forwards them."""
    for number, (_, value, headers) in enumerate(purchases(count)):
        event = read(PURCHASES.name, value, headers, 4_000_000_000_000)
        assert isinstance(event, Recognised)
        account = f"grocer:{event.activity.member}"
        place = Place(ACTIVITY.name, partition_of(account, PARTITIONS))
        yield place, activity(account, event, Source(PURCHASES.name, 0, number))


async def append_all(on: Stage, placed: Iterable[tuple[Place, Outgoing]]) -> None:
    """Append in large batches."""
    remaining = iter(placed)
    while chunk := list(islice(remaining, BATCH)):
        batches: dict[Place, list[Outgoing]] = {}
        for place, outgoing in chunk:
            batches.setdefault(place, []).append(outgoing)
        await on.log.append(batches)


class Rate:
    """Events a second between the first and the last that was seen: without starting up."""

    def __init__(self) -> None:
        self.first: tuple[float, int] | None = None
        self.last = (0.0, 0)

    def see(self, done: int) -> None:
        """So many are done by now."""
        now = (monotonic(), done)
        if done and self.first is None:
            self.first = now
        if done > self.last[1]:
            self.last = now

    @property
    def a_second(self) -> float:
        """The rate; 0 before two looks."""
        if self.first is None or self.last[0] == self.first[0]:
            return 0.0
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


async def watch(connection: asyncpg.Connection, query: str, until: int, seconds_max: float) -> Rate:
    """Look at a count until it reaches `until`."""
    rate = Rate()
    deadline = monotonic() + seconds_max
    while rate.last[1] < until:
        if monotonic() > deadline:
            raise TimeoutError(f"{query}: {rate.last[1]} of {until} after {seconds_max} s")
        try:
            rate.see(int(await connection.fetchval(query) or 0))
        except asyncpg.UndefinedTableError:
            pass  # the service has not migrated yet
        except asyncpg.InvalidSchemaNameError:
            pass
        await asyncio.sleep(SETTLE_SECONDS)
    return rate


def get(url: str) -> str:
    """A page; no proxy from the environment."""
    with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text
