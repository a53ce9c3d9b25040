"""Folders of the embedded servers: may they be written, is there room, is somebody there."""

import fcntl
import os
import shutil
from pathlib import Path

from shared.local.errors import AlreadyRunning, NotEnoughDisk, NotWritable


def require_writable(folder: Path) -> None:
    """Make the folder if needed; raise NotWritable when this user cannot write there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise NotWritable(folder, refused.strerror or str(refused)) from refused
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise NotWritable(folder, "permission denied")


def require_disk(folder: Path, needed: int) -> None:
    """Raise NotEnoughDisk when fewer than `needed` bytes are free where the folder lies."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NotEnoughDisk(folder, needed, free)


def cache_folder(environment: dict[str, str], home: Path) -> Path:
    """Where downloads are kept for all checkouts of this user."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else home / ".cache") / "tessera"


def first_writable(*wanted: Path) -> Path:
    """The first of the folders that this user can make and write; NotWritable for the last."""
    for folder in wanted[:-1]:
        try:
            require_writable(folder)
        except NotWritable:
            continue
        return folder
    require_writable(wanted[-1])
    return wanted[-1]


class FolderLock:
    """One living process per folder; the system lets go of it when the process ends, however.

    The file names the holder's pid, for people; the lock itself is the kernel's (flock), so that a
    file left over by a killed run blocks nobody.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None

    def acquire(self) -> None:
        """Take the folder, or raise AlreadyRunning with the holder's pid; holders may repeat it."""
        if self._held is not None:
            return
        path = self._folder / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as refused:
            raise NotWritable(path, refused.strerror or str(refused)) from refused
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            pid = os.read(descriptor, 20).strip()
            os.close(descriptor)
            raise AlreadyRunning(self._folder, int(pid) if pid.isdigit() else None) from held
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._held = descriptor

    def release(self) -> None:
        """Let go; when nothing is held: nothing."""
        if self._held is not None:
            os.ftruncate(self._held, 0)
            os.close(self._held)
            self._held = None
