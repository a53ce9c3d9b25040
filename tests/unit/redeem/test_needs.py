"""What is loaded for an input, or for a fact, is all that it needs.

Worlds keep everything in memory; here the same is decided with only the rows that were asked for.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest

from services.redeem.decide import Input as Message
from services.redeem.service import Redeem, cause_of
from shared.events.base import millis
from shared.events.ids import digest
from shared.events.registry import encode
from shared.events.topics import COMMANDS, LEDGER
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.memory import MemoryRecord
from shared.stream.records import written
from shared.stream.service import Input, Recorded
from shared.stream.store import Need, Row, Rows, Table
from tests.rebuilt import RebuiltStore
from tests.unit.ledger.test_moving import lived
from tests.unit.ledger.test_shelf import everything
from tests.worlds import World


class OnRows:
    """redeem on tables in memory, an input and a fact at a time."""

    def __init__(self, program: Program) -> None:
        self.service = Redeem()
        self.service.catalogue = Catalogue().with_version(program)
        self.store = RebuiltStore(self.service.tables, self.service.lookups)
        self.records: list[Recorded] = []

    def take(self, message: Message, at: datetime) -> None:
        """Decide, and write what comes of it."""
        record = MemoryRecord(COMMANDS.name, 0, 0, millis(at), b"", b"", ())
        body = digest(encode(message))
        input = Input(record, message.account, message, cause_of(message), body)
        state = self.service.state(self._rows(self.service.needs([input], millis(at))))
        for decision in self.service.decide(state, input, millis(at)):
            recorded = written(decision, time_ms=millis(at), seq=len(self.records) + 1)
            state.evolve(recorded)
            self.records.append(recorded)
        self._write(state.writes())

    def fold(self, records: Iterable[Recorded]) -> None:
        """Write what facts alone make."""
        for recorded in records:
            state = self.service.state(self._rows(self.service.replay_needs([recorded])))
            state.evolve(recorded)
            writes = state.writes()
            self.store.check(writes)
            self._write(writes)

    def rows(self) -> dict[Table, dict[Any, Row]]:
        """All of them, by table."""
        return {table: dict(kept.rows) for table, kept in self.store.tables.items()}

    def _rows(self, needs: Iterable[Need]) -> Rows:
        return asyncio.run(self.store.load(LEDGER.name, (), list(needs))).rows

    def _write(self, writes: Any) -> None:
        """Rows as Postgres keeps them: words are text."""
        for table, rows in writes.items():
            for row in rows:
                cells = (str(cell) if isinstance(cell, StrEnum) else cell for cell in row)
                self.store.tables[table].put(type(row)(*cells))


def merged() -> World:
    made = lived()
    made.merge("jo", "flo")
    made.carry()
    return made


@pytest.mark.parametrize("story", [everything, lived, merged])
def test_what_is_loaded_is_all_that_inputs_and_facts_need(story: Callable[[], World]):
    made = story()
    assert made.program is not None
    on_rows, folded = OnRows(made.program), OnRows(made.program)
    for message, at in made.said:
        on_rows.take(message, at)
    assert [recorded.fact for recorded in on_rows.records] == made.facts
    folded.fold(on_rows.records)
    assert folded.rows() == on_rows.rows()
