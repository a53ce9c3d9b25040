"""A small ledger in memory, made by the real loop of earn and redeem; and how to damage its log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from services.earn.service import Earn
from services.redeem.service import Redeem
from shared.chain.link import HASH, PREV, SEQ, TIME, Head, genesis, link
from shared.events import registry
from shared.events.activity import CustomActionRecorded, PurchaseRecorded, ReturnRecorded
from shared.events.base import millis, split_account
from shared.events.bought import in_normal_form
from shared.events.commands import RedeemPoints, Tick
from shared.events.ids import Cause, activity_cause, command_cause, digest, tick_cause
from shared.events.topics import (
    ACTIVITY,
    AWARDS,
    BY_NAME,
    COMMANDS,
    LEDGER,
    PROGRAMS,
    QUARANTINE,
    partition_of,
)
from shared.events.upstream import CustomAction, Purchase, PurchaseLine, Return, ReturnedLine
from shared.events.wire import context
from shared.program.catalogue import Catalogue
from shared.program.document import published
from shared.program.model import Program
from shared.stream.limits import Limits
from shared.stream.log import Outgoing, Place
from shared.stream.memory import MemoryInputs, MemoryLog, MemoryRecord, MemoryStore
from shared.stream.opening import Ledger, Opening, Owner
from shared.stream.store import Writes
from shared.stream.turn import Turn
from tests.simulation.program import SHOP

PARTITIONS = 2
LEDGER_ID = "memory"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits(inputs_per_turn=3, replay_records=5)
LINKS = {TIME, SEQ, PREV, HASH}


class Silent:
    """A meter that counts nothing."""

    def step(self, name: str, seconds: float) -> None:
        """See `Meter.step`."""

    def turned(self, inputs: int, facts: int, void: int) -> None:
        """See `Meter.turned`."""


class Alone:
    """A group of one process, which has all partitions of a topic."""

    def __init__(self, topic: str, partitions: int) -> None:
        self.changed = asyncio.Event()
        self.changed.set()
        self.owned = frozenset(Place(topic, partition) for partition in range(partitions))

    def places(self) -> frozenset[Place]:
        """See `Group.places`."""
        return self.owned

    async def committed(self, nexts: object) -> None:
        """See `Group.committed`."""


class Published:
    """The programs, as one process reads them."""

    def __init__(self, ledger: "MemoryLedger") -> None:
        self.ledger = ledger
        self.has_read_all = False

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        """See `Programs.refresh`."""
        self.has_read_all = self.has_read_all or to_end
        arrived = self.ledger.arrived
        return self.ledger.catalogue if arrived is None or self.has_read_all else arrived


def message(body: BaseModel, cause: Cause, account: str, digested: bytes) -> Outgoing:
    """An input as its sender puts it on its topic."""
    headers = context(
        id=cause.id,
        source="test",
        type=registry.TYPE_OF[type(body)],
        subject=account,
        time_ms=millis(START),
    )
    headers += [("cause", cause.text.encode()), ("body", digested)]
    return Outgoing(account.encode(), registry.encode(body), headers)


@dataclass
class MemoryLedger:
    """Logs, stores, a clock that is set by hand, and the loop of both services."""

    now: datetime = START
    catalogue: Catalogue = field(default_factory=Catalogue)
    programs: list[bytes] = field(default_factory=list)
    arrived: Catalogue | None = None
    """What has arrived by itself when inputs come; None: all that is published by then."""
    log_type: type[MemoryLog] = MemoryLog
    inputs_type: type[MemoryInputs] = MemoryInputs
    watchers: list[Callable[[Writes], object]] = field(default_factory=list)
    """Of all turns."""

    def __post_init__(self) -> None:
        keyed = {topic.name: PARTITIONS for topic in (ACTIVITY, COMMANDS, AWARDS, LEDGER)}
        self.log = self.log_type({**keyed, QUARANTINE.name: 1, PROGRAMS.name: 1}, self.now_ms)
        self.services: dict[str, Any] = {"earn": Earn(), "redeem": Redeem()}
        self.stores = {
            name: MemoryStore(service.tables, service.lookups)
            for name, service in self.services.items()
        }
        self.publish(SHOP)

    def now_ms(self) -> int:
        return millis(self.now)

    def pass_time(self, **time: int) -> None:
        self.now += timedelta(**time)

    def publish(self, document: dict[str, Any]) -> None:
        program = Program.model_validate(document)
        self.catalogue = self.catalogue.with_version(program)
        self.programs.append(registry.encode(published(program)))

    # inputs

    def buy(self, account: str, receipt: str, dollars: int, *, days_ago: int = 0) -> None:
        purchase = Purchase(
            event_id=f"event of {receipt}",
            source="till",
            brand="shop",
            member=split_account(account)[1],
            occurred_at=self.now - timedelta(days=days_ago),
            receipt_id=receipt,
            currency="USD",
            lines=(PurchaseLine(line_id="1", sku="s", amount_minor=100 * dollars),),
        )
        recorded = PurchaseRecorded(account=account, activity=in_normal_form(purchase))
        body = digest(registry.encode(purchase.model_copy(update={"occurred_at": START})))
        self.put(
            ACTIVITY.name,
            account,
            message(recorded, activity_cause(account, purchase), account, body),
        )

    def give_back(self, account: str, receipt: str, event_id: str, cents: int) -> None:
        """A part of the line of a receipt comes back."""
        back = Return(
            event_id=event_id,
            source="till",
            brand="shop",
            member=split_account(account)[1],
            occurred_at=self.now,
            receipt_id=receipt,
            currency="USD",
            lines=(ReturnedLine(line_id="1", quantity=0, amount_minor=cents),),
        )
        recorded = ReturnRecorded(account=account, activity=back)
        body = digest(registry.encode(back))
        self.put(
            ACTIVITY.name, account, message(recorded, activity_cause(account, back), account, body)
        )

    def does(self, account: str, action: str, event_id: str, **attributes: str) -> None:
        """A member does something that is no purchase."""
        done = CustomAction(
            event_id=event_id,
            source="till",
            brand="shop",
            member=split_account(account)[1],
            occurred_at=self.now,
            action=action,
            attributes=dict(attributes),
        )
        recorded = CustomActionRecorded(account=account, activity=done)
        body = digest(registry.encode(done))
        self.put(
            ACTIVITY.name, account, message(recorded, activity_cause(account, done), account, body)
        )

    def redeem(self, account: str, key: str, points: int) -> None:
        command = RedeemPoints(account=account, idempotency_key=key, points=points)
        body = digest(registry.encode(command))
        self.put(
            COMMANDS.name, account, message(command, command_cause(account, key), account, body)
        )

    def tick(self, account: str) -> None:
        tick = Tick(account=account, due_at=self.now)
        self.put(COMMANDS.name, account, message(tick, tick_cause(tick), account, b"tick"))

    def put(self, topic: str, account: str, outgoing: Outgoing) -> None:
        self.log.put(Place(topic, partition_of(account, PARTITIONS)), outgoing)

    # the loop

    def run(self) -> None:
        """Decide all that is there."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        for name, service in self.services.items():
            turn, opening = self.loop_of(name)
            for partition in range(PARTITIONS):
                turn.positions[partition] = await opening.open(partition)
            turn.inputs.assign(
                {
                    Place(topic.name, partition): position.inputs[topic.name].next
                    for partition, position in turn.positions.items()
                    for topic in service.inputs
                }
            )
            while await turn.run():
                pass

    def loop_of(self, name: str) -> tuple[Turn[Any], Opening[Any]]:
        """A service's turn in a process of its own, and what opens its partitions."""
        service, store = self.services[name], self.stores[name]
        opening: Opening[Any] = Opening(
            service,
            self.log,
            store,
            Ledger(LEDGER_ID, PARTITIONS),
            Owner(name, "test"),
            replay_records=LIMITS.replay_records,
            fold_version="1.0",
        )
        turn: Turn[Any] = Turn(
            service,
            self.log,
            self.inputs_type(self.log, [topic.name for topic in service.inputs]),
            store,
            Published(self),
            self,
            Silent(),
            partitions=PARTITIONS,
            quarantine_partitions=1,
            limits=LIMITS,
        )
        turn.watchers = self.watchers
        return turn, opening

    # damage

    def records(self, topic: str, account: str) -> list[MemoryRecord]:
        """The records of an account's partition."""
        return self.log.records[Place(topic, partition_of(account, PARTITIONS))]

    def find(self, topic: str, account: str, wire_type: str, number: int = 0) -> int:
        """The offset of the account's n-th record of a type."""
        offsets = [
            record.offset
            for record in self.records(topic, account)
            if record.key == account.encode()
            and dict(record.headers)["ce_type"] == wire_type.encode()
        ]
        return offsets[number]

    def forge(
        self, topic: str, account: str, change: Callable[[list[MemoryRecord]], object]
    ) -> None:
        """Change a fact partition as its writer could: every record is linked anew behind it."""
        place = Place(topic, partition_of(account, PARTITIONS))
        records = self.log.records[place]
        change(records)
        head = genesis(LEDGER_ID, topic, place.partition, PARTITIONS, BY_NAME[topic].writers[0])
        for offset, record in enumerate(records):
            named = dict(record.headers)
            time_ms = int(named[TIME])
            seq = int(named[SEQ])
            before = Head(head.hash, seq - 1, min(head.time_ms, time_ms))
            plain = [header for header in record.headers if header[0] not in LINKS]
            headers, head = link(before, plain, record.value or b"", time_ms)
            records[offset] = record._replace(offset=offset, headers=tuple(headers))


def renumbered(records: list[MemoryRecord]) -> None:
    """Give the records of a chain the positions that they have now."""
    for number, record in enumerate(records, 1):
        headers = [(n, b"%d" % number if n == SEQ else c) for n, c in record.headers]
        records[number - 1] = record._replace(headers=tuple(headers))


def with_header(record: MemoryRecord, name: str, content: bytes) -> MemoryRecord:
    """The record with another content of a header."""
    headers = [(n, content if n == name else c) for n, c in record.headers]
    return record._replace(headers=tuple(headers))


def with_fact(record: MemoryRecord, **changed: Any) -> MemoryRecord:
    """The record with other fields of its fact."""
    wire_type = dict(record.headers)["ce_type"].decode()
    fact = registry.decode(wire_type, record.value or b"")
    return record._replace(value=registry.encode(fact.model_copy(update=changed)))
