"""Many callers, several owners, a service that is away: exact counts (I5, I6, I10)."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.system.system import System, running_system
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        await running.publish(2_000, members=10)
        await running.drained()
        yield running


async def available(system: System, member: str) -> int:
    return (await system.balance(member))["available"]


async def spend_down_to(system: System, member: str, points: int) -> None:
    """Leave exactly so many points."""
    spent = await system.redeem(member, await available(system, member) - points, f"down-{member}")
    assert spent.status_code == 200


async def test_ten_of_fifty_parallel_redemptions_get_the_thousand_points(system: System) -> None:
    await spend_down_to(system, "0", 1_000)
    answers = await asyncio.gather(*(system.redeem("0", 100, f"race-{n}") for n in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 40}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {
        "insufficient_points"
    }
    assert await available(system, "0") == 0


async def test_one_key_is_one_redemption_when_many_callers_use_it(system: System) -> None:
    before = await available(system, "1")
    answers = await asyncio.gather(*(system.redeem("1", 7, "same-key") for _ in range(30)))
    assert len({answer.content for answer in answers}) == 1
    assert await available(system, "1") == before - 7
    assert (await system.redeem("1", 8, "same-key")).status_code == 422
    assert await available(system, "1") == before - 7


async def test_a_read_with_the_token_shows_the_redemption(system: System) -> None:
    for number in range(20):
        answer = await system.redeem("2", 1, f"token-{number}")
        told = await system.client.get(
            "/v1/programs/shop/members/2",
            headers={"Tessera-Token": answer.headers["Tessera-Token"]},
        )
        assert told.json()["redeemed"] == number + 1


async def test_redemptions_go_on_while_earn_is_away(system: System) -> None:
    os.kill(system.pid("earn"), signal.SIGSTOP)
    try:
        assert (await system.redeem("3", 5, "without-earn")).status_code == 200
    finally:
        os.kill(system.pid("earn"), signal.SIGCONT)


async def test_two_owners_and_a_zombie_spend_no_point_twice(system: System) -> None:
    """The first owner is paused until the other has its partitions, then goes on."""
    await spend_down_to(system, "4", 500)
    system.start_another("redeem")
    answers = [await system.redeem("4", 10, f"two-{n}") for n in range(5)]
    os.kill(system.pid("redeem"), signal.SIGSTOP)
    try:
        during = await asyncio.gather(*(system.redeem("4", 10, f"during-{n}") for n in range(20)))
    finally:
        os.kill(system.pid("redeem"), signal.SIGCONT)
    after = await asyncio.gather(*(system.redeem("4", 10, f"after-{n}") for n in range(40)))
    spent = Counter(answer.status_code for answer in (*answers, *during, *after))
    assert spent == {200: 50, 409: 15}
    assert await available(system, "4") == 0


async def test_points_expire_by_date_and_the_sweep_writes_it_down_once(system: System) -> None:
    """A purchase of 13 months ago: worth its points, and gone at once."""
    event = {
        "type": "retail.purchase.v1",
        "event_id": "old",
        "source": "till",
        "brand": "shop",
        "member": "late",
        "receipt_id": "old",
        "occurred_at": "2020-01-05T12:00:00Z",
        "currency": "USD",
        "lines": [{"line_id": "1", "sku": "s", "amount_minor": 4_000}],
    }
    for _ in range(3):
        assert (await system.client.post("/v1/events", json=event)).status_code == 202

    async def told() -> dict[str, int] | None:
        answer = await system.client.get("/v1/programs/shop/members/late")
        return answer.json() if answer.status_code == 200 else None

    balance = await eventually(told, 60)
    assert balance is not None
    assert (balance["earned"], balance["expired"], balance["available"]) == (40, 40, 0)
