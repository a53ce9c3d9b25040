"""The machine room of the campaign: two servers, a proxy on every way to them, service processes.

Guarantees: a process that dies is started again at once, and nothing outlives the campaign. What a
process was not meant to do (halt, end by itself) is remembered with its last words.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.stack.host import ROOT, last_reason
from cli.torture.nursery import Nursery, Offspring
from cli.torture.points import FOLDER, Point, order
from cli.torture.proxy import Mode, Proxy
from shared.identity import ledger_identity
from shared.local import EmbeddedKafka, EmbeddedPostgres, free_port
from shared.local.kafka import Listener
from shared.process import EXIT_HALTED, EXIT_SETUP
from shared.settings import Settings
from shared.stream.topics_setup import check_topics, make_topics

DECIDING = ("earn", "redeem")
STREAMING = ("intake", *DECIDING)
SERVICES = (*STREAMING, "query")
PROCESSES = 2
"""Processes of each service: a zombie needs another owner."""
RESTART_SECONDS = 0.1
SETUP_SECONDS = 1.0
"""Pause after a process that could not start because a server was away."""
STOP_SECONDS = 20
LOOK_SECONDS = 0.1
LOGS_BYTES = 256 * 1024 * 1024
"""Size of the file system of the logs, where one can be made."""


@dataclass
class Process:
    """A process of a service: its place in the machine room, and why it ended last."""

    service: str
    number: int
    log: Path
    environment: Mapping[str, str]
    port: int
    child: Offspring | None = None
    is_wanted: bool = True
    is_stopped: bool = False
    told: Point | None = None
    killed: set[int] = field(default_factory=set)
    """Process ids that were killed from outside."""

    @property
    def living(self) -> Offspring | None:
        """Its process, if it lives."""
        return self.child if self.child is not None and self.child.is_alive else None

    @property
    def name(self) -> str:
        """Of its log."""
        return f"{self.service}-{self.number}"


class Machine:
    """Everything that can be broken, and what became of it."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.settings = Settings(home=home, kafka=f"127.0.0.1:{free_port()}", sweep_seconds=5.0)
        self.proxies = {
            (service, server): Proxy(free_port(), free_port())
            for service in SERVICES
            for server in ("kafka", "postgres")
        }
        self.kafka = EmbeddedKafka(
            self.home / "kafka",
            int(self.settings.kafka.rpartition(":")[2]),
            listeners=[
                Listener(service.upper(), proxy.target, proxy.port)
                for (service, server), proxy in self.proxies.items()
                if server == "kafka"
            ],
        )
        self.postgres = EmbeddedPostgres(self.home / "postgres", free_port())
        for (_, server), proxy in self.proxies.items():
            if server == "postgres":
                proxy.target = self.postgres.port
        self.nursery = Nursery()
        self.processes: list[Process] = []
        self.exits: Counter[str] = Counter()
        self.last_words: list[str] = []
        self.environment: dict[str, str] = {}
        self.has_log_disk = False
        self._watching: dict[str, asyncio.Task[None]] = {}

    @property
    def logs(self) -> Path:
        """Where the processes write."""
        return self.home / "logs"

    @property
    def orders(self) -> Path:
        """Where processes are told to die at a point."""
        return self.home / "orders"

    @property
    def apis(self) -> list[str]:
        """The addresses of the API's processes."""
        return [
            f"http://127.0.0.1:{process.port}"
            for process in self.processes
            if process.service == "query"
        ]

    async def start(self) -> None:
        """Start everything. Raises LocalServerError."""
        for folder in (self.logs, self.orders):
            folder.mkdir(parents=True, exist_ok=True)
        self.has_log_disk = _mounted(self.logs)
        identity = ledger_identity(self.settings)
        await asyncio.gather(self.kafka.start(), self.postgres.start())
        await make_topics(self.kafka.bootstrap, partitions=identity.partitions, replication=1)
        await check_topics(self.kafka.bootstrap, partitions=identity.partitions)
        for proxy in self.proxies.values():
            await proxy.start()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TESSERA_KAFKA": self.kafka.bootstrap,
            "TESSERA_POSTGRES": self.postgres.dsn,
            "TESSERA_LEDGER_ID": identity.id,
            "TESSERA_PARTITIONS": str(identity.partitions),
            "TESSERA_HOME": str(self.home),
            "TESSERA_SWEEP_SECONDS": str(self.settings.sweep_seconds),
            FOLDER: str(self.orders),
        }
        await self.nursery.start(self.environment)
        for service in SERVICES:
            for _ in range(PROCESSES):
                self.add(service)

    async def stop(self) -> None:
        """End everything, also what does not want to."""
        for process in self.processes:
            self.resume(process)
        await asyncio.gather(*(self.remove(process) for process in list(self.processes)))
        await self.nursery.close()
        for proxy in self.proxies.values():
            await proxy.close()
        await asyncio.gather(self.kafka.stop(), self.postgres.stop())
        if self.has_log_disk:
            await asyncio.to_thread(subprocess.run, ["/bin/umount", str(self.logs)], check=False)

    # processes

    def add(self, service: str) -> Process:
        """One more process of a service."""
        numbers = {process.number for process in self.of(service)}
        number = min(set(range(len(numbers) + 1)) - numbers)
        port = free_port() if service == "query" else 0
        log = self.logs / f"{service}-{number}.log"
        process = Process(service, number, log, self._environment(service, port), port)
        self.processes.append(process)
        self._watching[process.name] = asyncio.create_task(self._watch(process))
        return process

    def _environment(self, service: str, port: int) -> dict[str, str]:
        kafka = self.proxies[service, "kafka"].port
        postgres = self.proxies[service, "postgres"].port
        return {
            **self.environment,
            "TESSERA_KAFKA": f"127.0.0.1:{kafka}",
            "TESSERA_POSTGRES": self.postgres.dsn.replace(
                f":{self.postgres.port}/", f":{postgres}/"
            ),
            "TESSERA_API_PORT": str(port),
        }

    async def remove(self, process: Process) -> None:
        """End a process in order; it is not started again."""
        process.is_wanted = False
        if (living := process.living) is not None:
            living.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(living.ended(), STOP_SECONDS)
            living.signal(signal.SIGKILL)
        self._watching.pop(process.name).cancel()
        self.processes.remove(process)

    def of(self, service: str) -> list[Process]:
        """The processes of a service."""
        return [process for process in self.processes if process.service == service]

    def living(self, service: str) -> list[Process]:
        """Those that run and were not stopped."""
        return [p for p in self.of(service) if p.living is not None and not p.is_stopped]

    async def _watch(self, process: Process) -> None:
        """Start it, and start it again whenever it ends."""
        while process.is_wanted:
            child = await self.nursery.spawn(process.service, process.environment, process.log)
            process.child = child
            await child.ended()
            process.is_stopped = False
            order(self.orders, child.pid).unlink(missing_ok=True)
            pause = RESTART_SECONDS
            if child.exit_code == -signal.SIGKILL and child.pid in process.killed:
                self.exits["killed"] += 1
            elif child.exit_code == -signal.SIGKILL and process.told is not None:
                self.exits[f"killed themselves {process.told}"] += 1
            elif child.exit_code == EXIT_SETUP:
                self.exits["could not start: a server was away"] += 1
                pause = SETUP_SECONDS
            elif process.is_wanted:
                self._unexpected(process, child)
                if child.exit_code == EXIT_HALTED:
                    return
            process.told = None
            await asyncio.sleep(pause)

    def _unexpected(self, process: Process, child: Offspring) -> None:
        code = child.exit_code
        what = "halted" if code == EXIT_HALTED else f"ended with {code}"
        self.exits[what] += 1
        self.last_words.append(f"{process.name} {what}: {last_reason(child.tail())}")

    # what is done to them

    def kill(self, process: Process) -> bool:
        """`kill -9`, unless it is dead or about to kill itself."""
        living = process.living
        if living is None or process.told is not None:
            return False
        process.killed.add(living.pid)
        return living.signal(signal.SIGKILL)

    async def kill_at(self, process: Process, point: Point, seconds_max: float) -> bool:
        """Have it kill itself at a point; False, and nothing happens, if it does not get there."""
        living = process.living
        if living is None or process.told is not None:
            return False
        process.told = point
        file = order(self.orders, living.pid)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(point, "ascii")
        unfinished.replace(file)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(living.ended(), seconds_max)
        file.unlink(missing_ok=True)
        with contextlib.suppress(TimeoutError):  # it may have read it just now
            await asyncio.wait_for(living.ended(), LOOK_SECONDS)
        if living.is_alive:
            process.told = None
            return False
        return living.exit_code == -signal.SIGKILL

    def suspend(self, process: Process) -> bool:
        """SIGSTOP."""
        living = process.living
        if living is None or process.told is not None:
            return False
        process.is_stopped = True
        return living.signal(signal.SIGSTOP)

    def resume(self, process: Process) -> bool:
        """SIGCONT; False if it has died meanwhile."""
        living = process.living
        if not process.is_stopped or living is None:
            return False
        process.is_stopped = False
        return living.signal(signal.SIGCONT)

    def network(self, ways: Sequence[tuple[str, str]], mode: Mode) -> None:
        """Change the network on some ways from a service to a server."""
        for way in ways:
            self.proxies[way].become(mode)


def _mounted(folder: Path) -> bool:
    """Make the folder a small file system of its own; only root can."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={LOGS_BYTES}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    return mounted.returncode == 0
