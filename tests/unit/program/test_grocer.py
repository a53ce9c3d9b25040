"""The demo program gives what its words say."""

from pathlib import Path

import pytest

from shared.program.document import read_program
from shared.program.model import Program
from shared.program.redemption import CashOff, Refused, cash_off
from tests.receipts import earned, line, receipt

FILE = Path(__file__).resolve().parents[3] / "programs" / "grocer.yaml"
NATIONAL = {"department": "GROCERY", "product_brand": "National"}
PRIVATE = {"department": "GROCERY", "product_brand": "Private"}
FUEL = {"department": "FUEL", "product_brand": "Private"}


@pytest.fixture(scope="module")
def grocer() -> Program:
    reading = read_program(FILE.read_text(encoding="utf-8"))
    assert reading.program is not None, reading.problems
    assert reading.warnings == ()
    return reading.program


@pytest.mark.parametrize(
    ("lines", "points"),
    [
        ([line(199, **NATIONAL)], 1),
        ([line(199, **PRIVATE)], 3),
        ([line(199, **FUEL)], 0),
        ([line(199)], 1),
        ([line(150, **NATIONAL), line(25, **PRIVATE), line(5000, **FUEL)], 2),
        ([line(99, **NATIONAL), line(50, **PRIVATE)], 1),
        ([line(100, **NATIONAL), line(50, **PRIVATE)], 2),
    ],
)
def test_a_basket_earns(grocer: Program, lines: list[dict[str, object]], points: int):
    worth = earned(grocer, receipt(*lines, brand="grocer", at="2026-03-03T21:00:00-05:00"))
    assert worth.points == points
    assert worth.expires_at is not None
    assert worth.expires_at.isoformat() == "2026-10-01T04:00:00+00:00"


def test_points_are_redeemed_by_the_five_hundred(grocer: Program):
    rules = grocer.redemption.cash_off
    assert cash_off(rules, 1_500, 1_730, None) == CashOff(1_500, 1_500)
    assert isinstance(cash_off(rules, 2_000, 1_730, None), Refused)
    assert isinstance(cash_off(rules, 499, 1_730, None), Refused)
