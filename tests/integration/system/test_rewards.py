"""Rewards on real servers: the last unit, kills between the steps, what is given back.

1. Of fifty who race for one unit, exactly one gets it, and nobody else loses a point (I5, C5).
2. A key is one reward, whoever asks and how often; its answer is the same bytes (I2, I6).
3. `kill -9` of the account keeper between the steps: every reward is issued or refused in the end.
4. Verification finds nothing, and rebuilt equals live (I8).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.command import assert_verified, tessera
from tests.integration.system.system import System, running_system
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

RACERS = 50
PRICE = 10
WHO = {"actor": "ann", "reason": "delivery of Monday"}
PROGRAM = "/v1/programs/shop"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with running_system() as running:
        await running.publish(6 * RACERS, members=RACERS)
        await running.drained()
        yield running


async def put(system: System, reward: str, key: str, **body: Any) -> None:
    """Units put in stock."""
    answer = await system.write(f"rewards/{reward}/stock", key, {**body, **WHO})
    assert answer.status_code == 200, answer.text


async def redeem(system: System, member: int, reward: str, key: str) -> httpx.Response:
    """A reward asked for."""
    return await system.write(f"members/{member}/rewards", key, {"reward": reward})


async def get(system: System, path: str) -> Any:
    """What a read says."""
    answer = await system.client.get(f"{PROGRAM}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def balances(system: System) -> dict[str, dict[str, int]]:
    return await system.balances(str(number) for number in range(RACERS))


async def units(system: System, reward: str) -> tuple[int, int, int]:
    """In stock, taken, written off."""
    told = await get(system, f"rewards/{reward}")
    return told["in_stock"], told["taken"], told["written_off"]


async def test_of_fifty_racers_exactly_one_gets_the_last_unit(system: System) -> None:
    await put(system, "mug", "one", units=1)
    before = await balances(system)
    assert min(told["available"] for told in before.values()) >= PRICE
    answers = await asyncio.gather(
        *(redeem(system, number, "mug", "race") for number in range(RACERS))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: RACERS - 1}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {told["code"] for told in refused} == {"reward_not_available"}
    [winner] = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    after = await balances(system)
    for number in range(RACERS):
        spent = PRICE if number == winner else 0
        told, was = after[str(number)], before[str(number)]
        assert (told["available"], told["held"]) == (was["available"] - spent, 0)
    assert await units(system, "mug") == (0, 1, 0)


async def test_a_key_is_one_reward_and_its_answer_the_same_bytes(system: System) -> None:
    await put(system, "voucher", "two", codes=["V-1", "V-2"])
    answers = await asyncio.gather(*(redeem(system, 1, "voucher", "same") for _ in range(10)))
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "V-1"
    assert (await redeem(system, 1, "thanks", "same")).status_code == 422
    assert await units(system, "voucher") == (1, 1, 0)


async def test_a_reward_is_cancelled_with_its_points_and_handed_over_once(system: System) -> None:
    before = await system.balance("2")
    issued = (await redeem(system, 2, "voucher", "to-cancel")).json()
    path = f"members/2/rewards/{issued['redemption_id']}"
    assert (await get(system, path))["claim"]["status"] == "issued"
    cancelled = await system.write(f"{path}/cancellation", "case-1", WHO)
    assert (cancelled.status_code, cancelled.json()["points"]) == (200, PRICE)
    assert (await system.balance("2"))["available"] == before["available"]

    async def written_off() -> bool:
        return (await units(system, "voucher"))[2] == 1

    await eventually(written_off, 30)
    late = await system.write(f"{path}/fulfilment", "case-2", WHO)
    assert (late.status_code, late.json()["code"]) == (409, "reward_not_open")

    thanks = (await redeem(system, 2, "thanks", "card")).json()
    path = f"members/2/rewards/{thanks['redemption_id']}"
    assert (await system.write(f"{path}/fulfilment", "case-3", WHO)).status_code == 200
    assert (await get(system, path))["claim"]["status"] == "fulfilled"
    listed = (await get(system, "members/2/rewards"))["rewards"]
    assert [claim["status"] for claim in listed] == ["fulfilled", "cancelled", "refused"]


async def test_the_catalogue_says_what_a_member_can_have(system: System) -> None:
    told = await get(system, "members/3/catalogue")
    offers = {offer["reward"]: offer for offer in told["rewards"]}
    assert {name: offer["offered"] for name, offer in offers.items()} == {
        "mug": False,
        "voucher": False,
        "thanks": True,
    }
    assert all(offer["affordable"] and not offer["missing"] for offer in offers.values())
    unknown = await redeem(system, 3, "castle", "castle")
    assert (unknown.status_code, unknown.json()["code"]) == (409, "reward_unknown")
    nobody = await system.client.get(f"{PROGRAM}/members/~reward~mug")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "account_unknown")


async def test_an_operator_stocks_hands_over_and_takes_back_from_the_command_line(
    system: System, tmp_path: Path
) -> None:
    codes = tmp_path / "codes.txt"
    codes.write_text("C-1\n\nC-2\n", encoding="utf-8")
    who = ("--actor", "ann", "--reason", "delivery of Monday")

    async def reward(*arguments: str) -> tuple[int | None, str]:
        code, said = await tessera(system.host.environment, "reward", *arguments)
        return code, " ".join(said.split())

    in_stock = (await units(system, "voucher"))[0]
    stocked = ("stock", "shop", "voucher", "--codes", str(codes), "--key", "monday", *who)
    for _ in range(2):
        code, said = await reward(*stocked)
        assert (code, said) == (0, f"added; the balance is {in_stock + 2} (key: monday)")
    code, said = await reward("list", "shop")
    assert code == 0
    assert f"voucher A voucher with a code {PRICE} {in_stock + 2} yes" in said

    code, said = await reward("redeem", "shop", "5", "voucher", "--key", "mine")
    assert (code, said.startswith("issued with the code ")) == (0, True), said
    [claim] = (await get(system, "members/5/rewards"))["rewards"][:1]
    assert claim["code"] in said
    assert (await reward("fulfil", "shop", "5", claim["redemption_id"], *who))[0] == 0
    code, said = await reward("cancel", "shop", "5", claim["redemption_id"], *who)
    assert (code, said.partition(":")[0]) == (1, "reward_not_open")
    code, said = await reward("stock", "shop", "mug", "--units", "1", "--codes", str(codes), *who)
    assert (code, "one of --units and --codes" in said) == (2, True)


async def test_killed_between_the_steps_every_reward_is_issued_or_refused(system: System) -> None:
    await put(system, "mug", "seven", units=7)
    before = await balances(system)
    asking = [asyncio.create_task(redeem(system, number, "mug", "killed")) for number in range(20)]
    for _ in range(3):
        await system.kill("redeem")
    answers = await asyncio.gather(*asking)
    assert Counter(answer.status_code for answer in answers) == {200: 7, 409: 13}
    after = await balances(system)
    for number, answer in enumerate(answers):
        spent = PRICE if answer.status_code == 200 else 0
        told, was = after[str(number)], before[str(number)]
        assert (told["available"], told["held"]) == (was["available"] - spent, 0)
    assert (await units(system, "mug"))[0] == 0


async def test_rebuilt_equals_live_and_verification_finds_nothing(system: System) -> None:
    await system.drained()
    await assert_verified(system.host.environment)
    code, said = await tessera(system.host.environment, "rebuild", "redeem")
    assert code == 0, said
    await put(system, "mug", "more", units=1)
    assert (await redeem(system, 4, "mug", "after")).status_code == 200
    await system.drained()
    await assert_verified(system.host.environment)
