"""The demo's whole year through the real system, against an outsider's SQL on the same files.

Every household's earned, clawed back, expired, redeemed and available points; played a second time,
nothing is counted twice; and `verify` finds nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO

import httpx
from rich.console import Console

from cli.demo.kept import Kept
from cli.stack.host import Host
from cli.stack.play import Stage, play
from shared.local import free_port
from shared.settings import Settings
from tests.acceptance.outsider import Balance, balances
from tests.command import assert_verified
from tests.servers import temporary_folder

AT_ONCE = 16


@asynccontextmanager
async def host() -> AsyncIterator[Host]:
    """Everything on this machine, in a folder of its own."""
    with temporary_folder() as home:
        settings = Settings(
            home=home, kafka_port=free_port(), postgres_port=free_port(), api_port=free_port()
        )
        running = Host(settings, lambda _: None)
        try:
            await running.start()
            yield running
        finally:
            await running.stop()


async def test_every_household_has_what_an_outsider_computes() -> None:
    async with host() as running:
        said = StringIO()
        await play(Stage.of(running), Console(file=said, width=120))
        redeemed_at = datetime.now(UTC)
        first = await told(running.api)
        weeks = Kept(running.settings.home).weeks(drawn=0)
        expected = balances(weeks, datetime.now(UTC), redeemed_at)
        assert len(first) == 2_469
        assert first == expected

        await play(Stage.of(running), Console(file=said, width=120))
        assert await told(running.api) == first
        await assert_verified(running.environment)


async def told(api: str) -> dict[int, Balance]:
    """What the API says of every household that it knows."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=api, timeout=30, trust_env=False) as client:

        async def one(household: int) -> tuple[int, Balance] | None:
            async with slots:
                answer = await client.get(f"/v1/programs/grocer/members/{household}")
            if answer.status_code == 404:
                return None
            body = answer.json()
            return household, Balance(*(body[name] for name in Balance._fields))

        answers = await asyncio.gather(*(one(household) for household in range(1, 2_501)))
    return dict(answer for answer in answers if answer is not None)
