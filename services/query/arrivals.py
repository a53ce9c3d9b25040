"""Waiting for what the ledger's projection will show: a decision, or a position.

Guarantees: the table is the answer, a NOTIFY only a hint to look; hints may be lost, doubled or
late. However many requests wait, they are looked up together: one statement for all of a partition
that a hint names, and one now and then for all. Looking takes a bounded share of the time, whatever
the number.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from uuid import UUID

import asyncpg

from services.query.connections import Database, Lifeline
from services.query.decisions import Decided, decided_on
from services.query.limits import ACK_SECONDS, LOOK_SECONDS, WAITERS_MAX
from services.query.problems import Code, Problem
from services.query.tokens import Token
from shared.events.topics import LEDGER
from shared.stream.store import StoreUnavailable

CHANNEL = "redeem"
LOOK_SHARE = 5
"""After a look that took x seconds, the next one without a hint begins LOOK_SHARE * x later."""
POSITIONS = "SELECT partition, seq FROM redeem.stream_position WHERE topic = $1"


class _Partition:
    """Who waits for something of one partition."""

    def __init__(self) -> None:
        self.decisions: dict[UUID, dict[asyncio.Future[Decided], None]] = {}
        """By cause, those who wait for it, in the order in which they came."""
        self.positions: dict[asyncio.Future[None], int] = {}

    @property
    def waits(self) -> bool:
        return bool(self.decisions or self.positions)


class Arrivals:
    """Everybody who waits, by partition; `line` and `look_after` serve them."""

    def __init__(self, database: Database, dsn: str) -> None:
        self._database = database
        self._dsn = dsn
        self.line: Lifeline[asyncpg.Connection] = Lifeline(
            "hints", self._listening, asyncpg.Connection.close
        )
        self._partitions: dict[int, _Partition] = {}
        self._waiting = 0
        self._hinted: set[int] = set()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._waiting

    # those who wait

    @contextmanager
    def expected(self, partition: int, cause: UUID) -> Iterator[asyncio.Future[Decided]]:
        """The decision of a cause, as a future: registered before the cause is sent off."""
        waiting: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        with self._counted():
            place = self._partitions.setdefault(partition, _Partition())
            place.decisions.setdefault(cause, {})[waiting] = None
            self._wake.set()
            try:
                yield waiting
            finally:
                others = place.decisions.get(cause, {})
                others.pop(waiting, None)
                if not others:
                    place.decisions.pop(cause, None)

    async def reached(self, token: Token, seconds: float) -> bool:
        """Whether the projection reaches the token within this time."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._counted():
            place = self._partitions.setdefault(token.partition, _Partition())
            place.positions[waiting] = token.position
            self._wake.set()
            try:
                async with asyncio.timeout(seconds):
                    await waiting
            except TimeoutError:
                return False
            finally:
                place.positions.pop(waiting, None)
        return True

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._waiting >= WAITERS_MAX:
            raise Problem(Code.BUSY, limit=WAITERS_MAX)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    # hints

    async def _listening(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._dsn, timeout=ACK_SECONDS, server_settings={"application_name": "tessera-listen"}
        )
        connection.add_termination_listener(self.line.lose)
        await connection.add_listener(CHANNEL, self._on_hint)
        return connection

    def _on_hint(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        if payload.isdecimal() and int(payload) in self._partitions:
            self._hinted.add(int(payload))
            self._wake.set()

    # looking

    async def look_after(self) -> None:
        """Look up what is waited for, on hints and now and then. Until cancelled."""
        next_look = 0.0
        while True:
            if not self._waiting:
                await self._somebody()
                next_look = monotonic() + LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_look - monotonic())):
                    await self._hint()
            started = monotonic()
            everything = started >= next_look
            looked, self._hinted = self._hinted, set()
            with contextlib.suppress(StoreUnavailable):
                await self._look(set(self._partitions) if everything else looked)
            if everything:
                now = monotonic()
                next_look = now + max(LOOK_SECONDS, LOOK_SHARE * (now - started))

    async def _somebody(self) -> None:
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()

    async def _hint(self) -> None:
        while not self._hinted:
            self._wake.clear()
            await self._wake.wait()

    async def _look(self, partitions: Iterable[int]) -> None:
        places = [place for p in partitions if (place := self._partitions.get(p)) and place.waits]
        causes = {cause: place for place in places for cause in place.decisions}
        for cause, decided in (await decided_on(self._database, list(causes))).items():
            for waiting in causes[cause].decisions.get(cause, ()):
                if not waiting.done():
                    waiting.set_result(decided)
        if any(place.positions for place in places):
            await self._look_at_positions()

    async def _look_at_positions(self) -> None:
        for row in await self._database.fetch(POSITIONS, LEDGER.name):
            place = self._partitions.get(row["partition"])
            for waiting, least in list(place.positions.items() if place else ()):
                if row["seq"] >= least and not waiting.done():
                    waiting.set_result(None)
