"""Schemas on a real Postgres: made once, whoever comes first; an edited file is an error."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from shared.postgres.migrations import STREAM, MigrationError, migrate, migrations

SERVICES = ["earn", "redeem", "intake"]


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose schema has two files; its name is the folder's."""
    folder = tmp_path / f"migrated_{tmp_path.name}"
    (folder / "schema").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "schema" / "002_second.sql").write_text("ALTER TABLE thing ADD COLUMN second int;")
    (folder / "schema" / "001_first.sql").write_text("CREATE TABLE thing (first int);")
    (folder / "schema" / "README.md").write_text("not SQL")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


async def columns(connection: asyncpg.Connection, schema: str, table: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
        schema,
        table,
    )
    return [row["column_name"] for row in rows]


def test_the_files_of_a_package_come_in_order(package: Path):
    found = migrations(package.name)
    assert [migration.name for migration in found] == [
        f"{package.name}/001_first.sql",
        f"{package.name}/002_second.sql",
    ]


async def test_files_are_applied_in_order_and_once(connection: asyncpg.Connection, package: Path):
    for _ in range(3):
        await migrate(connection, "here", [package.name])
        assert await columns(connection, "here", "thing") == ["first", "second"]


async def test_a_later_file_is_applied_to_a_schema_that_is_there(
    connection: asyncpg.Connection, package: Path
):
    await migrate(connection, "here", [package.name])
    (package / "schema" / "003_third.sql").write_text("ALTER TABLE thing ADD COLUMN third int;")
    await migrate(connection, "here", [package.name])
    assert await columns(connection, "here", "thing") == ["first", "second", "third"]


async def test_the_same_files_make_another_schema_beside_the_first(
    connection: asyncpg.Connection, package: Path
):
    await migrate(connection, "live", [package.name])
    await connection.execute("INSERT INTO live.thing VALUES (1, 2)")
    await migrate(connection, "fresh", [package.name])
    assert await columns(connection, "fresh", "thing") == ["first", "second"]
    assert await connection.fetchval("SELECT count(*) FROM fresh.thing") == 0
    assert await connection.fetchval("SELECT count(*) FROM live.thing") == 1


async def test_a_file_that_was_edited_is_an_error_that_names_it(
    connection: asyncpg.Connection, package: Path
):
    await migrate(connection, "here", [package.name])
    (package / "schema" / "001_first.sql").write_text("CREATE TABLE thing (other int);")
    with pytest.raises(MigrationError, match=r"001_first\.sql was changed .* schema here"):
        await migrate(connection, "here", [package.name])


@pytest.mark.parametrize("forgotten", ["001_first.sql", "002_second.sql"])
async def test_a_file_whose_making_was_forgotten_is_told_with_what_to_do(
    connection: asyncpg.Connection, package: Path, forgotten: str
):
    await migrate(connection, "here", [package.name])
    await connection.execute("DELETE FROM here.migration WHERE name LIKE $1", f"%{forgotten}")
    with pytest.raises(MigrationError, match=r"already exists: .* `tessera rebuild here`"):
        await migrate(connection, "here", [package.name])
    assert await columns(connection, "here", "thing") == ["first", "second"]


async def test_a_file_that_fails_leaves_nothing_behind(
    connection: asyncpg.Connection, package: Path
):
    (package / "schema" / "003_wrong.sql").write_text("CREATE TABLE wrong (x no_such_type);")
    with pytest.raises(asyncpg.UndefinedObjectError):
        await migrate(connection, "here", [package.name])
    assert await columns(connection, "here", "thing") == []
    (package / "schema" / "003_wrong.sql").unlink()
    await migrate(connection, "here", [package.name])
    assert await columns(connection, "here", "thing") == ["first", "second"]


async def test_several_processes_may_migrate_at_once(database: str, package: Path):
    async def one() -> None:
        connection = await asyncpg.connect(database)
        await migrate(connection, "here", [package.name])
        await connection.close()

    await asyncio.gather(*(one() for _ in range(6)))


async def test_the_search_path_of_the_session_stays(connection: asyncpg.Connection, package: Path):
    before = await connection.fetchval("SHOW search_path")
    await migrate(connection, "here", [package.name])
    assert await connection.fetchval("SHOW search_path") == before


@pytest.mark.parametrize("service", SERVICES)
async def test_the_schemas_of_the_services_are_made(connection: asyncpg.Connection, service: str):
    await migrate(connection, service, [STREAM, f"services.{service}"])
    assert await connection.fetchval(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = $1", service
    )
