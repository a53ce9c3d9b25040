"""`tessera positions reset`: read input topics that were made anew from their beginnings.

Guarantees: touches only how far the topics were read. Reading them again is harmless, since what
was decided before has a known cause. A living service opens its partitions afresh and goes on from
the new positions; one that has halted has to be started again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from cli.deciding import SERVICES
from cli.operation import EXIT_REFUSED, console
from cli.refusals import Refused
from shared.events.topics import BY_NAME, UPSTREAM, Kind
from shared.postgres.generations import following
from shared.postgres.pool import available
from shared.postgres.rows import decode_inputs, encode_inputs
from shared.stream.log import Bounds, Log, Place
from shared.stream.store import InputMark

UPSTREAM_READER = "intake"
READERS: Final[Mapping[str, str]] = {
    **{topic.name: UPSTREAM_READER for topic in UPSTREAM},
    **{topic.name: name for name, make in SERVICES.items() for topic in make().inputs},
}
"""Input topic -> the service, and so the schema, that keeps positions in it."""
CONNECT_SECONDS = 10.0


async def reset(dsn: str, log: Log, names: Sequence[str], *, sure: bool) -> int:
    """Forget how far topics, or all inputs of a service, were read; the exit code.

    Raises Refused, StoreUnavailable, LogUnavailable.
    """
    told, topics = console(), chosen(names)
    if not sure:
        for topic in topics:
            told.print(f"{READERS[topic]} would read {topic} from its beginning")
        told.print("nothing was changed; --yes does it")
        return EXIT_REFUSED
    bounds = await _bounds(log, topics)
    async with available():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        try:
            async with connection.transaction():
                for topic in topics:
                    number = await _forget(connection, topic, bounds)
                    told.print(
                        f"{READERS[topic]} reads {number} partitions of {topic} from the beginning"
                    )
        finally:
            await connection.close()
    told.print("a service that runs does so at once; one that has halted has to be started again")
    return 0


def chosen(names: Iterable[str]) -> list[str]:
    """The input topics that are named, by themselves or by their reader. Raises Refused."""
    topics: list[str] = []
    for name in names:
        found = [topic for topic, reader in READERS.items() if name in {topic, reader}]
        if not found:
            inputs, readers = ", ".join(READERS), ", ".join(dict.fromkeys(READERS.values()))
            raise Refused(f"{name} is no input topic ({inputs}), and no reader of any ({readers})")
        topics.extend(topic for topic in found if topic not in topics)
    return topics


async def _bounds(log: Log, topics: Iterable[str]) -> dict[Place, Bounds]:
    places = [
        Place(topic, number) for topic in topics for number in range(await log.partitions(topic))
    ]
    bounds = await log.bounds(places)
    for place, (first, _) in bounds.items():
        if BY_NAME[place.topic].kind is Kind.FACTS and first > 0:
            raise Refused(
                f"{place} begins at offset {first}, not 0: history was deleted. Restore the topic "
                "from a backup; facts must be kept for ever"
            )
    return bounds


async def _forget(
    connection: asyncpg.Connection, topic: str, bounds: Mapping[Place, Bounds]
) -> int:
    """How many partitions will be read again."""
    service = READERS[topic]
    table = "upstream_position" if service == UPSTREAM_READER else "stream_position"
    if await connection.fetchval("SELECT to_regclass($1)", f'"{service}"."{table}"') is None:
        raise Refused(f"{service} has no tables yet: it reads {topic} from the beginning anyway")
    if service == UPSTREAM_READER:
        statement = f"DELETE FROM {service}.{table} WHERE topic = $1 RETURNING 1"  # noqa: S608
        return len(await connection.fetch(statement, topic))
    rows: list[Any] = await connection.fetch(
        f"SELECT topic, partition, inputs, fold_version FROM {service}.{table} "  # noqa: S608
        "ORDER BY partition FOR UPDATE"
    )
    for row in rows:
        inputs = decode_inputs(row["inputs"])
        first = bounds.get(Place(topic, row["partition"]), Bounds(0, 0)).first
        await connection.execute(
            f"UPDATE {service}.{table} SET inputs = $3, fold_version = $4 "  # noqa: S608
            "WHERE topic = $1 AND partition = $2",
            row["topic"],
            row["partition"],
            encode_inputs({**inputs, topic: InputMark(first)}),
            following(row["fold_version"]),
        )
    return len(rows)
