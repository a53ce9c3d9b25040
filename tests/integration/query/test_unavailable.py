"""Servers that are away: a request learns so in time, with 503, and health and metrics go on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.query import limits
from tests.api import running, settings_of
from tests.integration.query.ledger import Ledger, days, earned, redeem

MEMBER = "/v1/programs/shop/members/jo"
KEY = {"Idempotency-Key": "a"}
EVENT = {"type": "retail.review.v1", "event_id": "1", "source": "shop", "brand": "shop"}
EVENT |= {"member": "jo", "occurred_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def alone() -> AsyncIterator[httpx.AsyncClient]:
    """The API without a Postgres and without a Kafka."""
    async with running(settings_of()) as made:
        yield made


REQUESTS: list[tuple[str, str, Any, str]] = [
    ("GET", MEMBER, None, "postgres_unavailable"),
    ("GET", f"{MEMBER}/entries", None, "postgres_unavailable"),
    ("GET", f"{MEMBER}/lots", None, "postgres_unavailable"),
    ("GET", f"{MEMBER}/expiries", None, "postgres_unavailable"),
    ("POST", f"{MEMBER}/redemptions", {"points": 1}, "postgres_unavailable"),
    ("POST", f"{MEMBER}/preview", {"lines": []}, "kafka_unavailable"),
    ("GET", "/v1/programs", None, "kafka_unavailable"),
    ("POST", "/v1/events", EVENT, "kafka_unavailable"),
    ("GET", "/health/ready", None, "not_ready"),
]


async def test_without_servers_every_request_is_told_to_come_again(alone: httpx.AsyncClient):
    async def ask(method: str, path: str, body: object, code: str) -> None:
        response = await alone.request(method, path, json=body, headers=KEY)
        assert (response.status_code, response.json()["code"]) == (503, code), path
        assert response.headers["Retry-After"] == "1"

    async with asyncio.timeout(3 * max(limits.ACK_SECONDS, limits.QUERY_SECONDS)):
        await asyncio.gather(*(ask(*request) for request in REQUESTS))


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_without_servers_the_process_is_alive_and_counts(alone, prefix: str):
    assert (await alone.get(f"{prefix}/health/live")).json()["status"] == "live"
    await alone.get("/v1/programs/NO/members/x")
    counted = await alone.get(f"{prefix}/metrics")
    assert counted.status_code == 200
    route = "/programs/{program}/members/{member}"
    labels = f'method="GET",route="{route}",status="404"'
    assert f"tessera_http_requests_total{{{labels}}} 1.0" in counted.text
    assert 'tessera_up{server="postgres"} 0.0' in counted.text
    assert 'tessera_up{server="kafka"} 0.0' in counted.text


async def test_a_preview_of_a_draft_needs_no_server(alone):
    draft = {
        "program": "shop",
        "version": 7,
        "name": "Draft",
        "effective_from": "2000-01-01",
        "timezone": "UTC",
        "money": "USD",
        "brands": ["shop"],
        "earn": {"rules": [{"rule": "x", "kind": "per_amount", "points": 2, "per_minor": 100}]},
    }
    line = {"line_id": "1", "sku": "1", "amount_minor": 1_050}
    response = await alone.post(f"{MEMBER}/preview", json={"lines": [line], "program": draft})
    assert (response.status_code, response.json()["points"]) == (200, 21), response.text


async def test_without_kafka_reads_and_known_redemptions_are_answered(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 10), days(1))
    await ledger.take(redeem("shop:jo", 4, "a"), days(2))
    assert (await client.get(MEMBER)).json()["available"] == 6

    known, new, unknown = await asyncio.gather(
        client.post(f"{MEMBER}/redemptions", json={"points": 4}, headers=KEY),
        client.post(f"{MEMBER}/redemptions", json={"points": 4}, headers={"Idempotency-Key": "b"}),
        client.get("/v1/programs/shop/members/nobody"),
    )

    assert (known.status_code, known.json()["points"]) == (200, 4)
    for response in (new, unknown):
        assert (response.status_code, response.json()["code"]) == (503, "kafka_unavailable")


async def test_metrics_tell_what_is_folded(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 10), days(1))
    await ledger.take(redeem("shop:jo", 4, "a"), days(2))
    text = (await client.get("/metrics")).text
    assert 'tessera_folded_records{service="redeem"} 2.0' in text
    assert "tessera_accounts 1.0" in text
    assert 'tessera_points{kind="redeemed"} 4.0' in text
    assert 'tessera_points{kind="free"} 6.0' in text


async def test_a_database_of_another_ledger_is_not_ready(database, ledger: Ledger):
    await ledger.take(earned("shop:jo", 10), days(1))
    other = settings_of(database).model_copy(update={"ledger_id": "other"})
    async with running(other) as client:
        checks = (await client.get("/health/ready")).json()["checks"]
    assert checks["postgres"] == "holds ledger test, but the settings name other"


async def test_a_database_without_the_ledgers_schema_is_not_ready(client):
    checks = (await client.get("/health/ready")).json()["checks"]
    assert "schema redeem" in checks["postgres"]
    response = await client.get(MEMBER)
    assert (response.status_code, response.json()["code"]) == (503, "postgres_unavailable")
