"""Opening a partition whose log, inputs or schema contradict each other halts, with the way out.

A service halts before it writes anything; what only looks odd (a longer log, void records, inputs
that retention took after they were read) is opened.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from services.redeem.projection import LOOKUPS, TABLES, Accounts
from services.redeem.service import Redeem
from shared.chain.link import fingerprint
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.stream.log import Outgoing, Place
from shared.stream.memory import MemoryLog, MemoryStore
from shared.stream.opening import Ledger, Opening, Owner
from shared.stream.positions import Halted
from shared.stream.store import InputMark, Position

FACTS = Place(LEDGER.name, 0)
COMMAND = Place(COMMANDS.name, 0)
AWARD = Place(AWARDS.name, 0)


def opening(
    log: MemoryLog, store: MemoryStore, ledger: str = "L1", fold: str = "1.0"
) -> Opening[Accounts]:
    """What opens redeem's partitions."""
    return Opening(
        Redeem(),
        log,
        store,
        Ledger(ledger, 1),
        Owner("test", "0"),
        replay_records=2,
        fold_version=fold,
    )


@dataclass
class World:
    """A partition of redeem that was opened three times and has read two records of each input."""

    log: MemoryLog
    store: MemoryStore

    @property
    def position(self) -> Position:
        return self.store.positions[FACTS]

    async def open(self, **changed: str) -> Position:
        return await opening(self.log, self.store, **changed).open(0)

    def read(self, place: Place, offset: int, mark: bytes | None) -> None:
        """Note how far an input was read."""
        inputs = {**self.position.inputs, place.topic: InputMark(offset, mark)}
        self.store.positions[FACTS] = self.position._replace(inputs=inputs)

    def edit(self, place: Place, offset: int) -> None:
        """Change one record where it stands."""
        records = self.log.records[place]
        records[offset] = records[offset]._replace(value=b"edited")


@pytest.fixture
async def world() -> World:
    log = MemoryLog({LEDGER.name: 1, COMMANDS.name: 1, AWARDS.name: 1})
    world = World(log, MemoryStore(TABLES, LOOKUPS))
    for place in (COMMAND, AWARD):
        for number in range(3):
            log.put(place, Outgoing(b"k", b"%d" % number, [("hash", b"h%d" % number)]))
    for _ in range(3):
        await world.open()
    for place in (COMMAND, AWARD):
        before = log.records[place][1]
        world.read(place, 2, fingerprint(before.key, before.value, before.headers))
    return world


def truncate(world: World) -> None:
    world.log.records[FACTS].pop()


def make_anew(world: World) -> None:
    world.log.make(LEDGER.name, 1)


def make_anew_and_fill(world: World) -> None:
    world.log.make(LEDGER.name, 1)
    for number in range(5):
        world.log.put(FACTS, Outgoing(b"k", b"%d" % number, []))


def delete_history(world: World) -> None:
    world.log.delete_before(FACTS, 1)


RESTORE = "Restore"
REBUILD = "run `tessera rebuild redeem --accept-log`"
RESET = "run `tessera positions reset {topic}`"

FACTS_DAMAGED: dict[str, tuple[Callable[[World], None], list[str]]] = {
    "truncated": (
        truncate,
        [f"{FACTS} ends at offset 2, but 3 records were folded", "truncated", RESTORE, REBUILD],
    ),
    "made anew": (make_anew, [f"{FACTS} ends at offset 0", "made anew", RESTORE, REBUILD]),
    "made anew and longer": (
        make_anew_and_fill,
        [f"{FACTS} offset 2 is not the record that was read there", RESTORE, REBUILD],
    ),
    "edited": (
        lambda world: world.edit(FACTS, 2),
        [f"{FACTS} offset 2 is not the record that was read there", "edited", RESTORE, REBUILD],
    ),
    "history deleted": (
        delete_history,
        [f"{FACTS} begins at offset 1, not 0", RESTORE, "retention.ms=-1", "cleanup.policy=delete"],
    ),
}


async def halted(world: World, **changed: str) -> str:
    """The message with which opening halts; nothing was written."""
    records, position = list(world.log.records[FACTS]), world.position
    with pytest.raises(Halted) as why:
        await world.open(**changed)
    assert world.log.records[FACTS] == records
    assert world.position == position
    return str(why.value)


@pytest.mark.parametrize(("damage", "said"), FACTS_DAMAGED.values(), ids=FACTS_DAMAGED)
async def test_facts_that_are_not_those_folded_halt(
    world: World, damage: Callable[[World], None], said: list[str]
):
    damage(world)
    message = await halted(world)
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize("place", [COMMAND, AWARD], ids=["commands", "awards"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda world, place: world.log.records[place].__delitem__(slice(1, None)),
            "holds offsets 0 to 1, but the next input is 2: records are missing",
        ),
        (
            lambda world, place: world.log.make(place.topic, 1),
            "holds offsets 0 to 0, but the next input is 2: records are missing",
        ),
        (
            lambda world, place: world.log.delete_before(place, 3),
            "holds offsets 3 to 3, but the next input is 2: records are missing",
        ),
        (
            lambda world, place: world.edit(place, 1),
            "offset 1 is not the record that was read there before",
        ),
    ],
    ids=["truncated", "made anew", "retention took the next", "edited"],
)
async def test_inputs_that_are_not_those_read_halt(
    world: World, place: Place, damage: Callable[[World, Place], None], said: str
):
    damage(world, place)
    message = await halted(world)
    assert f"{place} {said}" in message
    assert RESET.format(topic=place.topic) in message


async def test_a_schema_of_another_ledger_halts(world: World):
    message = await halted(world, ledger="L2")
    assert f"{FACTS} of ledger L2 meets a schema folded from ledger L1" in message
    assert "Check the addresses of Kafka and Postgres" in message


async def test_a_schema_of_another_fold_halts(world: World):
    message = await halted(world, fold="2.0")
    assert "folded by version 1.0, this code folds version 2.0" in message
    assert "run `tessera rebuild redeem`" in message


async def test_a_schema_that_was_rebuilt_by_the_same_fold_is_opened(world: World):
    position = world.position._replace(fold_version="1.1")
    world.store.positions[FACTS] = position
    assert (await world.open()).fold_version == "1.1"


# what is no contradiction


def nothing(_world: World) -> None:
    """The log as it was left."""


def append_void(world: World) -> None:
    world.log.put(FACTS, Outgoing(b"k", b"foreign", []))
    world.log.put(FACTS, Outgoing(None, None, []))


def repeat_own(world: World) -> None:
    record = world.log.records[FACTS][2]
    world.log.put(FACTS, Outgoing(record.key, record.value, record.headers))


@pytest.mark.parametrize("change", [nothing, append_void, repeat_own])
async def test_what_is_only_longer_is_opened(world: World, change: Callable[[World], None]):
    change(world)
    before = world.position
    opened = await world.open()
    assert opened.seq == before.seq + 1
    assert opened.next_offset == len(world.log.records[FACTS])
    assert opened == world.position


async def test_inputs_that_were_read_may_be_gone(world: World):
    for place in (COMMAND, AWARD):
        world.log.delete_before(place, 2)
    opened = await world.open()
    assert {topic: mark.next for topic, mark in opened.inputs.items()} == {
        COMMANDS.name: 2,
        AWARDS.name: 2,
    }


async def test_an_input_that_was_made_anew_is_read_from_its_beginning_after_a_reset(world: World):
    world.log.make(COMMANDS.name, 1)
    world.read(COMMAND, 0, None)
    opened = await world.open()
    assert opened.inputs[COMMANDS.name] == InputMark(0, None, None)
    assert opened.inputs[AWARDS.name].next == 2


async def test_an_input_that_is_a_fact_topic_goes_on_behind_the_record_that_was_read(world: World):
    """Its chain is known by that record's hash; commands have none."""
    opened = await world.open()
    assert opened.inputs[AWARDS.name].head == b"h1"
    assert opened.inputs[COMMANDS.name].head is None


async def test_a_schema_that_was_dropped_is_folded_from_the_beginning(world: World):
    before = world.position
    world.store = MemoryStore(TABLES, LOOKUPS)
    opened = await world.open()
    assert (opened.seq, opened.next_offset) == (before.seq + 1, before.next_offset + 1)


async def test_a_dropped_schema_of_a_log_without_its_beginning_halts(world: World):
    world.store = MemoryStore(TABLES, LOOKUPS)
    world.log.delete_before(FACTS, 2)
    with pytest.raises(Halted, match="begins at offset 2, not 0"):
        await world.open()
    assert world.position.next_offset == 0
