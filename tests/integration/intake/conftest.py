"""A fresh world for each test of intake."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.intake.world import World


@pytest.fixture
async def world(kafka: str, database: str, topic_prefix: str) -> AsyncIterator[World]:
    """Topics of three partitions and a database; its topics are deleted afterwards."""
    world = World(kafka, database, topic_prefix)
    await world.make_topics()
    yield world
    await world.delete_topics()
