"""The baselines as processes: a FastAPI app on one table, and an empty consume-and-produce loop.

`python -m bench.baseline api`: one guarded SQL statement a redemption, one select a balance.
`python -m bench.baseline copy FROM TO`: each record as it is, from one topic to another.
"""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import asyncpg
import uvicorn
import uvloop
from aiokafka import TopicPartition
from fastapi import FastAPI
from pydantic import BaseModel

from shared.stream.kafka import consumer, producer

PARTITIONS = 8
SCHEMA = """
    CREATE TABLE IF NOT EXISTS plain_balance (member text PRIMARY KEY, points bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS plain_redemption (key text PRIMARY KEY, member text, points bigint);
    INSERT INTO plain_balance SELECT n::text, 1000000000 FROM generate_series(1, 5000) n
    ON CONFLICT DO NOTHING;
"""
REDEEM = """
    WITH spent AS (UPDATE plain_balance SET points = points - $3
                   WHERE member = $2 AND points >= $3 RETURNING points)
    INSERT INTO plain_redemption SELECT $1, $2, $3 FROM spent RETURNING points
"""


class Redemption(BaseModel):
    points: int


def app() -> FastAPI:
    """Reads and redemptions as an ordinary service does them."""
    kept: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        kept["pool"] = await asyncpg.create_pool(
            os.environ["TESSERA_POSTGRES"], min_size=1, max_size=8
        )
        await kept["pool"].execute(SCHEMA)
        yield
        await kept["pool"].close()

    plain = FastAPI(lifespan=lifespan)

    @plain.get("/members/{member}")
    async def balance(member: str) -> dict[str, Any]:
        row = await kept["pool"].fetchrow(
            "SELECT member, points FROM plain_balance WHERE member = $1", member
        )
        return dict(row)

    @plain.post("/members/{member}/redemptions/{key}")
    async def redeem(member: str, key: str, redemption: Redemption) -> dict[str, Any]:
        points = await kept["pool"].fetchval(REDEEM, key, member, redemption.points)
        return {"member": member, "points": points}

    return plain


async def copy(bootstrap: str, source: str, target: str) -> None:
    """Consume and produce until nothing comes any more; prints events a second."""
    reading, writing = consumer(bootstrap), producer(bootstrap)
    await reading.start()
    await writing.start()
    places = [TopicPartition(source, number) for number in range(PARTITIONS)]
    reading.assign(places)
    for place in places:
        reading.seek(place, 0)
    done, started, last = 0, 0.0, 0.0
    while batch := await reading.getmany(timeout_ms=2_000, max_records=1_000):
        started = started or perf_counter()
        sent = [
            await writing.send(
                target, record.value, record.key, place.partition, headers=list(record.headers)
            )
            for place, records in batch.items()
            for record in records
        ]
        await asyncio.gather(*sent)
        done += len(sent)
        last = perf_counter()
    print(f"copied {done / (last - started):.1f} events/s", flush=True)
    await reading.stop()
    await writing.stop()


if __name__ == "__main__":
    if sys.argv[1] == "api":
        uvicorn.run(
            app(), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning"
        )
    else:
        uvloop.run(copy(os.environ["TESSERA_KAFKA"], sys.argv[2], sys.argv[3]))
