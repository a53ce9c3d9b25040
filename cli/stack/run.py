"""`tessera run`, `up`, `down`, `status`, `logs`: all of Tessera on this machine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from rich.console import Console

from cli.stack.host import ROOT, Host, NotReady
from cli.stack.play import DemoFailed, Stage, play
from shared.identity import LedgerMismatch
from shared.local import LocalServerError
from shared.local.folders import require_writable
from shared.settings import Settings
from shared.stream.log import LogUnavailable
from shared.stream.store import StoreUnavailable
from shared.stream.topics_setup import TopicsWrong

EXPECTED = (
    LocalServerError,
    LedgerMismatch,
    TopicsWrong,
    LogUnavailable,
    StoreUnavailable,
    NotReady,
    DemoFailed,
)
"""What may stand in the way of a start; each message says what to do."""
UP_SECONDS_MAX = 180.0
DOWN_SECONDS_MAX = 60.0
POLL_SECONDS = 0.1
PUBLISH_FIRST = (
    "nothing is played; members earn once a program with their brand is published:\n"
    "  .venv/bin/tessera program publish programs/grocer.yaml"
)


def run(*, demo: bool) -> int:
    """Start everything, play the demo, stay until Ctrl-C; the exit code."""
    console = Console(highlight=False)
    code = 1
    try:
        code = asyncio.run(_run(Settings(), console, demo=demo))
    except* EXPECTED as group:
        for error in reasons(group):
            console.print(f"\n{error}", style="red", soft_wrap=True, markup=False)
    return code


def reasons(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group, however deep."""
    return [
        reason
        for error in group.exceptions
        for reason in (reasons(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


async def _run(settings: Settings, console: Console, *, demo: bool) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host = Host(settings, lambda line: console.print(f"· {line}", soft_wrap=True))
    work = asyncio.create_task(_work(host, console, demo=demo))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
        return 0
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if host.services:
            console.print("\nstopping, services first; the data stays in", str(settings.home))
        await host.stop()


async def _work(host: Host, console: Console, *, demo: bool) -> None:
    await host.start()
    console.print(f"API          {host.api}/docs")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(host.watch())
        if demo:
            await play(Stage.of(host), console)
        else:
            console.print(f"\n{PUBLISH_FIRST}")
        console.print(f"\nAPI documentation: {host.api}/docs")
        console.print("running; Ctrl-C stops everything")


def up() -> int:
    """Start everything in the background and return when it is ready; the exit code."""
    console = Console(highlight=False)
    settings = Settings()
    if running(settings) is not None:
        console.print(f"it runs already; see `tessera status` (folder {settings.home})")
        return 0
    try:
        require_writable(settings.home)
    except LocalServerError as error:
        console.print(f"\n{error}", style="red", soft_wrap=True, markup=False)
        return 1
    log = settings.home / "host.log"
    with log.open("wb") as output:
        host = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "run", "--data", "none"],
            cwd=ROOT,
            env={**os.environ, "TESSERA_HOME": str(settings.home.absolute())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = monotonic() + UP_SECONDS_MAX
    while "running; Ctrl-C" not in log.read_text(encoding="utf-8", errors="replace"):
        if host.poll() is not None or monotonic() > deadline:
            console.print(log.read_text(encoding="utf-8", errors="replace"), soft_wrap=True)
            return 1
        sleep(POLL_SECONDS)
    console.print(f"running in the background; API documentation: {_status(settings)['api']}/docs")
    return 0


def down() -> int:
    """Stop what `up` or `run` started; the exit code."""
    console = Console(highlight=False)
    settings = Settings()
    pid = running(settings)
    if pid is None:
        console.print("nothing runs here")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = monotonic() + DOWN_SECONDS_MAX
    while running(settings) is not None:
        if monotonic() > deadline:
            console.print(f"process {pid} does not end; `kill -9 {pid}` ends it and its children")
            return 1
        sleep(POLL_SECONDS)
    console.print("stopped")
    return 0


def status() -> int:
    """Say what runs; 0 if everything does."""
    console = Console(highlight=False)
    settings = Settings()
    if running(settings) is None:
        console.print("nothing runs here; start it with `tessera up` or `make run`")
        return 1
    found = _status(settings)
    console.print(f"API        {found['api']}   (documentation: {found['api']}/docs)")
    console.print(f"Kafka      {found['kafka']}")
    console.print(f"Postgres   {found['postgres']}")
    missing = 0
    for name, pid in found["processes"].items():
        alive = is_process(pid)
        missing += not alive
        at = found["metrics"].get(name, "")
        console.print(f"{name:10} pid {pid} {'runs' if alive else '[red]does not run[/red]'} {at}")
    return 1 if missing else 0


def logs(service: str | None, lines: int, *, follow: bool) -> int:
    """Print the last lines of a service's log, or of all."""
    folder = Settings().home / "logs"
    wanted = f"{service}.log" if service else "*.log"
    paths = sorted(folder.glob(wanted))
    if not paths:
        known = ", ".join(path.stem for path in sorted(folder.glob("*.log"))) or "none yet"
        print(f"there is no log of {service or 'any service'} in {folder}; there are: {known}")
        return 1
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, paths)]
    return subprocess.call(command)


def running(settings: Settings) -> int | None:
    """The pid of the host of this folder, if it lives."""
    try:
        pid = int(_status(settings)["pid"])
    except (OSError, ValueError, KeyError):
        return None
    return pid if is_process(pid) else None


def _status(settings: Settings) -> dict[str, Any]:
    path: Path = settings.home / "run.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def is_process(pid: int) -> bool:
    """Whether a process of this number lives and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
