"""CloudEvents 1.0 in Kafka's binary mode: the event as the value, its context as headers.

What Tessera adds to the context: `cause` (business identity of the input, readable), `body` (digest
of the input's body), `src` (topic, partition and offset of the input) and `time` (the decision's
time in milliseconds). The chain's own headers are `shared.chain`'s.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from shared.events.base import instant

Headers = Sequence[tuple[str, bytes]]
SPEC = ("ce_specversion", b"1.0")
JSON = ("content-type", b"application/json")


class Source(NamedTuple):
    """Where an input stood."""

    topic: str
    partition: int
    offset: int

    def encode(self) -> bytes:
        """As a header: ``topic/partition/offset``."""
        return f"{self.topic}/{self.partition}/{self.offset}".encode()

    @staticmethod
    def decode(header: bytes) -> "Source":
        """Raises ValueError for anything that `encode` did not write."""
        topic, partition, offset = header.decode().rsplit("/", 2)
        source = Source(topic, int(partition), int(offset))
        if source.encode() != header:
            raise ValueError(f"not a source: {header!r}")
        return source


@lru_cache(maxsize=1_024)
def _time(time_ms: int) -> bytes:
    """Records of one batch carry one time."""
    return instant(time_ms).isoformat(timespec="milliseconds").encode()


def context(
    *, id: UUID | str, source: str, type: str, subject: str, time_ms: int
) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a message about `subject` (the account)."""
    return [
        SPEC,
        JSON,
        ("ce_id", str(id).encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", _time(time_ms)),
    ]


def header_map(headers: Headers) -> Mapping[str, bytes]:
    """Headers by name; of a repeated name the last one counts."""
    return dict(headers)
