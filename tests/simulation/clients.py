"""The world outside: shops that publish, callers of the API, and what they remember.

Callers repeat what was not answered, at another process, with the same key; now and then also what
was, or with the same key and another body. Nobody waits for anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from fastapi import Response

from services.query.problems import Code, Problem
from services.query.reading import BALANCES
from services.query.redemptions import REDEMPTION, REQUEST, Asked, Kind, Ticket
from services.query.tokens import HEADER, Token
from services.redeem.sweep import tick_command
from shared.events import registry
from shared.events.base import instant
from shared.events.commands import (
    AdjustPoints,
    CancelRedemption,
    CapturePoints,
    Direction,
    HoldPoints,
    RedeemPoints,
    ReleasePoints,
)
from shared.events.ids import Cause, command_cause, digest, release_cause
from shared.events.topics import COMMANDS, PURCHASES
from shared.events.upstream import Purchase, PurchaseLine, Return, ReturnedLine
from shared.stream.log import AppendFailed, Outgoing, Place
from shared.stream.records import partition_of_account
from shared.stream.store import StoreUnavailable
from tests.simulation.broker import SimulatedLog
from tests.simulation.loop import Process
from tests.simulation.network import EPOCH_MS
from tests.simulation.nodes import ApiNode, World
from tests.simulation.program import LAPSE_SECONDS

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
    returns: int = 1
    redemptions: int = 3
    checkouts: int = 1
    adjustments: int = 1
    readers: int = 1
    ticks: int = 1
    seconds: float = 15.0
    together: bool = False
    """Whether all redemptions and checkouts come at once."""

    @staticmethod
    def drawn(random: Random) -> "Load":
        """A short history's: a few of each, or none, all at once or one after the other."""
        return Load(
            accounts=random.randint(1, 2),
            purchases=random.randint(1, 3),
            returns=random.randint(0, 1),
            redemptions=random.randint(0, 3),
            checkouts=random.randint(0, 1),
            adjustments=random.randint(0, 1),
            readers=random.randint(0, 2),
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
            *(self.bring_back for _ in range(load.returns)),
            *(self.adjust for _ in range(load.adjustments)),
            *(self.watch for _ in range(load.readers)),
            *(self.tick for _ in range(load.ticks)),
        ]
        at = self.random.uniform(load.seconds / 3, load.seconds) if load.together else None
        return [
            *(self._start(one, self.random.uniform(0, load.seconds)) for one in work),
            *(
                self._start(one, at or self.random.uniform(0, load.seconds))
                for one in (
                    *(self.redeem for _ in range(load.redemptions)),
                    *(self.check_out for _ in range(load.checkouts)),
                )
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

    def _receipt(self) -> tuple[int, int]:
        """One of few receipts, and what it came to."""
        number = self.random.randrange(2 * self.world.load.purchases)
        return number, 100 * (4 + number % 12)

    async def buy(self) -> None:
        """A receipt: new, sent again by another till, changed since, or no receipt at all."""
        number, amount = self._receipt()
        if self.network.chance(0.05):
            poison = self.random.choice(POISON)
            self.world.note(f"poison {poison!r}")
            await self._send(Outgoing(None, poison, []))
            return
        amount += 100 if self.network.chance(0.1) else 0
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
        await self._send(Outgoing(b"any", registry.encode(purchase), []))
        self.world.journal.purchases.setdefault(purchase.receipt_id, set()).add(amount)

    async def bring_back(self) -> None:
        """A return, in whole or in part; before its purchase, or of none, as may be."""
        number, amount = self._receipt()
        back = amount if self.network.chance(0.5) else 100 * self.random.randint(1, 4)
        line = ReturnedLine(line_id="1", quantity=1, amount_minor=back)
        returned = Return(
            event_id=f"b{number}-{back}",
            source="till",
            brand=BRAND,
            member=str(number % self.world.load.accounts),
            occurred_at=instant(EPOCH_MS),
            receipt_id=f"r{number}",
            currency="USD",
            lines=(line,),
        )
        self.world.note(f"bring back {returned.member} {back} {returned.receipt_id}")
        headers = [("ce_type", registry.TYPE_OF[Return].encode())]
        await self._send(Outgoing(b"any", registry.encode(returned), headers))

    async def _send(self, event: Outgoing) -> None:
        partition = self.random.randrange(self.world.partitions)
        await self.publish(Place(PURCHASES.name, partition), event)

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
        """A redemption, asked for until it is answered; keys are used again, some are cancelled."""
        account = self._account()
        key = f"k{self.random.randrange(1 + self.world.load.redemptions)}"
        points = self.random.randrange(9)
        command = RedeemPoints(account=account, idempotency_key=key, points=points)
        told = await self.ask(command)
        while told is not None and self.network.chance(0.7):
            seen = await self.read(account, Token.read(told.token))
            if seen is not None and seen.token < Token.read(told.token):
                raise Violation(f"I10: read {seen} after {told}")
            if self.network.chance(0.3):
                await self.ask(command)
        if told is not None and told.status == HTTPStatus.OK and self.network.chance(0.3):
            some = self.random.choice((None, 1, 2))
            redemption = command_cause(account, key).id
            await self.ask(
                CancelRedemption(
                    account=account,
                    idempotency_key=f"c{key}",
                    redemption_id=redemption,
                    points=some,
                )
            )

    async def check_out(self) -> None:
        """Points held, then captured, released, or left to lapse."""
        account, key, points = self._account(), f"h{self.random.randrange(2)}", 3
        told = await self.ask(HoldPoints(account=account, idempotency_key=key, points=points))
        if told is None or told.status != HTTPStatus.OK:
            return
        hold = command_cause(account, key).id
        await asyncio.sleep(self.random.uniform(0, 2 * LAPSE_SECONDS))
        some = self.random.choice((None, 1))
        capture = CapturePoints(
            account=account, idempotency_key=f"{key}c", hold_id=hold, points=some
        )
        release = ReleasePoints(account=account, hold_id=hold)
        for ending in self.random.choice(((), (capture,), (release,), (capture, release))):
            await self.ask(ending)

    async def adjust(self) -> None:
        """An operator adds or deducts points."""
        await self.ask(
            AdjustPoints(
                account=self._account(),
                idempotency_key="adjusted",
                actor="anna",
                reason="a complaint",
                direction=self.random.choice(tuple(Direction)),
                points=self.random.randint(1, 5),
                brand=BRAND,
                below_zero=self.network.chance(0.5),
            )
        )

    async def ask(self, command: Asked) -> Answer | None:
        """What is told in the end; None if the key belongs to another body."""
        self.world.note(f"ask {registry.encode(command).decode()}")
        cause = cause_of(command)
        kind = REDEMPTION if isinstance(command, RedeemPoints) else REQUEST
        asked = (cause, digest(registry.encode(command)))
        ticket: Ticket | None = None
        while True:
            try:
                if ticket is None:
                    response = await self.call(lambda api: api.redemptions.ask(command))
                else:
                    follow = partial(_status, command.account, cause.id, ticket, kind)
                    response = await self.call(follow)
            except Problem as problem:
                if problem.code is Code.IDEMPOTENCY_CONFLICT:
                    self.world.journal.conflicts.append(asked)
                    self.world.note(f"conflict {cause.text}")
                    return None
                _is_for_now(problem)
            except (Unanswered, AppendFailed, StoreUnavailable):
                ticket = None
            else:
                if response.status_code != HTTPStatus.ACCEPTED:
                    return self._told(asked, response)
                ticket = Ticket.read(response.headers["location"].partition(TICKET)[2])
            await asyncio.sleep(PAUSE_SECONDS)

    def _told(self, asked: tuple[Cause, bytes], response: Response) -> Answer:
        answer = Answer(response.status_code, bytes(response.body), response.headers[HEADER])
        known = self.world.journal.answers.setdefault(asked, answer)
        if known != answer:
            raise Violation(f"I6: {asked} was answered {known}, now {answer}")
        self.world.note(f"answer {asked[0].text}: {answer.status} {answer.token}")
        return answer

    async def watch(self) -> None:
        """A reader who never sees the account go back.

        Either the last token is sent back, wherever the next read goes; or none is, and all reads
        go to one process.
        """
        account = self._account()
        only = self.random.choice([None, self.random.choice(self.world.apis())])
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


def cause_of(command: Asked) -> Cause:
    """The identity of what is asked; a release has no key."""
    if isinstance(command, ReleasePoints):
        return release_cause(command.account, command.hold_id)
    return command_cause(command.account, command.idempotency_key)


async def _status(account: str, id: UUID, ticket: Ticket, kind: Kind, api: ApiNode) -> Response:
    return await api.redemptions.status(account, id, ticket, kind)


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
