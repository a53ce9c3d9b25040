"""The topics: one writer each, and partitions that any Kafka client finds too."""

import pytest
from aiokafka.partitioner import murmur2 as clients_murmur2
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.topics import (
    BY_NAME,
    KEYED,
    RECORD_BYTES_MAX,
    TOPICS,
    UPSTREAM_BYTES_MAX,
    Kind,
    murmur2,
    partition_of,
)


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_is_kafkas_own(key, signed):
    """The vectors of the Java client's own test."""
    assert int.from_bytes(murmur2(key.encode()).to_bytes(4), signed=True) == signed


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_murmur2_is_the_clients(key):
    assert murmur2(key) == clients_murmur2(key) & 0xFFFFFFFF


@settings(deadline=None)
@given(st.text(), st.integers(1, 1_000))
def test_an_account_has_one_partition_the_usual_one(account, partitions):
    found = partition_of(account, partitions)
    assert 0 <= found < partitions
    assert found == (clients_murmur2(account.encode()) & 0x7FFFFFFF) % partitions


def test_accounts_spread_over_the_partitions():
    counts = [0] * 8
    for member in range(8_000):
        counts[partition_of(f"grocer:{member}", 8)] += 1
    assert min(counts) > 800
    assert max(counts) < 1_200


def test_topics_have_names_of_their_own_with_a_version():
    assert len(BY_NAME) == len(TOPICS)
    for topic in TOPICS:
        assert topic.name.rpartition(".v")[2].isdecimal()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_topic_is_kept_as_its_kind_says(topic):
    config = topic.config()
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["unclean.leader.election.enable"] == "false"
    match topic.kind:
        case Kind.FACTS:
            assert config["cleanup.policy"] == "delete"
            assert config["retention.ms"] == config["retention.bytes"] == "-1"
            assert len(topic.writers) == 1
        case Kind.PROGRAMS:
            assert config["cleanup.policy"] == "compact"
        case Kind.QUARANTINE:
            assert config["retention.ms"] == str(90 * 24 * 3600 * 1000)
        case Kind.INPUT | Kind.UPSTREAM:
            assert config["cleanup.policy"] == "delete"
    assert int(config["max.message.bytes"]) >= RECORD_BYTES_MAX


def test_quarantine_takes_whatever_upstream_could_send():
    most = int(BY_NAME["loyalty.quarantine.v1"].config()["max.message.bytes"])
    assert most > UPSTREAM_BYTES_MAX


def test_keyed_topics_are_keyed_by_account():
    assert {topic.keyed_by for topic in KEYED} == {"account"}
    assert {topic for topic in TOPICS if topic.keyed_by == "account"} == set(KEYED)
