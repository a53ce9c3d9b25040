"""`kill -9` of Kafka and of Postgres under a living API: told in time, and over by itself."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.local import EmbeddedKafka, EmbeddedPostgres, free_port
from shared.stream.topics_setup import make_topics
from tests.api import PARTITIONS, running, settings_of
from tests.integration.query.ledger import SHOP, Ledger, days, earned
from tests.polling import eventually
from tests.servers import FAST, temporary_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEMBER = "/v1/programs/shop/members/jo"
REVIEW = {"type": "retail.review.v1", "event_id": "1", "source": "shop", "brand": "shop"}
REVIEW |= {"member": "jo", "occurred_at": "2026-01-01T00:00:00Z"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka() -> AsyncIterator[EmbeddedKafka]:
    """A broker that may be killed."""
    with temporary_folder() as folder:
        async with EmbeddedKafka(folder, free_port()) as server:
            await make_topics(server.bootstrap, partitions=PARTITIONS, replication=1)
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A database server that may be killed."""
    with temporary_folder() as folder:
        async with EmbeddedPostgres(folder, free_port(), settings=FAST) as server:
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(kafka, postgres) -> AsyncIterator[httpx.AsyncClient]:
    """The API on both, with one account."""
    ledger = await Ledger.made(postgres.dsn)
    await ledger.take(earned("shop:jo", 10), days(1))
    await ledger.pool.close()
    async with running(settings_of(postgres.dsn, kafka.bootstrap)) as client:
        document = SHOP.model_dump(mode="json", exclude_none=True)

        async def published() -> bool:
            response = await client.put("/v1/programs/shop/versions/1", json=document)
            return response.status_code in {200, 201}

        await eventually(published)
        yield client


async def test_kafka_may_be_killed_and_come_back(api, kafka):
    assert (await api.post("/v1/events", json=REVIEW)).status_code == 202
    kafka.kill()

    away = await api.post("/v1/events", json=REVIEW)
    assert (away.status_code, away.json()["code"]) == (503, "kafka_unavailable")
    assert (await api.get(MEMBER)).json()["available"] == 10
    assert (await api.get("/v1/programs/shop")).status_code == 200
    await kafka.start()

    async def back() -> bool:
        response = await api.post("/v1/events", json=REVIEW)
        return bool(response.status_code == 202)

    await eventually(back)
    later = SHOP.model_copy(update={"version": 2, "effective_from": "2090-01-01"})
    document = later.model_dump(mode="json", exclude_none=True)

    async def published() -> bool:
        response = await api.put("/v1/programs/shop/versions/2", json=document)
        return response.status_code in {200, 201}

    await eventually(published)


async def test_postgres_may_be_killed_and_come_back(api, postgres):
    before = (await api.get(MEMBER)).json()
    postgres.kill()

    away = await api.get(MEMBER)
    assert (away.status_code, away.json()["code"]) == (503, "postgres_unavailable")
    assert (await api.get("/metrics")).status_code == 200
    await postgres.start()

    async def back() -> bool:
        response = await api.get(MEMBER)
        return bool(response.status_code == 200)

    await eventually(back)
    after = (await api.get(MEMBER)).json()
    assert {**after, "as_of": 0} == {**before, "as_of": 0}
    assert (await api.get("/health/ready")).json()["status"] == "ready"
