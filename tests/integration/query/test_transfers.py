"""Transfers over HTTP while the courier is away: it goes on from wherever it was stopped.

1. However many steps were carried before it was stopped, a gift is received, or comes back whole,
   in the end, once; until then its points are with nobody and its status is 202.
2. The request is answered with the last word, and with the same bytes when it is asked again (I6).
3. Folds tell it when to look: it does not wait for the next look that comes without a hint.
"""

from typing import Any

import httpx
import pytest

from services.query import outcomes
from services.query.answers.moves import TransferSeen
from services.redeem.courier import courier
from shared.program.policies import Transfers
from shared.settings import Settings
from tests.api import running
from tests.integration.query.carrying import Carried, added, last_words, write
from tests.integration.query.conftest import redeem_running
from tests.integration.query.ledger import SHOP

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEMBERS = "/v1/programs/shop/members"
STEPS = (0, 1, 2)
GIFT = 10


async def balance(api: httpx.AsyncClient, member: str) -> tuple[int, int, int]:
    """What a member has, has given, and was given."""
    told = (await api.get(f"{MEMBERS}/{member}")).json()
    return told["available"], told["sent"], told["received"]


async def allow_transfers(api: httpx.AsyncClient) -> None:
    """The shop's program, in which members may give."""
    shop = SHOP.model_copy(update={"transfers": Transfers()})
    document = shop.model_dump(mode="json", exclude_none=True)
    put = await api.put("/v1/programs/shop/versions/1", json=document)
    assert put.status_code in {200, 201}, put.text


async def prepare(api: httpx.AsyncClient, points: dict[str, int]) -> None:
    """Members who have points."""
    for member, count in points.items():
        add = {"direction": "add", "points": count}
        await added(api, f"{MEMBERS}/{member}/adjustments", f"prepare-{member}", add)


@pytest.mark.parametrize("steps", STEPS)
async def test_the_courier_goes_on_from_where_it_was_stopped(installed: Settings, steps: int):
    hasty = installed.model_copy(update={"answer_seconds": 0.5})
    jo, flo = f"jo-{steps}", f"flo-{steps}"
    async with running(hasty) as api:
        await allow_transfers(api)
        carried = Carried(steps)
        path = f"{MEMBERS}/{jo}/transfers"
        gift, lost = {"to": flo, "points": GIFT}, {"to": f"max-{steps}", "points": GIFT}
        async with redeem_running(installed, carried):
            await prepare(api, {jo: 2 * GIFT, flo: 1})
            waiting = [await write(api, path, "gift", gift), await write(api, path, "lost", lost)]
            await carried.stopped()
        if not steps:
            assert [answer.status_code for answer in waiting] == [202, 202]
            assert await balance(api, jo) == (0, 2 * GIFT, 0)
            status = await api.get(waiting[0].json()["status_url"])
            assert status.status_code == 202
        async with redeem_running(installed, courier):
            [given] = await last_words(api, [path], "gift", gift)
            [back] = await last_words(api, [path], "lost", lost)
        await check(api, path, given, gift)
        assert (back.status_code, back.json()["code"]) == (409, "account_unknown")
        assert await balance(api, jo) == (GIFT, GIFT, 0)
        assert await balance(api, flo) == (GIFT + 1, 0, GIFT)


async def test_the_courier_needs_no_look_but_those_that_folds_ask_for(
    installed: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.redeem.courier.LOOK_SECONDS", 600.0)
    path = f"{MEMBERS}/ann/transfers"
    async with running(installed) as api, redeem_running(installed, courier):
        await allow_transfers(api)
        await prepare(api, {"ann": 2 * GIFT, "ben": 1})
        for key in ("first", "second"):
            [given] = await last_words(api, [path], key, {"to": "ben", "points": GIFT})
            assert given.status_code == 200, given.text


async def check(
    api: httpx.AsyncClient, path: str, given: httpx.Response, gift: dict[str, Any]
) -> None:
    """What was answered stays so, and the status says the same."""
    made = outcomes.TransferMade.model_validate_json(given.content)
    assert (made.status, made.to, made.points) == ("received", gift["to"], GIFT)
    assert (await write(api, path, "gift", gift)).content == given.content
    seen = await api.get(f"{path}/{made.request_id}")
    transfer = TransferSeen.model_validate_json(seen.content).transfer
    assert (transfer.status, transfer.transfer_id) == ("received", made.request_id)
