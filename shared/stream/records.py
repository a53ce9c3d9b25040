"""Between decisions and chained records: the one place that encodes and decodes facts."""

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from pydantic import BaseModel

from shared.chain.link import SEQ, TIME, Head, Header, link
from shared.events import registry
from shared.events.ids import Cause
from shared.events.quarantine import Quarantined, Reason
from shared.events.topics import partition_of
from shared.events.wire import Source, context
from shared.stream.log import Outgoing, Record
from shared.stream.service import Decision, Recorded

ACCOUNTS_REMEMBERED = 200_000
"""Accounts whose partition is remembered: murmur2 in Python costs 5 µs, a look-up 0.1 µs."""

partition_of_account = lru_cache(maxsize=ACCOUNTS_REMEMBERED)(partition_of)


def written(decision: Decision, *, time_ms: int, seq: int) -> Recorded:
    """A decision as a reader gets it: decoded from the very bytes that go to the log.

    So what cannot be read is never written. Raises ValueError (pydantic's ValidationError among
    them) if it cannot.
    """
    wire_type = registry.TYPE_OF[type(decision.fact)]
    value = registry.encode(decision.fact)
    fact = registry.decode(wire_type, value)
    return Recorded(decision.cause.id, decision.body, wire_type, time_ms, seq, value, fact)


def linked(
    head: Head, cause: Cause, said: Recorded, *, writer: str, key: str, src: Source | None
) -> tuple[Outgoing, Head]:
    """The record of what was written, behind `head`, and the head after it."""
    headers: list[Header] = context(
        id=said.cause_id, source=writer, type=said.type, subject=key, time_ms=said.time_ms
    )
    headers.append(("cause", cause.text.encode()))
    headers.append(("body", said.body))
    if src is not None:
        headers.append(("src", src.encode()))
    chained, after = link(head, headers, said.value, said.time_ms)
    assert after.seq == said.seq, "written for another place in the chain"
    return Outgoing(key.encode(), said.value, chained), after


class UnreadableFact(Exception):
    """A valid record that this version of the code cannot read: halts the reader, never skipped."""


def recorded(record: Record) -> Recorded:
    """A valid record, decoded. Raises UnreadableFact with what to do."""
    return decoded(record, dict(record.headers))


def decoded(record: Record, named: Mapping[str, bytes]) -> Recorded:
    """The same for who has its headers by name already."""
    wire_type = named["ce_type"].decode()
    value = record.value or b""
    try:
        fact: BaseModel = registry.decode(wire_type, value)
    except ValueError as error:
        raise UnreadableFact(
            f"{record.topic}/{record.partition} offset {record.offset}: a valid record of type "
            f"{wire_type} cannot be read by this version ({error}); upgrade this reader"
        ) from error
    return Recorded(
        UUID(named["ce_id"].decode()),
        named["body"],
        wire_type,
        int(named[TIME]),
        int(named[SEQ]),
        value,
        fact,
    )


def standing(record: Record) -> Source:
    """Where a record stands, as facts and quarantine name it."""
    return Source(record.topic, record.partition, record.offset)


def set_aside(record: Record, reason: Reason, detail: str, *, by: str) -> Quarantined:
    """A record as it came, with why service `by` did not take it."""
    return Quarantined(
        source=standing(record),
        reason=reason,
        detail=detail,
        by=by,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )


def source_of(record: Record) -> Source | None:
    """Where the input of a fact stood; None for facts without an input (`Opened`)."""
    for name, content in record.headers:
        if name == "src":
            return Source.decode(content)
    return None
