"""Counters for Prometheus: requests, and on a scrape what the projections and the log show.

Guarantees: a scrape never fails, and never waits long, because a server is away: what cannot be
read is left out, and `tessera_up` says so. Labels are route templates, never what callers wrote.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.query.connections import Database, Lifeline
from services.query.limits import READY_SECONDS, TOTALS_SECONDS
from shared.stream.kafka import KafkaLog
from shared.stream.log import LogUnavailable, Place
from shared.stream.store import StoreUnavailable

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SERVICES = ("earn", "redeem")
POSITIONS = "SELECT topic, partition, seq, inputs FROM {schema}.stream_position"
UPSTREAM = "SELECT topic, partition, next_offset FROM intake.upstream_position"
TOTALS = """
SELECT count(*) AS accounts, coalesce(sum(earned), 0)::text AS earned,
  coalesce(sum(redeemed), 0)::text AS redeemed, coalesce(sum(expired), 0)::text AS expired,
  coalesce(sum(free), 0)::text AS free, coalesce(sum(due), 0)::text AS due
FROM redeem.account WHERE split_part(key, ':', 2) NOT LIKE '~%'
"""
"""Of members: units in stock are no points."""


class Sample(NamedTuple):
    """One number of a scrape."""

    name: str
    labels: Mapping[str, str]
    value: float


HELP = {
    "tessera_up": "Whether a server that the API stands on answered this scrape",
    "tessera_folded_records": "Valid records folded, by service",
    "tessera_input_lag_records": "Input records that are not decided yet, by service and topic",
    "tessera_accounts": "Accounts that are open",
    "tessera_points": "Points of all accounts; free ones count until they are swept",
    "tessera_waiting_requests": "Requests that wait for a decision or for a token",
}


class Requests:
    """Counts every request by route and status, and times it."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self._count = Counter(
            "tessera_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "tessera_http_request_seconds",
            "Time from request to answer",
            ["route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            self._answered(scope, status, perf_counter() - started)

    def _answered(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (method, route, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._count.labels(method, route, str(status))
        counter.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)


class Scrape(Collector):
    """What the last scrape saw; `look` renews it."""

    def __init__(self, database: Database, log: Lifeline[KafkaLog]) -> None:
        self._database = database
        self._log = log
        self._samples: Sequence[Sample] = ()
        self._totals: Sequence[Sample] = ()
        self._totals_at = float("-inf")

    async def look(self, waiting: int) -> None:
        """Read what there is to read, within READY_SECONDS a server."""
        samples = [Sample("tessera_waiting_requests", {}, waiting)]
        nexts, postgres = await self._positions(samples)
        kafka = await self._lags(nexts, samples)
        samples += self._totals
        samples += (
            Sample("tessera_up", {"server": "postgres"}, postgres),
            Sample("tessera_up", {"server": "kafka"}, kafka),
        )
        self._samples = samples

    async def _positions(self, samples: list[Sample]) -> tuple[dict[str, dict[Place, int]], bool]:
        """Where each service's inputs stand; adds what it has folded."""
        nexts: dict[str, dict[Place, int]] = {}
        try:
            async with asyncio.timeout(READY_SECONDS):
                for service in SERVICES:
                    await self._service(service, nexts, samples)
                await self._intake(nexts)
                await self._sum_up()
        except (StoreUnavailable, TimeoutError):
            return nexts, False
        return nexts, True

    async def _has(self, table: str) -> bool:
        return bool((await self._database.fetch("SELECT to_regclass($1) IS NOT NULL", table))[0][0])

    async def _service(
        self, service: str, nexts: dict[str, dict[Place, int]], samples: list[Sample]
    ) -> None:
        if not await self._has(f"{service}.stream_position"):
            return
        rows = await self._database.fetch(POSITIONS.format(schema=service))
        folded = sum(row["seq"] for row in rows)
        samples.append(Sample("tessera_folded_records", {"service": service}, folded))
        nexts[service] = {
            Place(topic, row["partition"]): mark[0]
            for row in rows
            for topic, mark in json.loads(row["inputs"]).items()
        }

    async def _intake(self, nexts: dict[str, dict[Place, int]]) -> None:
        if await self._has("intake.upstream_position"):
            nexts["intake"] = {
                Place(row["topic"], row["partition"]): row["next_offset"]
                for row in await self._database.fetch(UPSTREAM)
            }

    async def _sum_up(self) -> None:
        """Totals over all accounts, at most TOTALS_SECONDS old: they cost a scan."""
        if monotonic() - self._totals_at < TOTALS_SECONDS or not await self._has("redeem.account"):
            return
        [row] = await self._database.fetch(TOTALS)
        kinds = ("earned", "redeemed", "expired", "free", "due")
        self._totals = [
            Sample("tessera_accounts", {}, row["accounts"]),
            *(Sample("tessera_points", {"kind": kind}, int(row[kind])) for kind in kinds),
        ]
        self._totals_at = monotonic()

    async def _lags(self, nexts: Mapping[str, Mapping[Place, int]], samples: list[Sample]) -> bool:
        log = await self._log.get(0)
        if log is None:
            return False
        try:
            async with asyncio.timeout(READY_SECONDS):
                bounds = await log.bounds({p for places in nexts.values() for p in places})
        except (LogUnavailable, TimeoutError):
            return False
        for service, places in nexts.items():
            lags: dict[str, int] = {}
            for place, following in places.items():
                behind = max(0, bounds[place].end - following)
                lags[place.topic] = lags.get(place.topic, 0) + behind
            samples.extend(
                Sample("tessera_input_lag_records", {"service": service, "topic": topic}, lag)
                for topic, lag in lags.items()
            )
        return True

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client: what `look` has seen."""
        families: dict[str, GaugeMetricFamily] = {}
        for sample in self._samples:
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = GaugeMetricFamily(
                    sample.name, HELP[sample.name], labels=list(sample.labels)
                )
            family.add_metric(list(sample.labels.values()), sample.value)
        yield from families.values()


def rendered(registry: CollectorRegistry) -> bytes:
    """The registry in Prometheus's text format."""
    return generate_latest(registry)
