"""A member, and rewards, as `tessera` prints them, from the API on the filled installation."""

import asyncpg
import httpx
import pytest

from cli.catalogue import listed
from cli.member import ask, show
from cli.refusals import Refused, WronglySetUp
from tests.api import NOWHERE, running
from tests.integration.operations.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_balances_lots_and_entries_are_shown(
    world: World, connection: asyncpg.Connection, capsys
):
    row = await connection.fetchrow("SELECT * FROM redeem.account WHERE key = 'shop:3'")
    async with running(world.settings) as client:
        assert await ask(client, "shop", "3") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"available {row['free']} earned {row['earned']}" in said
    assert f"redeemed {row['redeemed']}" in said
    assert "r3" in said
    assert "points.redeemed -3" in said
    assert "redemption.refused " in said


async def test_a_merged_member_is_told_where_the_points_are(world: World, capsys):
    async with running(world.settings) as client:

        async def merged(request: httpx.Request) -> httpx.Response:
            told = (await client.get(request.url.path)).json()
            return httpx.Response(200, json={**told, "merged_into": "jo"})

        async with httpx.AsyncClient(
            transport=httpx.MockTransport(merged), base_url="http://api"
        ) as api:
            assert await ask(api, "shop", "3") == 0
    assert "tessera member show shop jo" in capsys.readouterr().out


async def test_a_member_without_an_account_is_said_to_have_none(world: World):
    async with running(world.settings) as client:
        with pytest.raises(Refused, match="account_unknown"):
            await ask(client, "shop", "nobody")


async def test_an_api_that_is_away_is_said_to_be():
    with pytest.raises(WronglySetUp, match="start it with `tessera up`"):
        await show(f"http://{NOWHERE}", "shop", "3")


async def test_a_program_without_rewards_is_said_to_offer_none(world: World, capsys):
    async with running(world.settings) as client:
        assert await listed(client, "shop") == 0
        with pytest.raises(Refused, match="program_unknown"):
            await listed(client, "nowhere")
    assert capsys.readouterr().out == "shop version 1 offers no rewards\n"
