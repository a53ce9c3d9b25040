"""`kill -9` in the middle of the load, and databases that forget: nothing is lost, nothing doubled.

What a run without kills gives is what was bought, a point a dollar: I1, I2, I5, I8, I12.
"""

import asyncio
import shutil
import subprocess
from pathlib import Path

from tests.command import assert_verified
from tests.integration.system.system import System, running_system

VICTIMS = ("earn", "redeem", "intake", "kafka", "postgres", "query")


async def all_is_well(system: System) -> None:
    """Every balance is what a run without faults gives, and verify finds nothing."""
    await system.drained()
    balances = await system.balances(system.earned)
    assert {member: told["earned"] for member, told in balances.items()} == system.earned
    for told in balances.values():
        assert told["available"] == told["earned"] - told["redeemed"]
    await assert_verified(system.host.environment)


async def test_nothing_is_lost_or_doubled_when_processes_are_killed() -> None:
    async with running_system() as system:
        redemptions = asyncio.create_task(redeem_now_and_then(system))
        for victim in VICTIMS:
            await asyncio.gather(system.publish(1_000), system.kill(victim))
        redeemed = await redemptions
        await all_is_well(system)
        balances = await system.balances(redeemed)
        assert {member: told["redeemed"] for member, told in balances.items()} == redeemed


async def redeem_now_and_then(system: System) -> dict[str, int]:
    """Redemptions all along, each sent until it is answered; what was answered with 200."""
    redeemed: dict[str, int] = {}
    for number in range(40):
        member = str(number % 5)
        answer = await system.redeem(member, 3, f"now-and-then-{number}")
        redeemed.setdefault(member, 0)
        if answer.status_code == 200:
            redeemed[member] += answer.json()["points"]
    return redeemed


async def test_a_database_restored_to_an_older_state_catches_up_under_living_services() -> None:
    async with running_system(looked_after=False) as system:
        postgres = system.host.postgres
        assert postgres is not None
        await system.publish(500)
        await system.drained()
        kept = Path(f"{postgres.home.data}.older")
        await postgres.stop()
        with_owners = ["cp", "-a", str(postgres.home.data), str(kept)]
        await asyncio.to_thread(subprocess.run, with_owners, check=True)
        await postgres.start()
        await system.publish(500)
        assert (await system.redeem("1", 5, "before")).status_code == 200
        await system.drained()

        await postgres.stop()
        await asyncio.to_thread(shutil.rmtree, postgres.home.data)
        await asyncio.to_thread(kept.rename, postgres.home.data)
        await postgres.start()
        await system.publish(500)
        first = await system.redeem("1", 5, "before")
        assert (first.status_code, first.json()["points"]) == (200, 5)
        await all_is_well(system)
        assert (await system.balance("1"))["redeemed"] == 5
