"""The redemptions of the demo against an API in memory that keeps the first answer of each key."""

import json
from collections import Counter

import httpx
import pytest

from cli.demo.kept import Kept
from cli.demo.redeem import ApiError, Summary, Till, redeem_all


class Api:
    """Accounts, idempotent redemptions, and as many outages as a test asks for."""

    def __init__(self, **available: int) -> None:
        self.available = {name.removeprefix("m"): points for name, points in available.items()}
        self.decided: dict[str, tuple[int, int]] = {}
        self.slow: set[str] = set()
        self.unknown = "account_unknown"
        self.away = 0
        self.torn = 0
        self.calls: Counter[str] = Counter()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls[f"{request.method} {request.url.path}"] += 1
        if self.torn:
            self.torn -= 1
            raise httpx.ConnectError("refused", request=request)
        if self.away:
            self.away -= 1
            return httpx.Response(503, headers={"Retry-After": "1"})
        match request.url.path.split("/")[1:]:
            case ["v1", "programs", "grocer", "members", member]:
                if member not in self.available:
                    return httpx.Response(404, json={"code": self.unknown})
                return httpx.Response(200, json={"available": self.available[member]})
            case ["v1", "programs", "grocer", "members", member, "redemptions"]:
                return self._redeem(member, request)
            case ["status", key]:
                self.slow.discard(key)
                return self._told(key)
        return httpx.Response(500, text="what?")

    def _redeem(self, member: str, request: httpx.Request) -> httpx.Response:
        key = request.headers["Idempotency-Key"]
        assert key == f"demo-{member}"
        points = json.loads(request.content)["points"]
        if key not in self.decided:
            enough = points <= self.available[member]
            self.available[member] -= points if enough else 0
            self.decided[key] = points, 200 if enough else 409
        if self.decided[key][0] != points:
            return httpx.Response(422)
        if key in self.slow:
            return httpx.Response(202, headers={"Location": f"/status/{key}"})
        return self._told(key)

    def _told(self, key: str) -> httpx.Response:
        points, status = self.decided[key]
        return httpx.Response(status, json={"points": points} if status == 200 else {})


async def redeem(api: Api, home, *households: int) -> Summary:
    transport = httpx.MockTransport(api)
    async with httpx.AsyncClient(base_url="http://api", transport=transport) as client:
        till = Till(client, pause_seconds=0)
        return await redeem_all(till, Kept(home), households, lambda done, total: None)


async def test_each_member_redeems_the_largest_multiple_that_is_available(tmp_path):
    api = Api(m1=499, m2=500, m3=1_999)
    summary = await redeem(api, tmp_path, 1, 2, 3, 4)
    assert summary == Summary(4, 2_000, redeemed=2, refused=0, conflict=0, unanswered=0)
    assert api.available == {"1": 499, "2": 0, "3": 499}


async def test_a_second_run_asks_for_the_same_and_changes_nothing(tmp_path):
    api = Api(m1=1_200)
    first = await redeem(api, tmp_path, 1)
    api.available["1"] += 5_000
    assert await redeem(api, tmp_path, 1) == first
    assert api.available == {"1": 5_200}


async def test_a_member_that_could_not_redeem_is_looked_at_again(tmp_path):
    api = Api(m1=100)
    assert (await redeem(api, tmp_path, 1, 2)).redeemed == 0
    api.available |= {"1": 700, "2": 600}
    assert (await redeem(api, tmp_path, 1, 2)).redeemed == 2


async def test_a_program_that_is_not_there_is_an_error(tmp_path):
    api = Api()
    api.unknown = "program_unknown"
    with pytest.raises(ApiError, match="program_unknown"):
        await redeem(api, tmp_path, 1)


async def test_a_decision_that_takes_long_is_waited_for(tmp_path):
    api = Api(m1=500, m2=500)
    api.slow = {"demo-1"}
    assert (await redeem(api, tmp_path, 1, 2)).redeemed == 2
    assert api.calls["GET /status/demo-1"] == 1


@pytest.mark.parametrize("outage", ["away", "torn"])
async def test_an_outage_is_sat_out(tmp_path, outage):
    api = Api(m1=500)
    setattr(api, outage, 5)
    assert (await redeem(api, tmp_path, 1)).redeemed == 1


async def test_refusals_and_conflicts_are_counted_apart(tmp_path):
    Kept(tmp_path).note_redemptions({"1": 500, "2": 500})
    api = Api(m1=0, m2=0)
    api.decided["demo-2"] = 1_000, 200
    summary = await redeem(api, tmp_path, 1, 2)
    assert summary == Summary(2, 0, redeemed=0, refused=1, conflict=1, unanswered=0)


async def test_an_api_that_stays_away_is_said_so_and_the_amounts_stay_noted(tmp_path):
    Kept(tmp_path).note_redemptions({"1": 500})
    api = Api(m1=500)
    api.away = 10**9
    with pytest.raises(ApiError, match="no answer"):
        await redeem(api, tmp_path, 1)
    assert Kept(tmp_path).redemptions() == {"1": 500}


async def test_an_answer_that_is_not_in_the_contract_is_an_error(tmp_path):
    Kept(tmp_path).note_redemptions({"1": 500})
    api = Api(m1=500)
    api.decided["demo-1"] = 500, 500
    with pytest.raises(ApiError, match="500"):
        await redeem(api, tmp_path, 1)
