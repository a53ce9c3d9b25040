"""Positions against the log: whether this is still the log that the store was folded from.

Raises Halted with what was seen and what to do wherever the two contradict each other. Repairs
nothing.
"""

from collections.abc import Sequence

from shared.chain.link import HASH, PREV, Head, fingerprint, genesis
from shared.events.topics import BY_NAME, Kind, Topic
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.store import InputMark, Position


class Outpaced(Exception):
    """Another owner, or a repair, moved a partition: drop everything and open it afresh."""


class Halted(Exception):
    """The log and the store contradict each other: decide nothing, say what was seen."""


def head_of(position: Position) -> Head:
    """The head of the chain at a position."""
    return Head(position.head, position.seq, position.time_ms)


def first_position(
    place: Place, *, ledger_id: str, partitions: int, writer: str, fold_version: str
) -> Position:
    """The position of a fold that has not begun: offset 0, at the chain's genesis."""
    head = genesis(ledger_id, place.topic, place.partition, partitions, writer)
    return Position(
        topic=place.topic,
        partition=place.partition,
        next_offset=0,
        head=head.hash,
        seq=head.seq,
        time_ms=head.time_ms,
        mark=None,
        inputs={},
        ledger_id=ledger_id,
        fold_version=fold_version,
    )


async def same_log(log: Log, position: Position) -> Bounds:
    """The bounds of the partition, once it is clear that it holds what was folded.

    Raises Halted, LogUnavailable.
    """
    place = Place(position.topic, position.partition)
    service = BY_NAME[position.topic].writers[0]
    remedy = f"if this log is the truth, run `tessera rebuild {service} --accept-log`"
    bounds = (await log.bounds([place]))[place]
    if bounds.first > 0:
        raise Halted(
            f"{place} begins at offset {bounds.first}, not 0: history was deleted. Restore the "
            "topic from a backup; facts must be kept for ever (retention.ms=-1, "
            "cleanup.policy=delete)"
        )
    if bounds.end < position.next_offset:
        raise Halted(
            f"{place} ends at offset {bounds.end}, but {position.next_offset} records were folded "
            f"from it: the topic was truncated or made anew. Restore it, or, {remedy}"
        )
    if position.next_offset == 0 and bounds.end > 0:
        first = await _record_at(log, place, 0)
        if dict(first.headers).get(PREV) != position.head:
            raise Halted(
                f"{place} begins with a record of another ledger than {position.ledger_id}, or of "
                "another partition count: check TESSERA_LEDGER_ID, TESSERA_PARTITIONS and the "
                "address of Kafka"
            )
    if position.next_offset > 0:
        last = await _record_at(log, place, position.next_offset - 1)
        if position.mark != fingerprint(last.key, last.value, last.headers):
            raise Halted(_differs(place, position.next_offset - 1, remedy))
    return bounds


async def same_inputs(
    log: Log, position: Position, topics: Sequence[Topic], partitions: int
) -> dict[str, InputMark]:
    """Where to go on in each input, once it is clear that it is the same topic. Raises Halted."""
    marks: dict[str, InputMark] = {}
    for topic in topics:
        place = Place(topic.name, position.partition)
        bounds = (await log.bounds([place]))[place]
        known = position.inputs.get(topic.name, InputMark(0))
        remedy = (
            f"if {topic.name} was made anew on purpose, run `tessera positions reset "
            f"{topic.name}`: known causes make reading it again harmless"
        )
        if not bounds.first <= known.next <= bounds.end:
            raise Halted(
                f"{place} holds offsets {bounds.first} to {bounds.end}, but the next input is "
                f"{known.next}: records are missing; {remedy}"
            )
        marks[topic.name] = await _completed(
            log, position, topic, partitions, known, bounds.first, remedy
        )
    return marks


async def _completed(
    log: Log,
    position: Position,
    topic: Topic,
    partitions: int,
    known: InputMark,
    first: int,
    remedy: str,
) -> InputMark:
    """What is known of an input, with what the record before its next offset says."""
    place = Place(topic.name, position.partition)
    mark, head = known.mark, known.head
    if known.next > first:
        before = await _record_at(log, place, known.next - 1)
        found = fingerprint(before.key, before.value, before.headers)
        if mark is not None and mark != found:
            raise Halted(_differs(place, known.next - 1, remedy))
        mark = found
        if head is None:  # the input of a valid decision was valid itself: its hash is the head
            head = dict(before.headers).get(HASH)
    if topic.kind is not Kind.FACTS:
        head = None
    elif known.next == 0:
        writer = topic.writers[0]
        head = genesis(position.ledger_id, topic.name, place.partition, partitions, writer).hash
    return InputMark(known.next, mark, head)


async def _record_at(log: Log, place: Place, offset: int) -> Record:
    [record] = (await log.read({place: Bounds(offset, offset + 1)}))[place]
    return record


def _differs(place: Place, offset: int, remedy: str) -> str:
    return (
        f"{place} offset {offset} is not the record that was read there before: the topic was made "
        f"anew, edited, or belongs to another cluster. Restore it, or {remedy}"
    )
