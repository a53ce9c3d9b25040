"""`tessera verify`: everything that can be checked from the logs and the tables, while all goes on.

Guarantees: one snapshot of all tables, held against the log at the positions that the snapshot has;
what came later is folded and checked too, but not compared. Changes nothing. Exit code 0: nothing
was found; 1: something was, and it is told with what to do.
"""

import json
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

import asyncpg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cli.deciding import SERVICES
from cli.installation import installation
from cli.operation import EXIT_REFUSED, console
from cli.processes import available_processors, spread
from cli.verify.bits import Offsets, runs
from cli.verify.marks import check_upstream, is_gone
from cli.verify.merges import Merges
from cli.verify.partition import verify_partition
from cli.verify.report import INVARIANTS, Check, Report, merged
from cli.verify.tables import (
    Tables,
    connected,
    not_swapped,
    snapshot,
    tables_of,
    upstream_positions,
)
from cli.verify.task import Quarantine, Task
from cli.verify.transfers import Transfers
from cli.where import Installation
from services.intake.store import Position
from shared.events import quarantine
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, PROGRAMS, QUARANTINE, UPSTREAM
from shared.events.wire import Source
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Log, Place
from shared.stream.topics_setup import check_topics

FEW_RECORDS = 20_000
"""Up to so many, starting processes takes longer than verifying."""
QUARANTINE_AT_ONCE = 200
"""Quarantined records may be large."""
UPSTREAM_GAP = 50
UPSTREAM_AT_ONCE = 500
BACKWARDS = (LEDGER, AWARDS, COMMANDS, ACTIVITY)
"""Effects before their causes: ends taken in this order never show an effect without its cause."""


async def verify(settings: Settings, *, processes: int | None = None, as_json: bool = False) -> int:
    """Verify an installation and print what was found; the exit code."""
    told = Console(stderr=True, highlight=False, soft_wrap=True) if as_json else console()
    started = perf_counter()
    async with installation(settings, told.print) as where:
        report = await examined(where, told, processes)
    seconds = perf_counter() - started
    if as_json:
        print(json.dumps({**report.as_json(), "seconds": round(seconds, 1)}, indent=2))
    else:
        _tell(report, seconds, told)
    return 0 if report.is_clean else EXIT_REFUSED


async def examined(where: Installation, told: Console, processes: int | None = None) -> Report:
    """What verifying an installation gives.

    Raises TopicsWrong, Halted (the log is another ledger's, or not whole), LogUnavailable,
    StoreUnavailable.
    """
    await check_topics(where.kafka, partitions=where.partitions)
    log = KafkaLog(where.kafka)
    try:
        await log.start()
        async with connected(where.postgres) as connection:
            await not_swapped(connection, SERVICES)
            async with snapshot(connection):
                return await Looking(where, log, connection, told).report(processes)
    finally:
        await log.close()


class Looking:
    """One verification: what all partitions share, then each partition, then what is left over."""

    def __init__(
        self, where: Installation, log: Log, connection: asyncpg.Connection, told: Console
    ) -> None:
        self.where = where
        self.log = log
        self.connection = connection
        self.told = told

    async def report(self, processes: int | None) -> Report:
        """The report of everything; None: as many processes as are worth their start."""
        exported: str = await self.connection.fetchval("SELECT pg_export_snapshot()")
        tables = {
            name: await tables_of(self.connection, make(), self.where.partitions)
            for name, make in SERVICES.items()
        }
        upstream = await upstream_positions(self.connection)
        ledger = [Place(LEDGER.name, number) for number in range(self.where.partitions)]
        early = await self.log.bounds(ledger)
        bounds: dict[Place, Bounds] = {}
        for topic in BACKWARDS:
            places = [Place(topic.name, number) for number in range(self.where.partitions)]
            bounds |= await self.log.bounds(places)
        set_aside = await self._quarantine()
        read = {place: position.next_offset for place, position in upstream.items()}
        tasks = await self._tasks(exported, tables, bounds, early, set_aside, read)
        outcomes = await self._spread(tasks, bounds, processes)
        report = merged(outcome.report for outcome in outcomes)
        transfers, merges = Transfers(), Merges()
        for outcome in outcomes:
            transfers.add(outcome.transfers)
            merges.add(outcome.merges)
        transfers.check(report)
        merges.check(report)
        _missing_tables(tables, bounds, report)
        forwarded = _united(outcome.upstream for outcome in outcomes)
        await self._upstream(upstream, forwarded, set_aside, report)
        return report

    async def _quarantine(self) -> Quarantine:
        """Where what stands in quarantine came from; and since when nothing has left it."""
        sources: set[Source] = set()
        since_ms = 0
        count = await self.log.partitions(QUARANTINE.name)
        places = [Place(QUARANTINE.name, number) for number in range(count)]
        for place, (first, end) in (await self.log.bounds(places)).items():
            for start in range(first, end, QUARANTINE_AT_ONCE):
                until = min(end, start + QUARANTINE_AT_ONCE)
                for record in (await self.log.read({place: Bounds(start, until)}))[place]:
                    item = quarantine.decode(record.key, record.value, record.headers)
                    sources.add(item.source)
                    if start == first > 0:
                        since_ms = max(since_ms, record.timestamp)
        return Quarantine(frozenset(sources), since_ms)

    async def _tasks(
        self,
        exported: str,
        tables: Mapping[str, Tables],
        bounds: Mapping[Place, Bounds],
        early: Mapping[Place, Bounds],
        set_aside: Quarantine,
        upstream: Mapping[Place, int],
    ) -> list[Task]:
        place = Place(PROGRAMS.name, 0)
        whole = (await self.log.bounds([place]))[place]
        programs = [
            record.value
            for record in (await self.log.read({place: whole}))[place]
            if record.value is not None
        ]
        return [
            Task(
                installation=self.where,
                partition=number,
                snapshot=exported,
                tables=tables,
                bounds={topic.name: bounds[Place(topic.name, number)] for topic in BACKWARDS},
                early=early[Place(LEDGER.name, number)].end,
                quarantine=set_aside._replace(
                    sources=frozenset(
                        source
                        for source in set_aside.sources
                        if source.partition == number and Place(*source[:2]) in bounds
                    )
                ),
                upstream=upstream,
                programs=programs,
            )
            for number in range(self.where.partitions)
        ]

    async def _spread(
        self, tasks: list[Task], bounds: Mapping[Place, Bounds], processes: int | None
    ) -> list[Any]:
        total = sum(bound.end - bound.first for bound in bounds.values())
        columns = (BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("partitions"))
        with Progress(*columns, console=self.told) as bar:
            shown = bar.add_task("", total=len(tasks))
            return await spread(
                verify_partition,
                tasks,
                processes or (available_processors() if total > FEW_RECORDS else 1),
                done=lambda: bar.advance(shown),
            )

    async def _upstream(
        self,
        read: Mapping[Place, Position],
        forwarded: Mapping[Place, Offsets],
        set_aside: Quarantine,
        report: Report,
    ) -> None:
        """What intake has read was forwarded or set aside."""
        if not read:
            return
        for topic in UPSTREAM:
            count = await self.log.partitions(topic.name)
            places = [Place(topic.name, number) for number in range(count)]
            for place, (first, end) in (await self.log.bounds(places)).items():
                if (position := read.get(place)) is None:
                    continue  # nothing was read, or it is read again from the first record on
                await check_upstream(self.log, place, position, Bounds(first, end), report)
                known = forwarded.get(place, Offsets())
                until = min(position.next_offset, end)
                report.count(Check.UPSTREAM, max(0, until - first))
                missing = [
                    offset
                    for offset in known.missing(first, until)
                    if Source(place.topic, place.partition, offset) not in set_aside.sources
                ]
                await self._lost(place, missing, set_aside.since_ms, report)

    async def _lost(self, place: Place, offsets: list[int], since_ms: int, report: Report) -> None:
        """Tell of upstream records that are nowhere."""
        wanted = set(offsets)
        for first, end in runs(offsets, UPSTREAM_GAP, UPSTREAM_AT_ONCE):
            for record in (await self.log.read({place: Bounds(first, end)}))[place]:
                if record.offset not in wanted:
                    continue
                if record.timestamp < since_ms or is_gone(record):
                    continue  # may have been in quarantine; or an offset without a record
                what = f"{place} offset {record.offset} was read, but is nowhere since"
                remedy = f"tessera positions reset {place.topic}: it is read again, counted once"
                report.find(Check.UPSTREAM, str(place), what, remedy)


def _missing_tables(
    tables: Mapping[str, Tables], bounds: Mapping[Place, Bounds], report: Report
) -> None:
    for name, make in SERVICES.items():
        topic = make().output.name
        facts = sum(bound.end for place, bound in bounds.items() if place.topic == topic)
        if facts and not tables[name].exist:
            what = f"{topic} holds {facts:,} records, but {name} has no tables"
            report.find(Check.POSITIONS, topic, what, f"start {name}, or tessera rebuild {name}")


def _united(parts: Iterable[Mapping[Place, Offsets]]) -> dict[Place, Offsets]:
    united: dict[Place, Offsets] = {}
    for part in parts:
        for place, offsets in part.items():
            united.setdefault(place, Offsets()).update(offsets)
    return united


def _tell(report: Report, seconds: float, told: Console) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("check")
    table.add_column("", no_wrap=True)
    table.add_column("looked at", justify="right")
    table.add_column("wrong", justify="right")
    for check in Check:
        wrong = report.wrong[check]
        style = "red" if wrong else None
        looked_at = f"{report.looked_at[check]:,}"
        table.add_row(check.value, INVARIANTS[check], looked_at, f"{wrong:,}", style=style)
    told.print(table)
    for what, number in sorted(report.notes.items()):
        told.print(f"note: {number:,} {what}", markup=False)
    for finding in report.findings:
        told.print(f"\n{finding.where}: {finding.what}", markup=False, style="red")
        told.print(f"  {finding.remedy}", markup=False)
    wrong = report.wrong.total()
    told.print(
        f"\n{'everything holds' if report.is_clean else f'{wrong:,} findings'} ({seconds:.1f} s)"
    )
