"""The jars of a class path, by Maven coordinates and SHA-256.

Guarantees: after `fetch` every jar lies in the folder with exactly the locked content. A jar is
written under another name and renamed when its hash is right, so a cut-off or changed one never
counts as there; several processes may fetch into one folder at once. Resolves no dependencies: the
lock names them all.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from shared.local.errors import JarNotFetched
from shared.local.repository import local_repository, repository_url

THREADS = 6
TRIES_MAX = 3
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its place in any Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file}"

    def is_at(self, path: Path) -> bool:
        """Whether the file is there and has the locked content."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def read_lock(text: str) -> tuple[Jar, ...]:
    """Jars from lines of `group:artifact:version sha256 bytes`; a # begins a comment."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinates, sha256, size = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256, int(size)))
    return tuple(jars)


@dataclass(frozen=True)
class Source:
    """Where missing jars come from: Maven's own folder on this machine, then the repository."""

    environment: dict[str, str]
    home: Path

    @cached_property
    def local(self) -> Path:
        """Maven's folder; it need not exist."""
        return local_repository(self.home)

    @cached_property
    def url(self) -> str:
        """The repository's address; looked up only when something has to be fetched."""
        return repository_url(self.environment, self.home)


def fetch(
    jars: Sequence[Jar], folder: Path, source: Source, note: Callable[[str], None]
) -> list[Path]:
    """The paths of all jars in the folder, in the order of the lock; fetches what is missing.

    Raises JarNotFetched or NoRepository; what has arrived by then stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(THREADS) as pool:
        there = pool.map(lambda jar: jar.is_at(folder / jar.file), jars)
        missing = [jar for jar, is_there in zip(jars, there, strict=True) if not is_there]
        copied = pool.map(lambda jar: _copied(jar, source.local, folder), missing)
        missing = [jar for jar, is_there in zip(missing, copied, strict=True) if not is_there]
        if missing:
            size = sum(jar.size for jar in missing) / 1_000_000
            note(f"fetching {len(missing)} jars of Apache Kafka ({size:.1f} MB), once")
            with httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client:
                list(pool.map(lambda jar: _download(jar, folder, source.url, client), missing))
    return [folder / jar.file for jar in jars]


def _copied(jar: Jar, repository: Path, folder: Path) -> bool:
    found = repository / jar.path
    if not jar.is_at(found):
        return False
    part = _part(jar, folder)
    shutil.copyfile(found, part)
    part.replace(folder / jar.file)
    return True


def _download(jar: Jar, folder: Path, repository: str, client: httpx.Client) -> None:
    """Fetch until the content is right, TRIES_MAX times at most."""
    url = httpx.URL(f"{repository}/{jar.path}")
    part = _part(jar, folder)
    why = None
    for _ in range(TRIES_MAX):
        why = _arrive(url, part, client)
        if jar.is_at(part):
            part.replace(folder / jar.file)
            return
        part.unlink(missing_ok=True)
    shown = url.copy_with(username=None, password=None)
    raise JarNotFetched(str(shown), why or "what arrives has another checksum than the lock")


def _arrive(url: httpx.URL, part: Path, client: httpx.Client) -> str | None:
    """Write what the repository sends; return why it could not."""
    try:
        with client.stream("GET", url) as answer, part.open("wb") as file:
            if not answer.is_success:
                return f"the repository answers {answer.status_code} {answer.reason_phrase}"
            for chunk in answer.iter_bytes():
                file.write(chunk)
    except httpx.HTTPError as failed:
        return str(failed) or type(failed).__name__
    return None


def _part(jar: Jar, folder: Path) -> Path:
    return folder / f"{jar.file}.part-{os.getpid()}-{threading.get_ident()}"
