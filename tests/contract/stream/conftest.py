"""Every behaviour is asked of the adapter in memory and of the real one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.contract.stream.logs import Ground, KafkaGround, MemoryGround

SERVERS = {"kafka", "postgres"}
"""Adapters that are named after the server they need: tests can be chosen by that."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            adapter = item.callspec.params.get("ground")
            if adapter in SERVERS and adapter not in item.fixturenames:
                item.fixturenames.append(adapter)


@pytest.fixture
async def kafka_ground(kafka: str) -> AsyncIterator[KafkaGround]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(admin.close)
        ground = KafkaGround(kafka, admin, stack)
        yield ground
        if ground.topics:
            await admin.delete_topics(ground.topics)


@pytest.fixture(params=["memory", "kafka"])
def ground(request: pytest.FixtureRequest) -> Ground:
    found: Ground = (
        MemoryGround() if request.param == "memory" else request.getfixturevalue("kafka_ground")
    )
    return found
