"""Stores in memory and their copies: the rows are shared until one of them changes."""

from itertools import chain
from typing import NamedTuple

import pytest

from shared.stream.memory import MemoryTable
from shared.stream.store import Table


class Unit(NamedTuple):
    """A row."""

    unit: int
    stock: str


UNIT = Table("unit", Unit, ("bigint", "text"), "unit")
MUG, BOOK, LAMP = Unit(1, "mug"), Unit(2, "book"), Unit(2, "lamp")


def filled(*units: Unit) -> MemoryTable:
    """A table with these rows, looked up by their stock."""
    table = MemoryTable(UNIT, ["stock"])
    for unit in units:
        table.put(unit)
    return table


def seen(table: MemoryTable) -> dict[str, list[Unit]]:
    """What is found of each stock, once that agrees with the rows."""
    found = {stock: table.find("stock", stock) for stock in ("mug", "book", "lamp")}
    assert sorted(chain(*found.values())) == sorted(table.rows.values())
    return {stock: units for stock, units in found.items() if units}


@pytest.mark.parametrize("original_changes", [True, False])
def test_a_copy_stays_as_it_is_when_the_other_one_changes(original_changes: bool) -> None:
    one = filled(MUG, BOOK)
    two = one.copy()
    changed, kept = (one, two) if original_changes else (two, one)
    changed.put(LAMP)
    changed.drop(MUG.unit)
    assert seen(changed) == {"lamp": [LAMP]}
    assert seen(kept) == {"mug": [MUG], "book": [BOOK]}


def test_a_copy_of_a_copy_that_has_changed_has_what_that_has() -> None:
    first = filled(MUG)
    second = first.copy()
    second.put(BOOK)
    third = second.copy()
    second.drop(BOOK.unit)
    assert [seen(table) for table in (first, second, third)] == [
        {"mug": [MUG]},
        {"mug": [MUG]},
        {"mug": [MUG], "book": [BOOK]},
    ]


def test_dropping_what_is_not_there_changes_nothing() -> None:
    table = filled(MUG)
    table.drop(BOOK.unit)
    assert seen(table) == {"mug": [MUG]}
