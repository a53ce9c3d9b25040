"""Those who wait are served by the table, whatever becomes of the hints, and together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from services.query.arrivals import Arrivals
from services.query.connections import Database
from services.query.decisions import Decided
from services.query.limits import WAITERS_MAX
from services.query.problems import Problem
from services.query.tokens import Token
from shared.events.ids import command_cause
from shared.stream.records import partition_of_account
from tests.api import PARTITIONS
from tests.integration.query.ledger import Ledger, days, earned, redeem
from tests.polling import eventually


class Counting(Database):
    """A database that counts its statements."""

    statements = 0

    async def fetch(self, statement: str, *arguments: object) -> list[object]:
        self.statements += 1
        return await super().fetch(statement, *arguments)


@asynccontextmanager
async def kept(dsn: str, *, listening: bool) -> AsyncIterator[tuple[Arrivals, Counting]]:
    database = Counting(dsn)
    arrivals = Arrivals(database, dsn)
    tasks = [
        asyncio.create_task(database.line.keep()),
        asyncio.create_task(arrivals.look_after()),
        *([asyncio.create_task(arrivals.line.keep())] if listening else ()),
    ]
    try:
        if listening:
            assert await arrivals.line.get(10)
        yield arrivals, database
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def place_of(member: str, key: str) -> tuple[int, UUID]:
    account = f"shop:{member}"
    return partition_of_account(account, PARTITIONS), command_cause(account, key).id


async def wait_for(arrivals: Arrivals, member: str, key: str) -> Decided:
    with arrivals.expected(*place_of(member, key)) as decision:
        return await decision


@pytest.mark.parametrize("listening", [True, False])
@pytest.mark.parametrize("notify", [True, False])
async def test_a_decision_arrives_with_or_without_a_hint(
    ledger: Ledger, database: str, *, listening: bool, notify: bool
):
    await ledger.take(earned("shop:jo", 10), days(1))
    async with kept(database, listening=listening) as (arrivals, _):
        waiting = asyncio.create_task(wait_for(arrivals, "jo", "a"))
        await asyncio.sleep(0)
        await ledger.take(redeem("shop:jo", 4, "a"), days(2), notify=notify)

        async with asyncio.timeout(20):
            decided = await waiting
    assert (decided.account, decided.type) == ("shop:jo", "loyalty.points.redeemed.v1")
    assert arrivals.waiting == 0


async def test_hints_come_again_after_the_connection_was_lost(ledger: Ledger, database: str):
    async with kept(database, listening=True) as (arrivals, _):
        lost = arrivals.line.made
        async with ledger.pool.acquire() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'tessera-listen' AND datname = current_database()"
            )

        async def anew() -> bool:
            return arrivals.line.made not in {None, lost}

        await eventually(anew)


async def test_waiting_goes_on_while_postgres_cannot_be_asked(ledger: Ledger, database: str):
    await ledger.take(earned("shop:jo", 10), days(1))
    async with kept(database, listening=False) as (arrivals, _):
        waiting = asyncio.create_task(wait_for(arrivals, "jo", "a"))
        async with ledger.pool.acquire() as connection:
            await connection.execute("ALTER TABLE decision RENAME TO gone")
            reading = asyncio.create_task(arrivals.reached(Token(0, 1_000), 0.3))
            assert await reading is False
            await connection.execute("ALTER TABLE gone RENAME TO decision")
        await ledger.take(redeem("shop:jo", 4, "a"), days(2))
        async with asyncio.timeout(20):
            assert (await waiting).account == "shop:jo"


async def test_thousands_who_wait_are_looked_up_together(ledger: Ledger, database: str):
    """10,000 callers and one decision: no caller costs a statement of its own."""
    await ledger.take(earned("shop:jo", 10), days(1))
    async with kept(database, listening=True) as (arrivals, counting):
        others = [asyncio.create_task(wait_for(arrivals, f"m{n}", "a")) for n in range(10_000)]
        waiting = asyncio.create_task(wait_for(arrivals, "jo", "a"))
        await asyncio.sleep(0)
        assert arrivals.waiting == 10_001
        before = counting.statements
        await ledger.take(redeem("shop:jo", 4, "a"), days(2))
        async with asyncio.timeout(20):
            await waiting
        assert counting.statements - before < 50
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    assert arrivals.waiting == 0


async def test_more_than_may_wait_are_told_so(database: str):
    arrivals = Arrivals(Database(database), database)
    arrivals._waiting = WAITERS_MAX
    with pytest.raises(Problem, match="busy"), arrivals.expected(0, UUID(int=1)):
        pass


async def test_one_decision_reaches_all_who_wait_for_it(ledger: Ledger, database: str):
    await ledger.take(earned("shop:jo", 10), days(1))
    async with kept(database, listening=True) as (arrivals, _):
        waiting = [asyncio.create_task(wait_for(arrivals, "jo", "a")) for _ in range(5)]
        await asyncio.sleep(0)
        await ledger.take(redeem("shop:jo", 4, "a"), days(2))
        async with asyncio.timeout(20):
            found = await asyncio.gather(*waiting)
    assert len(set(found)) == 1
