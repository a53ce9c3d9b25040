"""Processes of the real services in the simulated world: what runs in them is the product's code.

Only what touches a server is replaced: the log, the inputs, the stores, the API's statements.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from services.earn.service import Earn
from services.intake.service import Intake, Outputs
from services.query.arrivals import Arrivals
from services.query.carried_requests import CarriedRequests, Course
from services.query.courses import MERGES_MADE, REWARDS, TRANSFERS_MADE
from services.query.reading import Reader
from services.query.redemptions import Redemptions
from services.redeem.courier import courier
from services.redeem.service import Redeem
from shared.events.topics import PURCHASES, Topic
from shared.program.catalogue import Catalogue
from shared.stream.limits import Limits
from shared.stream.log import Outgoing, Place
from shared.stream.opening import Ledger, Opening, Owner
from shared.stream.runner import Runner
from shared.stream.turn import Turn
from tests.simulation.broker import Broker, SimulatedInputs, SimulatedLog
from tests.simulation.carrying import SimulatedShell
from tests.simulation.databases import (
    Database,
    IntakeDatabase,
    SimulatedIntakeStore,
    SimulatedStore,
)
from tests.simulation.loop import Process, SeededLoop
from tests.simulation.network import EPOCH_MS, Network
from tests.simulation.program import Editions
from tests.simulation.publications import Publication, Published
from tests.simulation.statements import Statements

LEDGER_ID = "simulated"
FOLD_VERSION = "1.0"
LIMITS = Limits(inputs_per_turn=4, poll_wait_ms=200, replay_records=5)
SERVICES: dict[str, Any] = {"earn": Earn, "redeem": Redeem}
"""The deciding services: what they are made of is told by their classes."""
REDEEM, INTAKE, API = "redeem", "intake", "api"
OWNERS = (*SERVICES, INTAKE)
"""Services whose processes own partitions."""
ANSWER_SECONDS = 5.0


class World(Protocol):
    """What processes live in."""

    loop: SeededLoop
    network: Network
    broker: Broker
    databases: dict[str, Database]
    intake_database: IntakeDatabase
    editions: Editions
    publications: list[Publication]
    partitions: int
    has_errands: bool
    """Whether couriers have anything to carry: looking for it costs steps."""

    @property
    def catalogue(self) -> Catalogue:
        """All that is published by now."""
        ...

    def notified(self, partition: int) -> None:
        """A NOTIFY was sent: whoever listens may hear of it."""


class Spread:
    """The group of one process; see `shared.stream.runner.Group`."""

    def __init__(self, topic: Topic, inputs: SimulatedInputs) -> None:
        self.changed = asyncio.Event()
        self.topic = topic
        self.inputs = inputs
        self.owned: frozenset[Place] = frozenset()

    def places(self) -> frozenset[Place]:
        """What the process should own."""
        return self.owned

    def give(self, partitions: set[int]) -> None:
        """A rebalance."""
        self.keep(partitions)
        self.changed.set()
        self.inputs.look_again()

    def keep(self, partitions: set[int]) -> None:
        """These are owned, and nothing is new about it."""
        self.owned = frozenset(Place(self.topic.name, partition) for partition in partitions)

    async def committed(self, nexts: object) -> None:
        """For dashboards."""


class Silent:
    """A meter that counts nothing."""

    def step(self, name: str, seconds: float) -> None:
        """See `Meter.step`."""

    def turned(self, inputs: int, facts: int, void: int) -> None:
        """See `Meter.turned`."""


class VirtualClock:
    """The local clock of a process, which may be wrong."""

    def __init__(self, loop: SeededLoop, ahead_ms: int) -> None:
        self.loop = loop
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return EPOCH_MS + int(self.loop.now * 1000) + self.ahead_ms


class Node:
    """A process of a service that owns partitions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process = Process(name)
        self.group: Spread
        self.task: asyncio.Task[Any]

    def kill(self) -> None:
        """`kill -9`: it never runs again."""
        self.process.dead = True

    def go_on(self, partitions: set[int]) -> None:
        """Own these partitions from where the rows stand, as somebody who has opened them."""
        raise NotImplementedError

    def hint(self, partition: int) -> None:
        """A NOTIFY of a fold was sent to whoever listens in this process."""

    def _notify(self, world: World, arrive: Callable[..., None], *arguments: object) -> None:
        """A NOTIFY arrives after a while, or is lost."""
        if not world.network.chance(world.network.faults.lost):
            world.loop.call_later(
                world.network.delay(), arrive, *arguments, context=self.process.context
            )


class DecidingNode(Node):
    """A process of earn or redeem."""

    def __init__(self, world: World, name: str, clock_ahead_ms: int) -> None:
        super().__init__(name)
        self.world = world
        service = SERVICES[name]()
        service.catalogue = world.catalogue
        log = SimulatedLog(world.network, world.broker)
        store = SimulatedStore(world.network, world.databases[name], world.notified)
        inputs = SimulatedInputs(
            world.network, world.broker, [topic.name for topic in service.inputs]
        )
        self.group = Spread(service.inputs[0], inputs)
        turn: Turn[Any] = Turn(
            service,
            log,
            inputs,
            store,
            Published(world),
            VirtualClock(world.loop, clock_ahead_ms),
            Silent(),
            partitions=world.partitions,
            quarantine_partitions=1,
            limits=LIMITS,
        )
        opener: Opening[Any] = Opening(
            service,
            log,
            store,
            Ledger(LEDGER_ID, world.partitions),
            Owner(name, "simulated"),
            replay_records=LIMITS.replay_records,
            fold_version=FOLD_VERSION,
        )
        runner = Runner(turn, opener, inputs, self.group, world.loop.random.random)
        self.runner = runner
        self.task = world.loop.spawn(self.process, runner.run(asyncio.Event()))
        self.shell: Any = None
        if name == REDEEM and world.has_errands:
            self.shell = SimulatedShell(
                world.network, world.databases[name], log, runner, world.partitions
            )
            world.loop.spawn(self.process, courier(self.shell))

    def go_on(self, partitions: set[int]) -> None:
        """See `Node.go_on`."""
        self.group.keep(partitions)
        turn, stored = self.runner.turn, self.world.databases[self.name].rows.positions
        for partition in partitions:
            turn.positions[partition] = stored[turn.service.output.name, partition]
        self.runner.inputs.assign(self.runner._nexts())

    def hint(self, _partition: int) -> None:
        """See `Node.hint`: the courier listens."""
        if self.shell is not None:
            self._notify(self.world, self.shell.hint)


class IntakeNode(Node):
    """A process of intake."""

    def __init__(self, world: World) -> None:
        super().__init__(INTAKE)
        inputs = SimulatedInputs(world.network, world.broker, [PURCHASES.name])
        self.group = Spread(PURCHASES, inputs)
        self.world = world
        self.intake = Intake(
            SimulatedLog(world.network, world.broker),
            inputs,
            SimulatedIntakeStore(world.network, world.intake_database),
            Published(world),
            self.group,
            Silent(),
            Outputs(world.partitions, 1),
            LIMITS,
            world.loop.random.random,
        )
        self.task = world.loop.spawn(self.process, self.intake.run(asyncio.Event()))

    def go_on(self, partitions: set[int]) -> None:
        """See `Node.go_on`."""
        self.group.keep(partitions)
        stored = self.world.intake_database.positions
        at = {place: stored[place] for place in self.group.owned}
        self.intake.positions.at.update(at)
        self.intake.inputs.assign({place: position.next_offset for place, position in at.items()})


class ApiNode(Node):
    """A process of the API: its reads, its waiting and its redemptions, without HTTP."""

    def __init__(self, world: World) -> None:
        super().__init__(API)
        self.world = world
        database: Any = Statements(world.network, world.databases["redeem"])
        arrivals = Arrivals(database, "")
        log: Any = Reached(SimulatedLog(world.network, world.broker))
        publisher: Any = CommandPublisher(SimulatedLog(world.network, world.broker))
        self.arrivals = arrivals
        self.reader = Reader(database, arrivals, log, world.partitions)
        self.redemptions = Redemptions(
            database,
            arrivals,
            publisher,
            self.reader,
            partitions=world.partitions,
            answer_seconds=ANSWER_SECONDS,
        )
        self.rewards = self._carried(REWARDS)
        self.transfers = self._carried(TRANSFERS_MADE)
        self.merges = self._carried(MERGES_MADE)
        self.task = world.loop.spawn(self.process, arrivals.look_after())

    def _carried(self, course: Course) -> CarriedRequests:
        return CarriedRequests(course, self.redemptions, self.reader)

    def hint(self, partition: int) -> None:
        """See `Node.hint`."""
        self._notify(self.world, self.arrivals._on_hint, None, 0, "", str(partition))


class Reached:
    """A connection that is there; see `services.query.connections.Lifeline`."""

    def __init__(self, made: SimulatedLog) -> None:
        self.made = made


class CommandPublisher:
    """See `services.query.publishing.Publisher.command`."""

    def __init__(self, log: SimulatedLog) -> None:
        self.log = log

    async def command(self, place: Place, record: Outgoing) -> int:
        """Append one command; its offset."""
        return (await self.log.append({place: [record]}))[place]
