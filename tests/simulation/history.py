"""One history: a load, faults in a seeded order, then peace until everything is folded."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.earn.service import Earn
from services.redeem.projection import DECISION as DECIDED
from services.redeem.service import Redeem
from shared.chain.link import Head
from shared.events import registry
from shared.events.activity import PurchaseRecorded
from shared.events.base import instant
from shared.events.commands import RedeemPoints, Tick
from shared.events.ids import Cause, activity_cause, command_cause, digest, tick_cause
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, QUARANTINE, Topic, partition_of
from shared.events.upstream import Purchase, PurchaseLine
from shared.events.wire import context
from shared.program.catalogue import Catalogue
from shared.stream.limits import Limits
from shared.stream.log import AppendFailed, Outgoing, Place
from shared.stream.memory import MemoryStore
from shared.stream.opening import Ledger, Opening, Owner
from shared.stream.runner import Runner
from shared.stream.store import Position
from shared.stream.turn import Turn
from tests.simulation.loop import ENVIRONMENT, Process, SeededLoop
from tests.simulation.rule import follow
from tests.simulation.world import (
    CALM,
    EPOCH_MS,
    Broker,
    Database,
    Faults,
    Network,
    SimulatedInputs,
    SimulatedLog,
    SimulatedStore,
)

PARTITIONS = 2
LOAD_SECONDS = 40.0
HEAL_SECONDS = 400.0
"""Longer than any request, delay or pause that was under way when the faults ended."""
QUIET_LOOKS = 9
"""Looks, 10 s apart, in which nothing may be left to fold: longer than two slow messages."""
LEDGER_ID = "simulated"
LIMITS = Limits(inputs_per_turn=4, poll_wait_ms=200, replay_records=5)
SERVICES: dict[str, Callable[[], Any]] = {"earn": Earn, "redeem": Redeem}


class Violation(AssertionError):
    """Something that must always hold does not."""


@dataclass
class Load:
    """How much happens in a history."""

    accounts: int = 3
    purchases: int = 8
    redemptions: int = 8
    ticks: int = 3
    chaos_seconds: float = 3.0


@dataclass
class Journal:
    """What the outside world knows: inputs that were acknowledged, answers that were seen."""

    purchases: dict[Cause, Purchase] = field(default_factory=dict)
    redemptions: dict[Cause, RedeemPoints] = field(default_factory=dict)
    answers: dict[Cause, str] = field(default_factory=dict)


class Spread:
    """The group of one node; see `shared.stream.runner.Group`."""

    def __init__(self, topic: Topic) -> None:
        self.changed = asyncio.Event()
        self.topic = topic
        self.owned: frozenset[Place] = frozenset()

    def places(self) -> frozenset[Place]:
        """What the node should own."""
        return self.owned

    def give(self, partitions: set[int]) -> None:
        """A rebalance."""
        self.owned = frozenset(Place(self.topic.name, partition) for partition in partitions)
        self.changed.set()

    async def committed(self, nexts: object) -> None:
        """For dashboards."""


class Silent:
    """A meter that counts nothing."""

    def step(self, name: str, seconds: float) -> None:
        """See `Meter.step`."""

    def turned(self, inputs: int, facts: int, void: int) -> None:
        """See `Meter.turned`."""


class VirtualClock:
    """The local clock of a process."""

    def __init__(self, loop: SeededLoop) -> None:
        self.loop = loop

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return EPOCH_MS + int(self.loop.time() * 1000)


class Node:
    """One process of a service."""

    def __init__(self, history: "History", name: str) -> None:
        service = SERVICES[name]()
        service.catalogue = history.catalogue
        self.name = name
        self.process = Process(name)
        self.group = Spread(service.inputs[0])
        log = SimulatedLog(history.network, history.broker)
        store = SimulatedStore(history.network, history.databases[name])
        inputs = SimulatedInputs(
            history.network, history.broker, [topic.name for topic in service.inputs]
        )
        turn: Turn[Any] = Turn(
            service,
            log,
            inputs,
            store,
            VirtualClock(history.loop),
            Silent(),
            partitions=PARTITIONS,
            quarantine_partitions=1,
            limits=LIMITS,
        )
        opener: Opening[Any] = Opening(
            service,
            log,
            store,
            Ledger(LEDGER_ID, PARTITIONS),
            Owner(name, "simulated"),
            replay_records=LIMITS.replay_records,
            fold_version="1.0",
        )
        runner = Runner(turn, opener, inputs, self.group, _nothing, history.loop.random.random)
        self.task = history.loop.spawn(self.process, runner.run(asyncio.Event()))

    def kill(self) -> None:
        """`kill -9`: it never runs again."""
        self.process.dead = True


async def _nothing() -> None:
    return


class History:
    """The world of one seed."""

    def __init__(self, loop: SeededLoop, load: Load, faults: Faults, catalogue: Catalogue) -> None:
        self.loop = loop
        self.load = load
        self.random = loop.random
        self.catalogue = catalogue
        self.network = Network(loop, faults)
        counts = {topic.name: PARTITIONS for topic in (ACTIVITY, COMMANDS, AWARDS, LEDGER)}
        self.broker = Broker({**counts, QUARANTINE.name: 1}, self.network.now_ms)
        self.databases = {name: Database(_maker(name)) for name in SERVICES}
        self.nodes: list[Node] = []
        self.journal = Journal()
        self.trace: list[str] = []

    def note(self, what: str) -> None:
        """A line of the trace that a failing seed prints."""
        self.trace.append(f"{self.loop.time():8.3f} {what}")

    # the load

    async def run(self) -> None:
        """Load and faults, then peace until everything is folded."""
        for name in SERVICES:
            self.start(name).group.give(set(range(PARTITIONS)))
        clients = [
            *(self._client(self._buy(n)) for n in range(self.load.purchases)),
            *(self._client(self._redeem(n)) for n in range(self.load.redemptions)),
            *(self._client(self._tick()) for _ in range(self.load.ticks)),
        ]
        chaos = self.loop.spawn(ENVIRONMENT, self._chaos())
        tasks = [self.loop.spawn(ENVIRONMENT, client) for client in clients]
        await asyncio.sleep(LOAD_SECONDS)
        chaos.cancel()
        await self._heal()
        await asyncio.gather(*tasks)
        await self._drain()

    async def _client(self, work: Any) -> None:
        await asyncio.sleep(self.random.uniform(0, LOAD_SECONDS))
        await work

    def _account(self) -> str:
        return f"shop:{self.random.randrange(self.load.accounts)}"

    async def _publish(self, topic: Topic, account: str, outgoing: Outgoing) -> None:
        """Until it is acknowledged; so it may stand there twice, and late."""
        place = Place(topic.name, partition_of(account, PARTITIONS))
        client = SimulatedLog(self.network, self.broker)
        while True:
            try:
                await client.append({place: [outgoing]})
            except AppendFailed:
                continue
            if not self.network.chance(0.1):
                return

    async def _buy(self, number: int) -> None:
        account = self._account()
        happened = instant(self.network.now_ms()) - timedelta(days=self.random.randrange(60))
        purchase = Purchase(
            event_id=f"e{number}",
            source="till",
            brand="shop",
            member=account.split(":")[1],
            occurred_at=happened + timedelta(seconds=self.random.randrange(120)),
            receipt_id=f"r{number}",
            currency="USD",
            lines=(
                PurchaseLine(line_id="1", sku="s", amount_minor=100 * self.random.randrange(12)),
            ),
        )
        recorded = PurchaseRecorded(account=account, activity=purchase)
        cause = activity_cause(account, purchase)
        self.journal.purchases[cause] = purchase
        self.note(f"buy {account} {purchase.lines[0].amount_minor} r{number}")
        await self._publish(ACTIVITY, account, message(recorded, cause, account, b"body"))

    async def _redeem(self, number: int) -> None:
        account = self._account()
        key = f"k{number}"
        command = RedeemPoints(
            account=account, idempotency_key=key, points=self.random.randrange(0, 9)
        )
        cause = command_cause(account, key)
        self.journal.redemptions[cause] = command
        self.note(f"redeem {account} {command.points} {key}")
        body = digest(registry.encode(command))
        await self._publish(COMMANDS, account, message(command, cause, account, body))
        rows = self.databases["redeem"]
        while cause not in self.journal.answers:
            row = rows.rows.tables[DECIDED].rows.get(cause.id)
            if row is not None:
                self.journal.answers[cause] = row.fact
                self.note(f"answer {key}: {row.type} {row.points}")
            await asyncio.sleep(0.3)

    async def _tick(self) -> None:
        account = self._account()
        tick = Tick(account=account, due_at=instant(self.network.now_ms()))
        await self._publish(COMMANDS, account, message(tick, tick_cause(tick), account, b"tick"))

    # faults

    def start(self, name: str) -> Node:
        """A new process."""
        node = Node(self, name)
        self.nodes.append(node)
        return node

    def living(self, name: str) -> list[Node]:
        """The processes of a service that are not killed."""
        return [node for node in self.nodes if node.name == name and not node.process.dead]

    async def _chaos(self) -> None:
        actions = (
            self._kill,
            self._kill,
            self._pause,
            self._rebalance,
            self._lose_commits,
            self._drop_schema,
            self._set_clock,
        )
        while True:
            await asyncio.sleep(self.random.expovariate(1 / self.load.chaos_seconds))
            name = self.random.choice(list(SERVICES))
            self.random.choice(actions)(name)

    def _spread(self, name: str) -> None:
        """Every partition has an owner; now and then it has two."""
        nodes = self.living(name)
        given: dict[int, set[int]] = {n: set() for n in range(len(nodes))}
        for partition in range(PARTITIONS):
            for _ in range(self.random.choice((1, 1, 2))):
                given[self.random.randrange(len(nodes))].add(partition)
        for number, node in enumerate(nodes):
            node.group.give(given[number])

    def _kill(self, name: str) -> None:
        self.note(f"kill {name}")
        victim = self.random.choice(self.living(name))
        victim.kill()
        self.start(name)
        self._spread(name)

    def _pause(self, name: str) -> None:
        """A zombie: paused, replaced, and resumed with what it had in mind."""
        self.note(f"pause {name}")
        zombie = self.random.choice(self.living(name))
        zombie.process.paused_until = self.loop.time() + self.random.uniform(0.5, 30)
        if len(self.living(name)) < 3:
            self.start(name)
        self._spread(name)

    def _rebalance(self, name: str) -> None:
        self.note(f"rebalance {name}")
        if len(self.living(name)) < 3:
            self.start(name)
        self._spread(name)

    def _lose_commits(self, name: str) -> None:
        lost = self.databases[name].lose(self.random.choice((1, 2, 3, 10)))
        self.note(f"{name}'s database lost {lost} commits")

    def _drop_schema(self, name: str) -> None:
        if self.network.chance(0.3):
            self.databases[name].drop()
            self.note(f"{name}'s schema is dropped")

    def _set_clock(self, name: str) -> None:
        self.network.clock_ahead_ms = self.random.randint(-30_000, 30_000)
        self.note(f"the broker's clock is {self.network.clock_ahead_ms} ms off")

    async def _heal(self) -> None:
        self.note("peace")
        self.network.faults = CALM
        self.network.clock_ahead_ms = 0
        for node in self.nodes:
            node.kill()
        for name in SERVICES:
            self.start(name).group.give(set(range(PARTITIONS)))

    async def _drain(self) -> None:
        """Until everything is folded; what was under way from before peace arrives meanwhile."""
        until = self.loop.time() + HEAL_SECONDS
        quiet = 0
        while quiet < QUIET_LOOKS:
            if self.loop.time() > until:
                raise Violation("I12: decisions do not go on after the last fault")
            await asyncio.sleep(10.0)
            quiet = quiet + 1 if self._folded() else 0

    def _unfolded(self, position: Position) -> bool:
        """Whether a valid record stands behind a position; void ones may arrive at any time."""
        records = self.broker.records[Place(position.topic, position.partition)]
        head = Head(position.head, position.seq, position.time_ms)
        return any(follow(head, record) for record in records[position.next_offset :])

    def _folded(self) -> bool:
        ends = {place: len(records) for place, records in self.broker.records.items()}
        for name, make in SERVICES.items():
            service = make()
            for partition in range(PARTITIONS):
                position = self.databases[name].rows.positions.get((service.output.name, partition))
                if position is None or self._unfolded(position):
                    return False
                for topic in service.inputs:
                    mark = position.inputs.get(topic.name)
                    if mark is None or mark.next < ends[Place(topic.name, partition)]:
                        return False
        return True


def _maker(name: str) -> Callable[[], MemoryStore]:
    service = SERVICES[name]()
    return lambda: MemoryStore(service.tables, service.lookups)


def message(body: Any, cause: Cause, account: str, digested: bytes) -> Outgoing:
    """An input as its sender puts it on its topic."""
    headers = context(
        id=cause.id,
        source="simulation",
        type=registry.TYPE_OF[type(body)],
        subject=account,
        time_ms=EPOCH_MS,
    )
    headers += [("cause", cause.text.encode()), ("body", digested)]
    return Outgoing(account.encode(), registry.encode(body), headers)
