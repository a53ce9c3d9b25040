"""What goes wrong in a history besides messages: which kinds, how often and when, a seed decides.

A quarter of the histories has no such fault, the others some kinds each: faults that always come
together hide each other's effects.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.simulation.databases import IntakeDatabase
from tests.simulation.network import CALM
from tests.simulation.nodes import API, INTAKE, Node
from tests.simulation.outside import Outside

NODES_MAX = 3
FAULTS_MAX = 3
OF_DATABASES = 0.25
"""Share of histories in which nothing but databases goes wrong, besides messages."""
BACKUPS = 0.3
"""How often a fault is followed by a backup of intake's tables; before the first they are empty."""
PAUSE_SECONDS = 10.0
CLOCK_AHEAD_MS = 30_000
"""Of the broker; processes are wrong by half of it, so inputs may seem to be from the future."""


class Troubled(Outside, Protocol):
    """What faults are done to."""

    intake_database: IntakeDatabase
    owners: Sequence[str]
    """The services that run and own partitions."""

    def start(self, name: str) -> Node:
        """A new process."""

    def living(self, name: str) -> Sequence[Node]:
        """The processes of a service that are not killed."""


class Chaos:
    """The faults of one history."""

    def __init__(self, world: Troubled) -> None:
        self.world = world
        self.random = world.loop.random
        kinds: tuple[Callable[[], None], ...] = (
            self.kill,
            self.pause,
            self.rebalance,
            self.set_clock,
            *self.of_databases,
        )
        if world.network.chance(OF_DATABASES):
            kinds = self.of_databases
        self.kinds = [kind for kind in kinds if world.network.chance(0.5)]
        light = (self.set_clock, self.lag)  # cost no openings: twice as often
        self.kinds += [kind for kind in self.kinds if kind in light]
        calm = not self.kinds or world.network.chance(0.25)
        self.count = 0 if calm else self.random.randint(1, FAULTS_MAX)

    @property
    def of_databases(self) -> tuple[Callable[[], None], ...]:
        """Faults under which no owner meets another: nothing that is appended is void."""
        return (self.lose_commits, self.restore, self.drop_schema, self.lag)

    @property
    def is_undisturbed(self) -> bool:
        """Whether nothing goes wrong besides databases."""
        return self.world.network.faults == CALM and (
            not self.count or set(self.kinds) <= set(self.of_databases)
        )

    async def run(self) -> None:
        """All of them, at seeded times during the load."""
        for _ in range(self.count):
            await asyncio.sleep(self.random.expovariate(1) * self.world.load.seconds / self.count)
            self.random.choice(self.kinds)()
            if self.world.network.chance(BACKUPS):
                self.world.intake_database.back_up()

    def spread(self, name: str) -> None:
        """Every partition has an owner; now and then it has two."""
        nodes = self.world.living(name)
        given: dict[int, set[int]] = {number: set() for number in range(len(nodes))}
        for partition in range(self.world.partitions):
            for _ in range(self.random.choice((1, 1, 2))):
                given[self.random.randrange(len(nodes))].add(partition)
        for number, node in enumerate(nodes):
            node.group.give(given[number])

    def kill(self) -> None:
        """`kill -9` of any process, wherever it is; another one takes its place."""
        name = self.random.choice((*self.world.owners, API))
        victim = self.random.choice(self.world.living(name))
        victim.kill()
        self.world.note(f"kill {name}")
        self.world.start(name)
        if name != API:
            self.spread(name)

    def pause(self) -> None:
        """A zombie: paused, replaced, and resumed with what it had in mind."""
        name = self.random.choice(self.world.owners)
        zombie = self.random.choice(self.world.living(name))
        seconds = self.random.uniform(0.001, PAUSE_SECONDS)
        zombie.process.paused_until = self.world.loop.now + seconds
        self.world.note(f"pause {name} for {seconds:.3f} s")
        self._join(name)

    def rebalance(self) -> None:
        """A process more, or other partitions for those there are."""
        name = self.random.choice(self.world.owners)
        self.world.note(f"rebalance {name}")
        self._join(name)

    def _join(self, name: str) -> None:
        if len(self.world.living(name)) < NODES_MAX:
            self.world.start(name)
        self.spread(name)

    def _deciding(self) -> str:
        return self.random.choice([name for name in self.world.owners if name != INTAKE])

    def lose_commits(self) -> None:
        """A database crashes and loses its last asynchronous commits; the services live on."""
        name = self._deciding()
        lost = self.world.databases[name].lose(self.random.choice((1, 1, 2, 3)))
        self.world.note(f"{name}'s database lost {lost} commits")

    def restore(self) -> None:
        """A database goes back to an older backup; the services live on."""
        name = self.random.choice(self.world.owners)
        if name == INTAKE:
            self.world.intake_database.restore()
        else:
            commits = len(self.world.databases[name].commits)
            self.world.databases[name].lose(self.random.randint(0, commits))
        self.world.note(f"{name}'s database is an older backup")

    def lag(self) -> None:
        """Some reads are answered by a replica that is behind."""
        name = self._deciding()
        self.world.databases[name].lags_until = self.world.loop.now + self.random.uniform(0, 5)
        self.world.note(f"some reads of {name} are behind")

    def drop_schema(self) -> None:
        """Somebody drops a schema; what is rebuilt from the log must be the same."""
        name = self.random.choice(self.world.owners)
        if name == INTAKE:
            self.world.intake_database.drop()
        else:
            self.world.databases[name].drop()
        self.world.note(f"{name}'s schema is dropped")

    def set_clock(self) -> None:
        """The broker's clock jumps."""
        ahead_ms = self.random.randint(-CLOCK_AHEAD_MS, CLOCK_AHEAD_MS)
        self.world.broker.clock_ahead_ms = ahead_ms
        self.world.broker.is_clock_right = False
        self.world.note(f"the broker's clock is {ahead_ms} ms off")
