"""The application: routes, errors and documentation on top of the parts that do the work.

Importable, and its OpenAPI can be generated, without any server running: connections are made when
the application starts, and waited for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.query import (
    api_corrections,
    api_events,
    api_health,
    api_holds,
    api_members,
    api_merges,
    api_preview,
    api_programs,
    api_receipts,
    api_redemptions,
    api_requests,
    api_rewards,
    api_stock,
    api_transfers,
    courses,
    documentation,
    openapi,
    problems,
)
from services.query.arrivals import Arrivals
from services.query.carried_requests import CarriedRequests
from services.query.connections import Database, Lifeline, Published
from services.query.context import Context
from services.query.metrics import Requests, Scrape
from services.query.paths import SlashesInNames
from services.query.publishing import Publisher
from services.query.reading import Reader
from services.query.redemptions import Redemptions
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.version import VERSION

DESCRIPTION = """
Points of loyalty programs: balances out, events and redemptions in.

Points and money are whole numbers; money is in minor units. Every answer about an account carries
a token (`token`, `Tessera-Token`): send it back and no answer will be older. Errors are problem
details (RFC 9457) with a stable `code`.
"""


def create_app(settings: Settings) -> FastAPI:
    """The API as an ASGI application; it connects when it is started."""
    log: Lifeline[KafkaLog] = Lifeline("offsets", lambda: _log(settings.kafka), KafkaLog.close)
    context = _context(settings, log)
    registry = CollectorRegistry()
    scrape = Scrape(context.database, log)
    registry.register(scrape)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with _kept(context, log):
            yield

    app = FastAPI(
        title="Tessera",
        version=VERSION,
        description=DESCRIPTION.strip(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.state.scrape = scrape
    app.state.registry = registry
    app.add_middleware(SlashesInNames)
    app.add_middleware(Requests, registry=registry)
    problems.install(app)
    _add_routes(app)
    openapi.install(app)
    documentation.install(app)
    return app


def _context(settings: Settings, log: Lifeline[KafkaLog]) -> Context:
    database = Database(settings.postgres)
    arrivals = Arrivals(database, settings.postgres)
    publisher = Publisher(settings.kafka, settings.partitions)
    reader = Reader(database, arrivals, log, settings.partitions)
    redemptions = Redemptions(
        database,
        arrivals,
        publisher,
        reader,
        partitions=settings.partitions,
        answer_seconds=settings.answer_seconds,
    )
    carried = partial(
        CarriedRequests,
        redemptions=redemptions,
        reader=reader,
    )
    return Context(
        settings=settings,
        database=database,
        published=Published(settings.kafka),
        publisher=publisher,
        arrivals=arrivals,
        reader=reader,
        redemptions=redemptions,
        rewards=carried(courses.REWARDS),
        transfers=carried(courses.TRANSFERS_MADE),
        merges=carried(courses.MERGES_MADE),
    )


def _add_routes(app: FastAPI) -> None:
    for room in (
        *(api_members, api_receipts, api_redemptions, api_holds, api_corrections, api_requests),
        *(api_rewards, api_transfers, api_merges, api_stock),
        *(api_preview, api_programs, api_events, api_health),
    ):
        app.include_router(room.router, prefix="/v1")
    app.include_router(api_health.router, include_in_schema=False)


async def _log(bootstrap: str) -> KafkaLog:
    log = KafkaLog(bootstrap)
    try:
        await log.start()
    except BaseException:
        await log.close()
        raise
    return log


@asynccontextmanager
async def _kept(context: Context, log: Lifeline[KafkaLog]) -> AsyncIterator[None]:
    """Keep every connection while the application runs; close them all when it stops."""
    tasks = [
        asyncio.create_task(work, name=f"query {number}")
        for number, work in enumerate(
            (
                context.database.line.keep(),
                context.published.line.keep(),
                context.publisher.line.keep(),
                context.arrivals.line.keep(),
                log.keep(),
                context.published.follow(),
                context.arrivals.look_after(),
            )
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
