"""Transfers on real servers: gifts at once, kills between the steps, refusals.

1. Of N gifts at once, as many arrive as there are points for; no point is made or lost (C2, I4).
2. `kill -9` of the account keeper between the steps: a transfer is received, or comes back whole,
   as a fact of its own: nothing that was there before is put back over what came since (C4).
3. A key is one transfer, and its answer the same bytes (I2, I6).
4. Verification finds nothing, and rebuilt equals live (I8).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
import pytest_asyncio

from services.query import outcomes
from services.query.answers.moves import TransferSeen
from tests.command import assert_verified, tessera
from tests.integration.system.system import System, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = [str(number) for number in range(20)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        await running.publish(20 * len(MEMBERS), members=len(MEMBERS))
        await running.drained()
        yield running


async def give(system: System, member: str, to: str, points: int, key: str) -> httpx.Response:
    """Points for another member; the answer is the last word, asked for until it is there."""
    return await system.write(f"members/{member}/transfers", key, {"to": to, "points": points})


async def points(system: System, members: Iterable[str]) -> int:
    """What the members have in all, once nothing is in transit."""
    told = await system.balances(members)
    assert sum(one["sent"] for one in told.values()) == sum(
        one["received"] for one in told.values()
    )
    return sum(one["available"] for one in told.values())


async def test_of_twenty_gifts_at_once_as_many_arrive_as_there_are_points_for(
    system: System,
) -> None:
    giver, *friends = MEMBERS
    before = await points(system, MEMBERS)
    gift = (await system.balance(giver))["available"] // 7
    given = await asyncio.gather(
        *(give(system, giver, friend, gift, f"gift-{friend}") for friend in friends)
    )
    assert Counter(answer.status_code for answer in given) == {200: 7, 409: len(friends) - 7}
    assert {answer.json()["code"] for answer in given if answer.status_code == 409} == {
        "insufficient_points"
    }
    assert await points(system, MEMBERS) == before
    assert (await system.balance(giver))["sent"] == 7 * gift


async def test_a_key_is_one_transfer_and_its_answer_the_same_bytes(system: System) -> None:
    told = await asyncio.gather(*(give(system, "1", "2", 5, "same") for _ in range(10)))
    assert len({answer.content for answer in told}) == 1
    made = outcomes.TransferMade.model_validate_json(told[0].content)
    assert (made.status, made.to, made.points) == ("received", "2", 5)
    assert (await give(system, "1", "3", 5, "same")).status_code == 422
    seen = await system.client.get(f"/v1/programs/shop/members/1/transfers/{made.transfer_id}")
    assert TransferSeen.model_validate_json(seen.content).transfer.status == "received"
    nobody = await system.client.get(f"/v1/programs/shop/members/2/transfers/{made.transfer_id}")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "transfer_unknown")


async def test_what_the_other_does_not_take_is_not_given_away(system: System) -> None:
    before = await system.balance("4")
    for to, amount, code in (
        ("nobody", 5, "account_unknown"),
        ("4", 5, "transfer_not_allowed"),
        ("~reward~mug", 5, "transfer_not_allowed"),
        ("5", 4, "below_minimum"),
    ):
        answer = await give(system, "4", to, amount, f"to-{to}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        again = await give(system, "4", to, amount, f"to-{to}")
        assert again.content == answer.content
        status = await system.client.get(
            f"/v1/programs/shop/members/4/transfers/{answer.json()['request_id']}"
        )
        assert (status.status_code, status.json()["code"]) == (409, code)
    after = await system.balance("4")
    assert (after["available"], after["sent"]) == (before["available"], 0)


async def test_points_are_given_on_the_command_line(system: System) -> None:
    before = await system.balance("9")
    verb = ("member", "give", "shop", "8", "9", "5", "--key", "by-hand")
    for _ in range(2):
        code, said = await tessera(system.host.environment, *verb)
        assert (code, "received" in said) == (0, True), said
    assert (await system.balance("9"))["received"] == before["received"] + 5


async def test_killed_between_the_steps_every_transfer_is_received_or_comes_back(
    system: System,
) -> None:
    before = await points(system, MEMBERS)
    giving = [
        asyncio.create_task(give(system, member, to, 5, f"killed-{member}"))
        for number, member in enumerate(MEMBERS)
        for to in ["nobody" if number % 4 == 0 else MEMBERS[number - 1]]
    ]
    for _ in range(3):
        await system.kill("redeem")
    given = await asyncio.gather(*giving)
    assert Counter(answer.status_code for answer in given) == {200: 15, 409: 5}
    assert await points(system, MEMBERS) == before


async def test_rebuilt_equals_live_and_verification_finds_nothing(system: System) -> None:
    await system.drained()
    await assert_verified(system.host.environment)
    code, said = await tessera(system.host.environment, "rebuild", "redeem")
    assert code == 0, said
    assert (await give(system, "6", "7", 5, "after")).status_code == 200
    await system.drained()
    await assert_verified(system.host.environment)
