"""The world outside: shops that publish, callers of the API, and what they remember.

Callers repeat what was not answered, at another process, with the same key; now and then also what
was, or with the same key and another body. Nobody waits for anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from services.query.tokens import Token
from services.redeem.projection import LOT
from services.redeem.sweep import tick_command
from shared.events import registry
from shared.events.base import instant
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    ConfirmAward,
    Direction,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
)
from shared.events.ids import command_cause
from shared.events.merges import MergeAccount
from shared.events.topics import COMMANDS, PURCHASES
from shared.events.transfers import TransferPoints
from shared.events.upstream import Purchase, PurchaseLine, Return, ReturnedLine
from shared.stream.log import AppendFailed, Outgoing, Place
from shared.stream.records import partition_of_account
from tests.simulation.asking import Caller
from tests.simulation.broker import SimulatedLog
from tests.simulation.loop import Process
from tests.simulation.network import EPOCH_MS
from tests.simulation.outside import BRAND, Outside, Seen, Violation
from tests.simulation.program import LAPSE_SECONDS
from tests.simulation.takers import Takers

READS = 3
RECEIPTS = 8
WELCOMES = (2, 7)
"""Receipts of the first and the second member, both five days old."""
AGES = (1, 0, 5, 40, 29)
"""Days since a receipt was closed: points are gone after a month."""
POISON = (None, b"", b"{", b'{"event_id": 7}', b'[{"a": 1, "a": 2}]')


class Clients:
    """Everybody outside."""

    def __init__(self, world: Outside) -> None:
        self.world = world
        self.random = world.loop.random
        self.network = world.network
        self.log = SimulatedLog(world.network, world.broker)
        self.process = Process("outside")
        self.caller = Caller(world)
        self.takers = Takers(world, self.caller)

    def start(self) -> list["asyncio.Task[None]"]:
        """All of the load, in time."""
        load = self.world.load
        spending = (
            (load.redemptions, self.redeem),
            (load.checkouts, self.check_out),
            (load.rewards, self.takers.take),
            (load.transfers, self.give),
            (load.merges, self.merge),
        )
        others = (
            (load.versions, self.change),
            (load.purchases, self.buy),
            (load.deliveries, self.takers.deliver),
            (load.returns, self.bring_back),
            (load.adjustments, self.adjust),
            (load.amendments, self.amend),
            (load.readers, self.watch),
            (load.ticks, self.tick),
        )
        at = self.random.uniform(load.seconds / 3, load.seconds) if load.together else None
        return [
            *(self._start(work, at) for count, work in spending for _ in range(count)),
            *(self._start(work, None) for count, work in others for _ in range(count)),
        ]

    def _start(
        self, work: Callable[[], Coroutine[Any, Any, None]], at: float | None
    ) -> "asyncio.Task[None]":
        when = self.random.uniform(0, self.world.load.seconds) if at is None else at
        return self.world.loop.spawn(self.process, _later(work, when))

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

    async def change(self) -> None:
        """Who runs the program publishes its next version."""
        self.world.publish()

    # shops

    def _receipt(self) -> tuple[int, int]:
        """One of few receipts, and what it came to."""
        number = self.random.randrange(RECEIPTS)
        return number, _amount(number)

    async def buy(self) -> None:
        """A receipt: new, sent again by another till, changed since, or no receipt at all."""
        number, amount = self._receipt()
        if self.network.chance(0.05):
            poison = self.random.choice(POISON)
            self.world.note(f"poison {poison!r}")
            await self._send(Outgoing(None, poison, []))
            return
        amount += 100 if self.network.chance(0.1) else 0
        await self._sell(number, amount)

    async def welcome(self) -> None:
        """A receipt of each member, old enough for its points to be spent, not for them to go."""
        for number in WELCOMES[: self.world.load.accounts]:
            await self._sell(number, _amount(number))

    async def _sell(self, number: int, amount: int) -> None:
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
        account = self.caller.account()
        tick = tick_command(account, self._now_ms(), self._now_ms())
        place = Place(COMMANDS.name, partition_of_account(account, self.world.partitions))
        await self.publish(place, tick)

    # callers

    async def redeem(self) -> None:
        """A redemption, asked for until it is answered; keys are used again, some are cancelled."""
        account = self.caller.account()
        key = f"k{self.random.randrange(1 + self.world.load.redemptions // 2)}"
        points = self.random.randrange(9)
        command = RedeemPoints(account=account, idempotency_key=key, points=points)
        told = await self.caller.ask(command)
        while told is not None and self.network.chance(0.5):
            token = Token.read(told.token)
            seen = await self.caller.read(account, token)
            is_elsewhere = seen is not None and seen.token.partition != token.partition
            if seen is not None and not is_elsewhere and seen.token < token:
                raise Violation(f"I10: read {seen} after {told}")
            if self.network.chance(0.3):
                await self.caller.ask(command)
        if told is not None and told.status == HTTPStatus.OK and self.network.chance(0.3):
            some = self.random.choice((None, 1, 2))
            redemption = command_cause(account, key).id
            await self.caller.ask(
                CancelRedemption(
                    account=account,
                    idempotency_key=f"c{key}",
                    redemption_id=redemption,
                    points=some,
                )
            )

    async def check_out(self) -> None:
        """Points held, then captured, released, or left to lapse."""
        account, key, points = self.caller.account(), f"h{self.random.randrange(2)}", 3
        told = await self.caller.ask(
            HoldPoints(account=account, idempotency_key=key, points=points)
        )
        if told is None or told.status != HTTPStatus.OK:
            return
        hold = command_cause(account, key).id
        patience = min(1.3 * LAPSE_SECONDS, self.world.load.seconds)
        await asyncio.sleep(self.random.uniform(0, patience))
        some = self.random.choice((None, 1))
        capture = CapturePoints(
            account=account, idempotency_key=f"{key}c", hold_id=hold, points=some
        )
        release = ReleasePoints(account=account, hold_id=hold)
        for ending in self.random.choice(((), (capture,), (release,), (capture, release))):
            await self.caller.ask(ending)

    async def give(self) -> None:
        """Points given to another member, who may have no account yet."""
        account = self.caller.account()
        to = self.random.choice((f"{BRAND}:0", f"{BRAND}:1", f"{BRAND}:new"))
        key, points = f"g{self.random.randrange(3)}", self.random.randrange(9)
        command = TransferPoints(account=account, idempotency_key=key, to=to, points=points)
        told = await self.caller.ask(command)
        if told is not None and self.network.chance(0.3):
            await self.caller.ask(command)

    async def merge(self) -> None:
        """Two cards of one member become one; each of them may be asked to go into the other."""
        account = self.caller.account()
        to = self.random.choice((f"{BRAND}:0", f"{BRAND}:1", f"{BRAND}:new"))
        who = {"actor": "anna", "reason": "two cards"}
        command = MergeAccount(account=account, idempotency_key="merged", to=to, **who)
        told = await self.caller.ask(command)
        if told is not None and self.network.chance(0.3):
            await self.caller.ask(command)

    async def adjust(self) -> None:
        """An operator adds or deducts points."""
        await self.caller.ask(
            AdjustPoints(
                account=self.caller.account(),
                idempotency_key="adjusted",
                actor="anna",
                reason="a complaint",
                direction=self.random.choice(tuple(Direction)),
                points=self.random.randint(1, 5),
                brand=BRAND,
                below_zero=self.network.chance(0.5),
            )
        )

    async def amend(self) -> None:
        """An operator changes the dates of a lot, or what becomes of it while it is pending."""
        account = self.caller.account()
        rows = self.world.databases["redeem"].rows.tables[LOT].rows.values()
        lots = [lot.lot_id for lot in rows if lot.account == account]
        if not lots:
            return
        lot = self.random.choice(lots)
        who = {"account": account, "actor": "anna", "reason": "a complaint"}
        until = instant(EPOCH_MS) + timedelta(days=self.random.choice((1, 60)))
        for command in (
            ExtendLot(**who, idempotency_key="extended", lot_id=lot, expires_at=until),
            ReinstateLot(**who, idempotency_key="reinstated", lot_id=lot, expires_at=until),
            ConfirmAward(**who, idempotency_key="confirmed", lot_id=lot),
            CancelAward(**who, idempotency_key="cancelled", lot_id=lot),
        ):
            if self.network.chance(0.4):
                await self.caller.ask(command)

    async def watch(self) -> None:
        """A reader who never sees the account go back.

        Either the last token is sent back, wherever the next read goes; or none is, and all reads
        go to one process.
        """
        account = self.caller.account()
        only = self.random.choice([None, self.random.choice(self.world.apis())])
        last: Seen | None = None
        for _ in range(READS):
            token = last.token if last is not None and only is None else None
            seen = await self.caller.read(account, token, only)
            if seen is not None:
                if last is not None and _is_before(seen, last):
                    raise Violation(f"I11: {last} was followed by {seen}")
                last = seen
            await asyncio.sleep(self.random.uniform(0, self.world.load.seconds / READS))


def _amount(receipt: int) -> int:
    """What a receipt comes to, in cents."""
    return 100 * (4 + receipt)


def _is_before(seen: Seen, last: Seen) -> bool:
    return seen.token < last.token or (seen.row.get("version") or 0) < (
        last.row.get("version") or 0
    )


async def _later(work: Callable[[], Awaitable[None]], at: float) -> None:
    await asyncio.sleep(at)
    await work()
