"""The quarantine's tools on a real Kafka: each record once, newest first; a replay is the original.

Copies, replays that were set aside again, and records that were cut stand in the topic together.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cli import quarantine as tool
from cli.operation import EXIT_REFUSED
from cli.refusals import Refused
from shared.events import quarantine
from shared.events.quarantine import REPLAY_OF, Quarantined, Reason
from shared.events.wire import Source
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Outgoing, Place, Record

HEADERS: Any = (("ce_type", b"retail.purchase.v1"), ("odd", b"\xff"), ("odd", b""))


class Town:
    """A quarantine and an upstream topic of two partitions each."""

    def __init__(self, kafka: str, log: KafkaLog, prefix: str) -> None:
        self.kafka = kafka
        self.log = log
        self.quarantine = f"{prefix}quarantine"
        self.upstream = f"{prefix}upstream"

    def item(self, offset: int, **changes: Any) -> Quarantined:
        item = Quarantined(
            source=Source(self.upstream, 1, offset),
            reason=Reason.UNKNOWN_BRAND,
            detail="no program had the brand 'x'",
            by="intake",
            key=b"330",
            value=b"{\x00\xff}",
            headers=HEADERS,
        )
        return item._replace(**changes)

    async def set_aside(self, *items: Quarantined) -> None:
        for number, item in enumerate(items):  # one after the other, so that times differ or agree
            place = Place(self.quarantine, number % 2)
            await self.log.append(
                {place: [Outgoing(item.key, item.value, quarantine.encode(item))]}
            )

    async def published(self) -> list[Record]:
        places = [Place(self.upstream, number) for number in range(2)]
        bounds = await self.log.bounds(places)
        read = await self.log.read({place: Bounds(0, bounds[place].end) for place in places})
        return [record for place in places for record in read[place]]

    async def entries(self) -> Sequence[tool.Entry]:
        return await tool.entries(self.kafka, lambda _: True, self.quarantine)


@pytest.fixture
async def town(kafka: str, topic_prefix: str) -> AsyncIterator[Town]:
    log = KafkaLog(kafka)
    town = Town(kafka, log, topic_prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        topics = [town.quarantine, town.upstream]
        configs = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=configs) for name in topics])
        await log.start()
        yield town
        await admin.delete_topics(topics)
    finally:
        await log.close()
        await admin.close()


async def test_each_record_is_listed_once_and_the_newest_first(town: Town, capsys):
    old, new = town.item(1), town.item(2, reason=Reason.CONFLICT, detail="\x1b[2J steers")
    await town.set_aside(old, new, old._replace(source=Source(town.upstream, 1, 0)), new, old, new)
    found = await town.entries()
    assert len(found) == 3
    assert [entry.at_ms for entry in found] == sorted([e.at_ms for e in found], reverse=True)
    assert {entry.item.id for entry in found} >= {old.id, new.id}

    assert await tool.listed(town.kafka, None, 2, topic=town.quarantine) == 0
    assert "2 of 3" in capsys.readouterr().out
    assert await tool.listed(town.kafka, "conflict", 50, topic=town.quarantine) == 0
    told = capsys.readouterr().out
    assert new.id in told
    assert old.id not in told
    assert "\\x1b[2J steers" in told
    await tool.listed(town.kafka, "not_json", 50, topic=town.quarantine)
    assert "nothing is in quarantine for not_json" in capsys.readouterr().out


async def test_a_record_is_shown_as_text_and_byte_for_byte(town: Town, capsysbinary):
    item = town.item(1)
    await town.set_aside(item)
    await tool.show(town.kafka, item.id, raw=True, topic=town.quarantine)
    assert capsysbinary.readouterr().out == item.value
    await tool.show(town.kafka, item.id, raw=False, topic=town.quarantine)
    told = capsysbinary.readouterr().out.decode()
    for line in (
        f"from    {town.upstream}/1/1",
        "reason  unknown_brand",
        "key     330",
        "header  odd: \\xff",
        "value   4 bytes",
        "{\\x00\\xff}",
    ):
        assert line in told


async def test_a_replay_is_the_original_and_says_what_it_replays(town: Town):
    item = town.item(7)
    await town.set_aside(item, town.item(8), item)
    assert await tool.replay(town.kafka, item.id, None, topic=town.quarantine) == 0
    [record] = await town.published()
    assert (record.key, record.value, record.partition) == (item.key, item.value, 1)
    assert tuple(record.headers) == (*HEADERS, (REPLAY_OF, item.id.encode()))


async def test_what_is_set_aside_again_takes_the_place_of_its_first_self(town: Town, capsys):
    first = town.item(7)
    again = town.item(0, headers=(*HEADERS, (REPLAY_OF, first.id.encode())), detail="again")
    await town.set_aside(first, town.item(8), again, first)
    copies = [e for e in await town.entries() if e.item.first_id == first.id]
    assert len(copies) == 1
    await tool.show(town.kafka, first.id, raw=False, topic=town.quarantine)
    assert await tool.replay(town.kafka, None, "unknown_brand", topic=town.quarantine) == 0
    records = await town.published()
    assert len(records) == 2
    claims = [value for record in records for name, value in record.headers if name == REPLAY_OF]
    assert sorted(claims) == sorted([first.id.encode(), town.item(8).id.encode()])


async def test_what_was_replayed_is_listed_no_more_unless_it_is_asked_for(town: Town, capsys):
    first, other = town.item(7), town.item(8)
    await town.set_aside(first, other)
    await tool.replay(town.kafka, first.id, None, topic=town.quarantine)
    capsys.readouterr()
    await tool.listed(town.kafka, None, 50, topic=town.quarantine)
    told = capsys.readouterr().out
    assert first.id not in told
    assert other.id in told
    assert "replayed, and not set aside again: 1; --replayed" in told
    await tool.listed(town.kafka, None, 50, replayed=True, topic=town.quarantine)
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if first.id in line and " replayed 20" in line]
    assert "set aside again" not in told
    await tool.show(town.kafka, first.id, raw=False, topic=town.quarantine)
    told = capsys.readouterr().out
    assert "replayed 20" in told
    assert "{\\x00\\xff}" in told


async def test_what_was_replayed_and_set_aside_again_is_listed_again(town: Town, capsys):
    first = town.item(7)
    await town.set_aside(first)
    await tool.replay(town.kafka, first.id, None, topic=town.quarantine)
    await town.set_aside(town.item(0, headers=(*HEADERS, (REPLAY_OF, first.id.encode()))))
    capsys.readouterr()
    await tool.listed(town.kafka, None, 50, topic=town.quarantine)
    told = capsys.readouterr().out
    assert town.item(0).id in told
    assert "replayed" not in told
    await tool.replay(town.kafka, first.id, None, topic=town.quarantine)
    assert len(await town.published()) == 2


async def test_a_reason_is_replayed_once_one_record_as_often_as_it_is_named(town: Town):
    first, other = town.item(7), town.item(8)
    await town.set_aside(first, other)
    await tool.replay(town.kafka, first.id, None, topic=town.quarantine)
    for _ in range(2):
        await tool.replay(town.kafka, None, "unknown_brand", topic=town.quarantine)
    await tool.replay(town.kafka, first.id, None, topic=town.quarantine)
    claims = [dict(record.headers)[REPLAY_OF].decode() for record in await town.published()]
    assert sorted(claims) == sorted([first.id, first.id, other.id])


async def test_a_replay_by_reason_takes_all_of_it_and_tells_what_was_cut(town: Town, capsys):
    cut = town.item(3, bytes_cut=5)
    await town.set_aside(town.item(1), town.item(2), cut, town.item(4, reason=Reason.CONFLICT))
    code = await tool.replay(town.kafka, None, "unknown_brand", topic=town.quarantine)
    assert code == EXIT_REFUSED
    assert len(await town.published()) == 2
    assert cut.id in capsys.readouterr().out


@pytest.mark.parametrize(
    ("id", "reason", "told"),
    [
        (None, None, "name the id"),
        ("some", "conflict", "name the id"),
        (None, "no_such", "is no reason"),
        ("no_such", None, "is not in quarantine"),
    ],
)
async def test_what_cannot_be_replayed_is_said(town: Town, id, reason, told):
    await town.set_aside(town.item(1))
    with pytest.raises(Refused, match=told):
        await tool.replay(town.kafka, id, reason, topic=town.quarantine)


async def test_a_topic_that_is_gone_is_named(town: Town):
    item = town.item(1, source=Source("no.such.topic", 0, 0))
    await town.set_aside(item)
    with pytest.raises(Refused, match="there is no such topic"):
        await tool.replay(town.kafka, item.id, None, topic=town.quarantine)
