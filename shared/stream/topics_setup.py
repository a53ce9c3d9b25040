"""Makes the topics of the table, and checks those that are there: partition counts and settings.

Guarantees: never changes a topic that exists. Raises TopicsWrong with what was found and what to
do.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared.events.topics import KEYED, PROGRAMS, TOPICS, Kind, Topic
from shared.stream.log import LogUnavailable

EXISTS = 36
UPSTREAM_PARTITIONS = 4
ASSERTED = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")
"""Settings that safety rests on, for the kinds that name them."""


class TopicsWrong(Exception):
    """Topics that exist contradict the table."""


def partitions_of(topic: Topic, partitions: int) -> int:
    """How many partitions a topic is made with."""
    if topic is PROGRAMS:
        return 1
    return partitions if topic in KEYED else min(UPSTREAM_PARTITIONS, partitions)


async def make_topics(bootstrap: str, *, partitions: int, replication: int) -> list[str]:
    """Make what is missing; the names of what was made. Raises LogUnavailable, TopicsWrong."""
    wanted = [
        NewTopic(
            name=topic.name,
            num_partitions=partitions_of(topic, partitions),
            replication_factor=replication,
            topic_configs={
                **topic.config(),
                **({"min.insync.replicas": "2"} if replication >= 3 else {}),
            },
        )
        for topic in TOPICS
    ]
    admin = await _admin(bootstrap)
    try:
        answer = await admin.create_topics(wanted)
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"topics could not be made: {error}") from error
    finally:
        await admin.close()
    made = []
    for name, code, *rest in answer.topic_errors:
        if code == 0:
            made.append(name)
        elif code != EXISTS:
            raise TopicsWrong(f"{name} could not be made: error {code} {rest}")
    return made


async def check_topics(bootstrap: str, *, partitions: int) -> None:
    """Raise TopicsWrong unless all topics are there, as the table and the settings say."""
    admin = await _admin(bootstrap)
    try:
        described = await admin.describe_topics([topic.name for topic in TOPICS])
        counts = {
            topic["topic"]: len(topic["partitions"])
            for topic in described
            if not topic["error_code"]
        }
        _check_counts(counts, partitions)
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS]
        )
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"topics could not be looked at: {error}") from error
    finally:
        await admin.close()
    for answer in answers:
        for _, _, _, name, entries in answer.resources:
            _check_config(name, entries)


def _check_counts(counts: Mapping[str, int], partitions: int) -> None:
    missing = [topic.name for topic in TOPICS if topic.name not in counts]
    if missing:
        raise TopicsWrong(f"missing: {', '.join(missing)}. Make them with `tessera topics create`")
    wrong = {topic.name: counts[topic.name] for topic in KEYED if counts[topic.name] != partitions}
    if wrong:
        found = ", ".join(f"{name} has {count}" for name, count in wrong.items())
        raise TopicsWrong(
            f"every keyed topic must have {partitions} partitions, but {found}. Accounts would "
            "move between partitions. Set TESSERA_PARTITIONS to the number with which the ledger "
            "was made; a topic that was enlarged must be restored from a backup"
        )


def _check_config(name: str, entries: Iterable[Any]) -> None:
    topic = next(topic for topic in TOPICS if topic.name == name)
    found = {entry[0]: entry[1] for entry in entries}
    if topic.kind is Kind.UPSTREAM or topic.kind is Kind.QUARANTINE:
        return
    for key, value in topic.config().items():
        if key in ASSERTED and found.get(key) != value and topic.kind is not Kind.INPUT:
            raise TopicsWrong(
                f"{name} has {key}={found.get(key)}, but must have {value}: history or time would "
                "be lost. Set it with your Kafka's tools (kafka-configs --alter --add-config "
                f"{key}={value})"
            )
    if found.get("message.timestamp.type") != "LogAppendTime":
        raise TopicsWrong(f"{name} must have message.timestamp.type=LogAppendTime")


async def _admin(bootstrap: str) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        await admin.close()
        raise LogUnavailable(
            f"Kafka at {bootstrap} cannot be reached: {error}. Start it, or set TESSERA_KAFKA"
        ) from error
    return admin
