"""Where a service goes on in its inputs, held against the topics as opening a partition does it.

A mark that contradicts its topic halts the service when it opens the partition next; a head that is
not the chain's makes it leave out every award from then on. What a position does not say is read
again from the log, and so is never wrong.
"""

from collections.abc import Sequence

from cli.verify.inputs import InputReader
from cli.verify.report import Check, Report
from services.intake.positions import mark_of
from services.intake.store import Position
from shared.chain.link import Header, fingerprint
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.store import InputMark


async def check_mark(
    reader: InputReader, known: InputMark, head: bytes | None, report: Report
) -> None:
    """How far a service has read one input; `head` is that of the input's own chain there."""
    place = reader.place
    if not _is_within(place, known.next, reader.kept, report):
        return
    before = (await reader.at([known.next - 1])).get(known.next - 1)
    if before is not None:
        _hold(place, "mark", known.mark, fingerprint(*_content(before)), report)
    if head is not None:
        _hold(place, "head", known.head, head, report)


async def check_upstream(
    log: Log, place: Place, position: Position, kept: Bounds, report: Report
) -> None:
    """How far intake has read one upstream partition, of which records may be gone."""
    following = position.next_offset
    if not _is_within(place, following, kept, report) or following == kept.first:
        return
    [before] = (await log.read({place: Bounds(following - 1, following)}))[place]
    if not is_gone(before):
        _hold(place, "mark", position.mark, mark_of(before), report)


def is_gone(record: Record) -> bool:
    """Whether an offset has no record any more: what retention or compaction has left of it."""
    return not any(_content(record))


def _content(record: Record) -> tuple[bytes | None, bytes | None, Sequence[Header]]:
    return record.key, record.value, record.headers


def _is_within(place: Place, following: int, kept: Bounds, report: Report) -> bool:
    """Whether the next input to take is one that the topic has, or will have next."""
    report.count(Check.POSITIONS)
    if kept.first <= following <= kept.end:
        return True
    what = (
        f"the next input of {place} is {following}, but the topic holds {kept.first} to "
        f"{kept.end}: its reader halts"
    )
    report.find(Check.POSITIONS, str(place), what, _remedy(place))
    return False


def _hold(place: Place, name: str, kept: bytes | None, found: bytes, report: Report) -> None:
    """Hold what is kept of the record before the next input against the log."""
    if kept is not None and kept != found:
        what = f"the stored {name} in {place} is {kept.hex()}, the log says {found.hex()}"
        report.find(Check.POSITIONS, str(place), what, _remedy(place))


def _remedy(place: Place) -> str:
    """What makes a reader's place in a topic right again."""
    harmless = "it is read from its beginning, and known causes make that harmless"
    return f"tessera positions reset {place.topic} --yes: {harmless}"
