"""A server as a child process: started, watched, stopped; it never outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

POLL_SECONDS = 0.02
LOG_BYTES_MAX = 8 * 1024 * 1024
TAIL_LINES = 12
LAUNCHER = Path(__file__).with_name("launch.py")

# Linux ties "dies with its parent" to the thread that forked: this one lives as long as we do.
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


@dataclass(frozen=True)
class User:
    """Whom a process runs as."""

    uid: int
    gid: int


@dataclass
class Child:
    """One process: `command` in `folder`, its output appended to `log`.

    Its own session, so that Ctrl-C reaches only us and we stop it in order. Does not depend on an
    event loop: what one loop started another may stop.
    """

    command: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    user: User | None = None
    orphaned: signal.Signals = signal.SIGKILL
    by_pipe: bool = sys.platform != "linux"
    _process: subprocess.Popen[bytes] | None = None
    _pipe: int | None = None
    _log_start: int = field(default=0)

    def spawn(self) -> None:
        """Start it; what the command itself then says goes to the log."""
        self._log_start = _turn_over(self.log)
        self._process = _FORKER.submit(self._fork).result()

    def _fork(self) -> subprocess.Popen[bytes]:
        reading, self._pipe = os.pipe() if self.by_pipe else (None, None)
        user = f"{self.user.uid}:{self.user.gid}" if self.user else "-"
        launch = [
            *(sys.executable, "-I", "-S", str(LAUNCHER)),
            *(str(os.getpid()), str(int(self.orphaned)), user),
            str(reading) if reading is not None else "-",
        ]
        try:
            with self.log.open("ab") as output:
                return subprocess.Popen(
                    [*launch, *self.command],
                    cwd=self.folder,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=() if reading is None else (reading,),
                )
        finally:
            if reading is not None:
                os.close(reading)

    @property
    def pid(self) -> int | None:
        """The process id, also after the end; None before the start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was never started."""
        return self._process.poll() if self._process else None

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def ended(self) -> None:
        """Return when it has ended."""
        while self.is_alive:
            await asyncio.sleep(POLL_SECONDS)
        self._let_go()

    async def stop(self, request: signal.Signals, seconds_max: int) -> None:
        """Ask it to end with `request`; kill it after `seconds_max`."""
        if self._process is not None and self.is_alive:
            self._process.send_signal(request)
            try:
                await asyncio.wait_for(self.ended(), seconds_max)
            except TimeoutError:
                self.kill()
        self._let_go()

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def output(self) -> str:
        """What it has written to its log since it was started."""
        with self.log.open("rb") as written:
            written.seek(self._log_start)
            return written.read().decode(errors="replace")

    def tail(self) -> str:
        """The last lines of that."""
        return "\n".join(self.output().splitlines()[-TAIL_LINES:])

    def _let_go(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def _turn_over(log: Path) -> int:
    """Set a log that has grown large aside; return where the next output begins."""
    size = log.stat().st_size if log.exists() else 0
    if size <= LOG_BYTES_MAX:
        return size
    log.replace(log.with_suffix(log.suffix + ".1"))
    return 0
