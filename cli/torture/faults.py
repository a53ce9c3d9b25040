"""The faults, done: each returns when what it broke is whole again, and is counted if it was done.

A fault that finds nothing to break (the process is dead already, say) is counted as missed.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import assert_never

import asyncpg

from cli.torture.machine import SERVICES, Machine, Process
from cli.torture.proxy import Mode
from cli.torture.schedule import Fault, Kind, Round
from shared.events.topics import PURCHASES
from shared.local.server import EmbeddedServer

POINT_SECONDS_MAX = 6.0
ZOMBIE_SECONDS_MAX = 25.0
STORM_PROCESSES = 3
LOOK_SECONDS = 0.1
DECIDED = 2
"""Another owner has decided when a position has moved past its `Opened` and one record more."""
FILLER_BYTES = 1024 * 1024
PAGE_BYTES = 4096


class Faults:
    """Does what the schedule says to a machine room."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.last_healed = monotonic()

    async def strike(self, faults: Round) -> None:
        """All faults of a round; returns when all is whole again."""
        await asyncio.gather(*(self._strike(fault) for fault in faults))
        self.last_healed = monotonic()

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.after)
        count = 0
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            count = await self._done(fault)
        self.done[fault.kind] += count
        self.missed[fault.kind] += not count

    async def _done(self, fault: Fault) -> int:
        """How many times it was done."""
        match fault.kind:
            case Kind.KILL:
                count = self._kill(fault)
            case Kind.KILL_AT:
                count = await self._kill_at(fault)
            case Kind.ZOMBIE:
                count = await self._zombie(fault)
            case Kind.BROKER:
                count = await self._server(self.machine.kafka, signal.SIGKILL, fault)
            case Kind.DATABASE:
                count = await self._server(self.machine.postgres, signal.SIGKILL, fault)
            case Kind.DATABASE_AT_ONCE:
                count = await self._server(self.machine.postgres, signal.SIGQUIT, fault)
            case Kind.BACKENDS:
                count = await self._backends(fault)
            case Kind.CUT | Kind.SILENT:
                mode = Mode.CUT if fault.kind is Kind.CUT else Mode.SILENT
                count = await self._network(fault, mode)
            case Kind.STORM:
                count = await self._storm(fault)
            case Kind.LOGS_FULL:
                count = await self._logs_full(fault)
            case _:
                assert_never(fault.kind)
        return count

    # processes

    def _kill(self, fault: Fault) -> int:
        return sum(map(self.machine.kill, self.machine.of(fault.service)[: fault.number]))

    async def _kill_at(self, fault: Fault) -> int:
        living = self.machine.living(fault.service)
        if not living:
            return 0
        process = living[fault.number % len(living)]
        if not await self.machine.kill_at(process, fault.point, POINT_SECONDS_MAX):
            return 0
        self.done[f"{Kind.KILL_AT}: {fault.point}"] += 1
        return 1

    async def _zombie(self, fault: Fault) -> int:
        """Stop an owner until others have decided in all that it owned."""
        owners = [p for p in self.machine.living(fault.service) if _owned(p)]
        if len(self.machine.living(fault.service)) < 2 or not owners:  # noqa: PLR2004
            return 0
        process = owners[fault.number % len(owners)]
        if not self.machine.suspend(process):
            return 0
        try:
            owned = _owned(process)
            before = await self._positions(fault.service)
            deadline = monotonic() + ZOMBIE_SECONDS_MAX
            while monotonic() < deadline:
                now = await self._positions(fault.service)
                if all(now.get(n, 0) >= before.get(n, 0) + DECIDED for n in owned):
                    return int(self.machine.resume(process))
                await asyncio.sleep(LOOK_SECONDS)
            return 0
        finally:
            self.machine.resume(process)

    async def _positions(self, service: str) -> Mapping[int, int]:
        statement = (
            "SELECT partition, next_offset FROM intake.upstream_position "  # noqa: S608
            f"WHERE topic = '{PURCHASES.name}'"
            if service == "intake"
            else f"SELECT partition, next_offset FROM {service}.stream_position"  # noqa: S608
        )
        connection = await asyncpg.connect(self.machine.postgres.dsn)
        try:
            return dict(await connection.fetch(statement))
        finally:
            await connection.close()

    async def _storm(self, fault: Fault) -> int:
        """Add processes one after the other, then remove them, half of them without a word."""
        added: list[Process] = []
        for _ in range(STORM_PROCESSES):
            added.append(self.machine.add(fault.service))
            await asyncio.sleep(fault.seconds)
        for number, process in enumerate(added):
            if number % 2:
                process.is_wanted = False
                self.done["kill -9 of an added process"] += self.machine.kill(process)
            await self.machine.remove(process)
            await asyncio.sleep(fault.seconds)
        return len(added)

    # servers and what is between

    async def _server(self, server: EmbeddedServer, number: signal.Signals, fault: Fault) -> int:
        assert server.pid is not None
        os.kill(server.pid, number)
        await server.ended()
        await server.stop()
        await asyncio.sleep(fault.seconds)
        await server.start()
        return 1

    async def _backends(self, fault: Fault) -> int:
        """End the sessions of all services, or of one."""
        name = "tessera-%" if fault.number == 1 else f"tessera-{fault.service}"
        connection = await asyncpg.connect(self.machine.postgres.dsn)
        try:
            ended: int = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name LIKE $1",
                name,
            )
        finally:
            await connection.close()
        self.done["sessions of the database ended"] += ended
        return int(ended > 0)

    async def _network(self, fault: Fault, mode: Mode) -> int:
        """One way between a service and a server, or all ways to a server."""
        server = "kafka" if fault.number % 2 else "postgres"
        services = SERVICES if fault.number == 3 else (fault.service,)  # noqa: PLR2004
        ways = [(service, server) for service in services]
        self.machine.network(ways, mode)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self.machine.network(ways, Mode.OPEN)
        return 1

    async def _logs_full(self, fault: Fault) -> int:
        """Fill the file system that the processes log to."""
        if not self.machine.has_log_disk:
            return 0
        filler = self.machine.logs / "filler"
        await asyncio.to_thread(_fill, filler, list(self.machine.logs.glob("*.log")))
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            filler.unlink()
        return 1


def _fill(filler: Path, logs: Sequence[Path]) -> None:
    """Take what is left, also of the last page of each log."""
    for path, sizes in ((filler, (FILLER_BYTES, PAGE_BYTES)), *((log, (1,)) for log in logs)):
        with path.open("ab", buffering=0) as file:
            for size in sizes:
                with contextlib.suppress(OSError):
                    while file.write(b"\n" * size):
                        pass


def _owned(process: Process) -> list[int]:
    """The partitions that a process says it owns, of the last time it said so since its start."""
    if process.child is None:
        return []
    for line in reversed(process.child.output().splitlines()):
        if '"owns"' not in line:
            continue
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if "partitions" in said:
                return list(said["partitions"])
            places = [place.rpartition("/") for place in said.get("places", [])]
            return [int(number) for topic, _, number in places if topic == PURCHASES.name]
    return []
