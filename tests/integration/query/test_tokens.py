"""Tokens: no reader that sends its token back, and no process, sees an account go back (I11)."""

import asyncio

import httpx
import pytest

from services.query.tokens import Token
from shared.stream.records import partition_of_account
from tests.api import PARTITIONS
from tests.integration.query.ledger import Ledger, days, earned

PATH = "/v1/programs/shop/members/jo"
HERE = partition_of_account("shop:jo", PARTITIONS)


async def test_a_read_waits_for_its_token(client: httpx.AsyncClient, ledger: Ledger):
    await ledger.take(earned("shop:jo", 1), days(1))
    token = Token.read((await client.get(PATH)).json()["token"])
    later = str(Token(token.partition, token.position + 1))

    reading = asyncio.create_task(client.get(PATH, headers={"Tessera-Token": later}))
    await asyncio.sleep(0)
    await ledger.take(earned("shop:jo", 2, "2"), days(2), notify=False)

    response = await reading
    assert (response.status_code, response.json()["earned"]) == (200, 3)
    assert response.json()["token"] == later


async def test_an_account_that_the_token_knows_is_waited_for(client, ledger: Ledger):
    """A reader that has seen an account never hears that there is none."""
    reading = asyncio.create_task(client.get(PATH, params={"token": f"{HERE}-1"}))
    await asyncio.sleep(0)
    await ledger.take(earned("shop:jo", 2), days(1))
    assert (await reading).json()["earned"] == 2


@pytest.mark.parametrize("path", ["", "/entries", "/lots", "/expiries"])
async def test_a_token_that_is_not_reached_in_time_gets_503(client, ledger: Ledger, path: str):
    await ledger.take(earned("shop:jo", 1), days(1))
    response = await client.get(PATH + path, params={"token": f"{HERE}-1000"})
    assert (response.status_code, response.json()["code"]) == (503, "not_caught_up")
    assert response.headers["Retry-After"] == "1"


async def test_the_newest_of_several_tokens_counts(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 1), days(1))
    response = await client.get(
        PATH, params={"token": f"{HERE}-1000"}, headers={"Tessera-Token": f"{HERE}-1"}
    )
    assert response.status_code == 503


async def test_a_token_of_another_partition_says_nothing_about_this_one(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 1), days(1))
    elsewhere = (HERE + 1) % PARTITIONS
    response = await client.get(PATH, params={"token": f"{elsewhere}-1000"})
    assert response.status_code == 200


async def test_a_process_never_answers_older_than_it_did_before(client, ledger: Ledger):
    """A Postgres that was restored to an older state, under a living API."""
    await ledger.take(earned("shop:jo", 1), days(1))
    await ledger.take(earned("shop:jo", 1, "2"), days(2))
    assert (await client.get(PATH)).status_code == 200
    async with ledger.pool.acquire() as connection:
        await connection.execute("UPDATE stream_position SET seq = seq - 1")

    response = await client.get(PATH)

    assert (response.status_code, response.json()["code"]) == (503, "not_caught_up")
