"""Service processes that start at once: forked from one that has imported all of the product.

A campaign starts thousands of them, and Python spends a second on each one's imports. A child is a
process of its own like any other: own session, own log, the service's own `__main__`. It dies with
the nursery, and that with the campaign. Only the classes of its log and its store are exchanged
(`points`), before any service is imported, so that whatever names them has these.

`python -m cli.torture.nursery` is the process; `Nursery` is its client.
"""

import asyncio
import contextlib
import json
import os
import runpy
import select
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import services.intake.store
import shared.postgres.rows
import shared.stream.kafka
from cli.stack.host import ROOT, SERVICES
from cli.torture.points import MortalIntakeStore, MortalLog, MortalStore
from shared.local import launch
from shared.local.child import LAUNCHER

SIGKILL = 9
LOOK_SECONDS = 0.01
TAIL_LINES = 12


class Offspring:
    """A service process: alive until it is told to have ended."""

    def __init__(self, pid: int, log: Path, log_start: int) -> None:
        self.pid = pid
        self.exit_code: int | None = None
        self._log = log
        self._log_start = log_start
        self._ended = asyncio.Event()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self.exit_code is None

    def end(self, exit_code: int) -> None:
        """It has ended; a signal's code is its negative number."""
        self.exit_code = exit_code
        self._ended.set()

    async def ended(self) -> None:
        """Return when it has ended."""
        await self._ended.wait()

    def signal(self, number: int) -> bool:
        """Send it a signal; False if it is gone."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
                return True
        return False

    def output(self) -> str:
        """What it has written."""
        with self._log.open("rb") as written:
            written.seek(self._log_start)
            return written.read().decode(errors="replace")

    def tail(self) -> str:
        """The last lines of that."""
        return "\n".join(self.output().splitlines()[-TAIL_LINES:])


class Nursery:
    """The process that forks, seen from the campaign."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._born: asyncio.Future[int] | None = None
        self._asking = asyncio.Lock()
        self._living: dict[int, Offspring] = {}
        self._early: dict[int, int] = {}
        self._listening: asyncio.Task[None] | None = None

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start it, and have it import everything."""
        follow = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(SIGKILL), "-")
        self._process = await asyncio.create_subprocess_exec(
            *(*follow, "-", sys.executable, "-m", "cli.torture.nursery"),
            cwd=ROOT,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """End it, and whoever still lives."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
        if self._listening is not None:
            await self._listening

    async def spawn(self, service: str, environment: Mapping[str, str], log: Path) -> Offspring:
        """Start a service."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._asking:
            log_start = log.stat().st_size if log.exists() else 0  # noqa: ASYNC240
            self._born = asyncio.get_running_loop().create_future()
            asked = {"service": service, "environment": dict(environment), "log": str(log)}
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            born = Offspring(await self._born, log, log_start)
        if (code := self._early.pop(born.pid, None)) is not None:
            born.end(code)
        else:
            self._living[born.pid] = born
        return born

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "born" in told:
                assert self._born is not None
                self._born.set_result(told["born"])
            elif (living := self._living.pop(told["ended"], None)) is not None:
                living.end(told["code"])
            else:
                self._early[told["ended"]] = told["code"]


# in the process that forks


def main() -> None:
    """Import everything; then fork for each line that comes, and say who was born and who ended."""
    setattr(shared.stream.kafka, "KafkaLog", MortalLog)  # noqa: B010  (no assignment to a type)
    setattr(shared.postgres.rows, "PostgresStore", MortalStore)  # noqa: B010
    setattr(services.intake.store, "PostgresStore", MortalIntakeStore)  # noqa: B010
    for name in SERVICES:
        import_module(f"services.{name}.__main__")
    unread = b""
    while True:
        if select.select([0], [], [], LOOK_SECONDS)[0]:
            read = os.read(0, 65536)
            if not read:
                return
            *asked, unread = (unread + read).split(b"\n")
            for line in asked:
                _tell({"born": _fork(json.loads(line))})
        _bury()


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell({"ended": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})


def _tell(what: Mapping[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(asked: Mapping[str, Any]) -> int:
    parent = os.getpid()
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        launch.follow_parent(parent, SIGKILL)
        os.setsid()
        output = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(number, file)
        os.environ.clear()
        os.environ.update(asked["environment"])
        code = _served(asked["service"])
    finally:
        os._exit(code)


def _served(service: str) -> int:
    """Run a service's own module as if it had been started itself; its exit code."""
    del sys.modules[f"services.{service}.__main__"]  # it becomes `__main__`, anew
    try:
        runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  (as the interpreter itself would)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
