"""Merges on real servers: two cards become one, whatever is killed on the way.

1. What was in both accounts is in one of them at once; the other shows where it is (C37).
2. A key is one merge, and its answer the same bytes (I2, I6).
3. What is asked of the merged member later is done, and answered to who asked.
4. `kill -9` of the account keeper between the steps: no point is made or lost (I4).
5. Verification finds nothing, and rebuilt equals live (I8).
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
import pytest_asyncio

from services.query import outcomes
from services.query.answers.accounts import Balances
from services.query.answers.moves import MergeSeen
from shared.ledger.moving import UNITS_PER_PART
from tests.command import assert_verified, tessera
from tests.integration.system.system import System, running_system
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = [str(number) for number in range(24)]
LOTS_IN_PARTS = 2 * UNITS_PER_PART
"""Lots of member 0, besides what all have: they move in three parts."""
WHO = {"actor": "anna", "reason": "two cards of one member"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        await running.publish(20 * len(MEMBERS), members=len(MEMBERS))
        await running.publish(LOTS_IN_PARTS, members=1)
        await running.drained()
        yield running


async def merge(system: System, member: str, into: str, key: str) -> httpx.Response:
    """One account into another; the answer is the last word, asked for until it is there."""
    return await system.write(f"members/{member}/merges", key, {"into": into, **WHO})


async def available(system: System, members: Iterable[str]) -> int:
    """What the members have in all."""
    told = await system.balances(members)
    return sum(one["available"] for one in told.values())


async def test_what_was_in_both_is_in_one_at_once(system: System) -> None:
    both = await available(system, ("0", "1"))
    told = await asyncio.gather(*(merge(system, "0", "1", "same") for _ in range(5)))
    assert len({answer.content for answer in told}) == 1
    made = outcomes.MergeMade.model_validate_json(told[0].content)
    assert (made.status, made.into, made.balance) == ("merged", "1", 0)
    assert (await system.balance("1"))["available"] == both
    merged = await system.balance("0")
    assert (merged["available"], merged["earned"]) == (0, 0)
    assert Balances.model_validate(merged).merged_into == "1"
    seen = await system.client.get(f"/v1/programs/shop/members/0/merges/{made.merge_id}")
    assert MergeSeen.model_validate_json(seen.content).merge.status == "done"
    told_parts = (await system.client.get("/v1/programs/shop/members/1/entries")).json()
    in_parts = [entry["detail"].get("part", {}) for entry in told_parts["entries"]]
    assert sum(part.get("lots", 0) for part in in_parts) == LOTS_IN_PARTS + 20
    assert (await merge(system, "0", "2", "same")).status_code == 422


async def test_what_is_refused_says_why(system: System) -> None:
    for into, code in (
        ("2", "merge_not_allowed"),
        ("nobody", "account_unknown"),
        ("0", "account_merged"),
    ):
        answer = await merge(system, "2", into, f"into-{into}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    answer = await merge(system, "0", "2", "again")
    assert (answer.json()["code"], answer.json()["merged_into"]) == ("account_merged", "1")
    assert (await system.redeem("2", 1, "still-there")).status_code == 200


async def test_what_is_asked_of_the_merged_member_is_done_there(system: System) -> None:
    before = await system.balance("1")
    first = await system.redeem("0", 30, "late")
    assert (first.status_code, first.json()["member"]) == (200, "1")
    assert (await system.redeem("0", 30, "late")).content == first.content
    status = await system.client.get(
        f"/v1/programs/shop/members/0/redemptions/{first.json()['redemption_id']}"
    )
    assert status.content == first.content
    assert (await system.redeem("0", 31, "late")).status_code == 422
    back = await system.write(
        f"members/0/redemptions/{first.json()['redemption_id']}/cancel", "back", {"points": 10}
    )
    assert back.status_code == 200, back.text
    assert (await system.balance("1"))["available"] == before["available"] - 20


async def test_accounts_are_merged_on_the_command_line(system: System) -> None:
    both = await available(system, ("3", "4"))
    verb = ("member", "merge", "shop", "3", "4", "--key", "by-hand")
    for _ in range(2):
        code, said = await tessera(
            system.host.environment, *verb, "--actor", "anna", "--reason", "one member"
        )
        assert (code, "merged" in said) == (0, True), said
    assert (await system.balance("4"))["available"] == both


async def test_killed_between_the_steps_no_point_is_made_or_lost(system: System) -> None:
    chain = MEMBERS[5:]
    before = await available(system, chain)
    merging = [
        asyncio.create_task(merge(system, member, into, f"killed-{member}"))
        for member, into in itertools.pairwise(chain)
    ]
    spending = [
        asyncio.create_task(system.redeem(member, 1, f"meanwhile-{member}")) for member in chain
    ]
    for _ in range(3):
        await system.kill("redeem")
    merged = await asyncio.gather(*merging)
    assert {answer.status_code for answer in merged} <= {200, 409}
    assert any(answer.status_code == 200 for answer in merged)
    spent = sum(answer.status_code == 200 for answer in await asyncio.gather(*spending))
    await system.drained()
    assert await available(system, chain) == before - spent


async def test_awards_go_on_to_the_account_that_has_everything(system: System) -> None:
    before = await available(system, MEMBERS)
    earned = sum(system.earned.values())
    await system.publish(2 * len(MEMBERS), members=len(MEMBERS))
    more = sum(system.earned.values()) - earned

    async def are_there() -> bool:
        await system.drained()
        return await available(system, MEMBERS) - before >= more

    await eventually(are_there, 60)
    assert await available(system, MEMBERS) == before + more
    assert (await system.balance("0"))["available"] == 0


async def test_rebuilt_equals_live_and_verification_finds_nothing(system: System) -> None:
    await system.drained()
    await assert_verified(system.host.environment)
    code, said = await tessera(system.host.environment, "rebuild", "redeem")
    assert code == 0, said
    assert (await system.redeem("0", 1, "after")).status_code == 200
    await system.drained()
    await assert_verified(system.host.environment)
