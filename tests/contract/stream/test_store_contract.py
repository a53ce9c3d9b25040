"""The contract of `shared.stream.store.Store`, held by the store in memory and by Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.redeem.projection import (
    ACCOUNT,
    ACCOUNTS,
    DECISION,
    KNOWN,
    LOOKUPS,
    LOT,
    NAMED_LOTS,
    OPEN_LOTS,
    PAST_LOTS,
    TABLES,
)
from shared.local import free_port
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.pool import connect
from shared.postgres.rows import HORIZON, PostgresStore, load_statement
from shared.stream.store import (
    Lookup,
    Need,
    Position,
    Row,
    Store,
    StoreUnavailable,
    Unstorable,
    Writes,
)
from tests.contract.stream.stores import (
    INSTANTS,
    START,
    TOPIC,
    Projection,
    StoreGround,
    account,
    after,
    decision,
    lot,
    memory_ground,
    number,
    position,
    postgres_ground,
    projections,
    values_of,
    writes_of,
)

REDEEM = Projection("redeem", TABLES, LOOKUPS)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def real_ground(database: str, stack: AsyncExitStack) -> StoreGround:
    return await postgres_ground(REDEEM, database, stack)


@pytest.fixture(params=["memory", "postgres"])
def ground(request: pytest.FixtureRequest) -> StoreGround:
    if request.param == "memory":
        return memory_ground(REDEEM)
    found: StoreGround = request.getfixturevalue("real_ground")
    return found


@pytest.fixture
def store(ground: StoreGround) -> Store:
    return ground.store


async def stored(store: Store, partition: int = 0) -> Position | None:
    return (await store.load(TOPIC, [partition], [])).positions.get(partition)


async def found(store: Store, lookup: Lookup, values: list[Any], **need: Any) -> list[Row]:
    rows = (await store.load(TOPIC, [], [Need(lookup, values, **need)])).rows[lookup]
    return sorted(rows, key=repr)


async def begun(store: Store, partition: int = 0) -> Position:
    first = position(partition)
    await store.begin(first)
    return first


# begin


async def test_a_first_position_is_written_once(store: Store):
    assert await stored(store) is None
    first = await begun(store)
    assert await stored(store) == first
    await store.begin(first._replace(head=b"another", ledger_id="another"))
    assert await stored(store) == first


async def test_a_position_that_has_moved_is_not_begun_again(store: Store):
    first = await begun(store)
    assert await store.fold(first, after(first), {}, notify=False)
    await store.begin(first)
    assert await stored(store) == after(first)


async def test_positions_are_known_by_topic_and_partition(store: Store):
    await begun(store, 0)
    await begun(store, 3)
    await store.begin(position(0)._replace(topic="other facts"))
    assert set((await store.load(TOPIC, [0, 1, 2, 3], [])).positions) == {0, 3}
    assert set((await store.load(TOPIC, [1], [])).positions) == set()
    assert set((await store.load("other facts", [0, 3], [])).positions) == {0}
    assert set((await store.load("no facts", [0], [])).positions) == set()


# load


async def test_nothing_is_found_where_nothing_is(store: Store):
    for lookup in LOOKUPS:
        by_account = lookup.asked.by in {"account", "key"}
        assert await found(store, lookup, ["shop:jo"] if by_account else [number(1)]) == []
        assert await found(store, lookup, []) == []


async def test_a_row_is_found_once_however_often_it_is_asked_for(store: Store):
    first = await begun(store)
    await store.fold(first, after(first), {ACCOUNT: [account()]}, notify=False)
    assert await found(store, ACCOUNTS, ["shop:jo", "shop:al", "shop:jo"]) == [account()]


async def test_rows_come_as_the_tables_own(store: Store):
    first = await begun(store)
    await store.fold(first, after(first), {LOT: [lot(1)], ACCOUNT: [account()]}, notify=False)
    [found_lot] = await found(store, NAMED_LOTS, [number(1)])
    assert (type(found_lot), found_lot) == (LOT.row, lot(1))


async def test_several_lookups_of_one_table_are_told_apart(store: Store):
    first = await begun(store)
    past, open_, closed = (
        lot(1, expires=START),
        lot(2, expires=START + timedelta(days=1)),
        lot(3, free=0),
    )
    await store.fold(first, after(first), {LOT: [past, open_, closed]}, notify=False)
    loaded = await store.load(
        TOPIC,
        [0],
        [
            Need(PAST_LOTS, ["shop:jo"], START),
            Need(OPEN_LOTS, ["shop:jo"]),
            Need(NAMED_LOTS, [number(3), number(1)]),
        ],
    )
    assert loaded.positions == {0: after(first)}
    assert set(loaded.rows[PAST_LOTS]) == {past}
    assert set(loaded.rows[OPEN_LOTS]) == {past, open_}
    assert set(loaded.rows[NAMED_LOTS]) == {past, closed}


# fold


WRONG: list[Callable[[Position], Position]] = [
    lambda old: old._replace(next_offset=old.next_offset + 1),
    lambda old: old._replace(next_offset=old.next_offset - 1),
    lambda old: old._replace(head=b"another head"),
    lambda old: old._replace(fold_version="2.0"),
    lambda old: old._replace(partition=1),
    lambda old: old._replace(topic="other facts"),
]


@pytest.mark.parametrize(
    "wrong", WRONG, ids=["ahead", "behind", "head", "fold version", "partition", "topic"]
)
async def test_a_fold_from_elsewhere_writes_nothing(
    ground: StoreGround, wrong: Callable[[Position], Position]
):
    store = ground.store
    first = await begun(store)
    here = after(first)
    await store.fold(first, here, {ACCOUNT: [account(version=1)]}, notify=False)
    for rows in ([account(version=2)], [account(version=2), account("shop:al")]):
        elsewhere = wrong(here)
        assert not await store.fold(elsewhere, after(elsewhere), {ACCOUNT: rows}, notify=True)
    assert await stored(store) == here
    assert await found(store, ACCOUNTS, ["shop:jo", "shop:al"]) == [account(version=1)]
    assert await ground.listener.heard() == 0


@pytest.mark.parametrize("count", [1, 2, 60])
async def test_a_fold_writes_its_rows_and_moves_the_position(store: Store, count: int):
    first = await begun(store)
    accounts = [account(f"shop:{n}") for n in range(count)]
    lots = [lot(n, f"shop:{n}", expires=None if n % 2 else START) for n in range(count)]
    decisions = [decision(n, f"shop:{n}") for n in range(count)]
    writes: Writes = {ACCOUNT: accounts, LOT: lots, DECISION: decisions}
    assert await store.fold(first, after(first, count), writes, notify=False)
    assert await stored(store) == after(first, count)
    ids = [number(n) for n in range(count)]
    keys = [f"shop:{n}" for n in range(count)]
    assert set(await found(store, ACCOUNTS, keys)) == set(accounts)
    assert set(await found(store, NAMED_LOTS, ids)) == set(lots)
    assert set(await found(store, KNOWN, ids)) == set(decisions)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_row_replaces_the_one_with_its_key(store: Store, count: int):
    now = await begun(store)
    for version in range(1, 4):
        rows = [account(f"shop:{n}", version, free=version * 10 + n) for n in range(count)]
        assert await store.fold(now, after(now), {ACCOUNT: rows}, notify=False)
        now = after(now)
        keys = [f"shop:{n}" for n in range(count)]
        assert await found(store, ACCOUNTS, keys) == sorted(rows, key=repr)


async def test_a_lot_that_closes_is_no_longer_found_open(store: Store):
    first = await begun(store)
    await store.fold(first, after(first), {LOT: [lot(1), lot(2)]}, notify=False)
    spent = lot(1)._replace(free=0, used=5)
    second = after(first)
    await store.fold(second, after(second), {LOT: [spent]}, notify=False)
    assert await found(store, OPEN_LOTS, ["shop:jo"]) == [lot(2)]
    assert await found(store, NAMED_LOTS, [number(1)]) == [spent]


@pytest.mark.parametrize("writes", [{}, {ACCOUNT: []}, {ACCOUNT: [], LOT: []}])
async def test_a_fold_without_rows_moves_the_position(store: Store, writes: Writes):
    first = await begun(store)
    assert await store.fold(first, after(first, 7), writes, notify=False)
    assert await stored(store) == after(first, 7)


async def test_all_of_a_position_is_kept(store: Store):
    first = await begun(store)
    moved = after(first, 3)
    await store.fold(first, moved, {}, notify=False)
    kept = await stored(store)
    assert kept == moved
    assert kept is not None
    assert kept.inputs["other"].mark is None
    assert await store.fold(kept, after(kept), {}, notify=False)


async def test_of_two_folds_from_the_same_position_one_wins(store: Store):
    now = await begun(store)
    for turn in range(20):
        rows = [
            [account("shop:jo", version=10 * turn + who), account(f"shop:{who}", version=turn)]
            for who in range(4)
        ]
        won = await asyncio.gather(
            *(
                store.fold(now, after(now, who + 1), {ACCOUNT: rows[who]}, notify=False)
                for who in range(4)
            )
        )
        assert sorted(won) == [False, False, False, True]
        winner = won.index(True)
        now = after(now, winner + 1)
        assert await stored(store) == now
        written = await found(store, ACCOUNTS, ["shop:jo", f"shop:{winner}"])
        assert set(written) == set(rows[winner])


async def test_folds_of_different_partitions_go_on_side_by_side(store: Store):
    now = {partition: await begun(store, partition) for partition in range(12)}
    for _ in range(5):
        assert all(
            await asyncio.gather(
                *(
                    store.fold(at, after(at), {ACCOUNT: [account(f"shop:{n}")]}, notify=True)
                    for n, at in now.items()
                )
            )
        )
        now = {partition: after(at) for partition, at in now.items()}
    assert (await store.load(TOPIC, list(now), [])).positions == now


async def test_a_load_is_one_snapshot_under_a_living_writer(store: Store):
    """The account's version and each lot's order are the position's offset, at every instant."""
    first = await begun(store)
    done = asyncio.Event()

    async def write() -> None:
        now = first
        for _ in range(300):
            following = after(now)
            end = following.next_offset
            rows: Writes = {
                ACCOUNT: [account(version=end)],
                LOT: [lot(n)._replace(order=end) for n in range(3)],
            }
            assert await store.fold(now, following, rows, notify=False)
            now = following
            await asyncio.sleep(0)
        done.set()

    writing = asyncio.create_task(write())
    seen = set()
    while not done.is_set():
        needs = [Need(ACCOUNTS, ["shop:jo"]), Need(OPEN_LOTS, ["shop:jo"])]
        positions, rows = await store.load(TOPIC, [0], needs)
        at = positions[0].next_offset
        seen.add(at)
        assert {row.version for row in rows[ACCOUNTS]} == ({at} if at else set())
        assert {row.order for row in rows[OPEN_LOTS]} == ({at} if at else set())
        await asyncio.sleep(0)
    await writing
    assert len(seen) > 1


# notify


async def test_who_listens_is_told_exactly_when_asked_and_once_it_is_visible(ground: StoreGround):
    store, listener = ground.store, ground.listener
    now = await begun(store)
    for times, notify in enumerate([False, True, False, True, True, False]):
        rows: Writes = {ACCOUNT: [account(version=times)]}
        heard = await listener.heard()
        assert await store.fold(now, after(now), rows, notify=notify)
        now = after(now)
        assert await listener.heard() == heard + notify
        assert await stored(store) == now


# what can be kept


@pytest.mark.parametrize(
    "text",
    ["", " ", "'; DROP TABLE lot;--", "\\", '"', "ünï", "🛒" * 100, "\u202e", "\uffff", "e\u0301"],
)
@pytest.mark.parametrize("count", [1, 2])
async def test_any_text_is_kept_as_it_is(store: Store, text: str, count: int):
    first = await begun(store)
    rows = [decision(n, f"shop:{text}", fact=text) for n in range(count)]
    assert await store.fold(first, after(first), {DECISION: rows}, notify=False)
    assert await found(store, KNOWN, [number(n) for n in range(count)]) == rows


@pytest.mark.parametrize("micros", [0, 1, 999_999, 123_456])
async def test_instants_are_kept_to_the_microsecond(store: Store, micros: int):
    first = await begun(store)
    at = START + timedelta(microseconds=micros)
    row = lot(1, expires=at)
    assert await store.fold(first, after(first), {LOT: [row]}, notify=False)
    assert await found(store, NAMED_LOTS, [number(1)]) == [row]
    just_before = at - timedelta(microseconds=1)
    assert await found(store, PAST_LOTS, ["shop:jo"], horizon=at) == [row]
    assert await found(store, PAST_LOTS, ["shop:jo"], horizon=just_before) == []


@pytest.mark.parametrize("number_", [2**63 - 1, 10**12, 0])
async def test_large_numbers_are_kept(store: Store, number_: int):
    first = await begun(store)
    row = account(free=number_)
    assert await store.fold(first, after(first), {ACCOUNT: [row]}, notify=False)
    assert await found(store, ACCOUNTS, ["shop:jo"]) == [row]


@pytest.mark.parametrize(
    "row",
    [
        decision(1, fact="a\x00b"),
        decision(1, "shop:\x00"),
        decision(1, fact="half a \ud83d"),
        decision(1)._replace(points=2**63),
        decision(1)._replace(seq=-(2**63) - 1),
    ],
    ids=["NUL", "NUL in the account", "half a pair", "too large", "too small"],
)
@pytest.mark.parametrize("count", [1, 2])
async def test_what_cannot_be_kept_is_refused_and_nothing_is_written(
    ground: StoreGround, row: Row, count: int
):
    store = ground.store
    first = await begun(store)
    rows = [row, decision(2)][:count]
    writes: Writes = {ACCOUNT: [account()], DECISION: rows}
    with pytest.raises(Unstorable):
        await store.fold(first, after(first), writes, notify=True)
    assert await stored(store) == first
    assert await found(store, ACCOUNTS, ["shop:jo"]) == []
    assert await store.fold(first, after(first), {DECISION: [decision(2)]}, notify=True)
    assert await ground.listener.heard() == 1


# the lookups of every service: `where` and `test` say the same


class Pair:
    """The same writes go to both stores; they pile up from example to example."""

    def __init__(self, projection: Projection, stores: Sequence[Store]) -> None:
        self.projection = projection
        self.stores = stores
        self.now = position()

    async def write(self, writes: Writes) -> None:
        for store in self.stores:
            assert await store.fold(self.now, after(self.now), writes, notify=False)
        self.now = after(self.now)

    async def load(self, needs: Sequence[Need]) -> list[dict[Lookup, list[Row]]]:
        loaded = [await store.load(TOPIC, [0], needs) for store in self.stores]
        assert [one.positions for one in loaded] == [{0: self.now}] * 2
        return [
            {lookup: sorted(rows, key=repr) for lookup, rows in one.rows.items()} for one in loaded
        ]


@pytest.fixture(params=projections(), ids=lambda projection: projection.service)
async def pair(request: pytest.FixtureRequest, database: str, stack: AsyncExitStack) -> Pair:
    projection: Projection = request.param
    real = await postgres_ground(projection, database, stack)
    pair = Pair(projection, [memory_ground(projection).store, real.store])
    for store in pair.stores:
        await store.begin(pair.now)
    return pair


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_every_lookup_finds_the_same_rows_in_both_stores(pair: Pair, data: st.DataObject):
    await pair.write(data.draw(writes_of(pair.projection)))
    needs = [
        Need(lookup, data.draw(values_of(lookup)), data.draw(INSTANTS))
        for lookup in pair.projection.lookups
    ]
    fake, real = await pair.load(needs)
    assert fake == real
    assert set(fake) == set(pair.projection.lookups)


# Postgres alone


@pytest.mark.parametrize(
    ("projection", "lookup"),
    [
        pytest.param(projection, lookup, id=f"{projection.service} {lookup.table.name}.{lookup.by}")
        for projection in projections()
        for lookup in projection.lookups
    ],
)
async def test_every_lookup_goes_by_an_index_of_its_column_from_the_first_row_on(
    projection: Projection, lookup: Lookup, database: str, stack: AsyncExitStack
):
    """Plans are made once, perhaps while a table is empty: they must do when it has grown."""
    pool = (await postgres_ground(projection, database, stack)).pool
    assert pool is not None
    horizon = ", now()" if HORIZON in lookup.asked.where else ""
    async with pool.acquire() as connection:
        await connection.execute(f"PREPARE looked_up AS {load_statement((lookup,))}")
        plan = await connection.fetch(
            f"EXPLAIN (COSTS OFF) EXECUTE looked_up('facts', '{{}}', '{{}}'{horizon})"
        )
    lines = [line.strip() for (line,) in plan]
    assert not [line for line in lines if "Seq Scan" in line]
    for by in {lookup.by, lookup.asked.by}:
        assert [line for line in lines if line.startswith("Index Cond") and f"({by} = ANY" in line]


@pytest.fixture
def postgres_store(real_ground: StoreGround) -> PostgresStore:
    assert isinstance(real_ground.store, PostgresStore)
    return real_ground.store


async def test_a_schema_that_is_not_there_is_unavailable(database: str, stack: AsyncExitStack):
    pool = await connect(database, schema="nowhere")
    stack.push_async_callback(pool.close)
    store = PostgresStore(pool, TABLES, "redeem")
    with pytest.raises(StoreUnavailable, match="stream_position"):
        await store.load(TOPIC, [0], [])
    with pytest.raises(StoreUnavailable, match="stream_position"):
        await store.begin(position())
    with pytest.raises(StoreUnavailable, match="stream_position"):
        await store.fold(position(), after(position()), {}, notify=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda dsn: dsn.rsplit("/", 1)[0] + "/no_such_database",
        lambda dsn: f"postgresql://tessera@127.0.0.1:{free_port()}/tessera",
        lambda dsn: "postgresql://tessera@host.invalid/tessera",
    ],
    ids=["no database", "no server", "no host"],
)
async def test_a_server_that_cannot_be_reached_is_unavailable(
    postgres: str, change: Callable[[str], str]
):
    with pytest.raises(StoreUnavailable, match=r"Postgres at .* cannot be reached"):
        await connect(change(postgres))


async def test_connections_that_were_cut_are_made_anew(
    postgres_store: PostgresStore, database: str
):
    first = await begun(postgres_store)
    await asyncio.gather(*(stored(postgres_store) for _ in range(20)))
    admin = await asyncpg.connect(database)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()
    failures = 0
    for _ in range(20):
        try:
            assert await stored(postgres_store) == first
        except StoreUnavailable:
            failures += 1
    assert failures < 20
    assert await stored(postgres_store) == first
    assert await postgres_store.fold(first, after(first), {}, notify=False)


async def test_a_database_that_is_dropped_is_unavailable(
    postgres_store: PostgresStore, postgres: str, database: str
):
    await begun(postgres_store)
    admin = await asyncpg.connect(postgres)
    name = database.rsplit("/", 1)[1]
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await stored(postgres_store)
    await admin.execute(f"CREATE DATABASE {name}")  # for the fixture, which drops it
    await admin.close()


async def test_a_call_that_is_given_up_leaves_the_store_usable(postgres_store: PostgresStore):
    first = await begun(postgres_store)
    for _ in range(10):
        loading = asyncio.create_task(stored(postgres_store))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
    assert await stored(postgres_store) == first


async def test_a_schema_swapped_under_a_living_store_is_the_one_it_sees(
    postgres_store: PostgresStore, database: str
):
    """As a rebuild does it: another schema takes the name; the old position is no longer there."""
    first = await begun(postgres_store)
    for version in range(8):  # often enough for every plan to be kept
        now = first if version == 0 else after(first, version)
        following = after(first, version + 1)
        rows: Writes = {ACCOUNT: [account(version=version)]}
        assert await postgres_store.fold(now, following, rows, notify=False)
        await found(postgres_store, ACCOUNTS, ["shop:jo"])
    rebuilt = position()._replace(next_offset=8, head=b"rebuilt", fold_version="1.1")
    admin = await asyncpg.connect(database)
    await migrate(admin, "rebuilt", [STREAM, "services.redeem"])
    await admin.execute(
        "ALTER SCHEMA redeem RENAME TO retired; ALTER SCHEMA rebuilt RENAME TO redeem"
    )
    await admin.close()
    assert await stored(postgres_store) is None
    assert not await postgres_store.fold(
        after(first, 8), after(first, 9), {ACCOUNT: [account(version=9)]}, notify=False
    )
    await postgres_store.begin(rebuilt)
    assert await postgres_store.fold(
        rebuilt, after(rebuilt), {ACCOUNT: [account(version=10)]}, notify=False
    )
    assert await found(postgres_store, ACCOUNTS, ["shop:jo"]) == [account(version=10)]


async def test_the_pool_leaves_connections_to_others(real_ground: StoreGround):
    store, pool = real_ground.store, real_ground.pool
    assert pool is not None
    await begun(store)
    await asyncio.gather(*(stored(store) for _ in range(50)))
    async with pool.acquire() as one, pool.acquire() as other:
        assert await one.fetchval("SELECT 1") + await other.fetchval("SELECT 1") == 2
        assert await stored(store) == position()
