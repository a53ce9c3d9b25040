"""The topics on a real Kafka: made once, checked at every start, with messages that help."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.events.topics import TOPICS, Kind, Topic
from shared.local import free_port
from shared.stream.log import LogUnavailable
from shared.stream.topics_setup import TopicsWrong, check_topics, make_topics
from tests.polling import eventually

PARTITIONS = 3


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
async def topics(admin: AIOKafkaAdminClient, topic_prefix: str) -> AsyncIterator[Sequence[Topic]]:
    """The whole table, under names of its own."""
    yield [replace(topic, name=topic_prefix + topic.name) for topic in TOPICS]
    there = [name for name in await admin.list_topics() if name.startswith(topic_prefix)]
    if there:
        await admin.delete_topics(there)


@pytest.fixture
async def made(kafka: str, topics: Sequence[Topic]) -> Sequence[Topic]:
    await make_topics(kafka, partitions=PARTITIONS, replication=1, topics=topics)
    return topics


def of_kind(topics: Sequence[Topic], kind: Kind) -> Topic:
    return next(topic for topic in topics if topic.kind is kind)


async def configure(admin: AIOKafkaAdminClient, topic: Topic, **changed: str) -> None:
    """Set a topic's settings; those that are not named go back to the broker's."""
    settings = {name.replace("_", "."): value for name, value in changed.items()}
    resource = ConfigResource(
        ConfigResourceType.TOPIC, topic.name, configs={**topic.config(), **settings}
    )
    await admin.alter_configs([resource])

    async def is_known() -> bool:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        [answer] = await admin.describe_configs([asked])
        found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        return settings.items() <= found.items()

    await eventually(is_known)


async def test_what_is_missing_is_made_and_passes_the_check(kafka: str, topics: Sequence[Topic]):
    names = [topic.name for topic in topics]
    made = await make_topics(kafka, partitions=PARTITIONS, replication=1, topics=topics)
    assert sorted(made) == sorted(names)
    await check_topics(kafka, partitions=PARTITIONS, topics=topics)


async def test_each_kind_has_its_partitions(
    kafka: str, admin: AIOKafkaAdminClient, topics: Sequence[Topic]
):
    await make_topics(kafka, partitions=6, replication=1, topics=topics)
    found = await admin.describe_topics([topic.name for topic in topics])
    counts = {described["topic"]: len(described["partitions"]) for described in found}
    wanted = {Kind.INPUT: 6, Kind.FACTS: 6, Kind.PROGRAMS: 1}
    assert counts == {topic.name: wanted.get(topic.kind, 4) for topic in topics}


async def test_what_is_there_stays_as_it_is(
    kafka: str, admin: AIOKafkaAdminClient, made: Sequence[Topic]
):
    assert await make_topics(kafka, partitions=5, replication=1, topics=made) == []
    await check_topics(kafka, partitions=PARTITIONS, topics=made)


async def test_only_what_is_missing_is_made(
    kafka: str, admin: AIOKafkaAdminClient, made: Sequence[Topic]
):
    another = replace(made[0], name=made[0].name + ".another")
    topics = [*made, another]
    with pytest.raises(TopicsWrong, match=rf"missing: {another.name}\. .*`tessera topics create`"):
        await check_topics(kafka, partitions=PARTITIONS, topics=topics)
    assert another.name not in await admin.list_topics(), "a look makes nothing"
    made_now = await make_topics(kafka, partitions=PARTITIONS, replication=1, topics=topics)
    assert made_now == [another.name]
    await check_topics(kafka, partitions=PARTITIONS, topics=topics)


async def test_all_that_is_missing_is_named(kafka: str, topics: Sequence[Topic]):
    with pytest.raises(TopicsWrong) as wrong:
        await check_topics(kafka, partitions=PARTITIONS, topics=topics)
    assert all(topic.name in str(wrong.value) for topic in topics)


async def test_another_partition_count_is_named_with_the_way_out(kafka: str, made: Sequence[Topic]):
    with pytest.raises(TopicsWrong) as wrong:
        await check_topics(kafka, partitions=8, topics=made)
    said = str(wrong.value)
    assert "must have 8 partitions" in said
    assert f"{of_kind(made, Kind.FACTS).name} has {PARTITIONS}" in said
    assert "TESSERA_PARTITIONS" in said


async def test_a_topic_that_was_enlarged_is_named(
    kafka: str, admin: AIOKafkaAdminClient, made: Sequence[Topic]
):
    facts = of_kind(made, Kind.FACTS)
    await admin.create_partitions({facts.name: NewPartitions(PARTITIONS + 1)})

    async def is_known() -> bool:
        [found] = await admin.describe_topics([facts.name])
        return len(found["partitions"]) == PARTITIONS + 1

    await eventually(is_known)
    with pytest.raises(TopicsWrong, match=f"{facts.name} has {PARTITIONS + 1}.*backup"):
        await check_topics(kafka, partitions=PARTITIONS, topics=made)


@pytest.mark.parametrize(
    ("kind", "setting", "value", "wanted"),
    [
        (Kind.FACTS, "cleanup.policy", "compact", "delete"),
        (Kind.FACTS, "cleanup.policy", "compact,delete", "delete"),
        (Kind.FACTS, "retention.ms", "604800000", "-1"),
        (Kind.FACTS, "retention.bytes", "1000000", "-1"),
        (Kind.FACTS, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (Kind.FACTS, "unclean.leader.election.enable", "true", "false"),
        (Kind.INPUT, "cleanup.policy", "compact", "delete"),
        (Kind.INPUT, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (Kind.INPUT, "unclean.leader.election.enable", "true", "false"),
        (Kind.PROGRAMS, "cleanup.policy", "delete", "compact"),
    ],
)
async def test_a_setting_that_safety_rests_on_is_named(
    kafka: str,
    admin: AIOKafkaAdminClient,
    made: Sequence[Topic],
    kind: Kind,
    setting: str,
    value: str,
    wanted: str,
):
    topic = of_kind(made, kind)
    await configure(admin, topic, **{setting.replace(".", "_"): value})
    with pytest.raises(TopicsWrong) as wrong:
        await check_topics(kafka, partitions=PARTITIONS, topics=made)
    assert f"{topic.name} has {setting}={value}, but must have {setting}={wanted}" in str(
        wrong.value
    )
    assert "kafka-configs" in str(wrong.value)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (Kind.INPUT, "retention.ms"),
        (Kind.UPSTREAM, "cleanup.policy"),
        (Kind.UPSTREAM, "retention.ms"),
        (Kind.QUARANTINE, "retention.ms"),
    ],
)
async def test_what_operators_choose_is_theirs(
    kafka: str, admin: AIOKafkaAdminClient, made: Sequence[Topic], kind: Kind, setting: str
):
    value = "compact" if setting == "cleanup.policy" else "86400000"
    await configure(admin, of_kind(made, kind), **{setting.replace(".", "_"): value})
    await check_topics(kafka, partitions=PARTITIONS, topics=made)


async def test_a_broker_that_refuses_says_why(kafka: str, topics: Sequence[Topic]):
    with pytest.raises(TopicsWrong, match=r"could not be made: .*[Rr]eplication"):
        await make_topics(kafka, partitions=PARTITIONS, replication=7, topics=topics)


@pytest.mark.parametrize(
    "bootstrap",
    [f"127.0.0.1:{free_port()}", "host.invalid:9092", "127.0.0.1:none"],
    ids=["nobody listens", "no such host", "no port"],
)
async def test_a_kafka_that_cannot_be_reached_is_named_with_the_way_out(bootstrap: str):
    said = rf"'{bootstrap}' cannot be reached\. .*TESSERA_KAFKA"
    with pytest.raises(LogUnavailable, match=said):
        await make_topics(bootstrap, partitions=PARTITIONS, replication=1)
    with pytest.raises(LogUnavailable, match=said):
        await check_topics(bootstrap, partitions=PARTITIONS)
