"""For orchestrators and Prometheus: alive, ready, metrics."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from services.query.answers.service import Health
from services.query.context import Context, Parts
from services.query.limits import READY_SECONDS
from services.query.metrics import Scrape, rendered
from services.query.problems import Code, Problem, documented
from services.query.told import as_json
from shared.events.topics import LEDGER
from shared.stream.store import StoreUnavailable

router = APIRouter(tags=["operations"])

OK = "ok"
SCHEMA = "SELECT to_regclass('redeem.account') IS NOT NULL"
LEDGERS = "SELECT DISTINCT ledger_id FROM redeem.stream_position WHERE topic = $1"


@router.get("/health/live", summary="Is the process alive", response_model=Health)
async def live() -> Response:
    """Answers as long as the process does; says nothing about servers."""
    return as_json({"status": "live", "checks": {}})


@router.get(
    "/health/ready",
    summary="Can requests be served",
    response_model=Health,
    responses=documented(Code.NOT_READY),
)
async def ready(parts: Parts) -> Response:
    """Kafka with the right topics, Postgres, and the ledger's schema must be there."""
    checks = {
        "kafka": await _kafka(parts),
        "programs": await _programs(parts),
        "postgres": await _postgres(parts),
    }
    if any(found != OK for found in checks.values()):
        raise Problem(Code.NOT_READY, checks=checks)
    return as_json({"status": "ready", "checks": checks})


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Counters"}
    },
    response_class=Response,
)
async def metrics(request: Request, parts: Parts) -> Response:
    """Requests, events folded, lag, accounts, points; complete also while a server is away."""
    scrape: Scrape = request.app.state.scrape
    await scrape.look(parts.arrivals.waiting)
    text = await asyncio.to_thread(rendered, request.app.state.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _kafka(parts: Context) -> str:
    line = parts.publisher.line
    if await line.get(0) is None:
        return line.trouble or "not connected yet"
    return OK


async def _programs(parts: Context) -> str:
    line = parts.published.line
    if await line.get(0) is None:
        return line.trouble or "not read yet"
    return OK


async def _postgres(parts: Context) -> str:
    try:
        async with asyncio.timeout(READY_SECONDS):
            if not (await parts.database.fetch(SCHEMA))[0][0]:
                return "there is no schema redeem yet: start the service redeem"
            ledgers = {row[0] for row in await parts.database.fetch(LEDGERS, LEDGER.name)}
    except (StoreUnavailable, TimeoutError):
        return parts.database.line.trouble or "does not answer"
    expected = parts.settings.ledger_id
    if expected and ledgers - {expected}:
        return f"holds ledger {', '.join(sorted(ledgers))}, but the settings name {expected}"
    return OK
