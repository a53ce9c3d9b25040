"""An installation on real servers: earn and redeem in this process, inputs of all kinds."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from cli.deciding import SERVICES
from cli.program import record
from cli.rebuild.command import Rebuilding
from cli.verify.command import examined
from cli.verify.report import Report
from cli.where import Installation
from services.redeem.decide import Input as Message
from services.redeem.service import cause_of
from shared.chain.link import Head, link
from shared.events.activity import CustomActionRecorded, PurchaseRecorded, ReturnRecorded
from shared.events.base import split_account
from shared.events.bought import in_normal_form
from shared.events.commands import (
    AdjustPoints,
    CancelRedemption,
    CapturePoints,
    Direction,
    HoldPoints,
    RedeemPoints,
    ReleasePoints,
)
from shared.events.ids import activity_cause, command_cause, digest
from shared.events.registry import encode
from shared.events.topics import ACTIVITY, COMMANDS, PROGRAMS, TOPICS, Topic, partition_of
from shared.events.upstream import (
    SIGN_UP,
    CustomAction,
    Purchase,
    PurchaseLine,
    Return,
    ReturnedLine,
)
from shared.postgres.rows import decode_inputs
from shared.program.model import Program
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Outgoing, Place, Record
from shared.stream.process import serve
from shared.stream.topics_setup import make_topics
from tests.ledgers import message
from tests.polling import eventually
from tests.simulation.program import SHOP

PARTITIONS = 4
SILENT = Console(quiet=True)
CREDITED = b"loyalty.points.credited.v1"
LINKS = {"time", "seq", "prev", "hash"}
POSITIONS = "SELECT partition, inputs FROM {service}.stream_position"


class World:
    """One installation; its topics are new."""

    def __init__(self, kafka: str, postgres: str) -> None:
        self.where = Installation(kafka, postgres, uuid.uuid4().hex, PARTITIONS)
        self.settings = Settings(
            kafka=kafka, postgres=postgres, ledger_id=self.where.ledger_id, partitions=PARTITIONS
        )
        self.log = KafkaLog(kafka)
        self._numbers = count()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            **os.environ,
            "TESSERA_KAFKA": self.where.kafka,
            "TESSERA_POSTGRES": self.where.postgres,
            "TESSERA_LEDGER_ID": self.where.ledger_id,
            "TESSERA_PARTITIONS": str(self.where.partitions),
        }

    def on(self, database: str) -> "World":
        """The same on another database."""
        other = World(self.where.kafka, database)
        other.where = self.where._replace(postgres=database)
        other._numbers = self._numbers
        other.settings = self.settings.model_copy(update={"postgres": database})
        return other

    async def start(self) -> None:
        """New topics, with the program."""
        await self.log.start()
        await remake(self.where.kafka, TOPICS)
        program = Program.model_validate(SHOP)
        await self.log.append({Place(PROGRAMS.name, 0): [record(program)]})

    # inputs

    async def put(self, topic: Topic, inputs: Iterable[tuple[str, Outgoing]]) -> None:
        """Inputs of accounts, on their partitions."""
        batches: dict[Place, list[Outgoing]] = {}
        for account, outgoing in inputs:
            place = Place(topic.name, partition_of(account, PARTITIONS))
            batches.setdefault(place, []).append(outgoing)
        await self.log.append(batches)

    async def buy(self, how_many: int, members: int = 12) -> None:
        """Purchases of members in turn; every fifth so old that its points are expired at once."""
        numbers = islice(self._numbers, how_many)
        await self.put(ACTIVITY, (bought(number, members) for number in numbers))

    async def redeem(self, key: str, points: int, members: int = 12) -> None:
        """Each member redeems."""
        await self.put(
            COMMANDS, (redeemed(f"shop:{number}", key, points) for number in range(members))
        )

    async def fill(self) -> None:
        """Awards, redemptions and refusals, repeats, conflicts, and what cannot be read."""
        await self.buy(200)
        async with self.running():
            await self.drained()
            await self.move()
            await self.redeem("first", 3)
            await self.redeem("all there is", 10**6)
            await self.redeem("one more", 1)
            await self.put(COMMANDS, [redeemed("shop:nobody", "first", 1)])
            await self.put(COMMANDS, [redeemed("nowhere:nobody", "first", 1)])
            await self.redeem("first", 3)
            await self.redeem("first", 4)  # the same keys with another body
            await self.put(ACTIVITY, [bought(0), ("shop:0", Outgoing(b"shop:0", b"poison", []))])
            await self.buy(40)
            await self.drained()

    async def move(self, members: int = 12) -> None:
        """Each holds, captures, releases, cancels, returns and signs up; some are adjusted."""
        accounts = [f"shop:{number}" for number in range(members)]
        await self.put(COMMANDS, (asked(each) for key in accounts for each in of_checkouts(key)))
        await self.put(ACTIVITY, (returned(number, members) for number in range(members, 24)))
        await self.put(ACTIVITY, (signed_up(account) for account in accounts))
        await self.put(COMMANDS, (asked(deduction(key)) for key in accounts[:2]))

    # services

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Services in this process, all of them unless some are named."""
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(serve(SERVICES[name](), self.settings, stop))
            for name in names or SERVICES
        ]
        try:
            yield tasks
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def drained(self) -> None:
        """Every input is folded."""
        await eventually(self._is_drained, 120)

    async def _is_drained(self) -> bool:
        connection = await asyncpg.connect(self.where.postgres)
        try:
            for name, make in SERVICES.items():
                try:
                    rows = await connection.fetch(POSITIONS.format(service=name))
                except asyncpg.UndefinedTableError:
                    return False
                read = dict(rows)
                for topic in make().inputs:
                    places = [Place(topic.name, partition) for partition in range(PARTITIONS)]
                    for place, (_, end) in (await self.log.bounds(places)).items():
                        marks = read_marks(read.get(place.partition, "{}"))
                        if marks.get(topic.name, 0) < end:
                            return False
        finally:
            await connection.close()
        return True

    # operations

    async def rebuild(self, service: str, **options: Any) -> None:
        """Rebuild a service's tables."""
        rebuilding = Rebuilding(self.where, service, **options)
        rebuilding.told = SILENT
        await rebuilding.run()

    async def verify(self, processes: int | None = None) -> Report:
        """What verify finds."""
        return await examined(self.where, SILENT, processes)

    async def tables(self, service: str) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of a service, and its positions without their fold version."""
        connection = await asyncpg.connect(self.where.postgres)
        try:
            names = [table.name for table in SERVICES[service]().tables]
            rows = {
                name: sorted(
                    (
                        tuple(row)
                        for row in await connection.fetch(f"SELECT * FROM {service}.{name}")
                    ),
                    key=repr,
                )
                for name in names
            }
            positions = await connection.fetch(
                "SELECT topic, partition, next_offset, head, seq, time_ms, mark, inputs, ledger_id "
                f"FROM {service}.stream_position ORDER BY topic, partition"
            )
        finally:
            await connection.close()
        return {**rows, "stream_position": [tuple(row) for row in positions]}

    # the log

    async def records(self, topic: Topic) -> dict[Place, list[Record]]:
        """All records of a topic."""
        places = [Place(topic.name, partition) for partition in range(PARTITIONS)]
        ends = {p: Bounds(b.first, b.end) for p, b in (await self.log.bounds(places)).items()}
        return await self.log.read(ends)

    @asynccontextmanager
    async def rewritten(
        self, topic: Topic, change: Callable[[Record], Outgoing | None]
    ) -> AsyncIterator[None]:
        """The topic made anew with changed records; afterwards as it was."""
        before = await self.records(topic)
        try:
            await self._rewrite(topic, before, change)
            yield
        finally:
            await self._rewrite(topic, before, as_it_was)

    async def _rewrite(
        self,
        topic: Topic,
        records: dict[Place, list[Record]],
        change: Callable[[Record], Outgoing | None],
    ) -> None:
        await self.log.close()
        await remake(self.where.kafka, [topic])
        self.log = KafkaLog(self.where.kafka)
        await self.log.start()
        await self.log.append(
            {
                place: [changed for record in kept if (changed := change(record)) is not None]
                for place, kept in records.items()
            }
        )

    async def forged_copy(self, topic: Topic, partition: int) -> tuple[Place, Outgoing]:
        """The first credit of a partition once more, linked behind its last record."""
        place = Place(topic.name, partition)
        records = (await self.records(topic))[place]
        credit = next(r for r in records if dict(r.headers)["ce_type"] == CREDITED)
        last = dict(records[-1].headers)
        head = Head(last["hash"], int(last["seq"]), int(last["time"]))
        plain = [header for header in credit.headers if header[0] not in LINKS]
        headers, _ = link(head, plain, credit.value or b"", head.time_ms)
        return place, Outgoing(credit.key, credit.value, headers)


async def remake(kafka: str, topics: Iterable[Topic]) -> None:
    """Delete topics, and make whatever is missing."""
    wanted = {topic.name for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        if there := set(await admin.list_topics()) & wanted:
            await admin.delete_topics(list(there))

        async def are_gone() -> bool:
            return not set(await admin.list_topics()) & wanted

        async def are_made() -> bool:
            await make_topics(kafka, partitions=PARTITIONS, replication=1)
            described = await admin.describe_topics(list(wanted))
            return all(
                not topic["error_code"] and all(p["leader"] >= 0 for p in topic["partitions"])
                for topic in described
            )

        await eventually(are_gone)
        await eventually(are_made)
    finally:
        await admin.close()


def as_it_was(record: Record) -> Outgoing:
    """A record to append again."""
    return Outgoing(record.key, record.value, record.headers)


def bought(number: int, members: int = 12) -> tuple[str, Outgoing]:
    """The purchase of this number, always the same but for the time."""
    account = f"shop:{number % members}"
    age = timedelta(days=90 if number % 5 == 0 else number % 20)
    purchase = Purchase(
        event_id=f"e{number}",
        source="till",
        brand="shop",
        member=split_account(account)[1],
        occurred_at=datetime.now(UTC) - age,
        receipt_id=f"r{number}",
        currency="USD",
        lines=(PurchaseLine(line_id="1", sku="s", amount_minor=100 * (1 + number % 9)),),
    )
    recorded = PurchaseRecorded(account=account, activity=in_normal_form(purchase))
    cause = activity_cause(account, purchase)
    return account, message(recorded, cause, account, digest(b"%d" % number))


def redeemed(account: str, key: str, points: int) -> tuple[str, Outgoing]:
    """A redemption that is asked for."""
    command = RedeemPoints(account=account, idempotency_key=key, points=points)
    return account, message(command, command_cause(account, key), account, digest(encode(command)))


def read_marks(inputs: str) -> dict[str, int]:
    """How far each input was read."""
    return {topic: mark.next for topic, mark in decode_inputs(inputs).items()}


def returned(number: int, members: int = 12) -> tuple[str, Outgoing]:
    """The purchase of this number comes back whole."""
    account = f"shop:{number % members}"
    back = Return(
        event_id=f"back {number}",
        source="till",
        brand="shop",
        member=split_account(account)[1],
        occurred_at=datetime.now(UTC),
        receipt_id=f"r{number}",
        currency="USD",
        lines=(ReturnedLine(line_id="1", quantity=0, amount_minor=100 * (1 + number % 9)),),
    )
    recorded = ReturnRecorded(account=account, activity=back)
    body = digest(f"back {number}".encode())
    return account, message(recorded, activity_cause(account, back), account, body)


def signed_up(account: str) -> tuple[str, Outgoing]:
    """A member of an older program joins this one."""
    told = CustomAction(
        event_id=f"sign-up of {account}",
        source="web",
        brand="shop",
        member=split_account(account)[1],
        occurred_at=datetime.now(UTC),
        action=SIGN_UP,
        attributes={"enrolled_on": "2019-05-17"},
    )
    recorded = CustomActionRecorded(account=account, activity=told)
    body = digest(f"sign-up of {account}".encode())
    return account, message(recorded, activity_cause(account, told), account, body)


def asked(command: Message) -> tuple[str, Outgoing]:
    """A command, as the API puts it on its topic."""
    body = digest(encode(command))
    return command.account, message(command, cause_of(command), command.account, body)


def of_checkouts(account: str) -> Iterator[Message]:
    """Three checkouts: one is paid in part and cancelled in part, one is left, one stays open."""
    first, second = (command_cause(account, key).id for key in ("paid", "left"))
    for key in ("paid", "left", "open"):
        yield HoldPoints(account=account, idempotency_key=key, points=3, hold_seconds=3_600)
    yield CapturePoints(account=account, idempotency_key="pay", hold_id=first, points=2)
    yield ReleasePoints(account=account, hold_id=second)
    yield CancelRedemption(account=account, idempotency_key="cancel", redemption_id=first, points=1)


def deduction(account: str) -> AdjustPoints:
    """An operator takes more than is there."""
    return AdjustPoints(
        account=account,
        idempotency_key="deduct",
        actor="ann",
        reason="a card that was found",
        direction=Direction.DEDUCT,
        points=1_000,
        below_zero=True,
    )
