"""Latency and throughput of the API: redemptions, one hot member, balance reads."""

import asyncio
import json
from time import perf_counter

from bench.load import Make, Request, flat_out, offered, one_at_a_time
from bench.report import (
    BARE_ALONE,
    BARE_OFFERED,
    BARE_RATE,
    Absolute,
    Figure,
    latencies,
    percentile,
)
from bench.stage import Stage, publish_upstream, stage, watch
from shared.events.ids import command_cause
from shared.local import free_port

MEMBERS = 200
WARM_UP = 4
"""Times as many redemptions as are measured come before: the broker compiles what it is asked."""
JSON = {"Content-Type": "application/json"}
MEMBER = "/v1/programs/grocer/members"
ACCOUNTS = "SELECT sum(seq) FROM redeem.stream_position"


async def api(purchases: int, seconds: float) -> list[Figure]:
    """All figures of the API, each beside an ordinary FastAPI service on the same Postgres."""
    async with stage() as on:
        await publish_upstream(on, purchases)
        for name in ("intake", "earn", "redeem", "query"):
            on.spawn(f"services.{name}")
        connection = await on.sql()
        await watch(connection, ACCOUNTS, purchases, 300.0)
        await endow(on)
        plain_port = free_port()
        on.spawn("bench.baseline", "api", str(plain_port))
        await _answers(plain_port, "/members/1")
        await connection.close()
        return [
            *await _redemptions(on, plain_port, seconds),
            await _hot(on, plain_port, seconds),
            await _reads(on, plain_port, seconds),
        ]


async def endow(on: Stage) -> None:
    """Members with points to spend, through the front door: one large purchase each."""
    events = [
        {
            "type": "retail.purchase.v1",
            "event_id": f"endow-{number}",
            "source": "bench",
            "brand": "grocer",
            "member": f"bench-{number}",
            "receipt_id": f"endow-{number}",
            "occurred_at": "2026-11-01T12:00:00Z",
            "currency": "USD",
            "lines": [{"line_id": "1", "sku": "1", "amount_minor": 10**10}],
        }
        for number in range(MEMBERS)
    ]
    await _answers(on.api_port, "/v1/programs")
    body = json.dumps(events).encode()
    await one_at_a_time(on.api_port, lambda _: ("POST", "/v1/events", JSON, body), 1, [202])
    connection = await on.sql()
    members = "SELECT count(*) FROM redeem.account WHERE key LIKE 'grocer:bench-%'"
    await watch(connection, members, MEMBERS, 60.0)
    await connection.close()


async def _answers(port: int, path: str) -> None:
    """Wait until a server answers."""
    until = perf_counter() + 60
    while True:
        try:
            await one_at_a_time(port, lambda _: ("GET", path, {}, b""), 1, [200])
        except (OSError, asyncio.IncompleteReadError):
            if perf_counter() > until:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def redemption(tag: str, members: int = MEMBERS) -> Make:
    """Requests that redeem 500 points of members in turn, each with a key of its own."""

    def make(number: int) -> Request:
        path = f"{MEMBER}/bench-{number % members}/redemptions"
        headers = {**JSON, "Idempotency-Key": f"{tag}-{number}"}
        return "POST", path, headers, b'{"points": 500}'

    return make


def checkout(tag: str) -> Make:
    """Requests that hold 500 points of members in turn, each followed by the hold's capture."""

    def make(number: int) -> Request:
        path = f"{MEMBER}/bench-{number // 2 % MEMBERS}/holds"
        headers = {**JSON, "Idempotency-Key": f"{tag}-{number}"}
        if number % 2 == 0:
            return "POST", path, headers, b'{"points": 500}'
        account = f"grocer:bench-{number // 2 % MEMBERS}"
        hold = command_cause(account, f"{tag}-{number - 1}").id
        return "POST", f"{path}/{hold}/capture", headers, b"{}"

    return make


def plain(tag: str, members: int = MEMBERS) -> Make:
    """The same of the ordinary service."""

    def make(number: int) -> Request:
        path = f"/members/{1 + number % members}/redemptions/{tag}-{number}"
        return "POST", path, JSON, b'{"points": 500}'

    return make


async def _redemptions(on: Stage, plain_port: int, seconds: float) -> list[Figure]:
    count = int(50 * seconds)
    early = await one_at_a_time(on.api_port, redemption("warm"), WARM_UP * count, [200])
    await one_at_a_time(plain_port, plain("warm"), WARM_UP * count, [200])
    alone = await one_at_a_time(on.api_port, redemption("alone"), count, [200])
    alone_plain = await one_at_a_time(plain_port, plain("alone"), count, [200])
    checkouts = await one_at_a_time(on.api_port, checkout("checkout"), 2 * count, [200])
    at_rate = await offered(on.api_port, redemption("rate"), 200, seconds, [200])
    at_rate_plain = await offered(plain_port, plain("rate"), 200, seconds, [200])
    offered_figure = latencies(
        "redemption, 200/s offered",
        at_rate.seconds,
        at_rate_plain.seconds,
        "p50 <= 10, p99 <= 40",
        Absolute(10, BARE_OFFERED),
    )
    offered_figure.details["not answered in time"] = at_rate.others
    alone_figure = latencies(
        "redemption, alone",
        alone,
        alone_plain,
        "p50 <= 6, p99 <= 20",
        Absolute(6, BARE_ALONE),
    )
    alone_figure.details["p50 of the first"] = 1000 * percentile(early[:count], 0.5)
    return [
        alone_figure,
        latencies("hold, alone; beside a redemption", checkouts[::2], alone),
        latencies("capture, alone; beside a redemption", checkouts[1::2], alone),
        offered_figure,
    ]


async def _hot(on: Stage, plain_port: int, seconds: float) -> Figure:
    rate, took = await flat_out(on.api_port, redemption("hot", 1), 64, seconds, [200])
    baseline, _ = await flat_out(plain_port, plain("hot", 1), 64, seconds, [200])
    return Figure(
        "one hot member, 64 callers",
        rate,
        "redemptions/s",
        baseline,
        ">= 1,000",
        {"p99 ms": 1000 * percentile(took, 0.99)},
        Absolute(1_000, BARE_RATE),
    )


async def _reads(on: Stage, plain_port: int, seconds: float) -> Figure:
    def read(number: int) -> Request:
        return "GET", f"{MEMBER}/bench-{number % MEMBERS}", {}, b""

    def read_plain(number: int) -> Request:
        return "GET", f"/members/{1 + number % MEMBERS}", {}, b""

    rate, took = await flat_out(on.api_port, read, 16, seconds, [200])
    baseline, plain_took = await flat_out(plain_port, read_plain, 16, seconds, [200])
    return Figure(
        "balance reads, one worker",
        rate,
        "requests/s",
        baseline,
        ">= 0.7 of it",
        {
            "p99 ms": 1000 * percentile(took, 0.99),
            "baseline p99 ms": 1000 * percentile(plain_took, 0.99),
        },
    )
