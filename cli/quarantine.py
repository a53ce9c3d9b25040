"""`tessera quarantine list | show | replay`: what was set aside, why, and once more from the start.

Guarantees: each record counts once, whatever copies the topic holds; what was replayed and set
aside again counts as its newest self. A replay publishes the original bytes with the original
headers (and one that names the quarantine) to the original topic; what was taken before has a known
cause, so replaying is harmless. Removes nothing: records leave the topic after its retention.
"""

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from cli.operation import EXIT_REFUSED, console
from cli.refusals import Refused
from shared.events import quarantine
from shared.events.base import instant
from shared.events.quarantine import REPLAY_OF, Quarantined, Reason
from shared.events.topics import BY_NAME, KEYED, QUARANTINE, partition_of
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Outgoing, Place

SHOWN_CHARACTERS_MAX = 4_000
DETAIL_CHARACTERS_MAX = 120
REPLAYED_AT_ONCE = 100
READ_AT_ONCE = 50
"""Records of one partition; they may have 8 MiB each."""


class Entry(NamedTuple):
    """A quarantined record, when it was set aside, and when it was replayed last, if it was."""

    at_ms: int
    item: Quarantined
    value_bytes: int
    replayed_ms: int | None = None


async def entries(
    bootstrap: str, is_wanted: Callable[[Quarantined], bool], topic: str = QUARANTINE.name
) -> list[Entry]:
    """The records in quarantine, newest first, each once; the value only of those that are wanted.

    Raises LogUnavailable.
    """
    newest: dict[str, Entry] = {}
    replayed: dict[str, int] = {}
    async for at_ms, item in _read(bootstrap, topic):
        if item.is_note:
            replayed[item.id] = max(at_ms, replayed.get(item.id, 0))
            continue
        known = newest.get(item.first_id)
        if known is None or known.at_ms <= at_ms:
            kept = item if is_wanted(item) else item._replace(value=None)
            newest[item.first_id] = Entry(at_ms, kept, len(item.value or b""))
    found = [entry._replace(replayed_ms=replayed.get(entry.item.id)) for entry in newest.values()]
    return sorted(found, key=lambda entry: (-entry.at_ms, entry.item.source))


async def _read(bootstrap: str, topic: str) -> AsyncIterator[tuple[int, Quarantined]]:
    async with _log(bootstrap) as log:
        places = [Place(topic, number) for number in range(await log.partitions(topic))]
        for place, bounds in (await log.bounds(places)).items():
            for first in range(bounds.first, bounds.end, READ_AT_ONCE):
                some = Bounds(first, min(first + READ_AT_ONCE, bounds.end))
                for record in (await log.read({place: some}))[place]:
                    yield (
                        record.timestamp,
                        quarantine.decode(record.key, record.value, record.headers),
                    )


@asynccontextmanager
async def _log(bootstrap: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(bootstrap)
    try:
        await log.start()
        yield log
    finally:
        await log.close()


async def listed(
    bootstrap: str,
    reason: str | None,
    limit: int,
    *,
    replayed: bool = False,
    topic: str = QUARANTINE.name,
) -> int:
    """Print the newest records, of one reason or of all; with `replayed` also what was replayed.

    Raises Refused, LogUnavailable.
    """
    wanted = _reason(reason)
    of_reason = [
        entry
        for entry in await entries(bootstrap, lambda _: False, topic)
        if wanted is None or entry.item.reason is wanted
    ]
    found = [entry for entry in of_reason if replayed or entry.replayed_ms is None]
    told = console()
    for entry in found[:limit]:
        told.print(_line(entry), markup=False)
    if not found:
        told.print("nothing is in quarantine" + (f" for {reason}" if reason else ""))
    elif len(found) > limit:
        told.print(f"{limit} of {len(found)}; --limit shows more")
    if hidden := len(of_reason) - len(found):
        told.print(f"replayed, and not set aside again: {hidden}; --replayed shows them as well")
    return 0


def _line(entry: Entry) -> str:
    at_ms, item, size, replayed_ms = entry
    source = item.source.encode().decode()
    detail = _plain(item.detail).replace("\n", " ")[:DETAIL_CHARACTERS_MAX]
    since = "" if replayed_ms is None else f"replayed {_time(replayed_ms)}  "
    return f"{item.id}  {_time(at_ms)}  {item.reason:19}  {source}  {size} bytes  {since}{detail}"


async def show(bootstrap: str, id: str, *, raw: bool, topic: str = QUARANTINE.name) -> int:
    """Print one record: where it came from, why it was set aside, headers and bytes.

    `raw` writes the value alone, byte for byte. Raises Refused, LogUnavailable.
    """
    entry = _only(await entries(bootstrap, lambda item: _is(item, id), topic), id)
    at_ms, item, size, replayed_ms = entry
    if raw:
        sys.stdout.buffer.write(item.value or b"")
        sys.stdout.flush()
        return 0
    text = _text(item.value)
    cut = f" ({item.bytes_cut} more were cut)" if item.bytes_cut else ""
    lines = [
        f"id      {item.id}",
        f"since   {_time(at_ms)}, by {item.by}",
        "" if replayed_ms is None else f"replayed {_time(replayed_ms)}",
        f"from    {item.source.encode().decode()} (topic/partition/offset)",
        f"reason  {item.reason.value}",
        f"detail  {_plain(item.detail)}",
        f"key     {_text(item.key)}",
        *(f"header  {_plain(name)}: {_text(value)}" for name, value in item.headers),
        f"value   {'none' if item.value is None else f'{size} bytes'}{cut}",
        text[:SHOWN_CHARACTERS_MAX] if item.value else "",
        "… --raw writes all of it" if len(text) > SHOWN_CHARACTERS_MAX else "",
    ]
    console().print("\n".join(line for line in lines if line), markup=False)
    return 0


async def replay(
    bootstrap: str, id: str | None, reason: str | None, *, topic: str = QUARANTINE.name
) -> int:
    """Publish one record, or all of a reason, where it came from; 1 if some cannot be.

    Of a reason those that were not replayed yet. Raises Refused, LogUnavailable.
    """
    wanted = _reason(reason)
    if (id is None) == (wanted is None):
        raise Refused("name the id of one record, or a reason with --reason")
    found = await entries(bootstrap, lambda item: _is(item, id) or item.reason is wanted, topic)
    if id is not None:
        chosen = [_only(found, id).item]
    else:
        chosen = [
            entry.item
            for entry in reversed(found)
            if entry.item.reason is wanted and entry.replayed_ms is None
        ]
    whole = [item for item in chosen if not item.bytes_cut]
    await _publish(bootstrap, whole, topic)
    told = console()
    told.print(f"replayed: {len(whole)}. What is set aside again is listed again, with its reason")
    for item in chosen:
        if item.bytes_cut:
            source = item.source.encode().decode()
            told.print(f"{item.id} was cut and cannot be replayed; the original stood at {source}")
    return EXIT_REFUSED if len(whole) < len(chosen) else 0


async def _publish(bootstrap: str, items: list[Quarantined], noted_on: str) -> None:
    """Each behind the other: what is noted was published."""
    async with _log(bootstrap) as log:
        topics = {item.source.topic for item in items}
        partitions = {topic: await log.partitions(topic) for topic in topics}
        if gone := sorted(topic for topic, count in partitions.items() if not count):
            raise Refused(f"{', '.join(gone)}: there is no such topic; nothing was replayed")
        for first in range(0, len(items), REPLAYED_AT_ONCE):
            some = items[first : first + REPLAYED_AT_ONCE]
            batches: dict[Place, list[Outgoing]] = {}
            for item in some:
                place = Place(item.source.topic, _partition(item, partitions[item.source.topic]))
                batches.setdefault(place, []).append(_original(item))
            await log.append(batches)
            notes = [Outgoing(None, None, quarantine.encode(item.replayed())) for item in some]
            await log.append({Place(noted_on, 0): notes})


def _original(item: Quarantined) -> Outgoing:
    headers = [(name, value) for name, value in item.headers if name != REPLAY_OF]
    return Outgoing(item.key, item.value, [*headers, (REPLAY_OF, item.first_id.encode())])


def _partition(item: Quarantined, partitions: int) -> int:
    """Where it stood; on a topic that is keyed by account, where its account belongs."""
    if BY_NAME.get(item.source.topic) not in KEYED:
        return item.source.partition % partitions
    try:
        account = json.loads(item.value or b"")["account"]
        return partition_of(account, partitions)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return item.source.partition % partitions


def _reason(named: str | None) -> Reason | None:
    if named is None:
        return None
    try:
        return Reason(named)
    except ValueError:
        known = ", ".join(Reason)
        raise Refused(f"{named} is no reason; there are: {known}") from None


def _is(item: Quarantined, id: str | None) -> bool:
    return id in {item.id, item.first_id}


def _only(found: Iterable[Entry], id: str) -> Entry:
    for entry in found:
        if _is(entry.item, id):
            return entry
    raise Refused(f"{id} is not in quarantine; `tessera quarantine list` shows what is")


def _time(at_ms: int) -> str:
    return instant(at_ms).strftime("%Y-%m-%d %H:%M:%S UTC")


def _text(data: bytes | None) -> str:
    """Bytes for a terminal: nothing in them can steer it."""
    return "none" if data is None else _plain(data.decode("utf-8", "backslashreplace"))


def _plain(text: str) -> str:
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode()
        for one in text
    )
