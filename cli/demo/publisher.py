"""The upstream system of the demo: a process of its own that publishes the year to Kafka.

Guarantees: purchases and returns in time order; a later run goes on behind what Kafka has
acknowledged, so that a `kill -9` repeats one batch at most. Prints its progress, one line of JSON a
batch. It has its own keys (the store) and knows nothing of accounts, partitions or points.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from cli.demo.dataset import NEW_YORK, Dataset, DatasetError
from cli.demo.kept import Kept, KeptError
from cli.demo.purchase import Message, Purchases

TOPIC = "retail.purchases.v1"
EVENTS_A_BATCH = 1_000
"""Sent together, then waited for: 1.7 MB on average, and what a `kill -9` can repeat."""
BATCHES_A_SECOND = 10
"""With a rate limit batches are made small enough for this many a second."""
BYTES_A_REQUEST = 262_144
REQUEST_MS_MAX = 10_000


class Progress(NamedTuple):
    """How far the publisher is; rates and times are those of this run."""

    published: int
    total: int
    a_second: int
    seconds_left: int


class Outlet(Protocol):
    """Where the events go."""

    async def held(self) -> int:
        """How many messages the topic has ever been given."""

    async def publish(self, batch: Sequence[Message]) -> None:
        """Returns when every message is acknowledged."""


class KafkaOutlet:
    """The upstream topic, written by a plain producer; an async context manager."""

    def __init__(self, bootstrap: str, topic: str = TOPIC) -> None:
        """`bootstrap` as Kafka clients take it: `host:port,host:port`."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id="grocer-pos",
            acks="all",
            enable_idempotence=True,
            max_batch_size=BYTES_A_REQUEST,
            request_timeout_ms=REQUEST_MS_MAX,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except KafkaError:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._producer.stop()

    async def held(self) -> int:
        """The sum of the partitions' ends."""
        numbers = await self._producer.partitions_for(self._topic)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
        await consumer.start()
        try:
            ends = await consumer.end_offsets(
                [TopicPartition(self._topic, number) for number in numbers]
            )
        finally:
            await consumer.stop()
        return sum(ends.values())

    async def publish(self, batch: Sequence[Message]) -> None:
        """Send all, then wait for all."""
        acks = [
            await self._producer.send(self._topic, value, key=key, headers=headers)
            for key, value, headers in batch
        ]
        await asyncio.gather(*acks)


async def publish_year(
    dataset: Dataset,
    outlet: Outlet,
    kept: Kept,
    report: Callable[[Progress], None],
    *,
    limit: int | None = None,
    a_second: int | None = None,
) -> Progress:
    """Publish the events that are not published yet: up to the `limit`-th, `a_second` at most."""
    total = min(limit or dataset.event_count, dataset.event_count)
    size = min(EVENTS_A_BATCH, -(-a_second // BATCHES_A_SECOND)) if a_second else EVENTS_A_BATCH
    start = published = await first_to_publish(outlet, kept)
    now = datetime.now(NEW_YORK)
    weeks = kept.weeks(drawn=dataset.weeks_before(now.date()))
    purchases = Purchases(dataset.products)
    year = dataset.events(weeks, kept.played_at(drawn=now), start)
    events = islice(year, max(0, total - start))
    began = time.monotonic()
    progress = Progress(published, total, 0, 0)
    while batch := [purchases.message(event) for event in islice(events, size)]:
        await outlet.publish(batch)
        published += len(batch)
        kept.note_published(published)
        progress = _progress(start, published, total, time.monotonic() - began)
        report(progress)
        if a_second:
            await asyncio.sleep((published - start) / a_second - (time.monotonic() - began))
    return progress


async def first_to_publish(outlet: Outlet, kept: Kept) -> int:
    """Behind what is acknowledged; from the first on if the topic has been made anew since."""
    published = kept.published()
    return published if published <= await outlet.held() else 0


def _progress(start: int, published: int, total: int, seconds: float) -> Progress:
    rate = (published - start) / max(seconds, 0.001)
    return Progress(published, total, round(rate), round((total - published) / rate))


async def _run(arguments: argparse.Namespace) -> None:
    def report(progress: Progress) -> None:
        print(json.dumps(progress._asdict()), flush=True)

    dataset = Dataset.installed()
    async with KafkaOutlet(arguments.bootstrap, arguments.topic) as outlet:
        progress = await publish_year(
            dataset,
            outlet,
            Kept(arguments.home),
            report,
            limit=arguments.limit,
            a_second=arguments.rate,
        )
    report(progress)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """The command line; 0 when all is published, 1 with a message that says what to do."""
    parser = argparse.ArgumentParser(description="Publish the demo's year to Kafka.")
    parser.add_argument("--bootstrap", required=True, help="host:port of Kafka")
    parser.add_argument("--home", type=Path, required=True, help="folder of the demo's data")
    parser.add_argument("--topic", default=TOPIC, help=f"where to ({TOPIC})")
    parser.add_argument("--rate", type=_positive, help="events a second, at most")
    parser.add_argument("--limit", type=_positive, help="stop after the first LIMIT events")
    arguments = parser.parse_args()
    # While Kafka is away the client logs 200 lines a second; it goes on by itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        asyncio.run(_run(arguments))
    except (DatasetError, KeptError) as error:
        print(error, file=sys.stderr)
    except KafkaError as error:
        print(
            f"Kafka at {arguments.bootstrap}: {error!r}; when it runs and has the topic "
            f"{arguments.topic}, start again: publishing goes on where it was",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        pass
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
