"""Whose each event is, held against the activity that was forwarded, while intake goes on. I2."""

from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest

from cli.verify.report import Check, Report
from cli.verify.resolutions import Resolutions, forwarded
from services.intake.decide import Recognised, Resolution, read
from services.intake.records import activity
from services.intake.store import PostgresStore
from shared.events.topics import ACTIVITY, PURCHASES
from shared.events.wire import Source
from shared.postgres.migrations import migrate
from shared.postgres.pool import connect
from shared.stream.log import Place, Record
from shared.stream.memory import MemoryLog
from tests.strategies.poison import ARRIVED_MS, BINARY, encoded, purchase

ACCOUNT = "grocer:7"
UPSTREAM, FORWARDED = Place(PURCHASES.name, 0), Place(ACTIVITY.name, 0)
PAST = {UPSTREAM: 4}
"""Intake has gone past the event, which stands at offset 3."""
AT = {UPSTREAM: 3}


@pytest.fixture
def event() -> Recognised:
    said = read(PURCHASES.name, encoded(purchase(7)), BINARY, ARRIVED_MS)
    assert isinstance(said, Recognised)
    return said


@pytest.fixture
def record(event: Recognised) -> Record:
    """The event as it was forwarded."""
    log = MemoryLog({ACTIVITY.name: 1})
    log.put(FORWARDED, activity(ACCOUNT, event, Source(*UPSTREAM, 3)))
    return log.records[FORWARDED][0]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect(database, schema="intake", size=1)
    async with pool.acquire() as connection:
        await migrate(connection, "intake", ["services.intake"])
    yield pool
    await pool.close()


async def checked(pool: asyncpg.Pool, record: Record, read: Mapping[Place, int]) -> Report:
    report = Report()
    resolutions = Resolutions(pool, read, report)
    resolutions.note(record)
    await resolutions.check()
    assert report.looked_at[Check.RESOLUTIONS] == 2
    return report


def test_a_forwarded_event_names_what_intake_has_kept_of_it(event: Recognised, record: Record):
    said = list(forwarded(record))
    assert [each.identity for each in said] == list(event.identities)
    assert {each.resolution for each in said} == {Resolution(ACCOUNT, event.content)}


async def test_what_was_kept_is_clean(pool: asyncpg.Pool, event: Recognised, record: Record):
    kept = Resolution(ACCOUNT, event.content)
    await PostgresStore(pool).write_down(dict.fromkeys(event.identities, kept))
    assert (await checked(pool, record, PAST)).is_clean


@pytest.mark.parametrize(
    ("read", "missing"),
    [(PAST, 2), (AT, 0), ({}, 2)],
    ids=["gone past", "in flight as of the snapshot", "no place is known any more"],
)
async def test_what_is_missing_is_found_once_intake_has_gone_past_the_event(
    pool: asyncpg.Pool, record: Record, read: Mapping[Place, int], missing: int
):
    assert (await checked(pool, record, read)).wrong[Check.RESOLUTIONS] == missing


async def test_what_is_of_another_account_is_found_at_once(
    pool: asyncpg.Pool, event: Recognised, record: Record
):
    other = Resolution("grocer:8", event.content)
    await PostgresStore(pool).write_down({event.identities[0]: other})
    [finding] = (await checked(pool, record, AT)).findings
    assert finding.where == ACCOUNT
    assert "is of grocer:8" in finding.what
    assert finding.remedy.startswith("tessera rebuild intake")
