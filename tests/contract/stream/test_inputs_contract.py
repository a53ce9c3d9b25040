"""The contract of `shared.stream.log.Inputs`, held by the inputs in memory and by Kafka's."""

import asyncio
import random

import pytest
from aiokafka import AIOKafkaProducer

from shared.stream.fetching import PLACE_BYTES
from shared.stream.log import Inputs, Log, LogUnavailable, Place, Record
from tests.contract.stream.logs import Ground, KafkaGround, numbered, numbers

PROMPTLY_SECONDS = 20
FOR_EVER_MS = 10 * 60_000


class Taken:
    """What polls brought, by place."""

    def __init__(self) -> None:
        self.by_place: dict[Place, list[int]] = {}
        self.count = 0

    def add(self, polled: dict[Place, list[Record]]) -> int:
        for place, records in polled.items():
            assert records, "a place without records is left out"
            assert {(record.topic, record.partition) for record in records} == {place}
            self.by_place.setdefault(place, []).extend(numbers(records))
        taken = sum(map(len, polled.values()))
        self.count += taken
        return taken


async def take(inputs: Inputs, count: int, limit: int = 100) -> Taken:
    """Poll until so many records have come; fewer end in a failure."""
    taken = Taken()
    async with asyncio.timeout(PROMPTLY_SECONDS):
        while taken.count < count:
            assert taken.add(await inputs.poll(limit, 1_000)) <= limit
    return taken


async def nothing_more(inputs: Inputs) -> bool:
    return await inputs.poll(100, 50) == {}


async def put(log: Log, place: Place, count: int, first: int = 0) -> None:
    await log.append({place: numbered(range(first, first + count))})


@pytest.fixture
async def log(ground: Ground) -> Log:
    return await ground.log()


@pytest.fixture
async def place(ground: Ground, log: Log) -> Place:
    """A place with ten records, which say their offsets."""
    found = Place(await ground.topic(), 2)
    await put(log, found, 10)
    return found


@pytest.mark.parametrize("first", [0, 1, 9])
async def test_polls_begin_at_the_assigned_offset(ground: Ground, place: Place, first: int):
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: first})
    assert (await take(inputs, 10 - first)).by_place == {place: list(range(first, 10))}
    assert await nothing_more(inputs)


async def test_an_offset_at_the_end_waits_for_what_comes(ground: Ground, log: Log, place: Place):
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 10})
    assert await nothing_more(inputs)
    await put(log, place, 3, first=10)
    assert (await take(inputs, 3)).by_place == {place: [10, 11, 12]}


async def test_a_poll_brings_no_more_than_its_limit_and_the_next_goes_on(
    ground: Ground, place: Place
):
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 0})
    taken = await take(inputs, 10, limit=3)
    assert taken.by_place == {place: list(range(10))}


async def test_only_assigned_places_are_polled(ground: Ground, log: Log, place: Place):
    other = Place(place.topic, 0)
    await put(log, other, 5)
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 0})
    assert (await take(inputs, 10)).by_place == {place: list(range(10))}
    inputs.assign({other: 2})
    assert (await take(inputs, 3)).by_place == {other: [2, 3, 4]}
    assert await nothing_more(inputs)


async def test_an_earlier_offset_can_be_assigned_again(ground: Ground, place: Place):
    inputs = await ground.inputs(place.topic)
    for first in (0, 5, 0, 9):
        inputs.assign({place: first})
        assert (await take(inputs, 10 - first)).by_place == {place: list(range(first, 10))}


async def test_what_was_fetched_before_an_assignment_is_forgotten(ground: Ground, place: Place):
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 0})
    await inputs.poll(1, 1_000)
    inputs.assign({place: 7})
    assert (await take(inputs, 3)).by_place == {place: [7, 8, 9]}
    assert await nothing_more(inputs)


async def test_nothing_comes_where_nothing_is_assigned(ground: Ground, place: Place):
    inputs = await ground.inputs(place.topic)
    assert await nothing_more(inputs)
    inputs.assign({place: 0})
    inputs.assign({})
    assert await nothing_more(inputs)


async def test_records_of_earlier_topics_come_first(ground: Ground, log: Log):
    commands, awards = await ground.topic(2), await ground.topic(2)
    inputs = await ground.inputs(commands, awards)
    places = [Place(topic, partition) for topic in (awards, commands) for partition in range(2)]
    for place in places:
        await put(log, place, 50)
    inputs.assign(dict.fromkeys(places, 0))
    seen: list[str] = []
    taken = Taken()
    async with asyncio.timeout(PROMPTLY_SECONDS):
        while taken.count < 200:
            polled = await inputs.poll(30, 1_000)
            taken.add(polled)
            topics = [place.topic for place in polled]
            assert topics == sorted(topics, key=[commands, awards].index)
            seen += topics
    assert taken.by_place == {place: list(range(50)) for place in places}


async def test_a_record_of_an_earlier_topic_overtakes_a_backlog(ground: Ground, log: Log):
    """A command behind 20,000 awards comes while most of them are still to come."""
    commands, awards = await ground.topic(1), await ground.topic(2)
    inputs = await ground.inputs(commands, awards)
    backlog = [Place(awards, partition) for partition in range(2)]
    command = Place(commands, 0)
    for place in backlog:
        for first in range(0, 10_000, 2_000):
            await log.append({place: numbered(range(first, first + 2_000), size=100)})
    inputs.assign({command: 0, **dict.fromkeys(backlog, 0)})
    taken = await take(inputs, 100, limit=10)
    await put(log, command, 1)
    async with asyncio.timeout(PROMPTLY_SECONDS):
        while command not in taken.by_place:
            polled = await inputs.poll(10, 1_000)
            taken.add(polled)
            if command in polled:
                assert next(iter(polled)) == command
    assert taken.count < 15_000


async def test_a_backlog_of_one_place_does_not_starve_the_others(ground: Ground, log: Log):
    topic = await ground.topic(2)
    long, short = Place(topic, 0), Place(topic, 1)
    for first in range(0, 10_000, 2_000):
        await log.append({long: numbered(range(first, first + 2_000), size=1_000)})
    await put(log, short, 1)
    inputs = await ground.inputs(topic)
    inputs.assign({long: 0, short: 0})
    taken = Taken()
    async with asyncio.timeout(PROMPTLY_SECONDS):
        while short not in taken.by_place:
            taken.add(await inputs.poll(100, 1_000))
    assert taken.count < 500


async def test_a_backlog_larger_than_what_is_fetched_ahead_comes_whole(ground: Ground, log: Log):
    place = Place(await ground.topic(1), 0)
    await log.append({place: numbered(range(40), size=4 * PLACE_BYTES // 40)})
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 0})
    assert (await take(inputs, 40, limit=3)).by_place == {place: list(range(40))}


@pytest.mark.parametrize("offset", [11, 12, 1_000_000])
async def test_an_offset_behind_the_end_is_unavailable(ground: Ground, place: Place, offset: int):
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: offset})
    with pytest.raises(LogUnavailable):
        await take(inputs, 1)
    with pytest.raises(LogUnavailable):
        await take(inputs, 1)
    inputs.assign({place: 8})
    assert (await take(inputs, 2)).by_place == {place: [8, 9]}


async def test_an_offset_that_retention_took_is_unavailable(ground: Ground, place: Place):
    await ground.delete_before(place, 4)
    inputs = await ground.inputs(place.topic)
    inputs.assign({place: 3})
    with pytest.raises(LogUnavailable):
        await take(inputs, 1)
    inputs.assign({place: 4})
    assert (await take(inputs, 6)).by_place == {place: list(range(4, 10))}


@pytest.mark.parametrize("seed", range(3))
async def test_every_record_comes_once_and_in_order_whatever_the_limits(
    ground: Ground, log: Log, seed: int
):
    chance = random.Random(seed)
    topics = [await ground.topic(3), await ground.topic(2)]
    places = [Place(topics[0], n) for n in range(3)] + [Place(topics[1], n) for n in range(2)]
    inputs = await ground.inputs(*topics)
    ends = dict.fromkeys(places, 0)
    taken = Taken()
    inputs.assign(dict(ends))
    for _ in range(15):
        place, count = chance.choice(places), chance.randrange(1, 400)
        await log.append({place: numbered(range(ends[place], ends[place] + count), size=500)})
        ends[place] += count
        taken.add(await inputs.poll(chance.randrange(1, 300), 20))
    async with asyncio.timeout(PROMPTLY_SECONDS):
        while taken.count < sum(ends.values()):
            taken.add(await inputs.poll(chance.randrange(1, 500), 1_000))
    assert taken.by_place == {place: list(range(end)) for place, end in ends.items() if end}
    assert await nothing_more(inputs)


# Kafka alone: waiting, and what other producers may write


async def test_a_poll_ends_as_soon_as_a_record_arrives(kafka_ground: KafkaGround):
    log = await kafka_ground.log()
    topics = [await kafka_ground.topic(2), await kafka_ground.topic(2)]
    inputs = await kafka_ground.inputs(*topics)
    inputs.assign({Place(topic, partition): 0 for topic in topics for partition in range(2)})
    for topic in topics:
        polling = asyncio.create_task(inputs.poll(10, FOR_EVER_MS))
        await put(log, Place(topic, 1), 1)
        async with asyncio.timeout(PROMPTLY_SECONDS):
            assert list(await polling) == [Place(topic, 1)]


async def test_a_poll_that_is_given_up_loses_nothing(kafka_ground: KafkaGround):
    log = await kafka_ground.log()
    place = Place(await kafka_ground.topic(), 0)
    inputs = await kafka_ground.inputs(place.topic)
    inputs.assign({place: 0})
    polling = asyncio.create_task(inputs.poll(10, FOR_EVER_MS))
    await asyncio.sleep(0)
    polling.cancel()
    await put(log, place, 3)
    assert (await take(inputs, 3)).by_place == {place: [0, 1, 2]}


async def test_what_a_turn_did_not_wait_for_is_there_at_the_next_poll(kafka_ground: KafkaGround):
    """Records that arrive one by one while nobody polls come together."""
    log = await kafka_ground.log()
    place = Place(await kafka_ground.topic(), 0)
    inputs = await kafka_ground.inputs(place.topic)
    inputs.assign({place: 0})
    for number in range(20):
        await put(log, place, 1, first=number)
    assert (await take(inputs, 20)).by_place == {place: list(range(20))}


async def test_records_that_no_consumer_of_the_client_can_read_are_polled(
    kafka_ground: KafkaGround,
):
    log = await kafka_ground.log()
    place = Place(await kafka_ground.topic(), 0)
    await put(log, place, 1)
    await kafka_ground.put_raw(place, b"1", [("NAME", b"1")], (b"NAME", b"N\xff\xfeE"))
    await kafka_ground.put_raw(place, b"2", [("null", None)])
    await put(log, place, 1, first=3)
    inputs = await kafka_ground.inputs(place.topic)
    inputs.assign({place: 0})
    assert (await take(inputs, 4)).by_place == {place: [0, 1, 2, 3]}


async def test_transaction_markers_are_passed_over(kafka_ground: KafkaGround):
    place = Place(await kafka_ground.topic(), 0)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_ground.bootstrap, transactional_id=place.topic
    ) as producer:
        for number in range(3):
            async with producer.transaction():
                await producer.send_and_wait(place.topic, b"%d" % number, partition=0)
    inputs = await kafka_ground.inputs(place.topic)
    inputs.assign({place: 0})
    assert (await take(inputs, 3)).by_place == {place: [0, 1, 2]}
    inputs.assign({place: 5})
    assert await nothing_more(inputs)


async def test_a_topic_that_is_made_later_is_polled_from_then_on(kafka_ground: KafkaGround):
    log = await kafka_ground.log()
    topic = await kafka_ground.topic()
    inputs = await kafka_ground.inputs(topic, f"{topic}-later")
    later = Place(f"{topic}-later", 0)
    inputs.assign({Place(topic, 0): 0, later: 0})
    assert await nothing_more(inputs)
    await kafka_ground.topic(1, later.topic)
    await put(log, later, 2)
    assert (await take(inputs, 2)).by_place == {later: [0, 1]}
