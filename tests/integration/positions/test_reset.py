"""Topics that were made anew are read from their beginnings by their reader; nothing else is."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from cli.positions import READERS, chosen, reset
from cli.refusals import Refused
from services.earn.service import Earn
from services.redeem.service import Redeem
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, REVIEWS, UPSTREAM
from shared.postgres.migrations import STREAM, migrate
from shared.postgres.rows import decode_inputs, encode_inputs
from shared.stream.log import Outgoing, Place
from shared.stream.memory import MemoryLog
from shared.stream.store import InputMark

UPSTREAM_ROW = "INSERT INTO intake.upstream_position VALUES ($1, $2, 7, NULL)"
STREAM_ROW = (
    "INSERT INTO redeem.stream_position (topic, partition, next_offset, head, seq, time_ms, "
    "inputs, ledger_id, fold_version) "
    "VALUES ('loyalty.points.v1', $1, 3, 'h', 2, 1, $2, 'l', '1.6')"
)
INPUTS = {AWARDS.name: InputMark(5, b"mark", b"head"), COMMANDS.name: InputMark(9, b"mark")}


@pytest.fixture
def log() -> MemoryLog:
    """All inputs, empty."""
    return MemoryLog({topic.name: 2 for topic in (*UPSTREAM, ACTIVITY, COMMANDS, AWARDS)})


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await migrate(connection, "intake", ["services.intake"])
    await migrate(connection, "redeem", [STREAM, "services.redeem"])
    for partition in range(2):
        await connection.execute(STREAM_ROW, partition, encode_inputs(INPUTS))
    yield connection
    await connection.close()


async def inputs(connection) -> list[dict[str, InputMark]]:
    rows = await connection.fetch("SELECT inputs FROM redeem.stream_position ORDER BY partition")
    return [decode_inputs(text) for (text,) in rows]


async def test_an_upstream_topic_is_forgotten(connection, database, log, capsys):
    for topic, partition in ((REVIEWS.name, 0), (REVIEWS.name, 1), ("other", 0)):
        await connection.execute(UPSTREAM_ROW, topic, partition)
    assert await reset(database, log, [REVIEWS.name], sure=True) == 0
    assert "intake reads 2 partitions of retail.reviews.v1" in capsys.readouterr().out
    left = await connection.fetch("SELECT topic FROM intake.upstream_position")
    assert [topic for (topic,) in left] == ["other"]


async def test_an_input_is_read_from_what_is_kept_of_it(connection, database, log):
    place = Place(COMMANDS.name, 1)
    for _ in range(4):
        log.put(place, Outgoing(b"k", b"v", []))
    log.delete_before(place, 3)
    assert await reset(database, log, [COMMANDS.name], sure=True) == 0
    assert await inputs(connection) == [
        {**INPUTS, COMMANDS.name: InputMark(0)},
        {**INPUTS, COMMANDS.name: InputMark(3)},
    ]


async def test_a_service_is_told_of_all_its_inputs(connection, database, log):
    assert await reset(database, log, ["redeem"], sure=True) == 0
    forgotten = {AWARDS.name: InputMark(0), COMMANDS.name: InputMark(0)}
    assert await inputs(connection) == [forgotten, forgotten]


async def test_the_fold_stays_where_it_is_but_what_owners_have_under_way_is_not_folded(
    connection, database, log
):
    await reset(database, log, [AWARDS.name], sure=True)
    rows = await connection.fetch(
        "SELECT next_offset, head, fold_version FROM redeem.stream_position"
    )
    assert [tuple(row) for row in rows] == [(3, b"h", "1.7")] * 2


async def test_nothing_is_changed_unless_one_is_sure(connection, database, log, capsys):
    assert await reset(database, log, [AWARDS.name], sure=False) == 1
    assert "nothing was changed; --yes does it" in capsys.readouterr().out
    assert await inputs(connection) == [INPUTS, INPUTS]


async def test_facts_without_their_beginning_are_refused(connection, database, log):
    log.put(Place(AWARDS.name, 0), Outgoing(b"k", b"v", []))
    log.delete_before(Place(AWARDS.name, 0), 1)
    with pytest.raises(Refused, match="history was deleted"):
        await reset(database, log, [AWARDS.name], sure=True)
    assert await inputs(connection) == [INPUTS, INPUTS]


async def test_a_service_without_tables_has_nothing_to_forget(connection, database, log):
    with pytest.raises(Refused, match="earn has no tables yet"):
        await reset(database, log, [ACTIVITY.name], sure=True)


def test_what_is_no_input_is_refused():
    with pytest.raises(Refused, match="is no input topic"):
        chosen([AWARDS.name, "loyalty.points.v1"])


def test_topics_and_readers_are_named_once():
    assert chosen(["redeem", AWARDS.name]) == [COMMANDS.name, AWARDS.name]


def test_every_input_of_every_service_can_be_read_again():
    inputs = {topic.name: service.name for service in (Earn, Redeem) for topic in service.inputs}
    assert {**inputs, **{topic.name: "intake" for topic in UPSTREAM}} == READERS
