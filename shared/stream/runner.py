"""The process of a deciding service: owns partitions, opens them, turns, and starts over.

Guarantees: nothing survives a failed turn but the store and the log. Contradictions between the two
(`Halted`) end the process; everything else is tried again, with a growing, jittered pause.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import structlog

from shared.stream.log import Inputs, LogUnavailable, Place
from shared.stream.opening import Opening
from shared.stream.pace import Pace
from shared.stream.positions import Outpaced
from shared.stream.service import State
from shared.stream.store import StoreUnavailable
from shared.stream.turn import Turn

S = TypeVar("S", bound=State)
COMMIT_SECONDS = 2.0
CONFIRM_SECONDS = 1.0
"""How often an idle process looks whether the store is where it left it."""
logger = structlog.get_logger()


class Group(Protocol):
    """Who spreads partitions over processes; see `shared.stream.membership`."""

    changed: asyncio.Event

    def places(self) -> frozenset[Place]:
        """What this process should own now."""
        ...

    async def committed(self, nexts: Mapping[Place, int]) -> None:
        """How far this process is."""
        ...


class Runner(Generic[S]):
    """Runs turns over the partitions that the group gives to this process."""

    def __init__(
        self,
        turn: Turn[S],
        opening: Opening[S],
        inputs: Inputs,
        membership: Group,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.turn = turn
        self.opening = opening
        self.inputs = inputs
        self.membership = membership
        self.jitter = jitter
        self.failures = 0
        self.committing = Pace(COMMIT_SECONDS)
        self.confirming = Pace(CONFIRM_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises Halted."""
        while not stop.is_set():
            try:
                if self.membership.changed.is_set():
                    await self._own()
                taken = await self.turn.run()
                await self._confirm(idle=not taken)
                self.failures = 0
                await self._tell_group()
            except Outpaced as outpaced:
                logger.info("opening afresh", why=str(outpaced))
                await self._start_over()
            except (LogUnavailable, StoreUnavailable, TimeoutError) as error:
                logger.warning("waiting", why=str(error) or type(error).__name__)
                await self._start_over()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that the group gives to this process."""
        topic = self.turn.service.inputs[0].name
        return frozenset(
            place.partition for place in self.membership.places() if place.topic == topic
        )

    async def _own(self) -> None:
        """Open what the group gives and drop what it takes.

        Whose it was may have decided under a version that has not arrived here: a return of what
        was bought under it asks for that version.
        """
        self.membership.changed.clear()
        owned = self.partitions
        for partition in list(self.turn.positions):
            if partition not in owned:
                del self.turn.positions[partition]
        if taken := sorted(owned - set(self.turn.positions)):
            for partition in taken:
                self.turn.positions[partition] = await self.opening.open(partition)
            await self.turn.know_programs(to_end=True)
        self.inputs.assign(self._nexts())
        logger.info("owns", service=self.turn.service.name, partitions=sorted(owned))

    def _nexts(self) -> dict[Place, int]:
        """Where each input of each open partition goes on."""
        return {
            Place(topic.name, partition): position.inputs[topic.name].next
            for partition, position in self.turn.positions.items()
            for topic in self.turn.service.inputs
        }

    async def _start_over(self) -> None:
        """Forget everything, wait, and open all partitions afresh on the next pass."""
        self.turn.positions.clear()
        self.inputs.assign({})
        limits = self.turn.limits
        self.failures += 1
        pause = min(limits.reopen_seconds * 2 ** min(self.failures, 16), limits.reopen_seconds_max)
        await asyncio.sleep(pause * (0.5 + self.jitter() / 2))
        self.membership.changed.set()

    async def _confirm(self, *, idle: bool) -> None:
        """Now and then while nothing comes, look whether the store is where it was left."""
        if not idle:
            self.confirming.begin()
        elif self.confirming.is_due():
            await self.turn.confirm()

    async def _tell_group(self) -> None:
        if self.committing.is_due():
            await self.membership.committed(self._nexts())
