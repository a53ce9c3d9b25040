"""What intake writes down in Postgres: first resolutions, and positions in upstream topics.

Guarantees: a resolution is on disk when `write_down` returns, and the first one stands, whoever
wrote it. A position moves by compare-and-swap only.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

import asyncpg

from services.intake.decide import Known, Resolution
from shared.postgres.pool import available
from shared.stream.log import Place


class Position(NamedTuple):
    """The next offset of an upstream partition, and the fingerprint of the record before it.

    `mark` is None until a record was read.
    """

    next_offset: int
    mark: bytes | None


class Store(Protocol):
    """What the loop needs; raises StoreUnavailable where it cannot be had."""

    async def known(self, identities: Collection[bytes]) -> Known:
        """The resolutions of these identities that are written down."""
        ...

    async def write_down(self, found: Known) -> bool:
        """Write resolutions down. False if another process was faster with one of them."""
        ...

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, Position]:
        """Stored positions; places without one are left out."""
        ...

    async def begin(self, positions: Mapping[Place, Position]) -> None:
        """Write first positions, unless there are some."""
        ...

    async def swap(self, moves: Mapping[Place, tuple[Position, Position]]) -> bool:
        """Move positions from the old to the new one. False if one of them was not at the old."""
        ...


class PostgresStore:
    """See `Store`; in the schema that the pool's search path names."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def known(self, identities: Collection[bytes]) -> Known:
        """See `Store.known`."""
        rows = await self._fetch(
            "SELECT identity, account, content FROM resolution WHERE identity = ANY($1::bytea[])",
            list(identities),
        )
        return {identity: Resolution(account, content) for identity, account, content in rows}

    async def write_down(self, found: Known) -> bool:
        """See `Store.write_down`; in one order everywhere, so that two writers never deadlock."""
        ordered = sorted(found)
        [(written,)] = await self._fetch(
            "WITH written AS (INSERT INTO resolution (identity, account, content) "
            "SELECT * FROM unnest($1::bytea[], $2::text[], $3::bytea[]) "
            "ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM written",
            ordered,
            [found[identity].account for identity in ordered],
            [found[identity].content for identity in ordered],
        )
        return bool(written == len(ordered))

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, Position]:
        """See `Store.positions`."""
        rows = await self._fetch(
            "SELECT topic, partition, next_offset, mark FROM upstream_position "
            "JOIN unnest($1::text[], $2::int[]) AS wanted (topic, partition) "
            "USING (topic, partition)",
            *_columns(places),
        )
        return {
            Place(topic, number): Position(offset, mark) for topic, number, offset, mark in rows
        }

    async def begin(self, positions: Mapping[Place, Position]) -> None:
        """See `Store.begin`."""
        await self._fetch(
            "INSERT INTO upstream_position (topic, partition, next_offset, mark) "
            "SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[]) "
            "ON CONFLICT DO NOTHING",
            *_columns(positions),
            [position.next_offset for position in positions.values()],
            [position.mark for position in positions.values()],
        )

    async def swap(self, moves: Mapping[Place, tuple[Position, Position]]) -> bool:
        """See `Store.swap`."""
        moved = await self._fetch(
            "UPDATE upstream_position AS kept SET next_offset = new.next_offset, mark = new.mark "
            "FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bytea[]) "
            "AS new (topic, partition, old_offset, next_offset, mark) "
            "WHERE kept.topic = new.topic AND kept.partition = new.partition "
            "AND kept.next_offset = new.old_offset RETURNING 1",
            *_columns(moves),
            [old.next_offset for old, _ in moves.values()],
            [new.next_offset for _, new in moves.values()],
            [new.mark for _, new in moves.values()],
        )
        return len(moved) == len(moves)

    async def reset(self, topic: str) -> int:
        """Forget how far a topic was read, for one that was made anew; how many partitions it had.

        Reading it again is harmless: what was taken before has a known cause.
        """
        rows = await self._fetch(
            "DELETE FROM upstream_position WHERE topic = $1 RETURNING 1",
            topic,
        )
        return len(rows)

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async with available(), self.pool.acquire() as connection:
            return list(await connection.fetch(statement, *arguments))


def _columns(places: Iterable[Place]) -> tuple[list[str], list[int]]:
    ordered = list(places)
    return [place.topic for place in ordered], [place.partition for place in ordered]
