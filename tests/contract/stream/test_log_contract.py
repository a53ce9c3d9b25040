"""The contract of `shared.stream.log.Log`, held by the log in memory and by Kafka."""

import asyncio
import random

import pytest
from aiokafka import AIOKafkaProducer

from shared.events.topics import RECORD_BYTES_MAX
from shared.local import free_port
from shared.stream.kafka import KafkaLog
from shared.stream.log import AppendFailed, Bounds, Log, LogUnavailable, Outgoing, Place, Record
from tests.contract.stream.logs import Ground, KafkaGround, numbered, numbers

MIB = 1024 * 1024
HEADERS = [
    ("ce_id", b"0f0e"),
    ("binary", bytes(range(256))),
    ("empty", b""),
    ("twice", b"1"),
    ("twice", b"2"),
    ("né", "ü".encode()),
]


@pytest.fixture
async def log(ground: Ground) -> Log:
    return await ground.log()


async def filled(ground: Ground, log: Log, count: int) -> Place:
    """A place with so many records, which say their offsets."""
    place = Place(await ground.topic(), 1)
    assert await log.append({place: numbered(range(count))}) == {place: count - 1}
    return place


async def read(log: Log, place: Place, first: int, end: int) -> list[Record]:
    return (await log.read({place: Bounds(first, end)}))[place]


# append


async def test_offsets_are_those_of_each_batchs_last_record(ground: Ground, log: Log):
    topic = await ground.topic()
    one, other = Place(topic, 0), Place(topic, 3)
    assert await log.append({one: numbered(range(3)), other: numbered(range(1))}) == {
        one: 2,
        other: 0,
    }
    assert await log.append({other: numbered(range(5))}) == {other: 5}


async def test_records_stand_in_the_order_in_which_they_were_appended(ground: Ground, log: Log):
    topic = await ground.topic()
    places = [Place(topic, partition) for partition in range(4)]
    for turn in range(5):
        await log.append({place: numbered(range(turn * 100, turn * 100 + 100)) for place in places})
    found = await log.read({place: Bounds(0, 500) for place in places})
    for place in places:
        assert numbers(found[place]) == list(range(500))
        assert [record.offset for record in found[place]] == list(range(500))
        assert {(record.topic, record.partition) for record in found[place]} == {place}


@pytest.mark.parametrize(
    "outgoing",
    [
        Outgoing(b"key", b"value", HEADERS),
        Outgoing(None, b"value", []),
        Outgoing(b"", b"", HEADERS),
        Outgoing(b"key", None, HEADERS),
        Outgoing(None, None, ()),
        Outgoing(b"\xff\x00", b"\x00\xff" * 500, tuple(HEADERS)),
    ],
    ids=["whole", "null key", "empty", "null value", "nothing at all", "binary"],
)
async def test_a_record_comes_back_byte_for_byte(ground: Ground, log: Log, outgoing: Outgoing):
    place = Place(await ground.topic(), 0)
    await log.append({place: [outgoing, *numbered([1])]})
    [record, following] = await read(log, place, 0, 2)
    assert (record.key, record.value) == (outgoing.key, outgoing.value)
    assert list(record.headers) == list(outgoing.headers)
    assert numbers([following]) == [1]


async def test_an_append_may_be_larger_than_one_request(ground: Ground, log: Log):
    place = Place(await ground.topic(), 0)
    assert await log.append({place: numbered(range(3_000), size=1_000)}) == {place: 2_999}
    assert numbers(await read(log, place, 0, 3_000)) == list(range(3_000))


@pytest.mark.parametrize("size", [256 * 1024, RECORD_BYTES_MAX])
async def test_a_record_may_be_almost_as_large_as_the_broker_takes(
    ground: Ground, log: Log, size: int
):
    place = Place(await ground.topic(), 0)
    large = Outgoing(b"k", b"x" * size, [("h", b"y" * 1_000)])
    assert await log.append({place: [*numbered([0]), large, *numbered([2])]}) == {place: 2}
    found = await read(log, place, 0, 3)
    assert found[1].value == large.value
    assert numbers([found[0], found[2]]) == [0, 2]


async def test_places_without_records_are_left_out(ground: Ground, log: Log):
    topic = await ground.topic()
    empty, other = Place(topic, 0), Place(topic, 1)
    assert await log.append({empty: [], other: numbered([0])}) == {other: 0}
    assert await log.append({empty: []}) == {}
    assert (await log.bounds([empty]))[empty] == Bounds(0, 0)


async def test_each_of_two_writers_is_told_its_own_offset(ground: Ground, log: Log):
    place = Place(await ground.topic(), 0)
    other = await ground.log()
    ends = await asyncio.gather(
        *(
            writer.append({place: numbered([number])})
            for number, writer in enumerate([log, other] * 5)
        )
    )
    offsets = [end[place] for end in ends]
    found = numbers(await read(log, place, 0, 10))
    assert sorted(offsets) == list(range(10))
    assert [found[offset] for offset in offsets] == list(range(10))


async def test_broker_times_never_go_back(ground: Ground, log: Log):
    place = await filled(ground, log, 10)
    await log.append({place: numbered(range(10, 20))})
    times = [record.timestamp for record in await read(log, place, 0, 20)]
    assert times == sorted(times)


# read


@pytest.mark.parametrize(("first", "end"), [(0, 1), (3, 7), (0, 10), (9, 10), (4, 4), (0, 0)])
async def test_a_read_gives_exactly_the_range(ground: Ground, log: Log, first: int, end: int):
    place = await filled(ground, log, 10)
    assert numbers(await read(log, place, first, end)) == list(range(first, end))


async def test_the_past_can_be_read_again_and_again(ground: Ground, log: Log):
    place = await filled(ground, log, 50)
    for first, end in [(40, 50), (0, 10), (0, 10), (20, 21), (45, 50), (0, 50)]:
        assert numbers(await read(log, place, first, end)) == list(range(first, end))


async def test_what_was_just_appended_can_be_read_in_turn(ground: Ground, log: Log):
    place = Place(await ground.topic(), 0)
    for turn in range(30):
        last = (await log.append({place: numbered(range(turn * 3, turn * 3 + 3))}))[place]
        assert numbers(await read(log, place, turn * 3, last + 1)) == [
            turn * 3,
            turn * 3 + 1,
            turn * 3 + 2,
        ]


@pytest.mark.parametrize("seed", range(4))
async def test_any_sequence_of_appends_and_reads(ground: Ground, log: Log, seed: int):
    """Two writers; reads of the end, of the past and of nothing, of any places, in any order."""
    chance = random.Random(seed)
    topic = await ground.topic(3)
    writers = [log, await ground.log()]
    kept: dict[Place, list[int]] = {Place(topic, partition): [] for partition in range(3)}
    for turn in range(40):
        places = chance.sample(list(kept), chance.randint(1, 3))
        if chance.random() < 0.6:
            batches = {
                place: [turn * 1_000 + n for n in range(chance.randint(1, 20))] for place in places
            }
            ends = await chance.choice(writers).append(
                {
                    place: numbered(batch, size=chance.choice([0, 900]))
                    for place, batch in batches.items()
                }
            )
            for place, batch in batches.items():
                kept[place] += batch
                assert ends[place] == len(kept[place]) - 1
        ranges = {}
        for place in places:
            end = chance.choice([len(kept[place]), chance.randint(0, len(kept[place]))])
            ranges[place] = Bounds(chance.choice([end, max(end - 5, 0), 0]), end)
        found = await chance.choice(writers).read(ranges)
        for place, (first, end) in ranges.items():
            assert numbers(found[place]) == kept[place][first:end]


async def test_several_places_and_ranges_are_read_at_once(ground: Ground, log: Log):
    topic = await ground.topic()
    places = [Place(topic, partition) for partition in range(4)]
    await log.append({place: numbered(range(20 * (place.partition + 1))) for place in places})
    ranges = {place: Bounds(place.partition, 5 * (place.partition + 1)) for place in places}
    ranges[places[2]] = Bounds(7, 7)
    found = await log.read(ranges)
    assert {place: numbers(records) for place, records in found.items()} == {
        place: list(range(*bounds)) for place, bounds in ranges.items()
    }


async def test_reads_at_the_same_time_do_not_disturb_each_other(ground: Ground, log: Log):
    place = await filled(ground, log, 200)
    ranges = [(0, 200), (10, 20), (199, 200), (0, 1), (50, 150)] * 3
    found = await asyncio.gather(*(read(log, place, first, end) for first, end in ranges))
    assert [numbers(records) for records in found] == [list(range(*bounds)) for bounds in ranges]


async def test_a_range_beyond_the_end_is_unavailable(ground: Ground, log: Log):
    place = await filled(ground, log, 5)
    for first, end in [(0, 6), (5, 6), (7, 9)]:
        with pytest.raises(LogUnavailable):
            await read(log, place, first, end)
    assert numbers(await read(log, place, 0, 5)) == list(range(5))


async def test_what_retention_took_is_unavailable(ground: Ground, log: Log):
    place = await filled(ground, log, 10)
    await ground.delete_before(place, 4)
    with pytest.raises(LogUnavailable, match="4"):
        await read(log, place, 2, 6)
    assert numbers(await read(log, place, 4, 10)) == list(range(4, 10))


# bounds and partitions


async def test_bounds_are_the_first_kept_and_the_next_offset(ground: Ground, log: Log):
    place = await filled(ground, log, 10)
    empty = Place(place.topic, 3)
    assert await log.bounds([place, empty]) == {place: Bounds(0, 10), empty: Bounds(0, 0)}
    await log.append({empty: numbered([0])})
    await ground.delete_before(place, 6)
    assert await log.bounds([place, empty]) == {place: Bounds(6, 10), empty: Bounds(0, 1)}
    await ground.delete_before(place, 10)
    assert await log.bounds([place]) == {place: Bounds(10, 10)}
    assert await log.bounds([]) == {}


async def test_a_topic_has_the_partitions_that_it_was_made_with(ground: Ground, log: Log):
    assert await log.partitions(await ground.topic(1)) == 1
    assert await log.partitions(await ground.topic(7)) == 7


async def test_a_topic_that_is_not_there_has_no_partitions(log: Log):
    assert await log.partitions("nowhere") == 0


# Kafka alone: what other producers may write, what a broker may refuse


async def test_a_record_that_the_broker_refuses_fails_the_append_and_nothing_else(
    kafka_ground: KafkaGround,
):
    log = await kafka_ground.log()
    topic = await kafka_ground.topic()
    one, other = Place(topic, 0), Place(topic, 1)
    with pytest.raises(AppendFailed, match="MessageSizeTooLarge"):
        await log.append({one: [Outgoing(b"k", b"x" * 2 * MIB, [])], other: numbered([0])})
    end = (await log.append({one: numbered([0])}))[one]
    assert numbers(await read(log, one, end, end + 1)) == [0]


async def test_a_broker_that_is_away_is_named():
    bootstrap = f"127.0.0.1:{free_port()}"
    log = KafkaLog(bootstrap)
    with pytest.raises(LogUnavailable, match=f"'{bootstrap}' cannot be reached"):
        await log.start()
    with pytest.raises(AppendFailed, match="bootstrap"):
        await log.append({Place("topic", 0): numbered([0])})
    await log.close()


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches_of_others_are_read(kafka_ground: KafkaGround, compression: str):
    place = Place(await kafka_ground.topic(), 0)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_ground.bootstrap, compression_type=compression, linger_ms=50
    ) as producer:
        await asyncio.gather(
            *[
                await producer.send(place.topic, b"%d" % number, partition=0)
                for number in range(100)
            ]
        )
    log = await kafka_ground.log()
    assert numbers(await read(log, place, 0, 100)) == list(range(100))
    assert numbers(await read(log, place, 42, 44)) == [42, 43]


async def test_transactions_of_others_leave_no_gap(kafka_ground: KafkaGround):
    """A marker takes an offset: it comes as a record without anything, void to every reader."""
    place = Place(await kafka_ground.topic(), 0)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_ground.bootstrap, transactional_id=place.topic
    ) as producer:
        for number in (0, 2):
            async with producer.transaction():
                await producer.send_and_wait(place.topic, b"%d" % number, partition=0)
    log = await kafka_ground.log()
    assert await log.append({place: numbered([4])}) == {place: 4}
    found = await read(log, place, 0, 5)
    assert [record.offset for record in found] == [0, 1, 2, 3, 4]
    assert [record.value for record in found] == [b"0", None, b"2", None, b"4"]
    assert [len(record.headers) for record in found] == [0] * 5
    assert [record.value for record in await read(log, place, 3, 4)] == [None]


async def test_null_header_values_come_as_empty_ones(kafka_ground: KafkaGround):
    place = Place(await kafka_ground.topic(), 0)
    await kafka_ground.put_raw(place, b"null", [("null", None), ("full", b"1")])
    [record] = await read(await kafka_ground.log(), place, 0, 1)
    assert record.headers == (("null", b""), ("full", b"1"))


async def test_header_names_that_are_not_utf_8_come_escaped(kafka_ground: KafkaGround):
    place = Place(await kafka_ground.topic(), 0)
    await kafka_ground.put_raw(place, b"odd", [("NAME", b"1")], (b"NAME", b"N\xff\xfeE"))
    [record] = await read(await kafka_ground.log(), place, 0, 1)
    assert (record.value, record.headers) == (b"odd", ((r"N\xff\xfeE", b"1"),))
