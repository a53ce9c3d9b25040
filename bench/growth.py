"""Whether cost grows with what is stored: accounts in all, and closed lots of one account.

The real services on a database that was filled beforehand: cost per event beside its size.
"""

import asyncio
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.api import MEMBER, endow
from bench.load import Make, Request, one_at_a_time
from bench.report import Figure
from bench.stage import PARTITIONS, Stage, append_all, stage, watch
from services.intake.decide import Recognised
from services.intake.records import activity
from shared.events import ids, registry
from shared.events.topics import ACTIVITY, partition_of
from shared.events.upstream import Purchase, PurchaseLine
from shared.events.wire import Source
from shared.local.child import Child
from shared.stream.log import Outgoing, Place

EVENTS = 20_000
CLOSED = (10, 10_000)
REDEMPTIONS = 300
FOLDED = "SELECT sum(seq) FROM redeem.stream_position"
AWARDED = "SELECT sum(seq) FROM earn.stream_position"
FILL = (
    """INSERT INTO redeem.account
       SELECT 'grocer:' || n, 'active', 1, now(), 10, 0, 0, 0, 0, 10, 0, 0
       FROM generate_series($1::bigint, $2::bigint) n""",
    """INSERT INTO redeem.lot
       SELECT 'grocer:' || n, md5('lot' || n)::uuid, 'grocer', NULL, 10, 10, 0, 0, 0,
       now(), now(), now() + interval '1 year', 1
       FROM generate_series($1::bigint, $2::bigint) n""",
    """INSERT INTO redeem.decision
       SELECT md5('cause' || n)::uuid, 'grocer:' || n, 1, n,
       'loyalty.points.credited.v1', ''::bytea, now(), 10, 10, '{}'
       FROM generate_series($1::bigint, $2::bigint) n""",
)
CLOSED_LOTS = """
    INSERT INTO redeem.lot
    SELECT $1, md5($1 || '-' || n)::uuid, 'grocer', NULL, 10, 0, 10, 0, 0,
    now(), now(), now() + interval '1 year', n FROM generate_series(1, $2::bigint) n
"""


async def growth(sizes: Sequence[int]) -> list[Figure]:
    """Cost of an award by the number of accounts, of a redemption by the number of closed lots."""
    async with stage() as on:
        await _migrated(on)
        connection = await on.sql()
        figures: list[Figure] = []
        filled = 0
        for size in sizes:
            for statement in FILL:
                await connection.execute(statement, filled + 1, size)
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")  # what filling left to write is not measured
            filled = size
            figures.append(await _at_size(on, connection, size, figures[0] if figures else None))
        figures.append(await _closed_lots(on, connection))
        await connection.close()
        return figures


async def _migrated(on: Stage) -> None:
    """redeem has made its schema and opened its partitions, and is stopped again."""
    child = on.spawn("services.redeem")
    connection = await on.sql()
    await watch(connection, FOLDED, PARTITIONS, 60.0)
    await connection.close()
    await _stopped(child)


async def _stopped(child: Child) -> None:
    await child.stop(child.orphaned, 10)


async def _at_size(
    on: Stage, connection: asyncpg.Connection, size: int, first: Figure | None
) -> Figure:
    before = await connection.fetchval(AWARDED) if first else 0
    await append_all(on, (_activity(size, number) for number in range(EVENTS)))
    earn = on.spawn("services.earn")
    await watch(connection, AWARDED, before + EVENTS, 300.0)
    await _stopped(earn)
    folded = await connection.fetchval(FOLDED)
    redeem = on.spawn("services.redeem")
    rate = await watch(connection, FOLDED, folded + EVENTS, 300.0)
    resident = _resident_mib(redeem)
    await _stopped(redeem)
    cost = 1e6 / rate.a_second
    return Figure(
        f"award at {size:,} accounts",
        cost,
        "µs",
        first.value if first else None,
        "within 1.3",
        {"redeem's memory MiB": resident},
    )


def _activity(size: int, number: int) -> tuple[Place, Outgoing]:
    """A purchase of some account among those that are stored."""
    member = str(1 + number * 7_919 % size)
    purchase = Purchase(
        event_id=f"{size}-{number}",
        source="bench",
        brand="grocer",
        member=member,
        receipt_id=f"{size}-{number}",
        occurred_at=datetime(2026, 11, 1, tzinfo=UTC),
        currency="USD",
        lines=(PurchaseLine(line_id="1", sku="1", amount_minor=1_000),),
    )
    account = f"grocer:{member}"
    normal = registry.encode(purchase)
    event = Recognised("loyalty.activity.purchase.v1", purchase, normal, ids.digest(normal), ())
    place = Place(ACTIVITY.name, partition_of(account, PARTITIONS))
    return place, activity(account, event, Source("bench", 0, number))


def _resident_mib(child: Child) -> float:
    for line in Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _closed_lots(on: Stage, connection: asyncpg.Connection) -> Figure:
    """Redemptions on an account with few and on one with many closed lots, in turn."""
    for name in ("intake", "earn", "redeem", "query"):
        on.spawn(f"services.{name}")
    members = {closed: f"bench-{number}" for number, closed in enumerate(CLOSED)}
    await endow(on)
    for closed, member in members.items():
        await connection.execute(CLOSED_LOTS, f"grocer:{member}", closed)
    await connection.execute("ANALYZE redeem.lot")
    seconds: dict[int, list[float]] = {closed: [] for closed in CLOSED}
    for number in range(REDEMPTIONS):
        for closed, member in members.items():
            one = _one(member, number)
            seconds[closed] += await one_at_a_time(on.api_port, one, 1, [200])
            await asyncio.sleep(0)
    few, many = (1000 * statistics.median(seconds[closed]) for closed in CLOSED)
    return Figure(
        f"redemption at {CLOSED[1]:,} closed lots",
        many,
        "ms p50",
        few,
        "within 1.3",
        {"baseline's closed lots": CLOSED[0]},
    )


def _one(member: str, number: int) -> Make:
    def make(_: int) -> Request:
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"closed-{number}"}
        return "POST", f"{MEMBER}/{member}/redemptions", headers, b'{"points": 500}'

    return make
