"""Rounds of races through several processes of the API, each with exact counts (I5, I6).

`TESSERA_RACE_ROUNDS` says how many; `make races` plays 2,000. Every round has a member of its own
with 100 points, and eight callers who all begin at once, half of them at each process.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from shared.local import free_port
from tests.integration.system.system import System, running_system
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = int(os.environ.get("TESSERA_RACE_ROUNDS", "15"))
AT_ONCE = 6
POINTS = 100
CALLERS = 8
EVENTS_AT_ONCE = 500
OCCURRED_AT = datetime.now(UTC).isoformat()


class Till:
    """Callers of two processes of the API."""

    def __init__(self, system: System, clients: Sequence[httpx.AsyncClient]) -> None:
        self.system = system
        self.clients = clients

    async def redeem(self, number: int, member: str, points: int, key: str) -> httpx.Response:
        """A redemption at one of the processes, sent until it is answered for good."""
        client = self.clients[number % len(self.clients)]

        async def ask() -> httpx.Response | None:
            answer = await client.post(
                f"/v1/programs/shop/members/{member}/redemptions",
                json={"points": points},
                headers={"Idempotency-Key": key},
            )
            return None if answer.status_code in {202, 503} else answer

        answered = await eventually(ask, 90)
        assert answered is not None
        return answered

    async def left(self, member: str, answers: Sequence[httpx.Response]) -> int:
        """What is available once the latest of these answers is seen."""
        tokens = [answer.headers["Tessera-Token"] for answer in answers if answer.is_success]
        latest = max(tokens, key=lambda token: int(token.partition("-")[2]))
        told = await self.clients[0].get(
            f"/v1/programs/shop/members/{member}", headers={"Tessera-Token": latest}
        )
        return int(told.json()["available"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till() -> AsyncIterator[Till]:
    async with running_system() as system, AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{await another_api(system)}"
        others = httpx.AsyncClient(base_url=address, timeout=30, trust_env=False)
        await stack.enter_async_context(others)
        await give_points(system)
        yield Till(system, [system.client, others])


async def another_api(system: System) -> int:
    """The port of one more process of the API, once it is ready."""
    port = free_port()
    system.host.environment["TESSERA_API_PORT"] = str(port)
    system.start_another("query")

    async def is_ready() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                ready = await client.get(f"http://127.0.0.1:{port}/health/ready")
        except httpx.TransportError:
            return False
        return ready.status_code == 200

    await eventually(is_ready, 60)
    return port


async def give_points(system: System) -> None:
    """Every round's member buys for so many dollars."""
    events = [
        {
            "type": "retail.purchase.v1",
            "event_id": f"race-{number}",
            "source": "till",
            "brand": "shop",
            "member": f"race-{number}",
            "receipt_id": f"race-{number}",
            "occurred_at": OCCURRED_AT,
            "currency": "USD",
            "lines": [{"line_id": "1", "sku": "s", "amount_minor": 100 * POINTS}],
        }
        for number in range(ROUNDS)
    ]
    for first in range(0, ROUNDS, EVENTS_AT_ONCE):
        batch = events[first : first + EVENTS_AT_ONCE]
        assert (await system.client.post("/v1/events", json=batch)).status_code == 202
    await system.drained()


async def one_key(till: Till, member: str) -> None:
    """All with the same key: one redemption, one answer, byte for byte."""
    answers = await asyncio.gather(
        *(till.redeem(number, member, 30, "same") for number in range(CALLERS))
    )
    assert Counter(answer.status_code for answer in answers) == {200: CALLERS}
    assert len({answer.content for answer in answers}) == 1
    assert await till.left(member, answers) == POINTS - 30


async def many_keys(till: Till, member: str) -> None:
    """Each with its own key: as many as the points are enough for, and not one more."""
    answers = await asyncio.gather(
        *(till.redeem(number, member, 30, f"own-{number}") for number in range(CALLERS))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 3, 409: CALLERS - 3}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(told["code"], told["available"]) for told in refused} == {("insufficient_points", 10)}
    assert await till.left(member, answers) == POINTS - 3 * 30


async def two_bodies(till: Till, member: str) -> None:
    """The same key with two bodies: one of them is redeemed once, the other one is told 422."""
    points = [30 + 10 * (number // 2 % 2) for number in range(CALLERS)]
    answers = await asyncio.gather(
        *(till.redeem(number, member, asked, "same") for number, asked in enumerate(points))
    )
    assert Counter(answer.status_code for answer in answers) == {
        200: CALLERS // 2,
        422: CALLERS // 2,
    }
    redeemed = {answer.content for answer in answers if answer.status_code == 200}
    taken = {asked for asked, answer in zip(points, answers, strict=True) if answer.is_success}
    assert len(redeemed) == len(taken) == 1
    assert await till.left(member, answers) == POINTS - taken.pop()


RACES: tuple[Callable[[Till, str], Awaitable[None]], ...] = (one_key, many_keys, two_bodies)


async def test_every_round_of_races_has_its_exact_count(till: Till) -> None:
    waiting = iter(range(ROUNDS))

    async def play() -> None:
        for number in waiting:
            await RACES[number % len(RACES)](till, f"race-{number}")

    await asyncio.gather(*(play() for _ in range(AT_ONCE)))
    print(f"{ROUNDS:,} rounds of {CALLERS} callers")  # noqa: T201  (what `make races` shows)
