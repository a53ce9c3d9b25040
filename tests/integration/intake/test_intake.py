"""Intake on a real Kafka and a real Postgres: nothing is lost, nothing blocks, poison is set aside.

1. every good event is forwarded, on the partition of its account, with one cause for each identity
2. everything else stands in quarantine as it arrived, known by where it stood
3. whenever it is stopped, whoever else runs: what is forwarded again is the same again
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from services.intake.decide import Known
from services.intake.service import Intake
from services.intake.store import Position, PostgresStore
from services.intake.upstream import UpstreamInputs
from shared.events import quarantine
from shared.events.quarantine import Quarantined, Reason
from shared.events.topics import PURCHASES, partition_of
from shared.stream.log import Place, Record
from shared.stream.positions import Halted
from tests.integration.intake.world import (
    ACTIVITY_PARTITIONS,
    FixedGroup,
    FixedPrograms,
    Message,
    OtherName,
    World,
    program,
    published,
)
from tests.strategies.poison import BINARY, POISON, encoded, purchase

GOOD = 2_000
KEYS = (None, b"", b"330", b"\xff\x00", b"grocer:7")


def good(number: int, **changes: Any) -> Message:
    return Message(KEYS[number % len(KEYS)], encoded(purchase(number, **changes)))


def causes(records: Sequence[ConsumerRecord]) -> Mapping[bytes, list[ConsumerRecord]]:
    """The activities by their cause."""
    by_cause: dict[bytes, list[ConsumerRecord]] = defaultdict(list)
    for record in records:
        by_cause[dict(record.headers)["cause"]].append(record)
    return by_cause


def assert_forwarded(records: Sequence[ConsumerRecord], numbers: Sequence[int]) -> None:
    """Each of these purchases has one cause, one content, one account, on its partition."""
    found = causes(records)
    expected = {
        b'["receipt","grocer:%d","grocer","r%d"]' % (1 + number % 97, number) for number in numbers
    }
    assert set(found) == expected
    for same in found.values():
        bodies = {dict(record.headers)["body"] for record in same}
        assert len(bodies) == len({(record.key, record.partition) for record in same}) == 1
        assert same[0].key is not None
        assert same[0].partition == partition_of(same[0].key.decode(), ACTIVITY_PARTITIONS)
        assert same[0].value.startswith(b'{"account":"%b","activity":' % same[0].key)


def items(records: Sequence[ConsumerRecord]) -> dict[str, Quarantined]:
    """What stands in quarantine, each once."""
    read = [quarantine.decode(record.key, record.value, record.headers) for record in records]
    return {item.id: item for item in read}


async def test_good_ones_are_forwarded_and_poison_is_set_aside(world: World):
    poison = [one for one in POISON if one.topic == PURCHASES.name and one.headers]
    bad: dict[int, tuple[Reason, Message]] = {
        7 + 13 * number: (one.reason, Message(KEYS[number % 5], one.value, one.headers))
        for number, one in enumerate(poison)
    }
    bad[1_501] = (Reason.UNKNOWN_BRAND, good(99_001, brand="nobody"))
    rest = iter(range(GOOD))
    first = [
        bad[index][1] if index in bad else good(next(rest)) for index in range(GOOD + len(bad))
    ]
    then = [good(number) for number in range(0, GOOD, 7)]
    then += [good(number, event_id=f"again-{number}") for number in range(0, GOOD, 11)]
    for conflict in (
        good(5, store="another"),
        good(5, event_id="e99002", member="7"),
        good(99_003, event_id="e6"),
    ):
        bad[len(first) + len(then)] = (Reason.CONFLICT, conflict)
        then.append(conflict)
    async with world.store() as store, world.intake(store) as intake:
        sent = await world.publish(first)
        await world.take_all(intake)
        sent += await world.publish(then)
        await world.take_all(intake)

    assert_forwarded(await world.activities(), range(GOOD))
    found = {item.source: item for item in items(await world.quarantined()).values()}
    assert {where: item.reason for where, item in found.items()} == {
        sent[index]: reason for index, (reason, _) in bad.items()
    }
    for index, (_, message) in bad.items():
        item = found[sent[index]]
        assert Message(item.key, item.value, item.headers) == message
        assert item.by == "intake"


async def test_what_was_cancelled_between_forward_and_swap_is_forwarded_again(world: World):
    class Stuck(PostgresStore):
        """Never comes back from its third swap."""

        reached = asyncio.Event()
        swaps = 0

        async def swap(self, moves: Mapping[Place, tuple[Position, Position]]) -> bool:
            self.swaps += 1
            if self.swaps < 3:
                return await super().swap(moves)
            self.reached.set()
            return bool(await asyncio.get_running_loop().create_future())

    await world.publish([*map(good, range(600)), Message(None, b"{"), good(5, store="another")])
    async with world.store() as store:
        stuck = Stuck(store.pool)
        async with world.intake(stuck) as intake:
            running = asyncio.create_task(intake.run(asyncio.Event()))
            await stuck.reached.wait()
            running.cancel()
            await asyncio.wait([running])
            before = len(await world.activities())
        async with world.intake(store) as intake:
            await world.take_all(intake)
    records = await world.activities()
    assert 200 < before < 600 < len(records)
    assert_forwarded(records, range(600))
    assert sorted(item.reason for item in items(await world.quarantined()).values()) == [
        Reason.CONFLICT,
        Reason.NOT_JSON,
    ]


async def test_a_resend_goes_to_the_first_account_though_the_brand_has_moved(world: World):
    old, new = program("old"), program("new")
    await world.publish([good(1), good(2)])
    async with world.store() as store:
        async with world.intake(store, FixedPrograms(published(old))) as intake:
            await world.take_all(intake)
        await world.publish([good(1, event_id="e9"), good(2), good(3), good(1, store="another")])
        async with world.intake(store, FixedPrograms(published(new))) as intake:
            await world.take_all(intake)
    keys = Counter(record.key for record in await world.activities())
    assert keys == {b"old:2": 2, b"old:3": 2, b"new:4": 1}
    assert [item.reason for item in items(await world.quarantined()).values()] == [Reason.CONFLICT]


async def test_a_brand_that_was_published_a_moment_ago_is_known(world: World):
    await world.publish([good(1), good(2, brand="nobody")])
    programs = FixedPrograms(published(), later=published(program()))
    async with world.store() as store, world.intake(store, programs) as intake:
        await world.take_all(intake)
    assert_forwarded(await world.activities(), [1])
    reasons = [item.reason for item in items(await world.quarantined()).values()]
    assert reasons == [Reason.UNKNOWN_BRAND]


async def test_who_is_late_takes_over_what_the_other_wrote_down(world: World):
    class Late(PostgresStore):
        """Finds nothing known, and only hears of it when another has taken all."""

        looked, go_on = asyncio.Event(), asyncio.Event()

        async def known(self, identities: Collection[bytes]) -> Known:
            known = await super().known(identities)
            self.looked.set()
            await self.go_on.wait()
            return known

    await world.publish([good(number) for number in range(50)], partitions=1)
    group = FixedGroup(world.places(1))
    async with (
        world.store() as store,
        world.intake(Late(store.pool), FixedPrograms(published(program("late"))), group) as late,
    ):
        running = asyncio.create_task(world.take_all(late))
        await Late.looked.wait()
        early = FixedPrograms(published(program("early")))
        async with world.intake(store, early, FixedGroup(world.places(1))) as intake:
            await world.take_all(intake)
        Late.go_on.set()
        await running
    records = await world.activities()
    assert len(records) > 50
    assert all(record.key.startswith(b"early:") for record in records)


async def test_two_at_once_agree_on_every_account(world: World):
    """Both read all partitions, and believe that the brand belongs to different programs."""
    await world.publish([good(number // 2, event_id=f"e{number}") for number in range(1_200)])
    async with (
        world.store() as one_store,
        world.store() as other_store,
        world.intake(one_store, FixedPrograms(published(program("one")))) as one,
        world.intake(other_store, FixedPrograms(published(program("other")))) as other,
    ):
        await asyncio.gather(world.take_all(one), world.take_all(other))
    accounts = defaultdict(set)
    for record in await world.activities():
        receipt = dict(record.headers)["cause"].rpartition(b",")[2]
        accounts[receipt].add(record.key)
    assert len(accounts) == 600
    assert all(len(keys) == 1 for keys in accounts.values())
    assert not await world.quarantined()


async def test_names_of_headers_that_are_no_text_hold_nothing_up(world: World):
    odd = (*BINARY, ("none", None), (OtherName("x"), b"1"))
    messages = [good(number) for number in range(60)]
    messages[20] = messages[20]._replace(headers=odd)
    messages[31] = Message(b"k", b"{", odd)
    await world.publish(messages)
    async with world.store() as store:
        for _ in range(2):  # the second time it begins behind them, by the last record's mark
            async with world.intake(store, inputs_per_turn=10) as intake:
                await world.take_all(intake)
            await world.publish([good(number, store="later") for number in range(60, 70)])
    records = await world.activities()
    assert {record.key for record in records} >= {b"grocer:21"}
    assert len(causes(records)) == 69
    [item] = items(await world.quarantined()).values()
    assert (item.reason, item.value) == (Reason.NOT_JSON, b"{")
    assert item.headers[-1] == ("\\xff\\xfe", b"1")


class Skipping(UpstreamInputs):
    """A client that passes over a record in the middle of a poll, once."""

    has_skipped = False

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        polled = await super().poll(limit, wait_ms)
        for records in polled.values():
            if len(records) > 2 and not self.has_skipped:
                self.has_skipped = True
                del records[1]
        return polled


async def test_what_the_client_passes_over_is_read_again(world: World):
    await world.publish([good(number) for number in range(50)])
    async with world.store() as store, world.intake(store, inputs_type=Skipping) as intake:
        await world.take_all(intake)
        assert intake.inputs.has_skipped  # type: ignore[attr-defined]
    assert_forwarded(await world.activities(), range(50))


@pytest.mark.parametrize(("bytes_max", "kept"), [(9 << 20, 5 << 20), (1 << 20, 900_000)])
async def test_the_largest_records_are_set_aside_as_far_as_they_fit(
    kafka, database, topic_prefix, bytes_max, kept
):
    world = World(kafka, database, topic_prefix)
    await world.make_topics(quarantine_bytes_max=bytes_max)
    try:
        large = Message(b"k", b"x" * (5 << 20))
        await world.publish([good(1), large, good(2), Message(None, None), good(3)])
        async with world.store() as store, world.intake(store) as intake:
            await world.take_all(intake)
        assert_forwarded(await world.activities(), [1, 2, 3])
        found = {item.reason: item for item in items(await world.quarantined()).values()}
        assert set(found) == {Reason.TOO_LARGE, Reason.EMPTY}
        item = found[Reason.TOO_LARGE]
        assert item.value is not None
        assert kept <= len(item.value) == len(large.value or b"") - item.bytes_cut
    finally:
        await world.delete_topics()


async def assert_halts(intake: Intake, why: str) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(Halted, match=why):
            await intake.run(asyncio.Event())


async def test_a_topic_that_was_made_anew_halts_it(world: World):
    await world.publish([good(number) for number in range(30)])
    async with world.store() as store:
        async with world.intake(store) as intake:
            await world.take_all(intake)
        await world.delete(world.purchases)
        await world.make(world.purchases, 3)
        async with world.intake(store) as intake:
            await assert_halts(intake, "records are missing")
        await world.publish([good(number) for number in range(100, 190)])
        async with world.intake(store) as intake:
            await assert_halts(intake, "is not the record that was read there before")
        assert await store.reset(world.purchases) == 3
        async with world.intake(store) as intake:
            await world.take_all(intake)
    assert_forwarded(await world.activities(), [*range(30), *range(100, 190)])


async def test_a_topic_that_is_reset_is_read_again_though_nothing_comes(world: World):
    await world.publish([good(number) for number in range(30)])
    async with world.store() as store, world.intake(store) as intake:
        await world.take_all(intake)
        assert await store.reset(world.purchases) == 3
        await world.take_all(intake)
    forwarded = await world.activities()
    assert len(forwarded) == 60
    assert_forwarded(forwarded, range(30))


async def test_a_new_partition_is_taken_up_from_its_beginning(world: World):
    await world.publish([good(number) for number in range(30)])
    group = FixedGroup(world.places(2))
    async with world.store() as store, world.intake(store, group=group) as intake:
        await world.take_all(intake)
        some = len(causes(await world.activities()))
        group.own(world.places(3))
        await world.take_all(intake)
    assert some == 20
    assert_forwarded(await world.activities(), range(30))


async def test_resolutions_are_written_down_once_for_each_identity(world: World):
    again = good(1, event_id="again")
    await world.publish(
        [good(1), again, good(2), good(1, store="another"), good(3, brand="nobody")]
    )
    async with world.store() as store, world.intake(store) as intake:
        await world.take_all(intake)
    rows = await world.rows("SELECT account, count(*) FROM intake.resolution GROUP BY account")
    assert dict(rows) == {"grocer:2": 3, "grocer:3": 2}
