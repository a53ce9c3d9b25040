"""Which partitions a process should own: a consumer group used for nothing else.

Spreads partitions over processes and writes group commits for lag dashboards. Safety does not rest
on it: two owners at once cost time, never points. Fetches no records: every partition is paused.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from shared.stream.fetching import unreachable
from shared.stream.kafka import consumer, let_go
from shared.stream.log import Place

SESSION_MS = 6_000
"""A killed process is missed after this long; less than 6 s a broker takes only if told to."""
HEARTBEAT_MS = 1_000
logger = structlog.get_logger()


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """A process's place in a group; topics with the same partition count are spread alike."""

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        self.bootstrap = bootstrap
        self.topics = tuple(topics)
        self.changed = asyncio.Event()
        self._owned: frozenset[Place] = frozenset()
        self._idle: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer = consumer(
            bootstrap,
            group_id=group,
            auto_offset_reset="latest",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            metadata_max_age_ms=10_000,
        )

    async def start(self) -> None:
        """Join the group. Raises LogUnavailable."""
        try:
            await self._consumer.start()
        except (KafkaError, OSError, ValueError) as error:
            await let_go(self._consumer)
            raise unreachable(self.bootstrap) from error
        self._consumer.subscribe(list(self.topics), listener=self)
        self._idle = asyncio.create_task(self._keep_polling(), name="membership")

    async def close(self) -> None:
        """Leave the group, so that others take over at once."""
        if self._idle is not None:
            self._idle.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._idle
        await let_go(self._consumer)

    def places(self) -> frozenset[Place]:
        """What this process should own now; `changed` is set whenever it differs."""
        return self._owned

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the client before a rebalance."""
        self._become(frozenset())

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the client after a rebalance."""
        places = list(assigned)
        self._consumer.pause(*places)
        self._become(frozenset(Place(*place) for place in places))

    def _become(self, owned: frozenset[Place]) -> None:
        if owned != self._owned:
            self._owned = owned
            self.changed.set()

    async def committed(self, nexts: Mapping[Place, int]) -> None:
        """Tell the group how far its members are, for dashboards; failing is of no consequence."""
        offsets = {
            TopicPartition(*place): offset
            for place, offset in nexts.items()
            if place in self._owned
        }
        if offsets:
            with contextlib.suppress(KafkaError):
                await self._consumer.commit(offsets)

    async def _keep_polling(self) -> None:
        """The client takes a member for dead that does not poll; paused partitions give nothing."""
        while True:
            try:
                await self._consumer.getmany(timeout_ms=1_000)
            except KafkaError as error:
                logger.warning("group membership", error=str(error))
                await asyncio.sleep(1.0)
