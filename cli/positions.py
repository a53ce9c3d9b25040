"""`tessera positions reset`: read an input topic that was made anew from its beginning.

Guarantees: touches only how far the topic was read. Reading it again is harmless, since what was
decided before has a known cause. A service that runs goes on as it was: stop it first.
"""

from typing import Final

from cli.operation import Refused, console
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, UPSTREAM
from shared.postgres.pool import available, connect

UPSTREAM_READER = "intake"
READERS: Final = {
    **{topic.name: UPSTREAM_READER for topic in UPSTREAM},
    ACTIVITY.name: "earn",
    COMMANDS.name: "redeem",
    AWARDS.name: "redeem",
}
"""Input topic -> the service, and so the schema, that keeps positions in it."""
FORGET_UPSTREAM = "DELETE FROM upstream_position WHERE topic = $1 RETURNING 1"
FORGET_INPUT = (
    "UPDATE stream_position SET inputs = (inputs::jsonb - $1::text)::text "
    "WHERE inputs::jsonb ? $1::text RETURNING 1"
)


async def reset(dsn: str, topic: str) -> int:
    """Forget how far `topic` was read. Raises Refused, StoreUnavailable."""
    if topic not in READERS:
        raise Refused(f"{topic} is no input topic; there are: {', '.join(READERS)}")
    service = READERS[topic]
    statement = FORGET_UPSTREAM if service == UPSTREAM_READER else FORGET_INPUT
    pool = await connect(dsn, schema=service, size=1)
    try:
        async with available(), pool.acquire() as connection:
            forgotten = await connection.fetch(statement, topic)
    finally:
        await pool.close()
    console().print(
        f"{service} will read {len(forgotten)} partitions of {topic} from the beginning; "
        f"start it again"
    )
    return 0
