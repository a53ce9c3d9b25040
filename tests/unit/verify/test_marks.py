"""How far intake has read an upstream partition, held against the topic. I8."""

import asyncio

import pytest

from cli.verify.marks import check_upstream
from cli.verify.report import Check, Report
from services.intake.positions import mark_of
from services.intake.store import Position
from shared.events.topics import PURCHASES
from shared.stream.log import Bounds, Outgoing, Place
from shared.stream.memory import MemoryLog

HERE = Place(PURCHASES.name, 0)


def checked(log: MemoryLog, position: Position, first: int = 0) -> Report:
    report, kept = Report(), Bounds(first, len(log.records[HERE]))
    asyncio.run(check_upstream(log, HERE, position, kept, report))
    return report


@pytest.fixture
def log() -> MemoryLog:
    """Three records, of which the first has nothing in it any more."""
    log = MemoryLog({PURCHASES.name: 1})
    for content in (None, b"one", b"two"):
        log.put(HERE, Outgoing(content, content, []))
    return log


def test_a_position_behind_the_record_that_was_read_is_clean(log: MemoryLog):
    marks = {number: mark_of(record) for number, record in enumerate(log.records[HERE], 1)}
    for following in range(4):
        report = checked(log, Position(following, marks.get(following)))
        assert report.is_clean
        assert report.looked_at[Check.POSITIONS] == 1


@pytest.mark.parametrize(
    ("position", "first"),
    [(Position(1, b"of what is gone"), 0), (Position(3, None), 0), (Position(2, b"not kept"), 2)],
    ids=["a record that is gone", "no mark", "a record before what is kept"],
)
def test_what_cannot_be_compared_is_clean(log: MemoryLog, position: Position, first: int):
    assert checked(log, position, first).is_clean


@pytest.mark.parametrize(
    ("position", "first", "said"),
    [
        (Position(3, b"another"), 0, "the stored mark in retail.purchases.v1/0 is"),
        (Position(4, None), 0, "is 4, but the topic holds 0 to 3"),
        (Position(-1, None), 0, "is -1, but the topic holds 0 to 3"),
        (Position(1, None), 2, "is 1, but the topic holds 2 to 3"),
    ],
    ids=["another record", "behind the end", "before the beginning", "not taken, and gone"],
)
def test_what_would_halt_intake_is_found(log: MemoryLog, position: Position, first: int, said: str):
    [finding] = checked(log, position, first).findings
    assert (finding.check, finding.where) == (Check.POSITIONS, str(HERE))
    assert said in finding.what
    assert finding.remedy.startswith("tessera positions reset retail.purchases.v1 --yes")
