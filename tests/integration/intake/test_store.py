"""What intake writes down: the first resolution stands, and positions move by comparison only."""

from collections.abc import AsyncIterator

import pytest

from services.intake.decide import Resolution
from services.intake.store import Position, PostgresStore
from shared.postgres.migrations import migrate
from shared.postgres.pool import connect
from shared.stream.log import Place

ONE, OTHER, THIRD = (bytes([number]) * 16 for number in range(3))
A, B = Resolution("p:a", b"a" * 16), Resolution("p:b", b"b" * 16)
HERE, THERE = Place("t", 0), Place("t", 1)
START = Position(0, None)
NEXT = Position(10, b"m" * 16)
LATER = Position(20, b"n" * 16)


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    pool = await connect(database, schema="intake", size=2)
    async with pool.acquire() as connection:
        await migrate(connection, "intake", ["services.intake"])
    yield PostgresStore(pool)
    await pool.close()


async def test_the_first_resolution_stands(store: PostgresStore):
    assert await store.write_down({ONE: A, OTHER: A})
    assert not await store.write_down({ONE: B, THIRD: B})
    assert await store.known([THIRD, ONE, OTHER]) == {ONE: A, OTHER: A, THIRD: B}
    assert not await store.write_down({ONE: A})
    assert await store.known([]) == {}


async def test_a_resolution_is_on_disk_when_it_is_written_down(store: PostgresStore):
    async with store.pool.acquire() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


async def test_a_first_position_is_written_once(store: PostgresStore):
    await store.begin({HERE: NEXT})
    await store.begin({HERE: START, THERE: START})
    assert await store.positions([HERE, THERE]) == {HERE: NEXT, THERE: START}
    assert await store.positions([Place("u", 0)]) == {}


async def test_a_position_moves_only_from_where_it_is(store: PostgresStore):
    await store.begin({HERE: START, THERE: START})
    assert await store.swap({HERE: (START, NEXT), THERE: (START, NEXT)})
    assert not await store.swap({HERE: (START, LATER)})
    assert not await store.swap({HERE: (NEXT, LATER), THERE: (LATER, START)})
    assert await store.positions([HERE, THERE]) == {HERE: LATER, THERE: NEXT}


async def test_a_topic_is_forgotten_by_name(store: PostgresStore):
    elsewhere = Place("u", 0)
    await store.begin({HERE: START, THERE: NEXT, elsewhere: NEXT})
    assert await store.reset("t") == 2
    assert await store.positions([HERE, THERE, elsewhere]) == {elsewhere: NEXT}
