"""Rewards over HTTP while the courier is away: it goes on from wherever it was stopped.

1. However many steps were carried before it was stopped, each reward is issued or refused in the
   end, once; until then its points are held and its status is 202.
2. The request is answered with the last word, and with the same bytes when it is asked again (I6).
"""

from typing import Any

import httpx
import pytest

from services.query import outcomes
from services.query.answers.rewards import ClaimSeen, StockedReward
from services.redeem.courier import courier
from shared.settings import Settings
from tests.api import running
from tests.integration.query.carrying import Carried, added, last_words, write
from tests.integration.query.conftest import redeem_running
from tests.integration.query.ledger import SHOP

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEMBERS = "/v1/programs/shop/members"
STEPS = (0, 1, 2)
PRICE = 10


def document() -> dict[str, Any]:
    """The shop with a mug for each number of steps, one of which is in stock."""
    told: dict[str, Any] = SHOP.model_dump(mode="json", exclude_none=True)
    told["redemption"]["rewards"] = [
        {"reward": f"mug-{steps}", "name": "A mug", "price": {"points": PRICE}, "stock": "counted"}
        for steps in STEPS
    ]
    return told


async def prepared(api: httpx.AsyncClient, steps: int) -> None:
    """Two members with points, and one mug."""

    key = f"prepare-{steps}"
    for member in ("jo", "ann"):
        path = f"{MEMBERS}/{member}-{steps}/adjustments"
        await added(api, path, key, {"direction": "add", "points": PRICE})
    await added(api, f"/v1/programs/shop/rewards/mug-{steps}/stock", key, {"units": 1})


@pytest.mark.parametrize("steps", STEPS)
async def test_the_courier_goes_on_from_where_it_was_stopped(installed: Settings, steps: int):
    hasty = installed.model_copy(update={"answer_seconds": 0.5})
    async with running(hasty) as api:
        put = await api.put("/v1/programs/shop/versions/1", json=document())
        assert put.status_code in {200, 201}, put.text
        carried = Carried(steps)
        asked = {"reward": f"mug-{steps}"}
        paths = [f"{MEMBERS}/{member}-{steps}/rewards" for member in ("jo", "ann")]
        async with redeem_running(installed, carried):
            await prepared(api, steps)
            waiting = [await write(api, path, "one", asked) for path in paths]
            await carried.stopped()
        if not steps:
            assert [answer.status_code for answer in waiting] == [202, 202]
            held = (await api.get(f"{MEMBERS}/jo-{steps}")).json()
            assert (held["held"], held["available"]) == (PRICE, 0)
            status = await api.get(waiting[0].json()["status_url"])
            assert status.status_code == 202

        async with redeem_running(installed, courier):
            told = await last_words(api, paths, "one", asked)
        await check(api, paths, told, steps)


async def check(
    api: httpx.AsyncClient, paths: list[str], told: list[httpx.Response], steps: int
) -> None:
    """One has the mug, the other all points; what was answered stays so."""
    assert sorted(answer.status_code for answer in told) == [200, 409]
    for path, answer in zip(paths, told, strict=True):
        issued = answer.status_code == 200
        if issued:
            outcomes.RewardMade.model_validate_json(answer.content)
        else:
            assert answer.json()["code"] == "reward_not_available"
        again = await write(api, path, "one", {"reward": f"mug-{steps}"})
        assert again.content == answer.content
        status = await api.get(f"{path}/{answer.json()['request_id']}")
        assert status.status_code == answer.status_code
        if issued:
            ClaimSeen.model_validate_json(status.content)
        balance = (await api.get(path.removesuffix("/rewards"))).json()
        assert (balance["held"], balance["available"]) == (0, 0 if issued else PRICE)
    stock = (await api.get(f"/v1/programs/shop/rewards/mug-{steps}")).json()
    StockedReward.model_validate(stock)
    assert (stock["in_stock"], stock["taken"]) == (0, 1)
