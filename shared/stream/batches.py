"""Kafka's record batches as records: decoded as they are taken, never failing on what they hold.

A record is what its producer made it: null header values come as empty ones, and a header whose
name is not UTF-8 comes with its bad bytes escaped. Nobody's record may stop a reader.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy

from shared.chain.link import Header
from shared.stream.log import LogUnavailable, Place

# the head of a batch, version 2: base offset, length, ..., last offset delta
BASE_OFFSET = slice(0, 8)
LENGTH = slice(8, 12)
LAST_OFFSET_DELTA = slice(23, 27)


class Fetched(NamedTuple):
    """A record as it was fetched; see `shared.stream.log.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


class Chunk:
    """What one answer brought of one place.

    `next` is the offset of the next record to take, `end` the one behind the last.
    """

    __slots__ = ("_batches", "_open", "_open_end", "end", "next", "place", "size")

    def __init__(self, place: Place, first: int, data: bytes) -> None:
        self.place = place
        self.next = first
        self.size = len(data)
        batches = split(memoryview(data))
        self.end = max(first, batches[-1][1]) if batches else first
        self._batches = iter(batches)
        self._open: Iterator[Any] | None = None
        self._open_end = first

    def take(self, limit: int, until: int | None = None) -> list[Fetched]:
        """The next records, up to `limit`. Raises LogUnavailable.

        With `until`, those with offsets below it; what follows is not to be taken any more.
        """
        topic, partition = self.place
        following, taken = self.next, list[Fetched]()
        while len(taken) < limit and (until is None or following < until):
            if self._open is None and not self._open_next():
                following = max(following, self._open_end)
                break
            assert self._open is not None
            for record in self._open:
                offset = record.offset
                if offset < following:  # a batch comes whole, also where it was asked for halfway
                    continue
                if until is not None and offset >= until:
                    following = until
                    break
                headers = tuple(record.headers)
                if None in [content for _, content in headers]:
                    headers = tuple((name, content or b"") for name, content in headers)
                taken.append(
                    Fetched(
                        topic,
                        partition,
                        offset,
                        record.timestamp,
                        record.key,
                        record.value,
                        headers,
                    )
                )
                following = offset + 1
                if len(taken) == limit:
                    break
            else:
                self._open = None
        self.next = following
        return taken

    def _open_next(self) -> bool:
        for data, end in self._batches:
            batch = DefaultRecordBatch(data)
            if not batch.validate_crc():
                raise LogUnavailable(f"{self.place}: the batch that ends at {end} is damaged")
            self._open_end = end
            if not batch.is_control_batch:
                self._open = iter(decoded(batch, data))
                return True
        return False


def split(data: memoryview) -> list[tuple[bytes, int]]:
    """The whole batches of an answer, each with the offset behind it."""
    batches: list[tuple[bytes, int]] = []
    at = 0
    while at + LENGTH.stop <= len(data):
        until = at + LENGTH.stop + int.from_bytes(data[at:][LENGTH], "big")
        if until > len(data):
            break  # the answer's limit cut this batch off
        batch = bytes(data[at:until])
        base = int.from_bytes(batch[BASE_OFFSET], "big")
        batches.append((batch, base + int.from_bytes(batch[LAST_OFFSET_DELTA], "big") + 1))
        at = until
    return batches


def decoded(batch: Any, data: bytes) -> Sequence[Any]:
    """The records of a batch; where a header's name is not UTF-8, with what is not escaped."""
    try:
        return list(batch)
    except UnicodeDecodeError:
        lenient = _DefaultRecordBatchPy(data)
        lenient._maybe_uncompress()  # noqa: SLF001  (of a client whose version is pinned)
        lenient._buffer = Lenient(lenient._buffer)  # noqa: SLF001
        return list(lenient)


class Lenient(bytearray):
    """Bytes whose pieces can be read as text, whatever they are."""

    def __getitem__(self, index: Any) -> Any:
        """A piece is as lenient as the whole."""
        found = super().__getitem__(index)
        return Lenient(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """Text, with what is none escaped."""
        return super().decode(encoding, "backslashreplace")
