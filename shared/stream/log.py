"""What the loop needs of a log: append, read a range, know its ends; and of its inputs: poll.

Two adapters pass one contract suite: `shared.stream.kafka` (Apache Kafka) and
`shared.stream.memory`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.chain.link import Header


class Place(NamedTuple):
    """One partition of one topic (compares equal to the Kafka client's own tuple)."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Record(Protocol):
    """A record as it came off the log."""

    @property
    def topic(self) -> str:
        """Where it stands: topic."""
        ...

    @property
    def partition(self) -> int:
        """Where it stands: partition."""
        ...

    @property
    def offset(self) -> int:
        """Where it stands: offset."""
        ...

    @property
    def timestamp(self) -> int:
        """When the broker took it, in milliseconds since the epoch."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value's bytes."""
        ...

    @property
    def headers(self) -> Sequence[Header]:
        """The headers, in order."""
        ...


class Outgoing(NamedTuple):
    """A record to append."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Bounds(NamedTuple):
    """Offset of the first record that is kept, and the offset that the next one will get."""

    first: int
    end: int


class LogUnavailable(Exception):
    """The log did not answer, or not with what was asked; what was sent may or may not be there."""


class AppendFailed(LogUnavailable):
    """An append was not acknowledged: it may be there now, later, twice or never."""


class Log(Protocol):
    """An ordered, partitioned, append-only log without conditions on the append."""

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """Append each batch in order; the offset of each batch's last record.

        Returns once everything is acknowledged by all in-sync replicas. Raises AppendFailed.
        """
        ...

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """Exactly the records with `first <= offset < end`, by place. Raises LogUnavailable."""
        ...

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """First and end offset of each place. Raises LogUnavailable."""
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 if there is no such topic."""
        ...


class Inputs(Protocol):
    """Where a loop polls, at positions that it sets itself."""

    def assign(self, positions: Mapping[Place, int]) -> None:
        """Read these places from these offsets on, and no others."""
        ...

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """Up to `limit` records, earlier topics first; waits at most `wait_ms` for the first one.

        Raises LogUnavailable, also where an assigned offset is not there.
        """
        ...
