"""How far everything is: what is folded, what is still under way; and the totals.

Reads Kafka's end offsets and the services' positions; changes nothing.
"""

import json
from typing import NamedTuple

import asyncpg

from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, UPSTREAM
from shared.stream.kafka import KafkaLog
from shared.stream.log import Place

READERS = {"earn": (ACTIVITY,), "redeem": (COMMANDS, AWARDS)}
TOTALS = """
    SELECT (SELECT count(*) FROM redeem.account) AS members,
           (SELECT coalesce(sum(earned), 0) FROM redeem.account)::bigint AS earned,
           (SELECT coalesce(sum(redeemed), 0) FROM redeem.account)::bigint AS redeemed,
           (SELECT coalesce(sum(clawed_back), 0) FROM redeem.account)::bigint AS clawed_back,
           (SELECT coalesce(sum(expired), 0) FROM redeem.account)::bigint
             + (SELECT coalesce(sum(free), 0) FROM redeem.lot
                WHERE free > 0 AND expires_at <= now())::bigint AS expired,
           (SELECT coalesce(sum(seq), 0) FROM earn.stream_position)::bigint
             + (SELECT coalesce(sum(seq), 0) FROM redeem.stream_position)::bigint AS facts
"""
EXAMPLES = """
    SELECT key FROM redeem.account ORDER BY redeemed DESC, earned DESC, key LIMIT 3
"""


class Totals(NamedTuple):
    """What the ledger holds in all."""

    members: int
    earned: int
    redeemed: int
    clawed_back: int
    expired: int
    facts: int


class Progress:
    """Looks at one installation."""

    def __init__(self, bootstrap: str, dsn: str) -> None:
        self._log = KafkaLog(bootstrap)
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def start(self) -> None:
        """Connect."""
        await self._log.start()
        self._connection = await asyncpg.connect(self._dsn)

    async def close(self) -> None:
        """Disconnect."""
        await self._log.close()
        if self._connection is not None:
            await self._connection.close()

    @property
    def _sql(self) -> asyncpg.Connection:
        assert self._connection is not None, "start it first"
        return self._connection

    async def events(self) -> int:
        """How many facts of earn redeem has folded: about one for each purchase and return."""
        rows = await self._sql.fetch("SELECT inputs FROM redeem.stream_position")
        return sum(_next(row["inputs"], AWARDS.name) for row in rows)

    async def lag(self) -> dict[str, int]:
        """Records that each service has not folded yet."""
        lags = {"intake": await self._intake_lag()}
        for service, topics in READERS.items():
            rows = await self._sql.fetch(
                f"SELECT partition, inputs FROM {service}.stream_position"  # noqa: S608
            )
            behind = 0
            for topic in topics:
                ends = await self._ends(topic.name)
                read = {row["partition"]: _next(row["inputs"], topic.name) for row in rows}
                behind += sum(end - read.get(place.partition, 0) for place, end in ends.items())
            lags[service] = behind
        return lags

    async def _intake_lag(self) -> int:
        rows = await self._sql.fetch(
            "SELECT topic, partition, next_offset FROM intake.upstream_position"
        )
        read = {Place(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        behind = 0
        for topic in UPSTREAM:
            for place, end in (await self._ends(topic.name)).items():
                behind += end - read.get(place, 0)
        return behind

    async def _ends(self, topic: str) -> dict[Place, int]:
        count = await self._log.partitions(topic)
        bounds = await self._log.bounds([Place(topic, partition) for partition in range(count)])
        return {place: bound.end for place, bound in bounds.items()}

    async def totals(self) -> Totals:
        """The ledger's totals as of now."""
        row = await self._sql.fetchrow(TOTALS)
        return Totals(**dict(row))

    async def examples(self) -> list[str]:
        """Three accounts worth a look."""
        return [row["key"] for row in await self._sql.fetch(EXAMPLES)]


def _next(inputs: str, topic: str) -> int:
    following: int = json.loads(inputs).get(topic, [0])[0]
    return following
