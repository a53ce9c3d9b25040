"""One chain per partition of a fact topic: each record names the hash of the valid one before it.

A record is valid exactly if its `prev` is the hash of the last valid record and its own hash is
right; anything else is void: counted and skipped. All readers see the same offsets, so all agree,
whoever wrote what. The hash is a checksum and a link, no signature.
"""

import hashlib
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

Header = tuple[str, bytes]

TIME = "time"
SEQ = "seq"
PREV = "prev"
HASH = "hash"
LINKS = (TIME, SEQ, PREV, HASH)
"""The headers that `link` adds, behind all others and in this order."""


class Linked(Protocol):
    """What validity reads of a record, as it came off the log."""

    @property
    def value(self) -> bytes | None:
        """The value's bytes."""
        ...

    @property
    def headers(self) -> Sequence[Header]:
        """The headers, in order."""
        ...


L = TypeVar("L", bound=Linked)


class Head(NamedTuple):
    """Where a chain stands: hash and position of its last valid record, and that record's time."""

    hash: bytes
    seq: int
    time_ms: int


def genesis(ledger_id: str, topic: str, partition: int, partitions: int, writer: str) -> Head:
    """The head of an empty chain; two clusters or two partition counts never share one."""
    named = "\x00".join((ledger_id, topic, str(partition), str(partitions), writer))
    return Head(hashlib.sha256(named.encode()).digest(), 0, 0)


def digest(prev: bytes, headers: Iterable[Header], value: bytes) -> bytes:
    """SHA-256 over `prev`, the lengths, every header (all but the hash itself), and the value.

    The lengths (32 bits each, little-endian) of all names, contents and the value come first, so
    that no byte can move from one part to the next.
    """
    parts: list[bytes] = []
    for name, content in headers:
        parts.append(name.encode())
        parts.append(content)
    parts.append(value)
    lengths = array("I", map(len, parts))
    if sys.byteorder == "big":
        lengths.byteswap()
    return hashlib.sha256(b"".join((prev, lengths.tobytes(), *parts))).digest()


def link(
    head: Head, headers: Sequence[Header], value: bytes, time_ms: int
) -> tuple[list[Header], Head]:
    """The record's headers with its place in the chain, and the head after it.

    `time_ms` is the decision's time and stands in the header `time`; it never goes back.
    """
    assert time_ms >= head.time_ms, "time goes back inside a chain"
    seq = head.seq + 1
    linked = [
        *headers,
        (TIME, b"%d" % time_ms),
        (SEQ, b"%d" % seq),
        (PREV, head.hash),
    ]
    own = digest(head.hash, linked, value)
    linked.append((HASH, own))
    return linked, Head(own, seq, time_ms)


def follow(head: Head, record: Linked) -> Head | None:
    """The head after a valid record; None if the record is void. Raises for no record."""
    headers, value = record.headers, record.value
    names, contents = zip(*headers[-len(LINKS) :], strict=True) if headers else ((), ())
    if value is None or names != LINKS:
        return None
    time, seq, prev, own = contents
    if prev != head.hash or not (time.isdigit() and seq.isdigit()):
        return None
    if own != digest(prev, headers[:-1], value):
        return None
    return Head(own, int(seq), int(time))


def valid(head: Head, records: Iterable[L]) -> tuple[list[L], Head]:
    """The valid ones of records that come behind `head`, and the head behind them."""
    found: list[L] = []
    for record in records:
        after = follow(head, record)
        if after is not None:
            head = after
            found.append(record)
    return found, head


def fingerprint(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> bytes:
    """16-byte digest of any record, by which a position knows the record before it again."""
    parts = [key, value]
    for name, content in headers:
        parts.append(name.encode())
        parts.append(content)
    told = [b"-" if part is None else b"%d %b" % (len(part), part) for part in parts]
    return hashlib.blake2b(b"".join(told), digest_size=16).digest()
