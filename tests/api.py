"""The HTTP API in the process of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.query.app import create_app
from shared.settings import Settings

NOWHERE = "127.0.0.1:9"
"""No server answers here."""
PARTITIONS = 8
LEDGER_ID = "test"


def settings_of(
    postgres: str = f"postgresql://x@{NOWHERE}/x",
    kafka: str = NOWHERE,
    answer_seconds: float = 20.0,
) -> Settings:
    """Settings of a small installation; servers that are not named are away."""
    return Settings(
        kafka=kafka,
        postgres=postgres,
        ledger_id=LEDGER_ID,
        partitions=PARTITIONS,
        answer_seconds=answer_seconds,
    )


def unstarted() -> FastAPI:
    """An application that is never started: it answers what needs no server."""
    return create_app(settings_of())


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application as it is; a mistake of the server fails the test."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60) as client:
        yield client


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that is started and stopped."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), calling(app) as client:
        yield client
