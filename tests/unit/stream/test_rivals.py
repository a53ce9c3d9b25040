"""An owner whose store moves under it, by a rival or a restore, opens afresh: it never goes on.

Found by the simulator; each of these once ended a process, or left a projection behind for good.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.redeem.projection import LOOKUPS, TABLES
from services.redeem.service import Redeem
from services.redeem.sweep import tick_command
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.program.catalogue import Catalogue
from shared.stream.limits import Limits
from shared.stream.log import Place, Record
from shared.stream.memory import MemoryInputs, MemoryLog, MemoryStore
from shared.stream.opening import Ledger, Opening, Owner, fold_records
from shared.stream.positions import Outpaced
from shared.stream.runner import CONFIRM_SECONDS, Runner
from shared.stream.store import Loaded, Need, Position, Writes
from shared.stream.turn import Turn
from tests.ledgers import Alone

FACTS = Place(LEDGER.name, 0)


class Forgetful(MemoryStore):
    """A store that is restored as soon as a first position was written."""

    async def begin(self, position: Position) -> None:
        await super().begin(position)
        self.positions.clear()


class Moving(MemoryStore):
    """A store in which a rival folds just before rows are loaded."""

    rival: Position

    async def load(self, topic: str, partitions: Any, needs: Sequence[Need]) -> Loaded:
        self.positions[FACTS] = self.rival
        return await super().load(topic, partitions, needs)


class Refusing(MemoryStore):
    """A store in which a rival folds just before each fold of a turn."""

    refuses = False

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        return not self.refuses and await super().fold(old, new, writes, notify)


class Quiet:
    """A clock that stands still and a meter that counts nothing."""

    def now_ms(self) -> int:
        return 0

    def step(self, name: str, seconds: float) -> None: ...

    def turned(self, inputs: int, facts: int, void: int) -> None: ...


class NoPrograms:
    """Nothing is published."""

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        return Catalogue()


class Watched(MemoryInputs):
    """Inputs that tell of each poll before it is answered."""

    def __init__(self, log: MemoryLog, before: Callable[[int], object]) -> None:
        super().__init__(log, [COMMANDS.name, AWARDS.name])
        self.before, self.polls = before, 0

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        self.polls += 1
        self.before(self.polls)
        return await super().poll(limit, wait_ms)


def log() -> MemoryLog:
    return MemoryLog({COMMANDS.name: 1, AWARDS.name: 1, LEDGER.name: 1})


def opening(log: MemoryLog, store: MemoryStore) -> Opening[Any]:
    owner = Owner("test", "0")
    return Opening(
        Redeem(), log, store, Ledger("L1", 1), owner, replay_records=2, fold_version="1.0"
    )


def turn_of(facts: MemoryLog, inputs: MemoryInputs, store: MemoryStore) -> Turn[Any]:
    return Turn(
        Redeem(),
        facts,
        inputs,
        store,
        NoPrograms(),
        Quiet(),
        Quiet(),
        partitions=1,
        quarantine_partitions=1,
        limits=Limits(reopen_seconds=0),
    )


async def test_opening_starts_over_when_its_first_position_is_gone_at_once() -> None:
    with pytest.raises(Outpaced):
        await opening(log(), Forgetful(TABLES, LOOKUPS)).open(0)


async def test_folding_starts_over_when_the_rows_are_those_of_another_position() -> None:
    facts, store = log(), MemoryStore(TABLES, LOOKUPS)
    before = await opening(facts, store).open(0)
    await opening(facts, store).open(0)
    moving = Moving(TABLES, LOOKUPS)
    moving.rival = store.positions[FACTS]
    with pytest.raises(Outpaced):
        await fold_records(Redeem(), moving, before, facts.records[FACTS][before.next_offset :])


async def test_an_idle_owner_catches_up_when_its_store_lost_a_commit() -> None:
    facts, store = log(), MemoryStore(TABLES, LOOKUPS)
    stop = asyncio.Event()

    def before_poll(number: int) -> None:
        """The store is restored behind the first, the clock moves, the last one stops."""
        if number == 2:
            store.positions[FACTS] = lost
            runner.confirming.last -= CONFIRM_SECONDS
        if number == 4:
            stop.set()

    inputs = Watched(facts, before_poll)
    turn = turn_of(facts, inputs, store)
    runner = Runner(turn, opening(facts, store), inputs, Alone(COMMANDS.name, 1))
    facts.put(Place(COMMANDS.name, 0), tick_command("shop:1", 0, 0))
    lost = await opening(facts, store).open(0)
    await asyncio.wait_for(runner.run(stop), timeout=10)
    assert store.positions[FACTS].next_offset == len(facts.records[FACTS])


async def test_a_turn_whose_fold_is_refused_ends_and_tells_nobody() -> None:
    facts, store = log(), Refusing(TABLES, LOOKUPS)
    inputs = MemoryInputs(facts, [COMMANDS.name, AWARDS.name])
    turn, told = turn_of(facts, inputs, store), list[Writes]()
    turn.watchers.append(told.append)
    opened = turn.positions[0] = await opening(facts, store).open(0)
    inputs.assign({Place(COMMANDS.name, 0): 0, Place(AWARDS.name, 0): 0})
    facts.put(Place(COMMANDS.name, 0), tick_command("shop:1", 0, 0))
    store.refuses = True
    with pytest.raises(Outpaced):
        await turn.run()
    assert (turn.positions[0], store.positions[FACTS], told) == (opened, opened, [])
