"""The topics as one typed table: who writes, who reads, how long records are kept.

Every keyed topic has the same number of partitions, and producers name the partition explicitly:
murmur2 of the account, so that any Kafka client that hashes keys the usual way finds the same one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

MIB = 1024 * 1024
RECORD_BYTES_MAX = 1 * MIB - 64 * 1024
"""Largest record of our own: below the broker's usual 1 MiB limit with room for headers."""
UPSTREAM_BYTES_MAX = 8 * MIB
"""Largest upstream record that the embedded broker takes; above RECORD_BYTES_MAX: quarantine."""
QUARANTINE_BYTES_MAX = UPSTREAM_BYTES_MAX + MIB
DAY_MS = 24 * 60 * 60 * 1000


class Kind(StrEnum):
    """What a topic is for; decides its settings."""

    UPSTREAM = "upstream"
    INPUT = "input"
    FACTS = "facts"
    PROGRAMS = "programs"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, its only writers, its readers, and what `kind` implies."""

    name: str
    kind: Kind
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    keyed_by: str

    def config(self) -> dict[str, str]:
        """Settings at creation, all of them: a later change of one would reset the others."""
        kept: dict[str, str]
        match self.kind:
            case Kind.FACTS:
                kept, size = {"retention.ms": "-1", "retention.bytes": "-1"}, MIB
            case Kind.INPUT:
                kept, size = {"retention.ms": "-1"}, MIB
            case Kind.UPSTREAM:
                kept, size = {"retention.ms": "-1"}, UPSTREAM_BYTES_MAX
            case Kind.PROGRAMS:
                kept, size = {}, MIB
            case Kind.QUARANTINE:
                kept, size = {"retention.ms": str(90 * DAY_MS)}, QUARANTINE_BYTES_MAX
            case _:
                assert_never(self.kind)
        policy = "compact" if self.kind is Kind.PROGRAMS else "delete"
        return {
            "cleanup.policy": policy,
            "message.timestamp.type": "LogAppendTime",
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(size),
            **kept,
        }


PURCHASES = Topic("retail.purchases.v1", Kind.UPSTREAM, ("upstream",), ("intake",), "anything")
REVIEWS = Topic("retail.reviews.v1", Kind.UPSTREAM, ("upstream",), ("intake",), "anything")
REFERRALS = Topic("retail.referrals.v1", Kind.UPSTREAM, ("upstream",), ("intake",), "anything")
ACTIVITY = Topic(
    "loyalty.activity.v1", Kind.INPUT, ("intake",), ("earn", "referrals", "tiers"), "account"
)
COMMANDS = Topic(
    "loyalty.commands.v1", Kind.INPUT, ("query", "sweep", "courier"), ("redeem",), "account"
)
AWARDS = Topic(
    "loyalty.awards.v1", Kind.FACTS, ("earn",), ("redeem", "tiers", "publish", "query"), "account"
)
LEDGER = Topic("loyalty.points.v1", Kind.FACTS, ("redeem",), ("everyone",), "account")
PROGRAMS = Topic(
    "loyalty.programs.v1", Kind.PROGRAMS, ("program publishing",), ("everyone",), "program@version"
)
QUARANTINE = Topic(
    "loyalty.quarantine.v1", Kind.QUARANTINE, ("any service",), ("operators",), "original key"
)

TOPICS: tuple[Topic, ...] = (
    PURCHASES,
    REVIEWS,
    REFERRALS,
    ACTIVITY,
    COMMANDS,
    AWARDS,
    LEDGER,
    PROGRAMS,
    QUARANTINE,
)
UPSTREAM = tuple(topic for topic in TOPICS if topic.kind is Kind.UPSTREAM)
KEYED = (ACTIVITY, COMMANDS, AWARDS, LEDGER)
"""Topics that share the partition count chosen once for the ledger."""
BY_NAME = {topic.name: topic for topic in TOPICS}


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 of a key, as the Java client computes it (unsigned)."""
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def partition_of(account: str, partitions: int) -> int:
    """The partition of an account in every keyed topic."""
    return (murmur2(account.encode()) & 0x7FFFFFFF) % partitions
