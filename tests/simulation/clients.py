"""The world outside: shops that publish, callers of the API, and what they remember.

Callers repeat what was not answered, at another process, with the same key; now and then also what
was, or with the same key and another body. Nobody waits for anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from fastapi import Response

from services.query.problems import Code, Problem
from services.query.reading import BALANCES
from services.query.redemptions import Ticket
from services.query.tokens import HEADER, Token
from services.redeem.sweep import tick_command
from shared.events import registry
from shared.events.base import instant
from shared.events.commands import RedeemPoints
from shared.events.ids import Cause, command_cause, digest
from shared.events.topics import COMMANDS, PURCHASES
from shared.events.upstream import Purchase, PurchaseLine
from shared.stream.log import AppendFailed, Outgoing, Place
from shared.stream.records import partition_of_account
from shared.stream.store import StoreUnavailable
from tests.simulation.broker import SimulatedLog
from tests.simulation.loop import Process
from tests.simulation.network import EPOCH_MS
from tests.simulation.nodes import ApiNode, World

T = TypeVar("T")
CALL_SECONDS = 20.0
PAUSE_SECONDS = 1.0
READS = 3
BRAND = "shop"
AGES = (1, 0, 5, 40, 29)
"""Days since a receipt was closed: points are gone after a month."""
POISON = (None, b"", b"{", b'{"event_id": 7}', b'[{"a": 1, "a": 2}]')
TICKET = "?ticket="


class Violation(AssertionError):
    """Something that must always hold does not."""


class Unanswered(Exception):
    """A call of the API had no answer in time, whatever became of it."""


class Answer(NamedTuple):
    """What a caller was told about a key and a body."""

    status: int
    body: bytes
    token: str


class Seen(NamedTuple):
    """What a read showed of an account at a position."""

    account: str
    token: Token
    row: dict[str, Any]


@dataclass(frozen=True)
class Load:
    """How much happens in a history."""

    accounts: int = 2
    purchases: int = 3
    redemptions: int = 3
    readers: int = 1
    ticks: int = 1
    seconds: float = 15.0
    together: bool = False
    """Whether all redemptions come at once."""

    @staticmethod
    def drawn(random: Random) -> "Load":
        """A short history's: a few of each, or none, all at once or one after the other."""
        return Load(
            accounts=random.randint(1, 2),
            purchases=random.randint(1, 3),
            redemptions=random.randint(0, 4),
            readers=random.randint(0, 1),
            ticks=random.randint(0, 1),
            seconds=random.choice((1.0, 15.0)),
            together=random.random() < 0.5,
        )


@dataclass
class Journal:
    """What the outside world knows: inputs that were acknowledged, answers that were seen."""

    purchases: dict[str, set[int]] = field(default_factory=dict)
    """Amounts that were acknowledged, by receipt."""
    answers: dict[tuple[Cause, bytes], Answer] = field(default_factory=dict)
    """By key and body."""
    conflicts: list[tuple[Cause, bytes]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


class Outside(World, Protocol):
    """What clients see of the world."""

    load: Load
    journal: Journal

    def note(self, what: str) -> None:
        """A line of the trace."""

    def apis(self) -> list[ApiNode]:
        """The processes of the API that a balancer knows."""


class Clients:
    """Everybody outside."""

    def __init__(self, world: Outside) -> None:
        self.world = world
        self.random = world.loop.random
        self.network = world.network
        self.log = SimulatedLog(world.network, world.broker)
        self.process = Process("outside")

    def start(self) -> list["asyncio.Task[None]"]:
        """All of the load, in time."""
        load = self.world.load
        work = [
            *(self.buy for _ in range(load.purchases)),
            *(self.watch for _ in range(load.readers)),
            *(self.tick for _ in range(load.ticks)),
        ]
        at = self.random.uniform(load.seconds / 3, load.seconds) if load.together else None
        return [
            *(self._start(one, self.random.uniform(0, load.seconds)) for one in work),
            *(
                self._start(self.redeem, at or self.random.uniform(0, load.seconds))
                for _ in range(load.redemptions)
            ),
        ]

    def _start(
        self, work: Callable[[], Coroutine[Any, Any, None]], at: float
    ) -> "asyncio.Task[None]":
        return self.world.loop.spawn(self.process, _later(work, at))

    def _account(self) -> str:
        return f"{BRAND}:{self.random.randrange(self.world.load.accounts)}"

    def _now_ms(self) -> int:
        return EPOCH_MS + int(self.world.loop.now * 1000)

    async def publish(self, place: Place, outgoing: Outgoing) -> None:
        """Until it is acknowledged; so it may stand there twice, and late."""
        while True:
            try:
                await self.log.append({place: [outgoing]})
            except AppendFailed:
                continue
            if not self.network.chance(self.network.faults.repeated):
                return
            await asyncio.sleep(self.random.uniform(0, 5))

    # shops

    async def buy(self) -> None:
        """A receipt: new, sent again by another till, changed since, or no receipt at all."""
        number = self.random.randrange(2 * self.world.load.purchases)
        place = Place(PURCHASES.name, self.random.randrange(self.world.partitions))
        if self.network.chance(0.05):
            poison = self.random.choice(POISON)
            self.world.note(f"poison {poison!r}")
            await self.publish(place, Outgoing(None, poison, []))
            return
        amount = 100 * (4 + number % 12) + (100 if self.network.chance(0.1) else 0)
        happened = instant(EPOCH_MS) - timedelta(days=AGES[number % len(AGES)], seconds=number)
        purchase = Purchase(
            event_id=f"e{number}-{amount}-{self.random.randrange(2)}",
            source="till",
            brand=BRAND,
            member=str(number % self.world.load.accounts),
            occurred_at=happened,
            receipt_id=f"r{number}",
            currency="USD",
            lines=(PurchaseLine(line_id="1", sku="s", amount_minor=amount),),
        )
        self.world.note(f"buy {purchase.member} {amount} {purchase.receipt_id}")
        await self.publish(place, Outgoing(b"any", registry.encode(purchase), []))
        self.world.journal.purchases.setdefault(purchase.receipt_id, set()).add(amount)

    async def tick(self) -> None:
        """A sweep's command."""
        account = self._account()
        tick = tick_command(account, self._now_ms(), self._now_ms())
        place = Place(COMMANDS.name, partition_of_account(account, self.world.partitions))
        await self.publish(place, tick)

    # callers

    async def call(self, work: Callable[[ApiNode], Awaitable[T]], only: ApiNode | None = None) -> T:
        """What a process of the API answers. Raises Unanswered, and what the API raises."""
        node = only or self.random.choice(self.world.apis())
        reply: asyncio.Future[T] = self.world.loop.create_future()
        self.world.loop.spawn(node.process, _answered(work, node, reply))
        late = self.world.loop.call_later(CALL_SECONDS, _give_up, reply)
        try:
            return await reply
        finally:
            late.cancel()

    async def redeem(self) -> None:
        """A redemption, asked for until it is answered; keys are used again."""
        account = self._account()
        key = f"k{self.random.randrange(1 + self.world.load.redemptions)}"
        points = self.random.randrange(9)
        command = RedeemPoints(account=account, idempotency_key=key, points=points)
        self.world.note(f"redeem {account} {points} {key}")
        token = await self.ask(command)
        while token is not None and self.network.chance(0.7):
            seen = await self.read(account, token)
            if seen is not None and seen.token < token:
                raise Violation(f"I10: read {seen} after {token}")
            if self.network.chance(0.3):
                await self.ask(command)

    async def ask(self, command: RedeemPoints) -> Token | None:
        """The answer's token; None if the key belongs to another body."""
        cause = command_cause(command.account, command.idempotency_key)
        asked = (cause, digest(registry.encode(command)))
        ticket: Ticket | None = None
        while True:
            try:
                if ticket is None:
                    response = await self.call(lambda api: api.redemptions.ask(command))
                else:
                    follow = partial(_status, command.account, cause.id, ticket)
                    response = await self.call(follow)
            except Problem as problem:
                if problem.code is Code.IDEMPOTENCY_CONFLICT:
                    self.world.journal.conflicts.append(asked)
                    self.world.note(f"conflict {command.idempotency_key}")
                    return None
                _is_for_now(problem)
            except (Unanswered, AppendFailed, StoreUnavailable):
                ticket = None
            else:
                if response.status_code != PENDING:
                    return self._told(command, asked, response)
                ticket = Ticket.read(response.headers["location"].partition(TICKET)[2])
            await asyncio.sleep(PAUSE_SECONDS)

    def _told(self, command: RedeemPoints, asked: tuple[Cause, bytes], response: Response) -> Token:
        token = response.headers[HEADER]
        answer = Answer(response.status_code, bytes(response.body), token)
        known = self.world.journal.answers.setdefault(asked, answer)
        if known != answer:
            raise Violation(f"I6: {asked} was answered {known}, now {answer}")
        self.world.note(f"answer {command.idempotency_key}: {answer.status} {token}")
        return Token.read(token)

    async def watch(self) -> None:
        """A reader who never sees the account go back.

        Either the last token is sent back, wherever the next read goes; or none is, and all reads
        go to one process.
        """
        account = self._account()
        only = self.random.choice([None, *self.world.apis()])
        last: Seen | None = None
        for _ in range(READS):
            token = last.token if last is not None and only is None else None
            seen = await self.read(account, token, only)
            if seen is not None:
                if last is not None and _is_before(seen, last):
                    raise Violation(f"I11: {last} was followed by {seen}")
                last = seen
            await asyncio.sleep(self.random.uniform(0, 5))

    async def read(
        self, account: str, token: Token | None, only: ApiNode | None = None
    ) -> Seen | None:
        """What the API, or one process of it, shows of an account; None if it shows nothing."""
        tokens = [] if token is None else [token]
        try:
            snapshot = await self.call(
                lambda api: api.reader.read(BALANCES, account, tokens=tokens), only
            )
        except Problem as problem:
            _is_for_now(problem)
            return None
        except (Unanswered, StoreUnavailable):
            return None
        seen = Seen(account, snapshot.token, snapshot.rows[0] if snapshot.rows else {})
        self.world.journal.seen.append(seen)
        return seen


PENDING = 202


async def _status(account: str, id: UUID, ticket: Ticket, api: ApiNode) -> Response:
    return await api.redemptions.status(account, id, ticket)


def _is_for_now(problem: Problem) -> None:
    if problem.code not in {Code.NOT_CAUGHT_UP, Code.BUSY}:
        raise Violation(f"an answer that may not be: {problem.code} {problem}")


def _is_before(seen: Seen, last: Seen) -> bool:
    return seen.token < last.token or (seen.row.get("version") or 0) < (
        last.row.get("version") or 0
    )


async def _later(work: Callable[[], Awaitable[None]], at: float) -> None:
    await asyncio.sleep(at)
    await work()


async def _answered(
    work: Callable[[ApiNode], Awaitable[T]], node: ApiNode, reply: "asyncio.Future[T]"
) -> None:
    try:
        answer = await work(node)
    except Exception as error:  # noqa: BLE001  (whatever it is travels to the caller)
        if not reply.done():
            reply.set_exception(error)
            reply.exception()
    else:
        if not reply.done():
            reply.set_result(answer)


def _give_up(reply: "asyncio.Future[Any]") -> None:
    if not reply.done():
        reply.set_exception(Unanswered())
        reply.exception()
