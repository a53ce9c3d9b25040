"""Holds and corrections over HTTP, decided by the real redeem on a real Kafka and Postgres.

The story of a checkout (held, captured in part, cancelled), refusals with the first reason that
applies, the same answer for the same request, and 50 racers who hold 100 each on 1,000.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from cli import writes
from cli.api import ask
from cli.refusals import Refused
from cli.writes import Who
from services.query import outcomes
from services.query.answers.spending import HoldSeen, PendingRequest
from services.query.problems import ProblemDetails
from shared.program.policies import Holds
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from tests.api import running
from tests.integration.query.conftest import redeem_running
from tests.integration.query.ledger import SHOP
from tests.integration.query.test_redemptions import Earn
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEMBERS = "/v1/programs/shop/members"
STRICT = SHOP.model_copy(
    update={
        "redemption": SHOP.redemption.model_copy(
            update={"holds": Holds.model_validate({"open_most": 12})}
        )
    }
)
DOCUMENT = STRICT.model_dump(mode="json", exclude_none=True)
WHO = {"actor": "ann", "reason": "goodwill"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(api: httpx.AsyncClient, installed: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API with the program published, beside a running redeem."""
    published = await api.put("/v1/programs/shop/versions/1", json=DOCUMENT)
    assert published.status_code == 201, published.text
    async with redeem_running(installed):
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def earn(shop: httpx.AsyncClient, installed: Settings) -> AsyncIterator[Earn]:
    """Who awards points."""
    log = KafkaLog(installed.kafka)
    await log.start()
    yield Earn(log, shop)
    await log.close()


class Member:
    """What a caller does for one member."""

    def __init__(self, api: httpx.AsyncClient, name: str) -> None:
        self.api = api
        self.path = f"{MEMBERS}/{name}"

    async def post(self, path: str, key: str, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await self.api.post(f"{self.path}/{path}", json=body, headers=headers)

    async def hold(self, points: int, key: str = "h", **body: Any) -> str:
        """A hold that must be made; its id."""
        response = await self.post("holds", key, points=points, **body)
        assert response.status_code == 200, response.text
        hold_id: str = outcomes.HoldMade.model_validate(response.json()).hold_id.hex
        return hold_id

    async def sees(self, **numbers: int) -> None:
        """The member's balances."""
        seen = (await self.api.get(self.path)).json()
        assert {name: seen[name] for name in numbers} == numbers


async def test_the_story_of_a_checkout(shop, earn):
    await earn.award("jo", 100, 50)
    jo = Member(shop, "jo")

    held = await jo.post("holds", "checkout", points=120)
    assert held.status_code == 200, held.text
    made = outcomes.HoldMade.model_validate(held.json())
    assert (made.points, made.value_minor, [s.points for s in made.allocation]) == (
        *(120, 120),
        [100, 20],
    )
    await jo.sees(available=30, held=120, balance=150)

    captured = await jo.post(f"holds/{made.hold_id}/capture", "paid", points=90)
    assert captured.status_code == 200, captured.text
    paid = outcomes.CaptureMade.model_validate(captured.json())
    assert (paid.points, paid.value_minor, paid.status) == (90, 90, "captured")
    await jo.sees(available=60, held=0, redeemed=90, balance=60)
    seen = await shop.get(f"{jo.path}/holds/{made.hold_id}")
    told = HoldSeen.model_validate(seen.json()).hold
    assert (told.status, told.points, told.spent) == ("captured", 120, 90)

    cancelled = await jo.post(f"redemptions/{made.hold_id}/cancel", "sent back", points=40)
    assert cancelled.status_code == 200, cancelled.text
    outcomes.CancelMade.model_validate(cancelled.json())
    await jo.sees(available=100, redeemed=50, balance=100)
    assert (await shop.get(f"{jo.path}/holds")).json()["holds"] == []


async def test_50_racers_hold_100_each_on_1000_and_exactly_10_get_it(shop, earn):
    await earn.award("dee", *[100] * 10)
    dee = Member(shop, "dee")

    answered = await asyncio.gather(*(dee.post("holds", f"k{n}", points=100) for n in range(50)))

    assert Counter(response.status_code for response in answered) == {200: 10, 409: 40}
    refused = next(response.json() for response in answered if response.status_code == 409)
    assert (refused["code"], refused["available"], refused["missing"]) == (
        *("insufficient_points", 0),
        100,
    )
    await dee.sees(available=0, held=1_000, balance=1_000)


async def test_a_release_is_answered_alike_however_often_it_is_asked_for(shop, earn, installed):
    await earn.award("al", 100)
    al = Member(shop, "al")
    hold_id = await al.hold(100)

    first = await shop.delete(f"{al.path}/holds/{hold_id}")
    async with running(installed) as other:
        again = await other.delete(f"{al.path}/holds/{hold_id}")

    outcomes.ReleaseMade.model_validate(first.json())
    assert (
        (first.status_code, first.content)
        == (again.status_code, again.content)
        == (
            *(200,),
            first.content,
        )
    )
    await al.sees(available=100, held=0)


async def test_the_same_key_gets_the_same_hold_and_another_body_a_conflict(shop, earn):
    await earn.award("bo", 100)
    bo = Member(shop, "bo")

    first = await bo.post("holds", "k", points=60)
    assert (await bo.post("holds", "k", points=60)).content == first.content
    conflict = await bo.post("holds", "k", points=61)

    assert (conflict.status_code, conflict.json()["code"]) == (422, "idempotency_conflict")
    await bo.sees(available=40, held=60)


async def test_a_key_is_for_one_kind_of_request_also_where_the_bodies_are_alike(shop, earn):
    await earn.award("cat", 100)
    cat = Member(shop, "cat")
    held = await cat.post("holds", "order 7", points=60)
    spent = await cat.post("redemptions", "order 7", points=60)
    assert (spent.status_code, spent.json()["code"]) == (422, "idempotency_conflict")
    assert (await cat.post("holds", "order 7", points=60)).content == held.content
    refused = await cat.post("redemptions", "order 8", points=60)
    assert refused.json()["code"] == "insufficient_points"
    again = await cat.post("holds", "order 8", points=60)
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_conflict")
    await cat.sees(available=40, held=60, redeemed=0)


TOO_LONG = {"hold_seconds": 90_000}
LATE = {"expires_at": "2100-01-01T00:00:00Z", **WHO}
REFUSED = [
    # each row has two faults or more: the first in the stated precedence is told
    ("below the minimum, and too few", "holds", {"points": 0}, "below_minimum"),
    (
        "too few, and too long",
        "holds",
        {"points": 500, "hold_seconds": 90_000},
        "insufficient_points",
    ),
    ("too long", "holds", {"points": 1, **TOO_LONG}, "limit_reached"),
    ("more than held, and lapsed", "holds/{lapsed}/capture", {"points": 11}, "limit_reached"),
    ("lapsed", "holds/{lapsed}/capture", {"points": 10}, "hold_expired"),
    ("more than held, and closed", "holds/{closed}/capture", {"points": 21}, "limit_reached"),
    ("closed", "holds/{closed}/capture", {}, "hold_not_open"),
    ("nothing, of no hold", "holds/{none}/capture", {"points": 0}, "below_minimum"),
    ("of no hold", "holds/{none}/capture", {}, "hold_unknown"),
    ("no redemption", "redemptions/{none}/cancel", {}, "redemption_unknown"),
    ("a hold that is none", "redemptions/{closed}/cancel", {}, "redemption_unknown"),
    (
        "too few, and over the operator's limit",
        "adjustments",
        {"direction": "deduct", "points": 100_001, **WHO},
        "insufficient_points",
    ),
    (
        "over the operator's limit, and past",
        "adjustments",
        {"direction": "add", "points": 100_001, "expires_at": "2000-01-01T00:00:00Z", **WHO},
        "limit_reached",
    ),
    (
        "no lot",
        "lots/{none}/extension",
        {"expires_at": "2100-01-01T00:00:00Z", **WHO},
        "lot_unknown",
    ),
    ("no lot", "lots/{none}/confirmation", WHO, "lot_unknown"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eve(shop, earn) -> dict[str, str]:
    """A member with a hold that has lapsed and one that is closed."""
    await earn.award("eve", 100)
    eve = Member(shop, "eve")
    lapsed, closed = await eve.hold(10, "l", hold_seconds=1), await eve.hold(20, "c")
    assert (await shop.delete(f"{eve.path}/holds/{closed}")).status_code == 200

    async def is_over() -> bool:
        seen = await shop.get(f"{eve.path}/holds/{lapsed}")
        return bool(seen.json()["hold"]["status"] == "lapsed")

    await eventually(is_over)
    return {"lapsed": lapsed, "closed": closed, "none": str(uuid4())}


@pytest.mark.parametrize(("why", "path", "body", "code"), REFUSED)
async def test_of_several_reasons_the_first_is_told(shop, eve, why, path, body, code):
    key = f"{path} {why}"
    response = await Member(shop, "eve").post(path.format(**eve), key, **body)
    assert (response.status_code, response.json()["code"]) == (409, code), response.text
    ProblemDetails.model_validate(response.json())


async def test_a_request_of_nobody_is_refused(shop):
    nobody = Member(shop, "nobody")
    response = await nobody.post("holds", "k", points=5)
    assert (response.status_code, response.json()["code"]) == (409, "account_unknown")
    assert (await shop.get(f"{nobody.path}/holds")).status_code == 404


async def test_only_so_many_holds_may_be_open(shop, earn):
    await earn.award("fay", 100)
    fay = Member(shop, "fay")
    for number in range(12):
        await fay.hold(1, f"h{number}")
    refused = await fay.post("holds", "one more", points=1)
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    assert (refused.json()["limit"], refused.json()["limit_of"]) == (12, "open_holds")


async def test_an_operator_corrects_and_each_step_is_told_with_who_and_why(shop, earn):
    gus = Member(shop, "gus")
    added = await gus.post("adjustments", "1", direction="add", points=500, **WHO)
    lot = outcomes.AdjustmentMade.model_validate(added.json()).lot_id
    await gus.sees(available=500, added=500, earned=0)

    deducted = await gus.post("adjustments", "2", direction="deduct", points=100, **WHO)
    outcomes.AdjustmentMade.model_validate(deducted.json())
    more = {"direction": "deduct", "points": 450, "below_zero": True, **WHO}
    assert (await gus.post("adjustments", "3", **more)).json()["due"] == 50
    await gus.sees(available=0, deficit=50, deducted=550)

    never = await gus.post(f"lots/{lot}/extension", "4", expires_at="2100-01-01T00:00:00Z", **WHO)
    assert (never.status_code, never.json()["code"]) == (409, "date_not_later")
    entries = (await shop.get(f"{gus.path}/entries")).json()["entries"]
    assert [entry["detail"]["actor"] for entry in entries[1:]] == ["ann"] * 3


async def test_what_takes_too_long_gets_a_link_that_answers_as_the_request_would_have(
    shop, earn, installed
):
    await earn.award("hal", 100)
    hasty = installed.model_copy(update={"answer_seconds": 0.0})
    async with running(hasty) as api:
        accepted = await Member(api, "hal").post("holds", "a", points=60)
    assert accepted.status_code == 202
    PendingRequest.model_validate(accepted.json())
    link = accepted.headers["Location"]

    async def decided() -> httpx.Response | None:
        response: httpx.Response = await shop.get(link)
        return response if response.status_code != 202 else None

    status = await eventually(decided)
    assert status is not None
    assert (status.status_code, status.json()["points"]) == (200, 60)
    assert (await Member(shop, "hal").post("holds", "a", points=60)).content == status.content
    other = await shop.get(f"{MEMBERS}/hal/requests/{uuid4()}")
    assert (other.status_code, other.json()["code"]) == (404, "request_unknown")


async def test_an_operator_corrects_from_the_command_line(shop, earn, capsys):
    who = Who("ann", "goodwill")
    added = writes.adjustment("ida", 70, who)
    for _ in range(2):
        assert await ask(shop, "shop", added, "once") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("added; the balance is 70 (key: once)") == 2

    deducted = writes.adjustment("ida", -90, who)
    with pytest.raises(Refused, match=r"insufficient_points.*available 70, missing 20"):
        await ask(shop, "shop", deducted)
    late = writes.of_lot("ida", str(uuid4()), "extension", who, until="2100-01-01T00:00:00Z")
    with pytest.raises(Refused, match="lot_unknown"):
        await ask(shop, "shop", late)
    with pytest.raises(Refused, match=r"invalid: .*actor: "):
        await ask(shop, "shop", writes.adjustment("ida", 1, Who("", "goodwill")))
