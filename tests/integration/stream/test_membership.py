"""Members of a group on a real Kafka: they share partitions alike and take over what is left."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.local import free_port
from shared.stream.log import LogUnavailable, Place
from shared.stream.membership import Membership
from tests.polling import eventually

PARTITIONS = 4
KILLED = """
import asyncio, sys
from shared.stream.membership import Membership

async def main(bootstrap, group, *topics):
    member = Membership(bootstrap, group, topics)
    await member.start()
    while not member.places():
        await member.changed.wait()
        member.changed.clear()
    print("owns", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> AsyncIterator[Sequence[str]]:
    """Two topics with the same partition count."""
    names = [topic_prefix + "commands", topic_prefix + "awards"]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    yield names
    await admin.delete_topics(names)
    await admin.close()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def joined(
    stack: AsyncExitStack, kafka: str, topics: Sequence[str], group: str
) -> Membership:
    member = Membership(kafka, group, topics)
    await member.start()
    stack.push_async_callback(member.close)
    return member


def owned(member: Membership, topics: Sequence[str]) -> list[set[int]]:
    """The partitions that a member has of each topic."""
    return [{place.partition for place in member.places() if place.topic == t} for t in topics]


async def test_one_member_has_everything(
    kafka: str, topics: Sequence[str], topic_prefix: str, stack: AsyncExitStack
):
    member = await joined(stack, kafka, topics, topic_prefix)
    await asyncio.wait_for(member.changed.wait(), 30)
    assert member.places() == {Place(t, p) for t in topics for p in range(PARTITIONS)}


async def test_two_members_share_the_partitions_of_both_topics_alike(
    kafka: str, topics: Sequence[str], topic_prefix: str, stack: AsyncExitStack
):
    members = [await joined(stack, kafka, topics, topic_prefix) for _ in range(2)]

    async def are_shared() -> bool:
        shares = [owned(member, topics) for member in members]
        return all(
            len(commands) == PARTITIONS // 2 and commands == awards for commands, awards in shares
        )

    await eventually(are_shared)
    one, other = (owned(member, topics)[0] for member in members)
    assert one | other == set(range(PARTITIONS))


async def test_what_a_leaving_member_had_moves_to_the_other(
    kafka: str, topics: Sequence[str], topic_prefix: str, stack: AsyncExitStack
):
    stays = await joined(stack, kafka, topics, topic_prefix)
    leaves = Membership(kafka, topic_prefix, topics)
    await leaves.start()

    async def has_half() -> bool:
        return len(leaves.places()) == len(stays.places()) == PARTITIONS

    await eventually(has_half)
    stays.changed.clear()
    await leaves.close()
    await asyncio.wait_for(stays.changed.wait(), 30)

    async def has_all() -> bool:
        return len(stays.places()) == 2 * PARTITIONS

    await eventually(has_all)


async def test_what_a_killed_member_had_moves_on_within_its_session(
    kafka: str, topics: Sequence[str], topic_prefix: str, stack: AsyncExitStack
):
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, kafka, topic_prefix, *topics),
        stdout=asyncio.subprocess.PIPE,
    )
    assert killed.stdout is not None
    assert await asyncio.wait_for(killed.stdout.readline(), 30) == b"owns\n"
    stays = await joined(stack, kafka, topics, topic_prefix)

    async def has(count: int) -> bool:
        return len(stays.places()) == count

    await eventually(lambda: has(PARTITIONS))
    killed.kill()
    await killed.wait()
    await eventually(lambda: has(2 * PARTITIONS))


async def test_what_a_member_tells_the_group_is_there_for_dashboards(
    kafka: str, topics: Sequence[str], topic_prefix: str, stack: AsyncExitStack
):
    member = await joined(stack, kafka, topics, topic_prefix)
    await asyncio.wait_for(member.changed.wait(), 30)
    mine, nobodys = Place(topics[0], 1), Place("another", 0)
    await member.committed({mine: 42, nobodys: 7})
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    stack.push_async_callback(admin.close)
    found = await admin.list_consumer_group_offsets(topic_prefix)
    assert {Place(*place): entry.offset for place, entry in found.items()} == {mine: 42}


async def test_a_group_that_cannot_be_joined_is_unavailable():
    member = Membership(f"127.0.0.1:{free_port()}", "group", ["topic"])
    with pytest.raises(LogUnavailable, match="TESSERA_KAFKA"):
        await member.start()
    await member.close()
