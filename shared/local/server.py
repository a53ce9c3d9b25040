"""The life of an embedded server: checked, started, answering, stopped. Each server fills it in.

Guarantees: after `start` it answers, or a `LocalServerError` says why not and nothing is left
running; one living process per folder; what a killed earlier run left is waited for or put right.
"""

import asyncio
import logging
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import ClassVar, Self

from shared.local import folders, ports
from shared.local.child import POLL_SECONDS, Child
from shared.local.errors import NotReady, ServerDied, UnsupportedPlatform

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30
EARLIER_RUN_SECONDS_MAX = 60

Note = Callable[[str], None]
"""Where a line goes that tells the user what is being done."""


class EmbeddedServer(ABC):
    """What Kafka and Postgres have in common; see their own classes."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    disk_bytes_needed: ClassVar[int]
    passing_troubles: ClassVar[tuple[str, ...]]
    """Words in the log of a start that failed for a reason that passes: try again."""

    def __init__(self, data_dir: Path, port: int, port_setting: str, note: Note | None) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.note = note or logging.getLogger(__name__).info
        self._port_setting = port_setting
        self._lock = folders.FolderLock(self.data_dir)
        self._child: Child | None = None

    async def start(self) -> None:
        """Start it and return when it answers; does nothing while it runs.

        The first start fetches and initialises what is needed. Raises LocalServerError.
        """
        if self.is_alive:
            return
        if sys.platform not in {"linux", "darwin"}:
            raise UnsupportedPlatform(sys.platform)
        folders.require_writable(self.data_dir)
        self._lock.acquire()
        try:
            folders.require_disk(self.data_dir, self.disk_bytes_needed)
            await self._prepare()
            ports.require_free(self.port, self._port_setting)
            await self._spawn_until_ready()
        except BaseException:
            self.kill()
            raise

    async def stop(self) -> None:
        """Stop it in order, or by force after STOP_SECONDS_MAX; when it does not run: nothing."""
        if self._child is not None:
            await self._child.stop(self.stop_signal, STOP_SECONDS_MAX)
        self._lock.release()

    def kill(self) -> None:
        """`kill -9`, for tests and last resorts; the next start recovers."""
        if self._child is not None:
            self._child.kill()
        self._lock.release()

    async def ended(self) -> None:
        """Return when the process has ended, whatever ended it; at once when it does not run."""
        if self._child is not None:
            await self._child.ended()

    @property
    def pid(self) -> int | None:
        """The server's process id; None before the first start."""
        return self._child.pid if self._child else None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; it may have stopped answering all the same."""
        return self._child is not None and self._child.is_alive

    @property
    def log_file(self) -> Path:
        """What the server prints, over all its starts."""
        return self.data_dir / f"{self.name.lower()}.log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @abstractmethod
    async def _prepare(self) -> None:
        """Bring about all that the process needs, and wait for the end of an earlier one."""

    @abstractmethod
    def _server_process(self) -> Child:
        """Build the process, not yet started."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether the server does its work for clients."""

    async def _spawn_until_ready(self) -> None:
        deadline = monotonic() + START_SECONDS_MAX
        while True:
            child = self._child = self._server_process()
            child.spawn()
            while child.is_alive and monotonic() < deadline:
                if await self._answers():
                    return
                await asyncio.sleep(POLL_SECONDS)
            if child.is_alive:
                raise NotReady(self.name, START_SECONDS_MAX, child.log, child.tail())
            output = child.output()
            if monotonic() > deadline or not any(word in output for word in self.passing_troubles):
                raise ServerDied(self.name, child.exit_code, child.log, child.tail())
            await asyncio.sleep(POLL_SECONDS)

    async def _run(self, child: Child) -> None:
        """Run a command that prepares something to its end; raise ServerDied when it fails."""
        child.spawn()
        try:
            await child.ended()
        finally:
            child.kill()
        if child.exit_code != 0:
            raise ServerDied(Path(child.command[0]).name, child.exit_code, child.log, child.tail())
