"""Folders: one living process each, writable, with room; and the message when one is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.local.errors import AlreadyRunning, NotEnoughDisk, NotWritable
from shared.local.folders import (
    FolderLock,
    cache_folder,
    first_writable,
    require_disk,
    require_writable,
)

HOLD = """
import sys, pathlib
from shared.local.folders import FolderLock
FolderLock(pathlib.Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def hold_in_another_process(folder: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path):
    with hold_in_another_process(tmp_path) as holder:
        with pytest.raises(AlreadyRunning, match=rf"process {holder.pid}.*TESSERA_HOME") as refused:
            FolderLock(tmp_path).acquire()
        assert refused.value.pid == holder.pid
        holder.kill()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_was_killed_blocks_nobody(tmp_path: Path, ending: signal.Signals):
    with hold_in_another_process(tmp_path) as holder:
        holder.send_signal(ending)
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_lock_is_one_per_folder_also_within_a_process(tmp_path: Path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    first.acquire()
    with pytest.raises(AlreadyRunning):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    with pytest.raises(AlreadyRunning):
        first.acquire()
    second.release()


def test_a_folder_is_made_with_those_above_it(tmp_path: Path):
    require_writable(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "a").write_text("")
    with pytest.raises(NotWritable, match=r"cannot write to .*TESSERA_HOME"):
        require_writable(tmp_path / "a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("inside", ["", "new"])
def test_a_folder_without_permission_is_refused(tmp_path: Path, inside: str):
    tmp_path.chmod(0o500)
    with pytest.raises(NotWritable, match=r"[Pp]ermission denied"):
        require_writable(tmp_path / inside)


def test_the_first_folder_that_can_be_written_is_taken(tmp_path: Path):
    (tmp_path / "file").write_text("")
    blocked, free = tmp_path / "file" / "a", tmp_path / "b"
    assert first_writable(blocked, free, tmp_path) == free
    assert free.is_dir()
    with pytest.raises(NotWritable, match=r"file/a"):
        first_writable(blocked, blocked)


def test_too_little_disk_is_refused_with_both_sizes(tmp_path: Path):
    require_disk(tmp_path, 1)
    with pytest.raises(NotEnoughDisk, match=r"has \d+ MiB .* and 1099511627776 MiB are needed"):
        require_disk(tmp_path, 2**60)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "/h/.cache/tessera"), ({"XDG_CACHE_HOME": "/c"}, "/c/tessera")],
)
def test_the_cache_is_where_the_user_keeps_caches(environment: dict[str, str], expected: str):
    assert cache_folder(environment, Path("/h")) == Path(expected)
