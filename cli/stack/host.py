"""The host: embedded Kafka and Postgres and all services as children of one process.

Guarantees: children never outlive it; a child that dies is started again, one that halted is not
and says why; stops everything in order, services first. Servers named by TESSERA_KAFKA or
TESSERA_POSTGRES are used as they are and left alone.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from urllib.request import ProxyHandler, build_opener

from shared.identity import ledger_identity
from shared.local import EmbeddedKafka, EmbeddedPostgres
from shared.local.child import Child
from shared.local.folders import FolderLock, require_writable
from shared.local.ports import free_port, require_free
from shared.postgres.pool import require_reachable
from shared.process import EXIT_HALTED
from shared.settings import Settings
from shared.stream.topics_setup import check_topics, make_topics

SERVICES = ("intake", "earn", "redeem", "query")
WATCH_SECONDS = 0.5
RESTART_SECONDS = 1.0
STOP_SECONDS_MAX = 20
READY_SECONDS_MAX = 60.0
ROOT = Path(__file__).resolve().parents[2]
Note = Callable[[str], None]


class NotReady(Exception):
    """The services do not get ready."""


@dataclass
class Watched:
    """A service's process, and what became of it."""

    name: str
    child: Child
    halted: bool = False
    restarts: int = 0
    restart_at: float | None = None
    metrics: str = ""


class Host:
    """Starts, watches and stops everything; `note` is told what is being done."""

    def __init__(self, settings: Settings, note: Note) -> None:
        self.settings = settings
        self.note = note
        self.kafka: EmbeddedKafka | None = None
        self.postgres: EmbeddedPostgres | None = None
        self.services: list[Watched] = []
        self.environment: dict[str, str] = {}
        self._stopping = False
        self._lock = FolderLock(settings.home)
        self._owns_folder = False
        home = settings.home
        if "kafka" not in settings.model_fields_set:
            self.kafka = EmbeddedKafka(home / "kafka", settings.kafka_port, note=note)
        if "postgres" not in settings.model_fields_set:
            self.postgres = EmbeddedPostgres(home / "postgres", settings.postgres_port, note=note)

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap if self.kafka else self.settings.kafka

    @property
    def dsn(self) -> str:
        """Postgres' address."""
        return self.postgres.dsn if self.postgres else self.settings.postgres

    @property
    def api(self) -> str:
        """The API's address, without `/v1`."""
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    @property
    def status_file(self) -> Path:
        """Where it says what runs."""
        return self.settings.home / "run.json"

    async def start(self) -> None:
        """Start everything and return when the API is ready.

        Raises LocalServerError, LedgerMismatch, TopicsWrong, LogUnavailable, StoreUnavailable,
        NotReady: each says what to do.
        """
        require_writable(self.settings.home)
        self._lock.acquire()
        self._owns_folder = True
        (self.settings.home / "logs").mkdir(exist_ok=True)
        identity = ledger_identity(self.settings)
        require_free(self.settings.api_port, "TESSERA_API_PORT")
        if self.kafka:
            self.note(f"starting Kafka on port {self.kafka.port}")
        if self.postgres:
            self.note(f"starting Postgres on port {self.postgres.port}")
        await asyncio.gather(*(server.start() for server in self._servers()))
        await require_reachable(self.dsn)
        await make_topics(
            self.bootstrap,
            partitions=identity.partitions,
            replication=self.settings.replication,
        )
        await check_topics(self.bootstrap, partitions=identity.partitions)
        self.note(f"starting {', '.join(SERVICES)}")
        self.environment = self._environment(identity.id, identity.partitions)
        for name in SERVICES:
            port = free_port()
            metrics = "" if name == "query" else f"http://127.0.0.1:{port}/metrics"
            watched = Watched(name, self._service(name, port), metrics=metrics)
            watched.child.spawn()
            self.services.append(watched)
        self._write_status()
        await self._until_ready()

    def _servers(self) -> list[EmbeddedKafka | EmbeddedPostgres]:
        return [server for server in (self.kafka, self.postgres) if server is not None]

    def _environment(self, ledger_id: str, partitions: int) -> dict[str, str]:
        told = self.settings.model_dump(mode="json", include=self.settings.model_fields_set)
        return {
            **os.environ,
            **{f"TESSERA_{name.upper()}": str(value) for name, value in told.items()},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TESSERA_KAFKA": self.bootstrap,
            "TESSERA_POSTGRES": self.dsn,
            "TESSERA_LEDGER_ID": ledger_id,
            "TESSERA_PARTITIONS": str(partitions),
            "TESSERA_HOME": str(self.settings.home.absolute()),
        }

    def _service(self, name: str, metrics_port: int) -> Child:
        return Child(
            command=(sys.executable, "-m", f"services.{name}"),
            folder=ROOT,
            log=(self.settings.home / "logs" / f"{name}.log").absolute(),
            environment={**self.environment, "TESSERA_METRICS_PORT": str(metrics_port)},
            orphaned=signal.SIGTERM,
        )

    async def _until_ready(self) -> None:
        """Until every part of the API answers."""
        deadline = monotonic() + READY_SECONDS_MAX
        while not await asyncio.to_thread(answers, f"{self.api}/health/ready"):
            self._look_after()
            halted = [watched for watched in self.services if watched.halted]
            if halted or monotonic() > deadline:
                blamed = halted or self.services
                raise NotReady(
                    "\n".join(
                        f"{watched.name} does not get ready; see {watched.child.log}\n"
                        f"{watched.child.tail()}"
                        for watched in blamed
                        if watched.halted or not watched.child.is_alive
                    )
                    or f"{self.api} does not get ready; see {self.settings.home / 'logs'}"
                )
            await asyncio.sleep(0.1)

    # looking after it

    async def watch(self) -> None:
        """For ever: start again what dies; say what halts."""
        while not self._stopping:
            await asyncio.sleep(WATCH_SECONDS)
            for server in self._servers():
                if not server.is_alive and not self._stopping:
                    self.note(f"{server.name} has ended; starting it again")
                    await server.stop()
                    await server.start()
                    self._write_status()
            self._look_after()

    def _look_after(self) -> None:
        for watched in self.services:
            if watched.child.is_alive or watched.halted:
                continue
            if watched.child.exit_code == EXIT_HALTED:
                watched.halted = True
                self.note(f"{watched.name} has halted:\n{last_reason(watched.child.tail())}")
            elif watched.restart_at is None:
                watched.restart_at = monotonic() + RESTART_SECONDS
                self.note(
                    f"{watched.name} has ended ({watched.child.exit_code}); starting it again"
                )
            elif monotonic() >= watched.restart_at:
                watched.restart_at = None
                watched.restarts += 1
                watched.child.spawn()
                self._write_status()

    def _write_status(self) -> None:
        status = {
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "api": self.api,
            "kafka": self.bootstrap,
            "postgres": self.dsn,
            "processes": {
                **{server.name.lower(): server.pid for server in self._servers()},
                **{watched.name: watched.child.pid for watched in self.services},
            },
            "metrics": {
                watched.name: watched.metrics for watched in self.services if watched.metrics
            },
        }
        unfinished = self.status_file.with_suffix(".new")
        unfinished.write_text(json.dumps(status, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(self.status_file)

    async def stop(self) -> None:
        """Services first, then the servers; what does not stop is killed after a named time."""
        self._stopping = True
        await asyncio.gather(
            *(watched.child.stop(signal.SIGTERM, STOP_SECONDS_MAX) for watched in self.services)
        )
        await asyncio.gather(*(server.stop() for server in self._servers()))
        if self._owns_folder:
            with contextlib.suppress(FileNotFoundError):
                self.status_file.unlink()
            self._lock.release()


def answers(url: str) -> bool:
    """Whether a GET on this machine is answered with 200."""
    # No proxy from the environment: the API is on this machine.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def last_reason(tail: str) -> str:
    """What a service said when it halted: the `why` of its last log lines."""
    for line in reversed(tail.splitlines()):
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and "why" in said:
                return str(said["why"])
    return tail
