"""Inputs without gaps: what a poll passes over is looked for in the log.

Offsets may hold nothing: compaction took it, or a transaction's marker stands there. A record that
stands there but was not handed out would be lost for ever once a position moves past it; so no
position does. Trusts no client's word for what is next.
"""

from collections.abc import Mapping, Sequence

from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.positions import Outpaced

STEP = 10_000
"""Offsets that are looked at in one read."""


async def check_whole(
    log: Log, nexts: Mapping[Place, int], polled: Mapping[Place, Sequence[Record]]
) -> None:
    """That `polled` holds all there is from the next offset of each place on.

    Raises Outpaced where a record was passed over, LogUnavailable.
    """
    for place, records in polled.items():
        first, end = nexts[place], records[-1].offset + 1
        taken = {record.offset for record in records}  # a record handed out twice is one
        if not taken.issuperset(range(first, end)):
            await _look(log, place, Bounds(first, end), taken)


async def _look(log: Log, place: Place, bounds: Bounds, taken: set[int]) -> None:
    for first in range(bounds.first, bounds.end, STEP):
        ends = Bounds(first, min(first + STEP, bounds.end))
        for record in (await log.read({place: ends}))[place]:
            if record.offset not in taken and _holds_something(record):
                raise Outpaced(
                    f"{place} offset {record.offset} was passed over: reading from there again"
                )


def _holds_something(record: Record) -> bool:
    """A place without a record is read as one without key, value, headers and time."""
    return bool(
        record.timestamp or record.headers or record.key is not None or record.value is not None
    )
