"""Reads of Apache Kafka at offsets that the caller names: no group, no position, nothing ahead.

The client's own consumer fetches ahead, and while its fetch waits for more, whatever else is asked
over that connection waits too (a broker answers one request of a connection at a time): a look at
the ends of a partition took a second, reading a record again half of one. Here every request is
asked for.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from shared.stream.batches import Chunk
from shared.stream.log import Bounds, LogUnavailable, Place

PLACE_BYTES = 1024 * 1024
"""Most that one answer brings of one place, unless a single batch is larger."""
ANSWER_BYTES = 16 * 1024 * 1024
"""Most that one answer brings in all."""
REQUEST_MS = 10_000
RETRY_SECONDS = 0.05
RETRY_SECONDS_MAX = 1.0
FIRST, END = -2, -1
"""What a request for an offset names in place of a time."""
CONSUMER = -1
READ_UNCOMMITTED = 0
NO_SIZES: Mapping[Place, int] = {}
T = TypeVar("T")


class NotThereYet(KafkaError):  # type: ignore[misc]
    """An offset behind the end of its place."""

    retriable = True


class Fetcher:
    """A client of one Kafka, over connections of its own; asks one thing at a time of a broker."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._started: AIOKafkaClient | None = None

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap, request_timeout_ms=REQUEST_MS)
        try:
            await client.bootstrap()
        except (KafkaError, OSError, ValueError) as error:
            await client.close()
            raise unreachable(self.bootstrap) from error
        self._started = client
        await self.refresh()

    async def close(self) -> None:
        """Disconnect."""
        if self._started is not None:
            await self._started.close()

    @property
    def _client(self) -> AIOKafkaClient:
        assert self._started is not None, "start it first"
        return self._started

    def leader(self, place: Place) -> int:
        """The broker to ask about a place. Raises KafkaError."""
        node = self._client.cluster.leader_for_partition(TopicPartition(*place))
        if node is None or node < 0:
            raise LeaderNotAvailableError(str(place))
        return int(node)

    async def fetch(
        self, nexts: Mapping[Place, int], wait_ms: int, sizes: Mapping[Place, int] = NO_SIZES
    ) -> list[Chunk]:
        """What there is from these offsets on. Raises KafkaError.

        Waits, up to `wait_ms`, until `sizes` bytes of these places are there: by default the first.
        Leaves out places of which there is nothing.
        """
        by_leader: dict[int, dict[Place, int]] = defaultdict(dict)
        for place, offset in nexts.items():
            by_leader[self.leader(place)][place] = offset
        if len(by_leader) == 1:
            [(node, asked)] = by_leader.items()
            return await self.fetch_from(node, asked, wait_ms, sizes)
        answers = await asyncio.gather(
            *(self.fetch_from(node, asked, wait_ms, sizes) for node, asked in by_leader.items())
        )
        return [chunk for answer in answers for chunk in answer]

    async def fetch_from(
        self,
        node: int,
        nexts: Mapping[Place, int],
        wait_ms: int,
        sizes: Mapping[Place, int] = NO_SIZES,
    ) -> list[Chunk]:
        """The same from one broker. Raises KafkaError."""
        asked: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for (topic, partition), offset in nexts.items():
            asked[topic].append((partition, offset, PLACE_BYTES))
        least = sum(min(sizes.get(place, 0), PLACE_BYTES) for place in nexts) or 1
        request = FetchRequest(wait_ms, least, ANSWER_BYTES, READ_UNCOMMITTED, list(asked.items()))
        answer = await self._client.send(node, request)
        chunks: list[Chunk] = []
        for topic, partitions in answer.topics:
            for partition, code, *_, data in partitions:
                place = Place(topic, partition)
                if code:
                    raise _error(code, place, nexts[place])
                if data:
                    chunks.append(Chunk(place, nexts[place], data))
        return chunks

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """First and end offset of each place. Raises KafkaError."""
        by_leader: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for place in places:
            by_leader[self.leader(place)][place.topic].append(place.partition)
        answers = await asyncio.gather(
            *(
                self._offsets(node, topics, named)
                for named in (FIRST, END)
                for node, topics in by_leader.items()
            )
        )
        firsts, ends = dict[Place, int](), dict[Place, int]()
        for answer in answers[: len(by_leader)]:
            firsts |= answer
        for answer in answers[len(by_leader) :]:
            ends |= answer
        return {place: Bounds(firsts[place], end) for place, end in ends.items()}

    async def _offsets(
        self, node: int, topics: Mapping[str, list[int]], named: int
    ) -> dict[Place, int]:
        asked = [
            (topic, [(partition, named) for partition in partitions])
            for topic, partitions in topics.items()
        ]
        answer = await self._client.send(node, OffsetRequest(CONSUMER, READ_UNCOMMITTED, asked))
        found: dict[Place, int] = {}
        for topic, partitions in answer.topics:
            for partition, code, *_, offset in partitions:
                if code:
                    raise _error(code, Place(topic, partition), named)
                found[Place(topic, partition)] = offset
        return found

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 if there is no such topic. Raises KafkaError."""
        metadata = await self._client.fetch_all_metadata()
        return len(metadata.partitions_for_topic(topic) or ())

    async def refresh(self) -> None:
        """Ask anew who leads what."""
        await self._client.force_metadata_update()

    async def patiently(self, ask: Callable[[], Awaitable[T]], seconds: float) -> T:
        """What `ask` answers, asked again while what fails may pass. Raises LogUnavailable."""
        last: Exception | None = None
        pause = 0.0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await ask()
                    except KafkaError as error:
                        if not passes(error):
                            raise
                        last = error
                    await asyncio.sleep(pause)
                    pause = min(max(pause * 2, RETRY_SECONDS), RETRY_SECONDS_MAX)
                    await self.refresh()
        except TimeoutError as late:
            why = f": {type(last).__name__} {last}" if last is not None else ""
            raise LogUnavailable(f"no answer within {seconds} s{why}") from (last or late)
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error


def unreachable(bootstrap: str) -> LogUnavailable:
    """What to tell whoever named a Kafka that does not answer."""
    return LogUnavailable(
        f"Kafka at {bootstrap!r} cannot be reached. Start it, or set TESSERA_KAFKA to the "
        "host:port of one that runs"
    )


def passes(error: KafkaError) -> bool:
    """Whether it is worth asking again: brokers that move, restart or are about to know."""
    return bool(error.retriable) or type(error) is KafkaError


def _error(code: int, place: Place, offset: int) -> KafkaError:
    error: KafkaError = for_code(code)(f"{place} offset {offset}")
    return error
