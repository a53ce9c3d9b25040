"""One history: a load, faults in a seeded order, then peace until everything is folded."""

import asyncio
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from random import Random
from typing import NamedTuple

from services.redeem.merges import PARCEL
from services.redeem.rewards import CLAIM
from services.redeem.transfers import TRANSFER
from shared.events import quarantine
from shared.events.facts import Opened
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, PURCHASES, QUARANTINE, Topic
from shared.events.wire import Source
from shared.ledger.parcels import ParcelState
from shared.ledger.transfers import TransferState
from shared.program.catalogue import Catalogue
from shared.stream.log import Place, Record
from shared.stream.memory import MemoryRecord, MemoryStore
from shared.stream.positions import head_of
from shared.stream.records import recorded, source_of
from shared.stream.store import Position
from tests.simulation.broker import Broker
from tests.simulation.chaos import CLOCK_AHEAD_MS, Chaos
from tests.simulation.clients import Clients
from tests.simulation.databases import Database, IntakeDatabase
from tests.simulation.loop import ENVIRONMENT, SeededLoop
from tests.simulation.network import BAD, CALM, EPOCH_MS, Faults, Network
from tests.simulation.nodes import (
    API,
    INTAKE,
    OWNERS,
    REDEEM,
    SERVICES,
    ApiNode,
    DecidingNode,
    IntakeNode,
    Node,
)
from tests.simulation.outside import SHAPES, Journal, Load, Violation
from tests.simulation.program import Editions
from tests.simulation.publications import Publication
from tests.simulation.rule import follow

TOPICS = (PURCHASES, ACTIVITY, COMMANDS, AWARDS, LEDGER)
HEAL_SECONDS = 600.0
"""Longer than all requests, pauses and waits that were under way when the faults ended."""
LATE_SECONDS = 3.0
"""How long messages still go wrong while those wait who have asked for something."""
LOOK_SECONDS = 10.0
RIVALS = 0.3
"""How often a service, mostly redeem, begins with two processes that own everything."""


class Setting(NamedTuple):
    """What does not change in a history."""

    editions: Editions
    partitions: int

    @staticmethod
    def drawn(random: Random, programs: Sequence[Editions]) -> "Setting":
        """A seed's."""
        return Setting(random.choice(programs), random.choice((1, 1, 1, 1, 2)))


class History:
    """The world of one seed."""

    shapes = SHAPES

    def __init__(
        self,
        loop: SeededLoop,
        load: Load | None,
        faults: Faults | None,
        setting: Setting,
    ) -> None:
        self.loop = loop
        self.random = loop.random
        self.load = load or Load.drawn(loop.random, self.shapes)
        self.has_errands = self.load.rewards + self.load.transfers + self.load.merges > 0
        is_at_rest = self.load.is_welcomed and not self.load.is_bought
        self.owners: Sequence[str] = (REDEEM,) if is_at_rest else OWNERS
        """Where nothing is bought, earn and intake have nothing to do that others could see."""
        self.setting = setting
        self.editions, self.partitions = setting
        first = Publication(loop.now)
        self.publications = [] if self.load.is_founded else [first]
        self.everything = set(range(self.partitions))
        usual = self.random.choice((CALM, Faults(), Faults(), BAD))
        self.network = Network(loop, usual if faults is None else faults)
        counts = {topic.name: self.partitions for topic in TOPICS}
        self.broker = Broker(self.network, {**counts, QUARANTINE.name: 1})
        self.databases: dict[str, Database] = {}
        self.intake_database = IntakeDatabase()
        self.begun: dict[str, MemoryStore] = {}
        """The rows with which the history begins; a rebuild need not go further back."""
        self.nodes: list[Node] = []
        self.journal = Journal()
        self.trace: list[str] = []
        self.is_undisturbed = False
        self.is_over = False

    def note(self, what: str) -> None:
        """A line of the trace that a failing seed prints."""
        self.trace.append(f"{self.loop.now:8.3f} {what}")

    def notified(self, partition: int) -> None:
        """See `World.notified`."""
        for node in self.nodes:
            if not node.process.dead:
                node.hint(partition)

    def records(self, topic: Topic) -> list[MemoryRecord]:
        """All records of a topic."""
        return [
            record
            for partition in range(self.partitions)
            for record in self.broker.records[Place(topic.name, partition)]
        ]

    def begin(self) -> None:
        """From nothing; see `beginnings` for others."""
        self.begun = {name: empty(name) for name in SERVICES}
        self.databases = {
            name: Database(self.network, rows, rows) for name, rows in self.begun.items()
        }

    # programs

    @property
    def catalogue(self) -> Catalogue:
        """All that is published by now."""
        return self.editions[len(self.publications)]

    def publish(self) -> None:
        """The next version of the program, if there is one."""
        if len(self.publications) + 1 < len(self.editions):
            self.note(f"publish version {len(self.publications) + 1}")
            self.publications.append(Publication(self.loop.now))

    def known_at(self, record: Record) -> Editions:
        """What an input may have been decided under, at this offset or later.

        At least what whoever decides had heard of when it was sent.
        """
        sent = (record.timestamp - EPOCH_MS) / 1000
        heard = list(takewhile(lambda each: each.heard < sent, self.publications))
        first = len(heard) if self.broker.is_clock_right else 0
        return self.editions[first : len(self.publications) + 1]

    def input_of(self, fact: Record) -> Record:
        """What a fact was decided on."""
        src = source_of(fact)
        if src is None:
            raise Violation(f"I5: {fact} has no input")
        return self.broker.records[Place(*src[:2])][src.offset]

    # processes

    def start(self, name: str) -> Node:
        """A new process."""
        node: Node
        match name:
            case _ if name == INTAKE:
                node = IntakeNode(self)
            case _ if name == API:
                node = ApiNode(self)
            case _:
                wrong = CLOCK_AHEAD_MS // 2
                ahead_ms = 0 if self.network.faults == CALM else self.random.randint(-wrong, wrong)
                node = DecidingNode(self, name, ahead_ms)
        self.nodes.append(node)
        return node

    def living(self, name: str) -> list[Node]:
        """The processes of a service that are not killed."""
        return [node for node in self.nodes if node.name == name and not node.process.dead]

    def apis(self) -> list[ApiNode]:
        """The processes of the API that a balancer knows."""
        return [node for node in self.nodes if isinstance(node, ApiNode) and not node.process.dead]

    # the course of events

    async def run(self) -> None:
        """Load and faults, messages that go wrong for a while, peace until everything is folded."""
        for name in (API, API):
            self.start(name)
        self.start_owners()
        if self.load.is_founded:
            self.publish()
        rivalled = self.network.chance(RIVALS)
        if rivalled:
            self.start(self.random.choice((REDEEM, *self.owners))).group.give(self.everything)
        planned = Chaos(self)
        self.is_undisturbed = planned.is_undisturbed and not rivalled
        chaos = self.loop.spawn(ENVIRONMENT, planned.run())
        work = Clients(self).start()
        await asyncio.sleep(self.load.seconds)
        chaos.cancel()
        self.is_over = True
        if work:
            await asyncio.wait(work, timeout=LATE_SECONDS)
        self._heal()
        for each in work:
            await each
        await self.drain()

    def start_owners(self) -> None:
        """A process of each service, which owns every partition."""
        for name in self.owners:
            node = self.start(name)
            if self.load.is_welcomed and self.load.is_opened:
                node.go_on(self.everything)
            else:
                node.group.give(self.everything)

    def _heal(self) -> None:
        """No faults from here on; what they have set going still takes place.

        Of each service one process goes on, the oldest: it has seen most of it.
        """
        self.note("peace")
        self.network.faults = CALM
        self.broker.clock_ahead_ms = 0
        for database in self.databases.values():
            database.lags_until = 0.0
        for name in self.owners:
            first, *others = self.living(name)
            first.process.paused_until = 0.0
            for node in others:
                node.kill()
            if len(first.group.owned) < self.partitions:
                first.group.give(self.everything)

    async def drain(self) -> None:
        """Until everything is folded and nothing is under way."""
        until = self.loop.now + HEAL_SECONDS
        while not self._folded():
            if self.loop.now > until:
                raise Violation("I12: decisions do not go on after the last fault")
            await asyncio.sleep(max(LOOK_SECONDS, self.network.busy_until - self.loop.now))

    def _folded(self) -> bool:
        if self.network.busy_until > self.loop.now:
            return False
        if not (all(map(self._is_folded, SERVICES)) and self._is_carried()):
            return False
        return not unforwarded(self)

    def _is_folded(self, name: str) -> bool:
        service = SERVICES[name]
        for partition in range(self.partitions):
            position = self.databases[name].rows.positions.get((service.output.name, partition))
            if position is None or self._is_behind(position):
                return False
            for topic in service.inputs:
                mark = position.inputs.get(topic.name)
                end = len(self.broker.records[Place(topic.name, partition)])
                if mark is None or mark.next < end:
                    return False
        return True

    def _is_carried(self) -> bool:
        """Whether nothing is left to carry between accounts."""
        tables = self.databases[REDEEM].rows.tables
        claims, transfers = tables[CLAIM].rows.values(), tables[TRANSFER].rows.values()
        parcels = tables[PARCEL].rows.values()
        return (
            all(claim.errand is None for claim in claims)
            and all(transfer.state != TransferState.IN_TRANSIT for transfer in transfers)
            and all(parcel.state != ParcelState.OPEN for parcel in parcels)
        )

    def _is_behind(self, position: Position) -> bool:
        """Whether a fact stands behind a position.

        Void records may arrive at any time, and an `Opened` of an owner that was killed says
        nothing that has to be folded before the next input.
        """
        records = self.broker.records[Place(position.topic, position.partition)]
        head = head_of(position)
        for record in records[position.next_offset :]:
            after = follow(head, record)
            if after is not None:
                head = after
                if not isinstance(recorded(record).fact, Opened):
                    return True
        return False


@cache
def empty(name: str) -> MemoryStore:
    """The tables of a service, of which histories take copies."""
    service = SERVICES[name]
    return MemoryStore(service.tables, service.lookups)


def set_aside(history: History) -> set[Source]:
    """Where the inputs stood that are in quarantine."""
    return {
        quarantine.decode(record.key, record.value, record.headers).source
        for record in history.broker.records[Place(QUARANTINE.name, 0)]
    }


def unforwarded(history: History) -> list[Source]:
    """Upstream records that intake has neither forwarded nor set aside."""
    told = set_aside(history) | {source_of(record) for record in history.records(ACTIVITY)}
    places = [Source(*record[:3]) for record in history.records(PURCHASES)]
    return [place for place in places if place not in told]
