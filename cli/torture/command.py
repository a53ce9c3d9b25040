"""`tessera torture`: load, faults by a seed, then healed, drained and checked to the last event.

Exit code 0: everything held; 1: something did not, and the folder with all logs and data is kept.
"""

import asyncio
import contextlib
import logging
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import asyncpg

from cli.operation import EXIT_REFUSED, console
from cli.processes import available_processors
from cli.program import publish_file
from cli.refusals import WronglySetUp
from cli.torture.callers import Callers
from cli.torture.checks import Checks
from cli.torture.driver import Driver, lag
from cli.torture.faults import Faults
from cli.torture.found import Checked
from cli.torture.journal import GRANTS, SAVERS, Journal
from cli.torture.machine import DECIDING, Machine
from cli.torture.merges import open_parcels
from cli.torture.report import Report, keep, summary
from cli.torture.schedule import OTHERS, Kind, rounds
from cli.torture.versions import Versions
from shared.events.topics import PURCHASES
from shared.stream.kafka import KafkaLog
from shared.version import VERSION

PROGRAM = Path(__file__).with_name("bank.yaml")
TILLS, READERS = 48, 3
"""Tills wait for their answers most of the time, the longer the more faults there are."""
BEGIN_SECONDS_MAX = 120.0
RESUME_SECONDS_MAX = 30.0
DRAIN_SECONDS_MAX = 300.0
LOOK_SECONDS = 0.1
LOOK_SECONDS_MAX = 20.0
TELL_SECONDS = 10.0
PEACE_SHARE = 1 / 4
Note = Callable[[str], None]
Check = Callable[[], Awaitable[bool]]


async def torture(
    minutes: float,
    seed: int,
    *,
    only: Collection[str] = (),
    results: Path | None = None,
    page: Path | None = None,
    keep_folder: bool = False,
) -> int:
    """One run; the exit code. `only` names faults to have beside kills, all without it."""
    told = console()
    kinds = _kinds(only)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away is no news here
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)
    folder = _folder()
    told.print(f"seed {seed}, {minutes:g} minutes, in {folder}")
    machine = Machine(folder)
    try:
        report = await Campaign(machine, minutes, seed, kinds, told.print).run()
    finally:
        await machine.stop()
    for line in summary(report):
        told.print(line, markup=False)
    if results is not None and page is not None:
        told.print(f"kept in {keep(report, results, page)}")
    if report.wrong or keep_folder:
        told.print(f"data and logs: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return EXIT_REFUSED if report.wrong else 0


def _folder() -> Path:
    """One that other users may enter: Postgres never runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="tessera-torture-"))
    folder.chmod(0o755)
    return folder


def _kinds(names: Collection[str]) -> tuple[Kind, ...]:
    known = {kind.name.lower().replace("_", "-"): kind for kind in OTHERS}
    if unknown := set(names) - set(known):
        raise WronglySetUp(f"{', '.join(unknown)}: no faults; there are {', '.join(known)}")
    return tuple(known[name] for name in names)


class Campaign:
    """One run, from an empty folder to the report."""

    def __init__(
        self, machine: Machine, minutes: float, seed: int, only: tuple[Kind, ...], note: Note
    ) -> None:
        self.only = only
        self.machine = machine
        self.minutes = minutes
        self.seed = seed
        self.note = note
        self.journal = Journal()
        self.faults = Faults(machine)
        self.seconds: dict[str, float] = {"peace": 0.0}

    async def run(self) -> Report:
        """Begin, torment, heal, drain, check."""
        await self.machine.start()
        first = await publish_file(self.machine.kafka.bootstrap, PROGRAM)
        driver = Driver(
            self.machine.kafka.bootstrap, self.machine.postgres.dsn, self.journal, self.seed
        )
        await driver.grants(SAVERS * GRANTS)
        if not await self._until(self._is_drained, BEGIN_SECONDS_MAX):
            raise TimeoutError(f"the services do not begin; see {self.machine.logs}")
        self.note("load and faults begin")
        began = monotonic()
        versions = Versions(self.machine.kafka.bootstrap, first, self.journal, self.seed)
        async with self._load(driver, versions):
            await self._torment(began + 60 * self.minutes)
            self.seconds["load"] = monotonic() - began
            self.note("healed")
            resumed = await self._resumed()
        drained = await self._until(self._is_drained, DRAIN_SECONDS_MAX)
        self.note("drained" if drained else "NOT drained")
        checks = Checks(
            self.machine.kafka.bootstrap,
            self.machine.postgres.dsn,
            self.machine.environment,
            self.journal,
        )
        checked = [resumed, _lived(self.machine, drained=drained), *await checks.all()]
        self.seconds["outdated"] = checks.outdated_seconds
        return self._report(checked, checks.notes)

    @asynccontextmanager
    async def _load(self, driver: Driver, versions: Versions) -> AsyncIterator[None]:
        """The outside world, which goes on until it is told to stop, and then to its end."""
        stop = asyncio.Event()
        callers = Callers(self.machine.apis, self.journal, self.seed)
        partitions = await self._partitions()
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(driver))
            tasks.create_task(driver.run(partitions, stop))
            tasks.create_task(callers.run(TILLS, READERS, stop))
            tasks.create_task(versions.run(stop))
            yield
            stop.set()
            telling.cancel()

    async def _partitions(self) -> int:
        log = KafkaLog(self.machine.kafka.bootstrap)
        await log.start()
        try:
            return await log.partitions(PURCHASES.name)
        finally:
            await log.close()

    async def _torment(self, until: float) -> None:
        """Rounds of faults; peace makes up for them to a quarter of the time."""
        owed = 0.0
        for faults in rounds(self.seed, self.only):
            left = until - monotonic()
            if left <= 0:
                return
            started = monotonic()
            if faults:
                await self.faults.strike(faults)
                seconds = monotonic() - started
                owed += seconds * PEACE_SHARE / (1 - PEACE_SHARE)
                struck = ", ".join(f"{fault.kind} ({fault.service})" for fault in faults)
                self.note(f"  {seconds:.1f} s: {struck}")
            else:
                await asyncio.sleep(min(owed, left))
                self.seconds["peace"] += monotonic() - started
                owed = 0.0

    async def _resumed(self) -> Checked:
        """I12: every partition of earn and redeem decides again, while the load goes on."""
        before = await self._positions()

        async def all_moved() -> bool:
            now = await self._positions()
            return bool(before) and all(now.get(place, 0) > at for place, at in before.items())

        resumed = await self._until(all_moved, RESUME_SECONDS_MAX)
        seconds = monotonic() - self.faults.last_healed
        self.seconds["resumed"] = round(seconds, 1)
        late = [] if resumed else [f"not all partitions decide after {seconds:.0f} s"]
        says = f"every partition decides again within {RESUME_SECONDS_MAX:.0f} s"
        return Checked(says, "I12", len(before), len(late), late)

    async def _positions(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.machine.postgres.dsn)
            try:
                for service in DECIDING:
                    rows = await connection.fetch(
                        f"SELECT partition, seq FROM {service}.stream_position"  # noqa: S608
                    )
                    found |= {(service, partition): seq for partition, seq in rows}
            finally:
                await connection.close()
        return found

    async def _until(self, check: Check, seconds_max: float) -> bool:
        deadline = monotonic() + seconds_max
        while monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS_MAX):
                    if await check():
                        return True
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def _is_drained(self) -> bool:
        """Nothing is under way; and no account has anything left to send to another one."""
        dsn = self.machine.postgres.dsn
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return not await lag(self.machine.kafka.bootstrap, dsn) and not await open_parcels(dsn)
        return False

    async def _tell(self, driver: Driver) -> None:
        began = monotonic()
        while True:
            await asyncio.sleep(TELL_SECONDS)
            counts = {
                "purchases": sum(self.journal.events.values()),
                "under way": driver.backlog,
                **{name: self.journal.counts[name] for name in ("redemptions", "reads")},
                **{name: count for name, count in self.faults.done.items() if ":" not in name},
            }
            told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            self.note(f"{monotonic() - began:5.0f} s  {told}")
            for what in self.journal.findings + self.machine.last_words[-3:]:
                self.note(f"  {what[:400]}")

    def _report(self, checks: list[Checked], notes: dict[str, int]) -> Report:
        journal = self.journal
        return Report(
            seed=self.seed,
            minutes=self.minutes,
            only=[kind.value for kind in self.only],
            began=journal.began.isoformat(),
            version=VERSION,
            processors=available_processors(),
            seconds={name: round(value, 1) for name, value in self.seconds.items()},
            events={
                **{f"purchases, {c.name.lower()}": n for c, n in journal.events.items()},
                **{f"records of upstream: {kind}": n for kind, n in journal.records.items()},
                "versions of the program": len(journal.published),
            },
            faults=dict(self.faults.done),
            missed=dict(self.faults.missed),
            exits=dict(self.machine.exits),
            callers=dict(journal.counts),
            notes=notes,
            not_done=[] if self.machine.has_log_disk else ["folder of the logs full: not root"],
            last_words=self.machine.last_words,
            checks=checks,
        )


def _lived(machine: Machine, *, drained: bool) -> Checked:
    """No process halted, and none ended by itself but for want of a server at its start."""
    wrong = [] if drained else ["not drained"]
    wrong += machine.last_words
    looked_at = machine.exits.total()
    says = "no process halted or ended by itself, and all was drained"
    return Checked(says, "", looked_at, len(wrong), wrong[:10])
