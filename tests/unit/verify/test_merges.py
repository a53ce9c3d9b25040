"""I4, I2 over all accounts: what was taken in had moved; credits elsewhere had been sent on."""

from typing import Any
from uuid import UUID

import pytest

from cli.verify.merges import Merges, lots_sent_on
from cli.verify.report import Check, Report
from shared.events.merges import InputForwarded, MovedLot, Part, PartMoved, PartTaken
from shared.events.points import PointsCredited
from tests.stories.setting import START

JO, FLO = "shop:jo", "shop:flo"
LOT: dict[str, Any] = {"brand": "shop", "occurred_at": START, "active_from": START, "order": 1}
PART = Part(lots=(MovedLot(lot_id=UUID(int=1), free=50, **LOT),), earned=50)
NAMED: dict[str, Any] = {"merge_id": UUID(int=7), "part_id": UUID(int=8), "part": PART}
MOVED = PartMoved(account=JO, to=FLO, last=True, **NAMED)
TAKEN = PartTaken(account=FLO, source=JO, **NAMED)
AWARD = {"award_id": str(UUID(int=2)), "points": 30}
SENT_ON = InputForwarded(
    account=JO,
    input_id=UUID(int=9),
    to=FLO,
    origin=UUID(int=9),
    input_type="loyalty.points.earned.v1",
    input={**AWARD, "parts": [{"lot_id": str(UUID(int=3)), "points": 10}]},
)
CREDITED = PointsCredited(
    account=FLO, lot_id=UUID(int=2), brand="shop", points=20, occurred_at=START, active_from=START
)


def found(facts: list[object], late: list[object]) -> list[tuple[Check, str]]:
    """What is told of facts, each from a partition of its own; `late` ones come after the ends."""
    merges = Merges()
    for fact, early in [*((fact, True) for fact in facts), *((fact, False) for fact in late)]:
        partition = Merges()
        partition.note(fact, early=early)
        if isinstance(fact, InputForwarded):
            partition.send_on(lots_sent_on(fact))
        if isinstance(fact, PointsCredited):
            partition.credit(fact, "there", early=early)
        merges.add(partition)
    report = Report()
    merges.check(report)
    return [(finding.check, finding.what) for finding in report.findings]


@pytest.mark.parametrize(
    ("facts", "late"),
    [
        ([MOVED, TAKEN], []),
        ([MOVED], []),
        ([MOVED], [TAKEN]),
        ([], [TAKEN]),
        ([SENT_ON, CREDITED], []),
        ([SENT_ON], []),
        ([], [CREDITED]),
    ],
)
def test_nothing_is_told_of_what_arrived_or_is_on_its_way(facts: list[object], late: list[object]):
    assert found(facts, late) == []


@pytest.mark.parametrize(
    ("facts", "check", "what"),
    [
        ([TAKEN], Check.MERGES, "moved as None"),
        ([MOVED, TAKEN, TAKEN], Check.MERGES, "taken in twice"),
        (
            [MOVED, TAKEN.model_copy(update={"part": PART.model_copy(update={"earned": 49})})],
            Check.MERGES,
            "points=49",
        ),
        ([CREDITED], Check.CREDITS, "no such award, or credited before"),
        ([SENT_ON, CREDITED, CREDITED], Check.CREDITS, "credited before"),
        (
            [SENT_ON, CREDITED.model_copy(update={"points": 21})],
            Check.CREDITS,
            "credits 21 points",
        ),
    ],
)
def test_what_was_made_on_the_way_is_found(facts: list[object], check: Check, what: str):
    [(told, words)] = found(facts, [])
    assert (told, what in words) == (check, True), words


def test_what_a_second_account_sends_on_is_no_new_award():
    again = SENT_ON.model_copy(update={"account": FLO, "input_id": UUID(int=10)})
    assert lots_sent_on(again) == {}
    assert lots_sent_on(SENT_ON) == {UUID(int=2): 20, UUID(int=3): 10}
