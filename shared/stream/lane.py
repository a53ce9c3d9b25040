"""One topic of a loop's inputs, fetched from Apache Kafka ahead of the polls.

The client's own consumer is not used: it fetches nothing of a place while records of another wait
to be taken, and a producer that names a header in bytes that are not UTF-8 stops it for good.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from aiokafka.errors import KafkaError

from shared.stream.batches import Chunk
from shared.stream.fetching import PLACE_BYTES, RETRY_SECONDS, Fetcher, passes
from shared.stream.log import LogUnavailable, Place, Record

POLL_WAIT_MS = 250
"""How long a broker keeps a fetch of inputs open: what is assigned anew waits for its end."""
TOP_UP_WAIT_MS = 10
"""The same where other places have enough records waiting: those are to be fetched soon."""


class Lane:
    """A topic's records, up to a named size for each place.

    For each broker one request is always under way, so whatever has arrived during a turn is there
    when the next one polls.
    """

    def __init__(self, bootstrap: str, arrived: asyncio.Event) -> None:
        self._fetcher = Fetcher(bootstrap)
        self._arrived = arrived
        self._room = asyncio.Event()
        self._ends: dict[Place, int] = {}
        self._chunks: dict[Place, deque[Chunk]] = {}
        self._failure: Exception | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        await self._fetcher.start()

    async def close(self) -> None:
        """Disconnect."""
        self.assign({})
        await self._fetcher.close()

    def assign(self, positions: Mapping[Place, int]) -> None:
        """Fetch these places from these offsets on; drop whatever else was fetched."""
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None
        self._ends = dict(positions)
        self._chunks = {}
        self._failure = None
        if positions:
            self._fetching = asyncio.create_task(self._keep_fetching(), name="fetching")

    # what a poll takes

    def take(self, limit: int) -> dict[Place, list[Record]]:
        """Up to `limit` records that are there, from each place in turn. Raises LogUnavailable."""
        if self._failure is not None and not self._chunks:
            raise LogUnavailable(str(self._failure)) from self._failure
        taken: dict[Place, list[Record]] = {}
        for place in list(self._chunks):
            if limit <= 0:
                break
            chunks = self._chunks.pop(place)
            records = self._decoded(chunks, limit)
            limit -= len(records)
            if records:
                taken[place] = records
            if chunks:
                self._chunks[place] = chunks  # behind the other places
        self._room.set()
        return taken

    def _decoded(self, chunks: deque[Chunk], limit: int) -> list[Record]:
        records: list[Record] = []
        while chunks and len(records) < limit:
            try:
                records.extend(chunks[0].take(limit - len(records)))
            except LogUnavailable as damaged:
                self.assign({})
                self._failure = damaged
                raise
            if chunks[0].next >= chunks[0].end:
                chunks.popleft()
        return records

    # what is fetched

    async def _keep_fetching(self) -> None:
        while True:
            try:
                await self._fetch_from_leaders()
            except KafkaError as error:
                if not passes(error):
                    self._fail(error)
                    return
                await asyncio.sleep(RETRY_SECONDS)
                await self._fetcher.refresh()
            except Exception as error:  # noqa: BLE001  (the next poll says so)
                self._fail(error)
                return

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._arrived.set()

    async def _fetch_from_leaders(self) -> None:
        """Fetch from each broker what it leads, until a request fails."""
        led: dict[int, list[Place]] = {}
        for place in self._ends:
            led.setdefault(self._fetcher.leader(place), []).append(place)
        tasks = [
            asyncio.create_task(self._fetch_from(node, places)) for node, places in led.items()
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch_from(self, node: int, places: Sequence[Place]) -> None:
        while True:
            nexts = {place: self._ends[place] for place in places if self._has_room(place)}
            if not nexts:
                self._room.clear()
                await self._room.wait()
                continue
            wait_ms = POLL_WAIT_MS if len(nexts) == len(places) else TOP_UP_WAIT_MS
            for chunk in await self._fetcher.fetch_from(node, nexts, wait_ms):
                if chunk.end > chunk.next:
                    self._ends[chunk.place] = chunk.end
                    self._chunks.setdefault(chunk.place, deque()).append(chunk)
                    self._arrived.set()

    def _has_room(self, place: Place) -> bool:
        return sum(chunk.size for chunk in self._chunks.get(place, ())) < PLACE_BYTES
