"""Every behaviour is asked of the adapter in memory and of the real one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.contract.stream.logs import Ground, KafkaGround, MemoryGround


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
