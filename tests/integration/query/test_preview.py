"""A preview sees what the member has used of caps, on rows that the fold of earn has written."""

from typing import Any

import asyncpg
import httpx
import pytest

from services.query.answers.programs import Worth
from shared.events.awards import PointsEarned
from shared.postgres.migrations import STREAM, migrate
from shared.program.model import Program
from tests.earnings import Earnings
from tests.receipts import BASE, program, receipt

DAY = "2026-03-03T12:00:00Z"
FIRST = {"rule": "first", "kind": "fixed", "points": 50, "match": {"first_purchase": True}}
DOCUMENT: dict[str, Any] = program(BASE, FIRST).model_dump(mode="json", exclude_none=True)
DOCUMENT["earn"]["caps"] = [{"points": 100, "per": "day"}]
DOCUMENT["expiry"] = {"anniversary": True}


@pytest.fixture
async def earned(database: str) -> PointsEarned:
    """Jo has bought for 40 dollars on that day: 90 points of 100."""
    earnings = Earnings(Program.model_validate(DOCUMENT))
    [fact] = earnings.take(receipt(4_000, at=DAY))
    assert isinstance(fact, PointsEarned)
    assert fact.points == 90
    connection = await asyncpg.connect(database)
    await migrate(connection, "earn", [STREAM, "services.earn"])
    for table, rows in earnings.tables.items():
        slots = ", ".join(f"${number}" for number, _ in enumerate(table.columns, 1))
        await connection.executemany(
            f"INSERT INTO earn.{table.name} VALUES ({slots})", list(rows.values())
        )
    await connection.close()
    return fact


async def preview(client: httpx.AsyncClient, member: str, at: str) -> dict[str, Any]:
    asked = {
        "lines": [{"line_id": "1", "sku": "7", "amount_minor": 2_000}],
        "occurred_at": at,
        "program": DOCUMENT,
    }
    answer = await client.post(f"/v1/programs/shop/members/{member}/preview", json=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    Worth.model_validate(body)
    return body


@pytest.mark.parametrize(
    ("member", "at", "points", "desired"),
    [
        ("jo", DAY, 10, 20),
        ("jo", "2026-03-04T12:00:00Z", 20, 20),
        ("new", DAY, 70, 70),
    ],
)
@pytest.mark.usefixtures("earned")
async def test_a_preview_is_clipped_by_what_was_used(
    client: httpx.AsyncClient, member: str, at: str, points: int, desired: int
):
    body = await preview(client, member, at)
    assert (body["points"], body["desired"]) == (points, desired)


@pytest.mark.usefixtures("earned")
async def test_a_preview_says_which_cap_clips(client: httpx.AsyncClient):
    [cap] = (await preview(client, "jo", DAY))["caps"]
    assert cap == {
        "rule": None,
        "currency": None,
        "per": "day",
        "period": "2026-03-03",
        "limit": 100,
        "used": "90",
        "over": "10",
    }


@pytest.mark.parametrize(
    ("member", "enrolled_on", "expires_at"),
    [
        ("jo", "2026-03-03", "2027-03-03T00:00:00Z"),
        ("new", "2026-05-01", "2027-05-01T00:00:00Z"),
    ],
)
async def test_a_preview_ends_on_the_anniversary_on_which_the_award_would(
    client: httpx.AsyncClient,
    earned: PointsEarned,
    member: str,
    enrolled_on: str,
    expires_at: str,
):
    body = await preview(client, member, "2026-05-01T12:00:00Z")
    assert (body["enrolled_on"], body["expires_at"]) == (enrolled_on, expires_at)
    assert str(earned.enrolled_on) == "2026-03-03"
