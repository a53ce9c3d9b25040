"""`tessera rebuild <service>`: fold everything anew beside the live tables, then swap.

Guarantees: services and API go on meanwhile; the live tables are untouched until the swap, which is
one short transaction. A rebuild that is interrupted leaves a schema that the next one drops.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import asyncpg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.deciding import SERVICES
from cli.installation import installation
from cli.operation import EXIT_SETUP, console
from cli.processes import available_processors, spread
from cli.rebuild import schemas
from cli.rebuild.folding import Folding, Partitions, connected, fold_partitions
from cli.rebuild.intake import rebuild_intake
from cli.refusals import Refused
from cli.where import Installation
from services.intake.records import SERVICE as INTAKE
from shared.postgres.bulk import Index
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Log, Place
from shared.stream.service import Service
from shared.stream.store import Position
from shared.stream.topics_setup import check_topics

LOOK_SECONDS = 0.25
FEW_RECORDS = 20_000
"""Up to so many, starting processes takes longer than folding."""
SHORT_RECORDS = 2_000
"""Once fewer are left, folding them holds the services up for less than a turn or two."""
ROUNDS_MAX = 20


async def rebuild(
    settings: Settings, name: str, *, processes: int | None = None, accept_log: bool = False
) -> int:
    """Rebuild a service's tables; the exit code."""
    told = console()
    if name not in {*SERVICES, INTAKE}:
        known = ", ".join((*SERVICES, INTAKE))
        told.print(f"{name} has no tables that are made from the log; {known} have")
        return EXIT_SETUP
    async with installation(settings, told.print) as where:
        if name == INTAKE:
            await rebuild_intake(where, told)
        else:
            await Rebuilding(where, name, processes, accept_log=accept_log).run()
    return 0


class Rebuilding:
    """One rebuild, from an empty schema to the swap."""

    def __init__(
        self,
        where: Installation,
        name: str,
        processes: int | None = None,
        *,
        accept_log: bool = False,
    ) -> None:
        self.where = where
        self.service: Service[Any] = SERVICES[name]()
        self.processes = processes
        self.accept_log = accept_log
        self.told = console()

    async def run(self) -> None:
        """Raises Refused, Halted, LogUnavailable, StoreUnavailable, TopicsWrong."""
        await check_topics(self.where.kafka, partitions=self.where.partitions)
        schema = schemas.names(self.service.name).fresh
        log = KafkaLog(self.where.kafka)
        try:
            await log.start()
            async with connected(self.where.postgres, schema) as connection:
                await schemas.claim(connection, self.service.name)
                await self._rebuild(log, connection, schema)
        finally:
            await log.close()

    async def _rebuild(self, log: Log, connection: asyncpg.Connection, schema: str) -> None:
        started = perf_counter()
        live = await schemas.live_positions(connection, self.service)
        version = schemas.next_version(self.service, live)
        folding = Folding(self.where, self.service.name, schema, version)
        to_make = await schemas.prepare(connection, self.service)
        ends = await self._ends(log, live)
        self.told.print(
            f"folding {sum(ends.values()):,} records of {self.service.output.name} into {schema}; "
            f"{self.service.name} and the API go on meanwhile"
        )
        await self._fold(folding, ends, connection)
        await self._make(to_make, schema)
        await self._catch_up(folding, log, connection)
        waited = await schemas.swap(
            connection, log, self.service, folding, accept_log=self.accept_log
        )
        seconds = perf_counter() - started
        facts = await connection.fetchval(
            f'SELECT sum(seq)::bigint FROM "{self.service.name}".stream_position'  # noqa: S608
        )
        self.told.print(
            f"{self.service.name} is rebuilt: {facts:,} facts in {seconds:.1f} s, "
            f"{facts / seconds:,.0f}/s; the swap took {waited * 1000:.0f} ms"
        )

    async def _ends(self, log: Log, live: Mapping[int, Position]) -> dict[int, int]:
        """Where each partition is folded to for now: where the live one is, else the log's end."""
        places = [
            Place(self.service.output.name, partition) for partition in range(self.where.partitions)
        ]
        bounds = await log.bounds(places)
        ends = {place.partition: bounds[place].end for place in places}
        if not self.accept_log:
            for partition, position in live.items():
                ends[partition] = min(ends[partition], position.next_offset)
        return ends

    async def _fold(
        self, folding: Folding, ends: Mapping[int, int], connection: asyncpg.Connection
    ) -> None:
        worth_it = sum(ends.values()) > FEW_RECORDS
        processes = self.processes or (available_processors() if worth_it else 1)
        largest_first = sorted(ends, key=lambda partition: ends[partition], reverse=True)
        parts = [Partitions(folding, {partition: ends[partition]}) for partition in largest_first]
        async with self._progress(connection, sum(ends.values())):
            await spread(fold_partitions, parts, processes)

    @asynccontextmanager
    async def _progress(self, connection: asyncpg.Connection, total: int) -> AsyncIterator[None]:
        """A bar that follows the positions of the new schema."""
        columns = (
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
        )
        started = perf_counter()
        with Progress(*columns, console=self.told) as bar:
            task = bar.add_task("", total=total, rate=0.0)

            async def look() -> None:
                folded = await connection.fetchval("SELECT sum(next_offset) FROM stream_position")
                rate = float(folded or 0) / (perf_counter() - started)
                bar.update(task, completed=float(folded or 0), rate=rate)

            async def keep_looking() -> None:
                while True:
                    await asyncio.sleep(LOOK_SECONDS)
                    await look()

            looking = asyncio.create_task(keep_looking())
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
            await look()

    async def _make(self, indexes: list[Index], schema: str) -> None:
        """Make the indexes that were set aside, and let the planner know the tables."""

        async def make(index: Index) -> None:
            async with connected(self.where.postgres, schema) as connection:
                await connection.execute(index.creation)

        try:
            await asyncio.gather(*map(make, indexes))
        except asyncpg.UniqueViolationError as error:
            raise Refused(
                f"the facts do not fold ({error}; {error.detail}). The live tables are untouched; "
                "`tessera verify` says which facts are in the wrong"
            ) from error
        async with connected(self.where.postgres, schema) as connection:
            for table in self.service.tables:
                await connection.execute(f'ANALYZE "{table.name}"')

    async def _catch_up(self, folding: Folding, log: Log, connection: asyncpg.Connection) -> None:
        """Follow the living service until little is left to do while it waits."""
        for _ in range(ROUNDS_MAX):
            live = await schemas.live_positions(connection, self.service)
            ends = await self._ends(log, live)
            folded = await connection.fetchval("SELECT sum(next_offset) FROM stream_position")
            if sum(ends.values()) - (folded or 0) <= SHORT_RECORDS:
                return
            await fold_partitions(Partitions(folding, ends))
