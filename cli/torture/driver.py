"""The upstream systems: purchases to Kafka, as fast as they are decided, with all their bad habits.

Each partition has its own sender: it draws a batch of new purchases, repeats, contradictions and
poison, shuffles it, keeps some back for later, and sends it until Kafka has acknowledged it,
whatever happens meanwhile. So what is acknowledged is known, also where a batch got there twice.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.stack.progress import Progress
from cli.torture.journal import Channel, Event, Journal, purchase, returned
from shared.events.topics import PURCHASES
from shared.stream.kafka import producer

BATCH = 60
BACKLOG_MAX = 12_000
"""Records that the services have not folded yet; more are not sent before they are."""
UNKNOWN = BACKLOG_MAX + 1
"""While it cannot be looked at, nothing is sent."""
LOOK_SECONDS = 0.7
LOOK_SECONDS_MAX = 10.0
RETRY_SECONDS = 0.2
SEND_SECONDS = 20.0
IDLE_SECONDS = 0.02
PURCHASE, RETURN = b"retail.purchase.v1", b"retail.return.v1"
REPEATED, REPEATED_AS_NEW, CONTRADICTED, POISONED, KEPT_BACK = 0.02, 0.01, 0.003, 0.005, 0.03
RETURNED_TWICE = 0.2
RECENT = 4_000
POISON: tuple[Callable[[bytes], bytes], ...] = (
    lambda whole: whole[:-9],
    lambda whole: b"hello " + whole,
    lambda whole: whole.replace(b'"member"', b'"remember"'),
    lambda whole: whole.replace(b'"amount_minor":', b'"amount_minor":-'),
    lambda whole: whole.replace(b'Z"', b'"'),
    lambda whole: whole.replace(b'"sku":"s"', b'"sku":"\xff"'),
    lambda whole: whole.replace(b'"brand":"bank"', b'"brand":"elsewhere"'),
    lambda _: b"",
)


class Sent(NamedTuple):
    """A record of a batch: its bytes, the event that it makes known, and whether it is poison."""

    value: bytes
    kind: str
    event: Event | None = None
    type: bytes = PURCHASE


class Driver:
    """Publishes until it is told to stop."""

    def __init__(self, bootstrap: str, dsn: str, journal: Journal, seed: int) -> None:
        self.bootstrap = bootstrap
        self.dsn = dsn
        self.journal = journal
        self.seed = seed
        self.backlog = UNKNOWN
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()

    async def run(self, partitions: int, stop: asyncio.Event) -> None:
        """Until `stop` is set; then everything that was begun is acknowledged."""
        looking = asyncio.create_task(self._look())
        try:
            await asyncio.gather(
                *(self._send_all(number, partitions, stop) for number in range(partitions))
            )
        finally:
            looking.cancel()
            await self._give_up(self._producer)

    async def grants(self, count: int) -> None:
        """What the savers are given, at the beginning."""
        events = [Event(Channel.GRANT, number) for number in range(count)]
        batch = [Sent(purchase(event, self.journal.began), "purchase", event) for event in events]
        await self._until_acknowledged(0, batch)

    # batches

    async def _send_all(self, partition: int, partitions: int, stop: asyncio.Event) -> None:
        drawn = random.Random(f"{self.seed}/{partition}")  # noqa: S311
        kept: list[Event] = []
        known: list[Event] = []
        upcoming = self.journal.upcoming
        upcoming[partition] = partition
        while not stop.is_set() or kept:
            if self.backlog > BACKLOG_MAX and not stop.is_set():
                await asyncio.sleep(IDLE_SECONDS)
                continue
            events, kept = kept, []
            returns: list[Event] = []
            if not stop.is_set():
                first = upcoming[partition]
                upcoming[partition] += BATCH * partitions
                for number in range(first, upcoming[partition], partitions):
                    later = drawn.random() < KEPT_BACK
                    event = Event(Channel.KAFKA, number)
                    (kept if later else events).append(event)
                    returns += [event] * event.is_returned
            batch = self._batch(drawn, events, known, returns)
            await self._until_acknowledged(partition, batch)
            self.journal.records["kept back"] += len(kept)
            known = [*known, *events][-RECENT:]

    def _batch(
        self, drawn: random.Random, events: list[Event], known: list[Event], returns: list[Event]
    ) -> list[Sent]:
        """Records of new events, of known ones once more, returns, and poison; in no order."""
        began = self.journal.began
        batch = [Sent(purchase(event, began), "purchase", event) for event in events]
        for event in returns:
            back = Sent(returned(event, began), "return", type=RETURN)
            batch += [back, back] if drawn.random() < RETURNED_TWICE else [back]
        for _ in events:
            luck = drawn.random()
            if luck < REPEATED and known:
                batch.append(Sent(purchase(drawn.choice(known), began), "repeat"))
            elif luck < REPEATED + REPEATED_AS_NEW and known:
                again = purchase(drawn.choice(known), began, copy=drawn.randrange(1, 9))
                batch.append(Sent(again, "repeat under another event id"))
            elif luck < REPEATED + REPEATED_AS_NEW + CONTRADICTED and known:
                other = purchase(drawn.choice(known), began, copy=9, extra_dollars=1)
                batch.append(Sent(other, "contradiction"))
            elif luck > 1 - POISONED:
                broken = drawn.choice(POISON)(purchase(Event(Channel.KAFKA, 0), began, copy=10))
                batch.append(Sent(broken, "poison"))
        drawn.shuffle(batch)
        return batch

    async def _until_acknowledged(self, partition: int, batch: list[Sent]) -> None:
        """Send it until Kafka says that it has it; what it got twice is a repeat."""
        while (first := await self._sent(partition, batch)) is None:
            self.journal.records["batches sent again"] += 1
            await asyncio.sleep(RETRY_SECONDS)
        for offset, sent in enumerate(batch, first):
            self.journal.records[sent.kind] += 1
            if sent.event is not None:
                self.journal.events[sent.event.channel] += 1
            elif sent.kind in {"poison", "contradiction"}:
                self.journal.poison.add((partition, offset))

    # the way there

    async def _sent(self, partition: int, batch: list[Sent]) -> int | None:
        """The batch's first offset; None if it was not acknowledged, wherever it is."""
        producing = self._producer
        try:
            async with asyncio.timeout(SEND_SECONDS):
                producing = await self._started()
                return await _appended(producing, partition, batch)
        except (KafkaError, OSError, TimeoutError):
            await self._give_up(producing)
            return None

    async def _started(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                fresh = producer(self.bootstrap)
                try:
                    await fresh.start()
                except BaseException:
                    await _closed(fresh)
                    raise
                self._producer = fresh
            return self._producer

    async def _give_up(self, lost: AIOKafkaProducer | None) -> None:
        if lost is not None and lost is self._producer:
            self._producer = None
            await _closed(lost)

    async def _look(self) -> None:
        """Follow how far the services are behind; on new connections, for the old ones may hang."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS_MAX):
                    self.backlog = await lag(self.bootstrap, self.dsn)
            except Exception:  # noqa: BLE001  (whatever it is, it is not known)
                self.backlog = UNKNOWN
            await asyncio.sleep(LOOK_SECONDS)


async def lag(bootstrap: str, dsn: str) -> int:
    """Records that are under way."""
    progress = Progress(bootstrap, dsn)
    try:
        await progress.start()
        return sum((await progress.lag()).values())
    finally:
        await progress.close()


async def _appended(producing: AIOKafkaProducer, partition: int, batch: list[Sent]) -> int:
    """Append a batch as one; its first offset."""
    packed: Any = producing.create_batch()
    for sent in batch:
        added = packed.append(
            key=b"till", value=sent.value, timestamp=None, headers=[("ce_type", sent.type)]
        )
        assert added is not None, "a batch of the driver fits one of Kafka"
    packed.close()
    first: int = (
        await (await producing.send_batch(packed, PURCHASES.name, partition=partition))
    ).offset
    return first


async def _closed(producing: AIOKafkaProducer) -> None:
    """Without waiting for what it still holds: that is sent again."""
    sending = producing._sender.sender_task  # noqa: SLF001  (of a client whose version is pinned)
    if sending is not None:
        sending.cancel()
    producing._closed = True  # noqa: SLF001  (else it complains of it)
    await producing.client.close()
