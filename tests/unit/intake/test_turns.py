"""A turn of intake on a log and a store in memory: what it writes down, forwards and moves past."""

import asyncio
from collections.abc import Collection, Iterable, Mapping

import pytest

from services.intake.decide import Known, Recognised, Resolution, read
from services.intake.service import Intake, Outputs
from services.intake.store import Position
from shared.events.topics import ACTIVITY, PURCHASES, QUARANTINE
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.limits import Limits
from shared.stream.log import Outgoing, Place, Record
from shared.stream.memory import MemoryInputs, MemoryLog
from shared.stream.positions import Outpaced
from tests.ledgers import Silent
from tests.simulation.program import SHOP
from tests.strategies.poison import ARRIVED_MS, BINARY, encoded, purchase

UPSTREAM, FORWARDED = Place(PURCHASES.name, 0), Place(ACTIVITY.name, 0)


class Kept:
    """A store in memory; `faster` is what another process writes down just before."""

    def __init__(self) -> None:
        self.resolved: dict[bytes, Resolution] = {}
        self.at: dict[Place, Position] = {}
        self.faster: Known = {}

    async def known(self, identities: Collection[bytes]) -> Known:
        """See `Store.known`."""
        return {each: self.resolved[each] for each in identities if each in self.resolved}

    async def write_down(self, found: Known) -> bool:
        """See `Store.write_down`."""
        self.resolved |= self.faster
        new = {each: said for each, said in found.items() if each not in self.resolved}
        self.resolved |= new
        return len(new) == len(found)

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, Position]:
        """See `Store.positions`."""
        return {place: self.at[place] for place in places if place in self.at}

    async def begin(self, positions: Mapping[Place, Position]) -> None:
        """See `Store.begin`."""
        self.at = {**positions, **self.at}

    async def swap(self, moves: Mapping[Place, tuple[Position, Position]]) -> bool:
        """See `Store.swap`."""
        if any(self.at[place] != old for place, (old, _) in moves.items()):
            return False
        self.at |= {place: new for place, (_, new) in moves.items()}
        return True


class Programs:
    """One program, of the brand `shop`."""

    def __init__(self) -> None:
        self.catalogue = Catalogue().with_version(Program.model_validate(SHOP))

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        """See `Programs.refresh`."""
        return self.catalogue


class Alone:
    """A group of one process."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    def places(self) -> frozenset[Place]:
        """See `Group.places`."""
        return frozenset({UPSTREAM})

    async def committed(self, nexts: object) -> None:
        """See `Group.committed`."""


class Ground:
    """An intake of one upstream partition, which it owns."""

    def __init__(self) -> None:
        topics = {PURCHASES.name: 1, ACTIVITY.name: 1, QUARANTINE.name: 1}
        self.log = MemoryLog(topics, lambda: ARRIVED_MS)
        self.store = Kept()
        self.programs = Programs()
        inputs, outputs = MemoryInputs(self.log, [PURCHASES.name]), Outputs(1, 1)
        self.intake = Intake(
            self.log, inputs, self.store, self.programs, Alone(), Silent(), outputs, Limits()
        )

    async def own(self) -> None:
        await self.intake._own()

    def publish(self, number: int) -> None:
        value = encoded(purchase(number, brand="shop"))
        self.log.put(UPSTREAM, Outgoing(None, value, BINARY))  # type: ignore[arg-type]

    @property
    def forwarded(self) -> list[bytes | None]:
        """The accounts of what was forwarded, in order."""
        return [record.key for record in self.log.records[FORWARDED]]


@pytest.fixture
async def ground() -> Ground:
    made = Ground()
    await made.own()
    return made


async def test_each_turn_goes_on_where_the_one_before_it_ended(ground: Ground) -> None:
    for number in range(3):
        ground.publish(number)
        assert await ground.intake.turn() == 1
        assert ground.store.at[UPSTREAM].next_offset == number + 1
    assert ground.forwarded == [b"shop:1", b"shop:2", b"shop:3"]


async def test_a_turn_is_over_where_another_process_has_moved_the_position(ground: Ground) -> None:
    ground.publish(1)
    ground.store.at[UPSTREAM] = Position(1, b"another's")
    with pytest.raises(Outpaced):
        await ground.intake.turn()
    assert ground.store.at[UPSTREAM] == Position(1, b"another's")


async def test_the_account_that_another_process_wrote_down_first_counts(ground: Ground) -> None:
    ground.publish(1)
    event = read(PURCHASES.name, ground.log.records[UPSTREAM][0].value, BINARY, ARRIVED_MS)
    assert isinstance(event, Recognised)
    ground.store.faster = {event.identities[0]: Resolution("old:2", event.content)}
    await ground.intake.turn()
    assert ground.forwarded == [b"old:2"]


async def test_who_starts_over_takes_up_what_is_stored(ground: Ground) -> None:
    for number in range(2):
        ground.publish(number)
    ground.intake.limits = Limits(reopen_seconds=0)
    ground.store.at[UPSTREAM] = Position(1, None)
    await ground.intake._start_over()
    assert ground.intake.group.changed.is_set()
    await ground.own()
    assert await ground.intake.turn() == 1
    assert ground.forwarded == [b"shop:2"]


async def test_a_brand_is_of_the_program_that_took_it_while_the_poll_waited(ground: Ground) -> None:
    left = Program.model_validate({**SHOP, "version": 2, "brands": ["bar"]})
    taken = Program.model_validate({**SHOP, "program": "mall"})
    poll = ground.intake.inputs.poll

    async def waiting(limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        ground.programs.catalogue = ground.programs.catalogue.with_version(left).with_version(taken)
        return await poll(limit, wait_ms)

    for number, poll_of_turn in enumerate((poll, waiting)):
        ground.intake.inputs.poll = poll_of_turn  # type: ignore[method-assign]
        ground.publish(number)
        await ground.intake.turn()
    assert ground.forwarded == [b"shop:1", b"mall:2"]
