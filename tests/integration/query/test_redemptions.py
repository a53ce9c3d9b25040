"""Redemptions over HTTP, decided by the real redeem on a real Kafka and Postgres.

I5: K concurrent redemptions of a points each, exactly floor(B/a) accepted. I6: the same key gets
the same answer, before and after a restart; the same key with another body gets 422. I10: after a
200, a read with its token shows it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.query.answers.spending import PendingRedemption, RedemptionMade
from services.query.problems import ProblemDetails
from shared.chain.link import genesis
from shared.events.ids import award_cause
from shared.events.topics import AWARDS
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Place
from shared.stream.records import linked, partition_of_account, written
from shared.stream.service import Decision
from tests.api import LEDGER_ID, PARTITIONS, running
from tests.integration.query.conftest import redeem_running
from tests.integration.query.ledger import SHOP, earned
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEMBERS = "/v1/programs/shop/members"
DOCUMENT = SHOP.model_dump(mode="json", exclude_none=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(api: httpx.AsyncClient, installed: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API with the program published, beside a running redeem."""
    published = await api.put("/v1/programs/shop/versions/1", json=DOCUMENT)
    assert published.status_code == 201, published.text
    async with redeem_running(installed):
        yield api


class Earn:
    """Stands for earn: writes awards on their chains."""

    def __init__(self, log: KafkaLog, api: httpx.AsyncClient) -> None:
        self.log = log
        self.api = api
        self.heads = {
            partition: genesis(LEDGER_ID, AWARDS.name, partition, PARTITIONS, "earn")
            for partition in range(PARTITIONS)
        }

    async def award(self, member: str, *points: int) -> None:
        """Awards of these points; the member has them when this returns."""
        account = f"shop:{member}"
        partition = partition_of_account(account, PARTITIONS)
        records = []
        for number, each in enumerate(points):
            fact = earned(account, each, str(number))
            decision = Decision(award_cause(account, fact.award_id), b"", fact)
            head = self.heads[partition]
            said = written(decision, time_ms=0, seq=head.seq + 1)
            record, self.heads[partition] = linked(
                head, decision.cause, said, writer="earn", key=account, src=None
            )
            records.append(record)
        await self.log.append({Place(AWARDS.name, partition): records})

        async def credited() -> bool:
            response = await self.api.get(f"{MEMBERS}/{member}")
            return response.status_code == 200 and response.json()["earned"] == sum(points)

        await eventually(credited)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def earn(shop: httpx.AsyncClient, installed: Settings) -> AsyncIterator[Earn]:
    """Who awards points."""
    log = KafkaLog(installed.kafka)
    await log.start()
    yield Earn(log, shop)
    await log.close()


async def redeem(
    api: httpx.AsyncClient, member: str, points: int, key: str, **body: Any
) -> httpx.Response:
    return await api.post(
        f"{MEMBERS}/{member}/redemptions",
        json={"points": points, **body},
        headers={"Idempotency-Key": key},
    )


async def test_a_redemption_is_answered_after_the_fold(shop, earn):
    await earn.award("jo", 100, 50)

    response = await redeem(shop, "jo", 120, "a")

    assert response.status_code == 200, response.text
    body = RedemptionMade.model_validate(response.json())
    assert (body.points, body.value_minor, body.money, body.balance) == (120, 120, "USD", 30)
    assert [share.points for share in body.allocation] == [100, 20]
    token = {"Tessera-Token": body.token}
    seen = (await shop.get(f"{MEMBERS}/jo", headers=token)).json()
    assert (seen["available"], seen["redeemed"]) == (30, 120)


async def test_a_key_gets_its_first_answer_byte_for_byte_also_from_another_process(
    shop, earn, installed
):
    await earn.award("ann", 100)
    first = await redeem(shop, "ann", 60, "a")
    refused = await redeem(shop, "ann", 60, "b")
    await redeem(shop, "ann", 40, "c")

    async with running(installed) as restarted:
        for api in (shop, restarted):
            assert (await redeem(api, "ann", 60, "a")).content == first.content
            again = await redeem(api, "ann", 60, "b")
            assert (again.status_code, again.content) == (409, refused.content)
            assert again.headers["Tessera-Token"] == refused.headers["Tessera-Token"]
    assert first.status_code == 200


async def test_a_key_with_another_body_is_a_conflict(shop, earn):
    await earn.award("bob", 100)
    assert (await redeem(shop, "bob", 60, "a")).status_code == 200

    for body in ({"points": 61}, {"points": 60, "order_minor": 1_000}):
        response = await redeem(shop, "bob", body.pop("points"), "a", **body)
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_conflict")


async def test_one_key_with_two_bodies_at_once_is_one_redemption(shop, earn):
    await earn.award("cy", 1_000)

    answered = await asyncio.gather(*(redeem(shop, "cy", 10 + n % 2, "a") for n in range(20)))

    found = Counter(response.status_code for response in answered)
    assert found == {200: 10, 422: 10}
    assert len({response.content for response in answered if response.status_code == 200}) == 1
    assert (await shop.get(f"{MEMBERS}/cy")).json()["redeemed"] in {10, 11}


async def test_50_redemptions_of_100_against_1000_are_exactly_10(shop, earn):
    await earn.award("dee", *[100] * 10)

    answered = await asyncio.gather(*(redeem(shop, "dee", 100, f"k{n}") for n in range(50)))

    found = Counter(response.status_code for response in answered)
    assert found == {200: 10, 409: 40}
    refusal = next(response for response in answered if response.status_code == 409)
    assert refusal.headers["Content-Type"] == "application/problem+json"
    told = ProblemDetails.model_validate(refusal.json())
    assert (told.code, told.type) == ("insufficient_points", "/problems/insufficient_points")
    assert refusal.json()["missing"] == 100 - refusal.json()["available"]
    assert (await shop.get(f"{MEMBERS}/dee")).json()["available"] == 0


async def test_a_token_that_the_ledger_cannot_have_given_out_is_refused(shop, earn):
    await earn.award("kim", 10)
    token = (await shop.get(f"{MEMBERS}/kim")).json()["token"]
    partition, _, position = token.partition("-")
    ahead = f"{partition}-{int(position) + 1_000}"
    response = await shop.get(f"{MEMBERS}/kim", params={"token": ahead})
    assert (response.status_code, response.json()["code"]) == (400, "token_malformed")


REFUSED = [
    ("eve", 0, "below_minimum", {"asked": 0, "minimum": 1}),
    ("eve", 80, "insufficient_points", {"asked": 80, "available": 70, "missing": 10}),
    ("nobody", 80, "account_unknown", {"asked": 80}),
]


@pytest.mark.parametrize(("member", "points", "code", "numbers"), REFUSED)
async def test_a_refusal_tells_its_code_and_numbers(
    shop, earn, member: str, points: int, code: str, numbers: dict[str, int]
):
    if member == "eve":
        await earn.award("eve", 70)

    response = await redeem(shop, member, points, f"refused-{code}")

    assert (response.status_code, response.json()["code"]) == (409, code)
    assert numbers.items() <= response.json().items()


async def test_a_redemption_under_an_unknown_program_is_refused(shop):
    response = await shop.post(
        "/v1/programs/other/members/jo/redemptions",
        json={"points": 5},
        headers={"Idempotency-Key": "a"},
    )
    assert (response.status_code, response.json()["code"]) == (409, "program_unknown")


@pytest.mark.parametrize(
    ("path", "code"),
    [("shop/members/nobody", "account_unknown"), ("other/members/jo", "program_unknown")],
)
@pytest.mark.parametrize("page", ["", "/entries", "/lots", "/expiries"])
async def test_what_is_unknown_is_told_apart(shop, path: str, code: str, page: str):
    response = await shop.get(f"/v1/programs/{path}{page}")
    assert (response.status_code, response.json()["code"]) == (404, code)


async def test_the_status_of_a_redemption_is_its_answer(shop, earn):
    await earn.award("fay", 100)
    for key, points in (("a", 60), ("b", 60)):
        first = await redeem(shop, "fay", points, key)
        found = first.json()["redemption_id"]
        status = await shop.get(f"{MEMBERS}/fay/redemptions/{found}")
        assert (status.status_code, status.content) == (first.status_code, first.content)
        other = await shop.get(f"{MEMBERS}/jo/redemptions/{found}")
        assert (other.status_code, other.json()["code"]) == (404, "redemption_unknown")


async def test_what_takes_too_long_gets_a_link_that_answers_as_the_request_would_have(
    shop, earn, installed
):
    """202 while redeem is away for the caller's partition, from any process, then the decision."""
    hasty = installed.model_copy(update={"answer_seconds": 0.0})
    await earn.award("gus", 100)
    async with running(hasty) as api:
        accepted = await redeem(api, "gus", 60, "a")
        other_body = await redeem(api, "gus", 61, "a")
    assert accepted.status_code == 202
    PendingRedemption.model_validate(accepted.json())
    link = accepted.headers["Location"]
    assert link == accepted.json()["status_url"]

    async def decided() -> httpx.Response | None:
        response: httpx.Response = await shop.get(link)
        return response if response.status_code != 202 else None

    status = await eventually(decided)
    assert status is not None
    assert (status.status_code, status.json()["points"]) == (200, 60)
    assert (await redeem(shop, "gus", 60, "a")).content == status.content
    if other_body.status_code == 202:
        conflict = await shop.get(other_body.headers["Location"])
        assert (conflict.status_code, conflict.json()["code"]) == (422, "idempotency_conflict")


async def test_a_read_with_the_token_of_a_redemption_shows_it_from_any_process(
    shop, earn, installed
):
    await earn.award("hal", *[10] * 30)
    async with running(installed) as other:
        for number in range(30):
            response = await redeem(shop, "hal", 10, f"k{number}")
            token = response.headers["Tessera-Token"]
            seen = (await other.get(f"{MEMBERS}/hal", params={"token": token})).json()
            assert seen["redeemed"] == 10 * (number + 1)
