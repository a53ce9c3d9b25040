"""A topic that was made anew is forgotten by the one service that reads it, and nothing else is."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cli.operation import Refused
from cli.positions import READERS, reset
from services.earn.service import Earn
from services.redeem.service import Redeem
from shared.events.topics import UPSTREAM
from shared.postgres.migrations import STREAM, migrate

UPSTREAM_ROW = "INSERT INTO intake.upstream_position VALUES ($1, $2, 7, NULL)"
STREAM_ROW = (
    "INSERT INTO redeem.stream_position (topic, partition, next_offset, head, seq, time_ms, "
    "inputs, ledger_id, fold_version) "
    "VALUES ('loyalty.points.v1', $1, 3, 'h', 2, 1, $2, 'l', '1.0')"
)
INPUTS = {"loyalty.awards.v1": [5, None], "loyalty.commands.v1": [9, "00ff"]}


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await migrate(connection, "intake", ["services.intake"])
    await migrate(connection, "redeem", [STREAM, "services.redeem"])
    yield connection
    await connection.close()


async def test_an_upstream_topic_is_forgotten(connection, database, capsys):
    for topic, partition in (("retail.reviews.v1", 0), ("retail.reviews.v1", 1), ("other", 0)):
        await connection.execute(UPSTREAM_ROW, topic, partition)
    assert await reset(database, "retail.reviews.v1") == 0
    assert "intake will read 2 partitions of retail.reviews.v1" in capsys.readouterr().out
    left = await connection.fetch("SELECT topic FROM intake.upstream_position")
    assert [topic for (topic,) in left] == ["other"]


async def test_an_input_is_forgotten_and_the_fold_stays_where_it_is(connection, database, capsys):
    await connection.execute(STREAM_ROW, 0, json.dumps(INPUTS))
    await connection.execute(STREAM_ROW, 1, json.dumps({"loyalty.awards.v1": [1, None]}))
    assert await reset(database, "loyalty.commands.v1") == 0
    assert "redeem will read 1 partitions of loyalty.commands.v1" in capsys.readouterr().out
    rows = await connection.fetch(
        "SELECT next_offset, head, inputs FROM redeem.stream_position ORDER BY partition"
    )
    kept = [{"loyalty.awards.v1": [5, None]}, {"loyalty.awards.v1": [1, None]}]
    assert [json.loads(inputs) for _, _, inputs in rows] == kept
    assert [(offset, head) for offset, head, _ in rows] == [(3, b"h"), (3, b"h")]


async def test_what_is_no_input_is_refused():
    with pytest.raises(Refused, match="is no input topic"):
        await reset("postgresql://nowhere", "loyalty.points.v1")


def test_every_input_of_every_service_can_be_read_again():
    inputs = {topic.name: service.name for service in (Earn, Redeem) for topic in service.inputs}
    assert {**inputs, **{topic.name: "intake" for topic in UPSTREAM}} == READERS
