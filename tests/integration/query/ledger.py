"""The ledger as redeem writes it: decided, chained and folded by the real code, at any instant."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import asyncpg

from services.redeem.decide import Input as Message
from services.redeem.service import Redeem
from shared.chain.link import Header
from shared.events import registry
from shared.events.awards import PointsEarned, ReturnAssessed
from shared.events.base import millis
from shared.events.commands import HoldPoints, RedeemPoints
from shared.events.ids import NAMESPACE
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.pool import connect
from shared.postgres.rows import PostgresStore
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.log import Place
from shared.stream.positions import first_position, head_of
from shared.stream.records import linked, partition_of_account, written
from shared.stream.service import Input, Recorded
from shared.stream.store import InputMark
from tests.api import LEDGER_ID, PARTITIONS

START = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = Program.model_validate(
    {
        "program": "shop",
        "version": 1,
        "name": "Shop",
        "effective_from": "2000-01-01",
        "timezone": "UTC",
        "money": "USD",
        "brands": ["shop"],
        "earn": {"rules": [{"rule": "base", "kind": "per_amount", "points": 1, "per_minor": 100}]},
        "redemption": {"cash_off": {"points": 1, "minor": 1, "above_limit": "refuse"}},
    }
)


class Taken(NamedTuple):
    """An input as it stands on its topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Ledger:
    """The projection of redeem in a database, and how inputs get into it."""

    def __init__(self, pool: asyncpg.Pool, schema: str = "redeem") -> None:
        self.service = Redeem()
        self.service.catalogue = Catalogue().with_version(SHOP)
        self.pool = pool
        self.schema = schema
        self.store = PostgresStore(pool, self.service.tables, channel="redeem")
        self.commands = 0

    @staticmethod
    async def made(dsn: str, schema: str = "redeem") -> "Ledger":
        """A ledger in a schema of its own."""
        pool = await connect(dsn, schema=schema)
        async with pool.acquire() as connection:
            await migrate(connection, schema, [STREAM, "services.redeem"])
        return Ledger(pool, schema)

    async def take(self, message: Message, at: datetime, *, notify: bool = True) -> list[Recorded]:
        """Decide an input at an instant and fold what comes of it, as a turn of one input."""
        input = self._input(message, at)
        partition = partition_of_account(message.account, PARTITIONS)
        place = Place(LEDGER.name, partition)
        await self.store.begin(
            first_position(
                place,
                ledger_id=LEDGER_ID,
                partitions=PARTITIONS,
                writer="redeem",
                fold_version="1.0",
            )
        )
        time_ms = millis(at)
        needs = self.service.needs([input], time_ms)
        loaded = await self.store.load(LEDGER.name, [partition], needs)
        position = loaded.positions[partition]
        state = self.service.state(loaded.rows)
        head = head_of(position)
        recorded = []
        if state.body_of(input.cause) is None:
            for decision in self.service.decide(state, input, time_ms):
                fact = written(decision, time_ms=max(time_ms, head.time_ms), seq=head.seq + 1)
                _, head = linked(
                    head, decision.cause, fact, writer="redeem", key=message.account, src=None
                )
                state.evolve(fact)
                recorded.append(fact)
        after = position._replace(
            next_offset=position.next_offset + len(recorded),
            head=head.hash,
            seq=head.seq,
            time_ms=head.time_ms,
            inputs={
                **position.inputs,
                input.record.topic: InputMark(input.record.offset + 1, None),
            },
        )
        assert await self.store.fold(position, after, state.writes(), notify=notify)
        return recorded

    def _input(self, message: Message, at: datetime) -> Input:
        topic = AWARDS.name if isinstance(message, PointsEarned | ReturnAssessed) else COMMANDS.name
        partition = partition_of_account(message.account, PARTITIONS)
        wire_type = registry.TYPE_OF[type(message)]
        value = registry.encode(message)
        headers = [("ce_type", wire_type.encode())]
        read = self.service.read(
            Taken(topic, partition, self.commands, millis(at), None, value, headers)
        )
        assert isinstance(read, Input)
        self.commands += 1
        return read


def earned(
    account: str,
    points: int,
    name: str = "1",
    *,
    active: datetime = START,
    expires: datetime | None = None,
) -> PointsEarned:
    """An award of earn."""
    return PointsEarned(
        account=account,
        award_id=named(account, name),
        activity_type="loyalty.activity.purchase.v1",
        source="till",
        event_id=name,
        brand="shop",
        receipt_id=name,
        occurred_at=min(active, START),
        basis_minor=points * 100,
        program_version=1,
        rounding="floor",
        points=points,
        active_from=active,
        expires_at=expires,
    )


def redeem(account: str, points: int, key: str) -> RedeemPoints:
    """A caller wants to spend points."""
    return RedeemPoints(account=account, idempotency_key=key, points=points)


def hold(account: str, points: int, key: str, seconds: int = 3_600) -> HoldPoints:
    """A checkout sets points aside."""
    return HoldPoints(account=account, idempotency_key=key, points=points, hold_seconds=seconds)


def returned(account: str, points: int, name: str = "1") -> ReturnAssessed:
    """The purchase that made the lot of this name is returned."""
    return ReturnAssessed(
        account=account,
        reversal_id=named(account, f"return of {name}"),
        award_id=named(account, name),
        source="till",
        event_id=f"return of {name}",
        brand="shop",
        receipt_id=name,
        occurred_at=START,
        points=points,
    )


def named(account: str, name: str) -> UUID:
    """The id of the award, and of the lot, of this name."""
    return uuid5(NAMESPACE, f"{account} {name}")


def days(number: int) -> datetime:
    """An instant by its day from the start."""
    return START + timedelta(days=number)
