"""Intake's positions: while another process moves them, and what stands before them.

What another process does was found by the simulator. A place is read from one record before its
position on, and only that one must be the one that was read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from services.intake.positions import Positions
from services.intake.store import Position
from shared.chain.link import fingerprint
from shared.stream.log import Bounds, Outgoing, Place, Record
from shared.stream.memory import MemoryLog
from shared.stream.positions import Halted, Outpaced

PLACE = Place("retail.purchases.v1", 0)
RECORD = Outgoing(None, b"{}", ())


class Growing(MemoryLog):
    """A log to which something is added behind each look at its end."""

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        found = await super().bounds(places)
        self.put(PLACE, RECORD)
        return found


class Shared:
    """Positions that another process keeps at the log's end."""

    def __init__(self, log: MemoryLog, *, is_restored: bool = False) -> None:
        self.log = log
        self.is_restored = is_restored

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, Position]:
        end = len(self.log.records[PLACE])
        return {} if self.is_restored else {PLACE: Position(end, b"mark")}

    async def begin(self, positions: Mapping[Place, Position]) -> None: ...


async def test_a_position_that_moves_meanwhile_is_not_past_the_end_of_the_topic() -> None:
    log = Growing({PLACE.topic: 1})
    await Positions().own([PLACE], log, Shared(log))  # type: ignore[arg-type]


async def test_owning_starts_over_when_the_position_is_gone_at_once() -> None:
    log = MemoryLog({PLACE.topic: 1})
    with pytest.raises(Outpaced):
        await Positions().own([PLACE], log, Shared(log, is_restored=True))  # type: ignore[arg-type]


# what stands before a position


class Stored(Shared):
    """Positions behind two records, of which the second was read."""

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, Position]:
        return {PLACE: Position(2, MARK)}


HEADERS: tuple[tuple[str, bytes], ...] = (("x", b""),)
MARK = fingerprint(None, b"1", HEADERS)


def three() -> MemoryLog:
    log = MemoryLog({PLACE.topic: 1})
    for number in range(3):
        log.put(PLACE, Outgoing(None, b"%d" % number, HEADERS))
    return log


async def owned(log: MemoryLog) -> tuple[Positions, int]:
    """Positions, and from where the place is to be read."""
    positions = Positions()
    first = await positions.own([PLACE], log, Stored(log))  # type: ignore[arg-type]
    return positions, first[PLACE]


def offsets(polled: Mapping[Place, Sequence[Record]]) -> list[int]:
    return [record.offset for records in polled.values() for record in records]


@pytest.mark.parametrize("header", [b"", None])
async def test_the_record_before_a_position_is_looked_at_and_not_taken_again(
    header: Any,
) -> None:
    """Clients differ in what they make of a header without a value."""
    log = three()
    positions, first = await owned(log)
    assert first == 1
    records = [record._replace(headers=(("x", header),)) for record in log.records[PLACE]]
    assert offsets(positions.checked({PLACE: records[1:]})) == [2]
    assert offsets(positions.checked({PLACE: records[1:]})) == [1, 2]


async def test_another_record_before_a_position_halts() -> None:
    log = three()
    positions, _ = await owned(log)
    with pytest.raises(Halted, match="offset 0 is not the record that was read there before"):
        positions.checked({PLACE: log.records[PLACE][:1]})


async def test_nothing_is_said_where_compaction_took_the_record_before_a_position() -> None:
    log = three()
    positions, _ = await owned(log)
    assert offsets(positions.checked({PLACE: log.records[PLACE][2:]})) == [2]


async def test_where_retention_took_what_was_read_a_place_is_read_from_its_position_on() -> None:
    log = three()
    log.delete_before(PLACE, 2)
    positions, first = await owned(log)
    assert first == 2
    assert offsets(positions.checked({PLACE: log.records[PLACE][2:]})) == [2]


async def test_a_place_that_is_lost_and_owned_again_is_looked_at_again() -> None:
    log = three()
    positions, _ = await owned(log)
    await positions.own([], log, Stored(log))  # type: ignore[arg-type]
    log.delete_before(PLACE, 2)
    again = await positions.own([PLACE], log, Stored(log))  # type: ignore[arg-type]
    assert again == {PLACE: 2}
