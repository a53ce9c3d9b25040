"""Child processes: they end when they are told, and with the process that started them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.local.child import LAUNCHER, LOG_BYTES_MAX, Child, User
from tests.polling import wait_until

DEAF = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
PARENT = """
import sys, pathlib
from shared.local.child import Child
folder = pathlib.Path(sys.argv[1])
child = Child(["/bin/sleep", "600"], folder, folder / "log", {}, by_pipe=sys.argv[2] == "pipe")
child.spawn()
print(child.pid, flush=True)
sys.stdin.read()
"""


def child_of(folder: Path, *command: str, **options) -> Child:
    return Child(command, folder, folder / "log", {"PATH": os.defpath}, **options)


def lives(pid: int | None) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    return listed(pid, "stat=")[:1] not in {"", "Z"}


def is_sleep(pid: int | None) -> bool:
    """Whether the launcher has become the command."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sleep")


def listed(pid: int | None, column: str) -> str:
    """What ps says of the process; nothing when there is none."""
    command = ["ps", "-o", column, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("by_pipe", [False, True])
async def test_a_child_is_a_direct_child_and_ends_when_asked(tmp_path: Path, by_pipe: bool):
    child = child_of(tmp_path, "/bin/sleep", "600", by_pipe=by_pipe)
    child.spawn()
    assert child.pid is not None
    assert int(listed(child.pid, "ppid=")) == os.getpid()
    assert (child.is_alive, child.exit_code) == (True, None)
    await child.stop(signal.SIGTERM, 10)
    assert not child.is_alive
    assert child.exit_code in {-signal.SIGTERM, 1}  # 1: the launcher had not yet become the command
    assert not lives(child.pid)


async def test_a_child_that_does_not_listen_is_killed(tmp_path: Path):
    child = child_of(tmp_path, "/bin/sh", "-c", DEAF)
    child.spawn()
    wait_until(lambda: "ready" in child.output())
    await child.stop(signal.SIGTERM, 0)
    assert child.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("how", ["prctl", "pipe"])
@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path, how: str):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: is_sleep(pid))
        parent.kill()
    wait_until(lambda: not lives(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="the signal goes by threads on Linux only")
def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path):
    child = child_of(tmp_path, "/bin/sleep", "600")

    def ask_and_end() -> None:
        child.spawn()
        wait_until(lambda: is_sleep(child.pid))

    thread = threading.Thread(target=ask_and_end)
    thread.start()
    thread.join()
    wait_until(lambda: not Path(f"/proc/self/task/{thread.native_id}").exists())
    assert lives(child.pid)
    child.kill()


async def test_what_a_child_says_is_in_its_log_behind_what_was_there(tmp_path: Path):
    (tmp_path / "log").write_text("an earlier run\n")
    child = child_of(tmp_path, "/bin/sh", "-c", "echo out; echo err >&2; pwd; exit 3")
    child.spawn()
    await child.ended()
    assert child.exit_code == 3
    assert child.output() == f"out\nerr\n{tmp_path}\n"
    assert (tmp_path / "log").read_text().startswith("an earlier run\nout\n")


async def test_a_command_that_is_not_there_says_so_in_the_log(tmp_path: Path):
    child = child_of(tmp_path, "/nowhere/postgres")
    child.spawn()
    await child.ended()
    assert child.exit_code == 1
    assert "/nowhere/postgres" in child.output() or "No such file" in child.tail()


async def test_a_log_that_has_grown_large_is_set_aside(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    child = child_of(tmp_path, "/bin/echo", "new")
    child.spawn()
    await child.ended()
    assert (tmp_path / "log").read_text() == "new\n"
    assert (tmp_path / "log.1").stat().st_size == LOG_BYTES_MAX + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_a_child_of_roots_becomes_the_user(tmp_path: Path):
    child = child_of(tmp_path, "/bin/sh", "-c", "id -u; id -G", user=User(65534, 65534))
    child.spawn()
    await child.ended()
    assert child.output() == "65534\n65534\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_no_group_of_the_parents_is_left():
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9"]
    said = subprocess.run(
        [*launch, "65534:65534", "-", "/usr/bin/id", "-G"],
        extra_groups=[4, 24],
        capture_output=True,
        check=True,
    )
    assert said.stdout == b"65534\n"


async def test_nothing_happens_to_a_child_that_was_never_started(tmp_path: Path):
    child = child_of(tmp_path, "/bin/true")
    assert (child.pid, child.exit_code, child.is_alive) == (None, None, False)
    await child.stop(signal.SIGTERM, 1)
    child.kill()
