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
from shared.events.commands import (
    AdjustPoints,
    CapturePoints,
    ConfirmAward,
    Direction,
    ExtendLot,
    HoldPoints,
    ReinstateLot,
    ReleasePoints,
    Tick,
)
from shared.events.ids import digest
from shared.events.registry import encode
from shared.events.topics import COMMANDS, LEDGER
from shared.ledger.evolve import LEDGER_FACTS
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.memory import MemoryRecord
from shared.stream.records import written
from shared.stream.service import Input, Recorded
from shared.stream.store import Need, Row, Rows, Table
from tests.rebuilt import RebuiltStore
from tests.rewards import WHO, Rewards, coffee
from tests.stories.setting import named
from tests.unit.ledger.test_moving import lived
from tests.unit.ledger.test_shelf import everything
from tests.worlds import DAY, START, World


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


JO: dict[str, Any] = {"account": "coffee:jo"}


def by_hand(key: str, name: str = "") -> dict[str, Any]:
    """What every correction says, and of which lot of Jo's."""
    about = {"lot_id": named(f"jo/{name}")} if name else {}
    return {**JO, **WHO, **about, "idempotency_key": key}


def merged() -> World:
    made = lived()
    made.merge("jo", "flo")
    made.carry()
    return made


def owing() -> World:
    """Jo owes, and whatever becomes free covers it: each time a part of it."""
    made = Rewards(coffee(transfers={}))
    made.earn("jo", 20, "short", expires_at=START + DAY)
    made.earn("jo", 10, "soon", expires_at=START + 9 * DAY)
    made.earn("jo", 200, "first")
    made.earn("flo", 10, "own")
    made.now += DAY
    held = made.say(HoldPoints(**JO, idempotency_key="hold", points=10))
    other = made.say(HoldPoints(**JO, idempotency_key="other", points=20))
    made.spend("jo", 180)
    made.bring_back("jo", 200, "first")
    made.earn("jo", 10, "second")
    made.say(AdjustPoints(**by_hand("add"), direction=Direction.ADD, points=10))
    made.give("flo", "jo", 10)
    made.carry()
    made.say(ReleasePoints(**JO, hold_id=held.hold_id))
    made.say(CapturePoints(**JO, idempotency_key="part", hold_id=other.hold_id, points=5))
    made.say(ReinstateLot(**by_hand("again", "short"), expires_at=made.now + DAY))
    assert made.member("jo").due > 0
    return made


def dated() -> World:
    """Whatever dates bring about, and whatever moves them."""
    returns = {"deficit": "written_off", "write_off_after": "2D"}
    expiry = {"after": "30D", "extended_by": ["redemption"]}
    made = Rewards(coffee(returns=returns, expiry=expiry))
    made.earn("jo", 10, "short", expires_at=START + DAY)
    made.earn("jo", 50, "first", expires_at=START + 20 * DAY)
    made.earn("jo", 5, "waits", active_from=START + 9 * DAY)
    made.say(ExtendLot(**by_hand("extend", "first"), expires_at=START + 90 * DAY))
    made.say(ConfirmAward(**by_hand("confirm", "waits")))
    made.say(AdjustPoints(**by_hand("add"), direction=Direction.ADD, points=20))
    made.say(HoldPoints(**JO, idempotency_key="hold", points=5))
    made.now += 2 * DAY
    made.say(Tick(**JO, due_at=START + DAY))
    made.say(ReinstateLot(**by_hand("again", "short"), expires_at=START + 30 * DAY))
    spent = made.spend("jo", 80)
    made.refund("jo", spent.redemption_id)
    made.spend("jo", 85, "all")
    made.spend("jo", 1, "more")
    made.bring_back("jo", 50, "first")
    made.now += 2 * DAY
    made.say(Tick(**JO, due_at=made.now))
    return made


STORIES = (everything, lived, merged, owing, dated)


def test_the_stories_have_every_kind_of_fact():
    kinds = {type(fact) for story in STORIES for fact in story().facts}
    assert kinds == set(LEDGER_FACTS)


@pytest.mark.parametrize("story", STORIES)
def test_what_is_loaded_is_all_that_inputs_and_facts_need(story: Callable[[], World]):
    made = story()
    assert made.program is not None
    on_rows, folded = OnRows(made.program), OnRows(made.program)
    for message, at in made.said:
        on_rows.take(message, at)
    assert [recorded.fact for recorded in on_rows.records] == made.facts
    folded.fold(on_rows.records)
    assert folded.rows() == on_rows.rows()
