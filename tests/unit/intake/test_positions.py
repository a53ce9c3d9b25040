"""Intake's positions while another process moves them. Found by the simulator."""

from collections.abc import Iterable, Mapping

import pytest

from services.intake.positions import Positions
from services.intake.store import Position
from shared.stream.log import Bounds, Outgoing, Place
from shared.stream.memory import MemoryLog
from shared.stream.positions import Outpaced

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
