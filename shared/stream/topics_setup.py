"""Makes the topics of the table, and checks those that are there: partition counts and settings.

Guarantees: never changes a topic that exists; a topic that was made is known to the broker when the
call returns. Raises TopicsWrong with all that was found and what to do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from shared.events.topics import TOPICS, Kind, Topic
from shared.stream.fetching import unreachable
from shared.stream.log import LogUnavailable

EXISTS = 36
UPSTREAM_PARTITIONS = 4
REPLICATION_SAFE = 3
"""From so many copies on, an append waits for two of them."""
KNOWN_SECONDS = 10.0
LOOK_SECONDS = 0.05
KEYED = (Kind.INPUT, Kind.FACTS)
"""Kinds of topics that share the partition count chosen once for the ledger."""
ASSERTED: Mapping[Kind, tuple[str, ...]] = {
    Kind.INPUT: (
        "cleanup.policy",
        "message.timestamp.type",
        "unclean.leader.election.enable",
    ),
    Kind.FACTS: (
        "cleanup.policy",
        "retention.ms",
        "retention.bytes",
        "message.timestamp.type",
        "unclean.leader.election.enable",
    ),
    Kind.PROGRAMS: ("cleanup.policy", "unclean.leader.election.enable"),
}
"""Settings that safety rests on: without them history, time or acknowledged records are lost."""


class TopicsWrong(Exception):
    """Topics that exist contradict the table."""


def partitions_of(topic: Topic, partitions: int) -> int:
    """How many partitions a topic is made with."""
    if topic.kind is Kind.PROGRAMS:
        return 1
    return partitions if topic.kind in KEYED else min(UPSTREAM_PARTITIONS, partitions)


async def make_topics(
    bootstrap: str, *, partitions: int, replication: int, topics: Sequence[Topic] = TOPICS
) -> list[str]:
    """Make what is missing; the names of what was made. Raises LogUnavailable, TopicsWrong."""
    wanted = [
        NewTopic(
            name=topic.name,
            num_partitions=partitions_of(topic, partitions),
            replication_factor=replication,
            topic_configs={
                **topic.config(),
                **({"min.insync.replicas": "2"} if replication >= REPLICATION_SAFE else {}),
            },
        )
        for topic in topics
    ]
    async with _admin(bootstrap) as admin:
        answer = await admin.create_topics(wanted)
        made = []
        for name, code, *detail in answer.topic_errors:
            if code == 0:
                made.append(name)
            elif code != EXISTS:
                why = ", ".join(part for part in detail if part) or for_code(code).__name__
                raise TopicsWrong(f"{name} could not be made: {why}")
        await _until_known(admin, made)
    return made


async def _until_known(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """A broker answers that it made a topic a moment before it knows who leads it."""
    try:
        async with asyncio.timeout(KNOWN_SECONDS):
            while not set(names) <= (await _partitions(admin)).keys():
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as late:
        raise LogUnavailable(f"{', '.join(names)} were made, but nobody leads them") from late


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """The partition counts of the topics that are there and led.

    Asks for all topics: the client lets a broker make those that it asks for by name.
    """
    return {
        found["topic"]: len(found["partitions"])
        for found in await admin.describe_topics()
        if not found["error_code"]
        and all(partition["leader"] >= 0 for partition in found["partitions"])
    }


async def check_topics(
    bootstrap: str, *, partitions: int, topics: Sequence[Topic] = TOPICS
) -> None:
    """Raise TopicsWrong unless all topics are there, as the table and the settings say.

    Raises LogUnavailable.
    """
    async with _admin(bootstrap) as admin:
        _check_counts(topics, await _partitions(admin), partitions)
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
        )
    settings = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
    _check_settings(topics, settings)


def _check_counts(topics: Iterable[Topic], counts: Mapping[str, int], partitions: int) -> None:
    missing = [topic.name for topic in topics if topic.name not in counts]
    if missing:
        raise TopicsWrong(f"missing: {', '.join(missing)}. Make them with `tessera topics create`")
    wrong = [
        f"{topic.name} has {counts[topic.name]}"
        for topic in topics
        if topic.kind in KEYED and counts[topic.name] != partitions
    ]
    if wrong:
        raise TopicsWrong(
            f"every keyed topic must have {partitions} partitions, but {', '.join(wrong)}. "
            "Accounts would move between partitions. Set TESSERA_PARTITIONS to the number with "
            "which the ledger was made; a topic that was enlarged must be restored from a backup"
        )


def _check_settings(topics: Iterable[Topic], settings: Mapping[str, Mapping[str, str]]) -> None:
    wrong = [
        f"{topic.name} has {setting}={settings[topic.name].get(setting)}, but must have "
        f"{setting}={wanted}"
        for topic in topics
        for setting, wanted in topic.config().items()
        if setting in ASSERTED.get(topic.kind, ()) and settings[topic.name].get(setting) != wanted
    ]
    if wrong:
        raise TopicsWrong(
            f"{'; '.join(wrong)}: history, time or acknowledged records would be lost. Set it with "
            "your Kafka's tools (kafka-configs --alter --add-config)"
        )


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
    except (KafkaError, OSError, ValueError) as error:
        await admin.close()
        raise unreachable(bootstrap) from error
    try:
        yield admin
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka at {bootstrap}: {type(error).__name__}: {error}") from error
    finally:
        await admin.close()
