"""A receipt as a sum, on rows that the real folds of earn and redeem have written."""

from typing import Any

import asyncpg
import httpx
import pytest

from services.query.receipts import EXAMPLE, Receipt
from shared.events.awards import PointsEarned
from shared.events.upstream import Activity
from shared.postgres.migrations import STREAM, migrate
from shared.program.model import Program
from tests.earnings import Earnings, returned, void
from tests.integration.query.ledger import Ledger, days
from tests.receipts import BASE, line, program, receipt

SHOP = program(BASE, brands=["shop", "cafe"])
BASKET = receipt(line(1050, line_id="1"), line(1099, line_id="2", department="SHOES"))


@pytest.fixture
async def schema(database: str, ledger: Ledger) -> asyncpg.Connection:
    """A connection to a database in which earn's schema is made."""
    connection = await asyncpg.connect(database)
    await migrate(connection, "earn", [STREAM, "services.earn"])
    await connection.execute("SET search_path TO earn")
    yield connection
    await connection.close()


async def decided(
    schema: asyncpg.Connection, ledger: Ledger, *turns: list[Activity], rules: Program = SHOP
) -> None:
    """What earn says of these activities, in its schema; redeem has credited the awards."""
    earnings = Earnings(rules)
    for turn in turns:
        for fact in earnings.take(*turn):
            if isinstance(fact, PointsEarned):
                await ledger.take(fact, days(1))
    for table, rows in earnings.tables.items():
        slots = ", ".join(f"${number}" for number, _ in enumerate(table.columns, 1))
        names = ", ".join(f'"{name}"' for name in table.columns)
        await schema.executemany(
            f"INSERT INTO {table.name} ({names}) VALUES ({slots})", list(rows.values())
        )


async def read(client: httpx.AsyncClient, path: str = "receipt-1?brand=shop") -> dict[str, Any]:
    answer = await client.get(f"/v1/programs/shop/members/jo/receipts/{path}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["Tessera-Token"] == body["token"]
    Receipt.model_validate(body)
    return body


def numbers(body: dict[str, Any], *names: str) -> list[Any]:
    return [body[name] for name in names]


async def test_a_receipt_is_a_sum_that_can_be_checked_by_hand(client, ledger, schema):
    await decided(schema, ledger, [BASKET], [returned(("1", 1, 1050))])
    body = await read(client)
    assert body["sum"] == "21 - 11 = 10"
    assert numbers(body, "earned", "clawed", "earned_on_kept", "policy") == [21, 11, 10, "re_earn"]
    kept = [numbers(each, "line_id", "returned_minor", "kept_minor") for each in body["lines"]]
    assert kept == [["1", 1050, 0], ["2", 0, 1099]]
    assert [share["exact"] for share in body["breakdown"]] == ["2149/100"]
    assert [share["exact"] for share in body["breakdown_on_kept"]] == ["1099/100"]
    [back] = body["returns"]
    assert numbers(back, "event_id", "owed", "clawed_before", "points") == ["return-1", 11, 0, 11]
    assert body["lot"]["original"] == 21


async def test_without_returns_all_of_it_is_kept(client, ledger, schema):
    await decided(schema, ledger, [BASKET])
    body = await read(client)
    assert numbers(body, "sum", "state", "policy", "returns") == [
        "21 - 0 = 21",
        "awarded",
        None,
        [],
    ]
    assert body["breakdown_on_kept"] == body["breakdown"]


async def test_points_with_dates_of_their_own_are_shown_and_belong_to_the_sum(
    client, ledger, schema
):
    bonus = {"rule": "bonus", "kind": "fixed", "points": 5, "expiry": {"after": "1M"}}
    await decided(schema, ledger, [BASKET], rules=program(BASE, bonus, brands=["shop"]))
    body = await read(client)
    [part] = body["parts"]
    assert numbers(part, "rules", "points", "expires_at") == [["bonus"], 5, "2026-04-04T00:00:00Z"]
    assert body["lot"] == {"original": 26, "free": 26, "used": 0, "expired": 0, "clawed": 0}


async def test_a_receipt_is_shown_when_only_its_return_is_known(client, ledger, schema):
    await decided(schema, ledger, [receipt(1, receipt_id="other")], [void()])
    body = await read(client)
    assert numbers(body, "state", "earned", "lot") == ["not_known_yet", 0, None]
    [waiting] = body["waiting"]
    assert numbers(waiting, "event_id", "everything", "lines") == ["void-1", True, []]


async def test_a_purchase_that_nothing_rewards_says_why(client, ledger, schema):
    later = program(BASE, effective_from="2026-03-04")
    late = receipt(1, receipt_id="other", at="2026-03-05T12:00:00Z")
    await decided(schema, ledger, [BASKET, late], rules=later)
    body = await read(client)
    assert numbers(body, "state", "reason") == ["not_rewarded", "no_program_in_force"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("receipt-9?brand=shop", "receipt_unknown"),
        ("receipt-1?brand=cafe", "receipt_unknown"),
        ("receipt-1?brand=", "receipt_unknown"),
        ("receipt-1?brand=" + "x" * 129, "invalid"),
        ("receipt-1", "kafka_unavailable"),
    ],
)
async def test_what_is_not_there(client, ledger, schema, path, code):
    await decided(schema, ledger, [BASKET])
    answer = await client.get(f"/v1/programs/shop/members/jo/receipts/{path}")
    assert answer.json()["code"] == code


@pytest.mark.asyncio(loop_scope="module")
async def test_a_receipt_of_two_brands_needs_the_name_of_one(api, installed):
    """Without a brand those of the published programs are looked for."""
    ledger = await Ledger.made(installed.postgres)
    connection = await asyncpg.connect(installed.postgres)
    await migrate(connection, "earn", [STREAM, "services.earn"])
    await connection.execute("SET search_path TO earn")
    await api.put("/v1/programs/shop/versions/1", json=SHOP.model_dump(mode="json"))
    other = BASKET.model_copy(update={"brand": "cafe", "event_id": "event-2"})
    await decided(connection, ledger, [BASKET, other, void(receipt="receipt-2")])
    assert (await read(api, "receipt-2"))["brand"] == "shop"
    answer = await api.get("/v1/programs/shop/members/jo/receipts/receipt-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "receipt_ambiguous")
    assert answer.json()["detail"] == "name its brand: cafe, shop"
    assert (await read(api, "receipt-1?brand=cafe"))["brand"] == "cafe"
    await connection.close()
    await ledger.pool.close()


def test_the_documented_example_is_an_answer():
    shown = Receipt.model_validate(EXAMPLE)
    assert shown.earned - shown.clawed == shown.earned_on_kept
