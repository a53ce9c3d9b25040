"""Throughput: earn alone, the whole way, a rebuild."""

import asyncio
import io
import re
from time import perf_counter
from typing import Any

from bench.report import BARE_RATE, Absolute, Figure
from bench.stage import Rate, Stage, get, publish_activity, publish_upstream, stage, watch
from shared.events.topics import ACTIVITY
from shared.local import free_port

SECONDS_MAX = 600.0
AWARDED = "SELECT sum(seq) FROM earn.stream_position"
CREDITED = "SELECT count(*) FROM redeem.lot"
STEP = re.compile(r'tessera_step_seconds_total\{service="earn",step="(\w+)"\} ([0-9.e+-]+)')


async def earn_alone(count: int) -> list[Figure]:
    """earn from its input topic to its committed projection; beside it an empty loop."""
    async with stage() as on:
        await publish_activity(on, count)
        baseline = await _empty_loop(on, ACTIVITY.name)
        metrics = free_port()
        on.spawn("services.earn", TESSERA_METRICS_PORT=str(metrics))
        connection = await on.sql()
        rate = await watch(connection, AWARDED, count, SECONDS_MAX)
        await connection.close()
        page = await asyncio.to_thread(get, f"http://127.0.0.1:{metrics}/metrics")
        steps = {name: float(seconds) for name, seconds in STEP.findall(page)}
        total = sum(steps.values()) or 1.0
        shares = {f"{name} %": 100 * seconds / total for name, seconds in steps.items()}
        return [
            Figure(
                "earn, one process",
                rate.a_second,
                "events/s",
                baseline,
                ">= 8,000",
                shares,
                Absolute(8_000, BARE_RATE),
            )
        ]


async def _empty_loop(on: Stage, topic: str) -> float:
    await on.make_topics("bench.copy")
    child = on.spawn("bench.baseline", "copy", topic, "bench.copy")
    await child.ended()
    copied = re.search(r"copied ([0-9.]+) events/s", child.output())
    if copied is None:
        raise RuntimeError(child.output())
    return float(copied[1])


async def whole_way(count: int) -> list[Figure]:
    """From the upstream topic to the committed balance, with everything on this machine."""
    async with stage() as on:
        await publish_upstream(on, count)
        for name in ("intake", "earn", "redeem", "query"):
            on.spawn(f"services.{name}")
        connection = await on.sql()
        expected = "SELECT sum(seq) FROM redeem.stream_position"
        rate: Rate = await watch(connection, expected, count, SECONDS_MAX)
        figures = [
            Figure(
                "whole way",
                rate.a_second,
                "purchases/s",
                target=">= 2,500",
                absolute=Absolute(2_500, BARE_RATE),
            )
        ]
        figures += await _rebuild(on, connection)
        await connection.close()
        return figures


async def _rebuild(on: Stage, sql: Any) -> list[Figure]:
    """`tessera rebuild redeem`, beside COPY of the same rows into tables with the same indexes."""
    child = on.spawn("cli.main", "rebuild", "redeem")
    await child.ended()
    said = re.search(r"facts in [\d.]+ s, ([\d,]+)/s", child.output())
    if said is None:
        raise RuntimeError(child.output())
    baseline = await _copy_rows(sql)
    return [
        Figure(
            "rebuild redeem",
            float(said[1].replace(",", "")),
            "facts/s",
            baseline,
            ">= 40,000",
            absolute=Absolute(40_000, BARE_RATE),
        )
    ]


async def _copy_rows(sql: Any) -> float:
    """Decisions a second when all of redeem's rows go through COPY."""

    tables = ("decision", "account", "lot", "debit")
    await sql.execute("CREATE SCHEMA plain_copy")
    kept = {}
    for table in tables:
        await sql.execute(f"CREATE TABLE plain_copy.{table} (LIKE redeem.{table} INCLUDING ALL)")
        kept[table] = io.BytesIO()
        await sql.copy_from_table(table, schema_name="redeem", output=kept[table], format="binary")
        kept[table].seek(0)
    decisions = await sql.fetchval("SELECT count(*) FROM redeem.decision")
    started = perf_counter()
    for table in tables:
        await sql.copy_to_table(
            table, schema_name="plain_copy", source=kept[table], format="binary"
        )
    return float(decisions / (perf_counter() - started))
