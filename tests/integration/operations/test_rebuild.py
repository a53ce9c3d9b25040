"""Rebuilt equals live (I8), row by row, also under load; nobody notices the swap but the positions.

On real Kafka and Postgres; earn and redeem run in the process of the test where they run.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from cli.deciding import SERVICES
from cli.rebuild.schemas import names
from cli.refusals import Refused
from cli.verify.tables import not_swapped
from services.query.reading import BALANCES
from services.redeem.projection import TABLES
from shared.events.topics import LEDGER
from shared.postgres.pool import connect
from shared.postgres.rows import PostgresStore
from shared.stream.log import Outgoing, Record
from shared.stream.positions import Halted
from tests.command import started
from tests.integration.operations.world import PARTITIONS, World, as_it_was
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = datetime(2027, 1, 1, tzinfo=UTC)
BOTH = pytest.mark.parametrize("service", sorted(SERVICES))


async def schemas(connection: asyncpg.Connection, service: str) -> set[str]:
    rows = await connection.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1", f"{service}%"
    )
    return {name for (name,) in rows}


async def fold_versions(connection: asyncpg.Connection, service: str) -> set[str]:
    rows = await connection.fetch(f"SELECT DISTINCT fold_version FROM {service}.stream_position")
    return {version for (version,) in rows}


# rebuilt equals live


@BOTH
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_rebuild_gives_the_rows_and_positions_of_the_live_tables(
    world: World, connection: asyncpg.Connection, service: str, processes: int
):
    before, versions = await world.tables(service), await fold_versions(connection, service)
    await world.rebuild(service, processes=processes)
    assert await world.tables(service) == before
    rebuilt = f"{SERVICES[service]().fold_version}.1"
    assert await fold_versions(connection, service) == {rebuilt} != versions
    assert await schemas(connection, service) == {service}
    assert (await world.verify()).findings == []


INDEXES = """
    SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') AS definition
    FROM pg_indexes WHERE schemaname = $1 ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype <> 'n' ORDER BY 1, 2
"""


@BOTH
@pytest.mark.parametrize("of", [INDEXES, CONSTRAINTS])
async def test_a_rebuild_gives_all_indexes_and_constraints(
    world: World, connection: asyncpg.Connection, service: str, of: str
):
    before = await connection.fetch(of, service)
    await world.rebuild(service)
    assert await connection.fetch(of, service) == before != []


@BOTH
async def test_a_rebuild_repairs_damaged_rows(
    world: World, connection: asyncpg.Connection, service: str
):
    before = await world.tables(service)
    await connection.execute(f"DELETE FROM {service}.decision WHERE seq % 2 = 0")
    await connection.execute(f"UPDATE {service}.decision SET points = points + 1")
    await world.rebuild(service)
    assert await world.tables(service) == before


@BOTH
async def test_a_rebuild_makes_tables_that_are_not_there(
    world: World, connection: asyncpg.Connection, service: str
):
    before = await world.tables(service)
    await connection.execute(f"DROP SCHEMA {service} CASCADE")
    await world.rebuild(service)
    after = await world.tables(service)
    assert {**after, "stream_position": []} == {**before, "stream_position": []}
    assert (await world.verify()).findings == []
    async with world.running():
        await world.drained()
    assert (await world.verify()).findings == []


# the service goes on


@BOTH
async def test_a_rebuild_under_load_equals_live(world: World, service: str):
    async with world.running() as tasks, reading(world) as seen:
        for number in range(3):
            await asyncio.gather(
                world.buy(150), world.redeem(f"load {number}", 1), world.rebuild(service)
            )
        await world.drained()
        assert not any(task.done() for task in tasks)
        report = await world.verify()
        assert report.findings == []
        assert len(seen) > 3
        assert seen == sorted(seen)


@asynccontextmanager
async def reading(world: World) -> AsyncIterator[list[int]]:
    """Somebody reads balances all the time, as the API does; the positions that were seen."""
    pool = await connect(world.where.postgres, size=2)
    seen: list[int] = []

    async def read() -> None:
        while True:
            [row] = await pool.fetch(BALANCES, "shop:0", 0, NOW)
            seen.append(row["position"])

    task = asyncio.create_task(read())
    try:
        yield seen
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.close()


async def test_a_service_of_an_older_fold_version_halts_and_goes_on_after_a_rebuild(
    world: World, connection: asyncpg.Connection
):
    await connection.execute("UPDATE redeem.stream_position SET fold_version = '0.6'")
    with pytest.raises(ExceptionGroup) as halted:
        async with world.running("redeem") as [redeem]:
            await asyncio.wait([redeem])
    assert "run `tessera rebuild redeem`" in str(halted.value.exceptions[0])
    assert isinstance(halted.value.exceptions[0], Halted)
    await world.rebuild("redeem")
    assert await fold_versions(connection, "redeem") == {"1.7"}
    async with world.running():
        await world.drained()
    assert (await world.verify()).findings == []


async def test_statements_that_were_planned_before_the_swap_find_the_new_tables(
    world: World, connection: asyncpg.Connection
):
    """A living owner's next load and fold, on the connections and plans that it has."""
    pool = await connect(world.where.postgres, schema="redeem", size=2)
    store = PostgresStore(pool, TABLES, channel="redeem")
    try:
        old = (await store.load(LEDGER.name, [0], [])).positions[0]
        for _ in range(10):  # planned for good
            assert (await store.load(LEDGER.name, [0], [])).positions[0] == old
            assert await store.fold(old, old, {}, notify=False)
        await world.rebuild("redeem")
        assert not await store.fold(old, old, {}, notify=False)
        new = (await store.load(LEDGER.name, [0], [])).positions[0]
        assert new == old._replace(fold_version="1.1")
        assert await store.fold(new, new, {}, notify=False)
    finally:
        await pool.close()


async def test_a_fold_that_waits_for_the_swap_is_not_folded(
    world: World, connection: asyncpg.Connection
):
    """Decided before the swap, committed after it: it must not vanish with the old tables."""
    pool = await connect(world.where.postgres, schema="redeem", size=2)
    store = PostgresStore(pool, TABLES, channel="redeem")
    held = await asyncpg.connect(world.where.postgres)
    try:
        old = (await store.load(LEDGER.name, [0], [])).positions[0]
        assert await store.fold(old, old, {}, notify=False)
        transaction = held.transaction()
        await transaction.start()
        await held.execute("LOCK TABLE redeem.stream_position IN ROW EXCLUSIVE MODE")
        rebuilding = asyncio.create_task(world.rebuild("redeem"))
        await eventually(lambda: waiting(connection, 1))  # the swap, for the table
        folding = asyncio.create_task(store.fold(old, old, {}, notify=False))
        await eventually(lambda: waiting(connection, 2))  # the fold, behind it
        await transaction.rollback()
        await rebuilding
        assert not await folding
    finally:
        await held.close()
        await pool.close()


async def waiting(connection: asyncpg.Connection, number: int) -> bool:
    """So many wait for the positions of redeem."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM pg_locks "
        "WHERE NOT granted AND relation = 'redeem.stream_position'::regclass"
    )
    return found == number


async def test_input_positions_are_those_of_the_live_tables(
    world: World, connection: asyncpg.Connection
):
    """What a reset has set back stays set back."""
    await connection.execute("UPDATE redeem.stream_position SET inputs = '{}'")
    await world.rebuild("redeem")
    rows = await connection.fetch("SELECT inputs FROM redeem.stream_position")
    assert [tuple(row) for row in rows] == [("{}",)] * PARTITIONS


# what stands in the way


async def test_what_a_killed_rebuild_left_is_dropped(world: World, connection: asyncpg.Connection):
    before = await world.tables("redeem")
    for left in names("redeem")[1:]:
        await connection.execute(f"CREATE SCHEMA {left}")
        await connection.execute(f"CREATE TABLE {left}.decision (a int)")
    await world.rebuild("redeem")
    assert await schemas(connection, "redeem") == {"redeem"}
    assert await world.tables("redeem") == before


async def test_a_rebuild_that_is_killed_before_its_swap_changes_nothing(
    world: World, connection: asyncpg.Connection
):
    before = await world.tables("redeem")
    await not_swapped(connection, ["redeem"])  # so all is folded, and the swap waits
    looking = await asyncpg.connect(world.where.postgres)
    rebuilding = await started(world.environment, "rebuild", "redeem", start_new_session=True)
    try:
        await eventually(lambda: is_held_up(looking))
    finally:
        os.killpg(rebuilding.pid, signal.SIGKILL)
        await rebuilding.wait()
    await connection.execute("SELECT pg_advisory_unlock_all()")
    await eventually(lambda: is_let_go(looking))
    assert await world.tables("redeem") == before
    assert (await world.verify()).findings == []
    await world.rebuild("redeem")
    assert await schemas(looking, "redeem") == {"redeem"}
    assert await world.tables("redeem") == before
    await looking.close()


async def is_let_go(connection: asyncpg.Connection) -> bool:
    """Postgres has noticed that nobody rebuilds any more."""
    found: bool = await connection.fetchval(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'tessera-redeem_rebuild')"
    )
    return found


async def test_two_rebuilds_of_a_service_do_not_meet(world: World, connection: asyncpg.Connection):
    await connection.execute("SELECT pg_advisory_lock(hashtext('tessera.rebuild.redeem'))")
    with pytest.raises(Refused, match="another rebuild of redeem is under way"):
        await world.rebuild("redeem")
    await world.rebuild("earn")


async def test_a_swap_waits_for_a_verification(world: World, connection: asyncpg.Connection):
    await not_swapped(connection, ["redeem"])
    looking = await asyncpg.connect(world.where.postgres)
    rebuilding = asyncio.create_task(world.rebuild("redeem"))
    try:
        await eventually(lambda: is_held_up(looking))
        assert await schemas(looking, "redeem") == {"redeem", "redeem_rebuild"}
        await connection.execute("SELECT pg_advisory_unlock_all()")
        await rebuilding
        assert await schemas(looking, "redeem") == {"redeem"}
    finally:
        await looking.close()


async def is_held_up(connection: asyncpg.Connection) -> bool:
    """Somebody waits for an advisory lock."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    return found


async def test_tables_that_were_folded_from_another_log_are_kept_unless_it_is_accepted(
    world: World, connection: asyncpg.Connection
):
    """A topic that lost its last records: the operator has to say which of the two is the truth."""
    before = await world.tables("redeem")
    folded = await connection.fetchval(
        "SELECT next_offset FROM redeem.stream_position WHERE partition = 0"
    )

    def cut(record: Record) -> Outgoing | None:
        is_lost = record.partition == 0 and record.offset >= folded - 1
        return None if is_lost else as_it_was(record)

    async with world.rewritten(LEDGER, cut):
        with pytest.raises(Refused, match="--accept-log"):
            await world.rebuild("redeem")
        assert await world.tables("redeem") == before
        await world.rebuild("redeem", accept_log=True)
        async with world.running():
            await world.drained()
        assert (await world.verify()).findings == []


async def test_a_position_that_is_not_on_the_log_is_refused(
    world: World, connection: asyncpg.Connection
):
    await connection.execute("UPDATE redeem.stream_position SET head = sha256(head)")
    with pytest.raises(Refused, match="is not what the live tables were folded from"):
        await world.rebuild("redeem")
    assert await schemas(connection, "redeem") == {"redeem", "redeem_rebuild"}
    await world.rebuild("redeem", accept_log=True)
    assert (await world.verify()).findings == []


async def test_a_log_of_another_ledger_is_refused(world: World):
    before = await world.tables("redeem")
    world.where = world.where._replace(ledger_id="another")
    with pytest.raises(Halted, match="another ledger"):
        await world.rebuild("redeem")
    assert await world.tables("redeem") == before


async def test_facts_that_do_not_fold_leave_the_live_tables_as_they_are(
    world: World, connection: asyncpg.Connection
):
    """A cause that was decided twice, which only another writer than redeem can have done."""
    before = await world.tables("redeem")
    place, copy = await world.forged_copy(LEDGER, 1)
    async with world.rewritten(LEDGER, as_it_was):
        await world.log.append({place: [copy]})
        with pytest.raises(Refused, match="`tessera verify` says which"):
            await world.rebuild("redeem", accept_log=True)
    assert await world.tables("redeem") == before
