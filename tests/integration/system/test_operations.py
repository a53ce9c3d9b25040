"""Rebuild and verify on a living system: rebuilt equals live (I8), and damage is named (I2)."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.command import assert_verified, tessera
from tests.integration.system.system import System, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        await running.publish(2_000)
        await running.drained()
        yield running


@pytest.mark.parametrize("service", ["redeem", "earn"])
async def test_a_rebuild_under_load_equals_live(system: System, service: str) -> None:
    _, (code, said) = await asyncio.gather(
        system.publish(3_000), tessera(system.host.environment, "rebuild", service)
    )
    assert code == 0, said
    assert (await system.redeem("1", 1, f"after-{service}")).status_code == 200
    await system.drained()
    balances = await system.balances(system.earned)
    assert {member: told["earned"] for member, told in balances.items()} == system.earned
    await assert_verified(system.host.environment)


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("account", "earned", "key = 'shop:3'"),
        ("decision", "points", "account = 'shop:3' AND version = 1"),
    ],
)
async def test_verify_names_the_account_of_a_changed_row(
    system: System, table: str, column: str, row: str
) -> None:
    await system.drained()
    damage = f"UPDATE redeem.{table} SET {column} = {column} + 100000 WHERE {row}"
    repair = f"UPDATE redeem.{table} SET {column} = {column} - 100000 WHERE {row}"
    connection = await asyncpg.connect(system.host.dsn)
    try:
        await connection.execute(damage)
        code, said = await tessera(system.host.environment, "verify")
        assert code == 1, said
        assert "shop:3" in said
    finally:
        await connection.execute(repair)
        await connection.close()
    await assert_verified(system.host.environment)


ONE = "identity = (SELECT min(identity::text)::bytea FROM intake.resolution)"
RESOLUTIONS = "SELECT identity, account, content FROM intake.resolution ORDER BY identity"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (f"UPDATE intake.resolution SET account = 'shop:x' WHERE {ONE}", "is of shop:x"),
        (f"UPDATE intake.resolution SET content = 'x' WHERE {ONE}", "has another content"),
        (f"DELETE FROM intake.resolution WHERE {ONE}", "is missing"),
        ("DROP TABLE intake.resolution", "intake has no table resolution"),
        ("DROP TABLE intake.upstream_position", "intake lacks upstream_position"),
        ("DROP SCHEMA intake CASCADE", "intake has no table resolution"),
    ],
    ids=["another account", "another content", "a missing row", "no table", "no place", "none"],
)
async def test_what_intake_has_forgotten_is_found_and_written_down_anew(
    system: System, damage: str, said: str
) -> None:
    """An event that is sent again would count for another account, or be refused."""
    await system.drained()
    connection = await asyncpg.connect(system.host.dsn)
    try:
        before = await connection.fetch(RESOLUTIONS)
        await connection.execute(damage)
        code, told = await tessera(system.host.environment, "verify")
        assert code == 1
        assert said in told
        assert "tessera rebuild intake" in told
        code, told = await tessera(system.host.environment, "rebuild", "intake")
        assert code == 0, told
        assert await connection.fetch(RESOLUTIONS) == before
    finally:
        await connection.close()
    await system.drained()
    await assert_verified(system.host.environment)


@pytest.mark.parametrize(
    "damage", ["DELETE FROM intake.migration", "DROP TABLE intake.migration"], ids=["rows", "table"]
)
async def test_a_schema_of_intake_that_does_not_know_its_files_is_made_anew_with_its_rows(
    system: System, damage: str
) -> None:
    await system.drained()
    kept = "INSERT INTO intake.resolution VALUES ('never forwarded', 'shop:x', 'c')"
    connection = await asyncpg.connect(system.host.dsn)
    try:
        await connection.execute(kept + " ON CONFLICT DO NOTHING")
        before = await connection.fetch(RESOLUTIONS)
        await connection.execute(damage)
        code, told = await tessera(system.host.environment, "rebuild", "intake")
        assert code == 0, told
        assert await connection.fetch(RESOLUTIONS) == before
        assert await connection.fetchval("SELECT count(*) FROM intake.migration") == 1
    finally:
        await connection.close()
    await system.drained()
    await assert_verified(system.host.environment)
