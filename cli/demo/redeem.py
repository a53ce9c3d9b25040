"""Every household redeems what it can, through the HTTP API, as a till would.

Guarantees: a member is asked for one amount, ever: it is noted before it is sent, under a key of
the member's own, so that a repeat gets the first answer and counts once. Knows what is available
only by asking; says how many redeemed, how many were refused, and how many got no answer.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx

from cli.demo.dataset import Dataset, DatasetError
from cli.demo.kept import Kept, KeptError

PROGRAM = "grocer"
POINTS_STEP = 500
REQUESTS_AT_ONCE = 32
ATTEMPTS_MAX = 120
"""How often a request is sent, or its status asked for: 30 s at least, with the pauses."""
PAUSE_SECONDS = 0.25
TIMEOUT_SECONDS = 30.0
REPORT_EVERY = 100


class Outcome(StrEnum):
    """What became of one redemption."""

    REDEEMED = "redeemed"
    REFUSED = "refused"
    CONFLICT = "conflict"
    UNANSWERED = "unanswered"


OUTCOME_OF: dict[int, Outcome] = {
    HTTPStatus.OK: Outcome.REDEEMED,
    HTTPStatus.CONFLICT: Outcome.REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: Outcome.CONFLICT,
    HTTPStatus.ACCEPTED: Outcome.UNANSWERED,
}


class Summary(NamedTuple):
    """How many households were looked at, and what became of their redemptions."""

    households: int
    points: int
    redeemed: int
    refused: int
    conflict: int
    unanswered: int


class ApiError(Exception):
    """The API is away, or answers what it should not."""


class Till:
    """Asks the API about one member at a time; patient with an API that is away for a while."""

    def __init__(self, client: httpx.AsyncClient, pause_seconds: float = PAUSE_SECONDS) -> None:
        """The client's base address is the API's, without `/v1`."""
        self._client = client
        self._pause_seconds = pause_seconds
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def redeemable(self, member: str) -> int:
        """The largest multiple of POINTS_STEP that is available; 0 if there is no account yet."""
        async with self._slots:
            answer = await self._answer(self._client.build_request("GET", _path(member)))
        match answer.status_code:
            case HTTPStatus.NOT_FOUND if answer.json()["code"] == "account_unknown":
                return 0
            case HTTPStatus.OK:
                available: int = answer.json()["available"]
                return available // POINTS_STEP * POINTS_STEP
            case _:
                raise _unexpected(answer)

    async def redeem(self, member: str, points: int) -> tuple[Outcome, int]:
        """Ask for these points under the member's own key; the decision, and what was redeemed."""
        request = self._client.build_request(
            "POST",
            f"{_path(member)}/redemptions",
            headers={"Idempotency-Key": f"demo-{member}"},
            json={"points": points},
        )
        async with self._slots:
            answer = await self._answer(request)
            for _ in range(ATTEMPTS_MAX):
                if answer.status_code != HTTPStatus.ACCEPTED:
                    break
                await asyncio.sleep(self._pause_seconds)
                status = self._client.build_request("GET", answer.headers["Location"])
                answer = await self._answer(status)
        outcome = OUTCOME_OF.get(answer.status_code)
        if outcome is None:
            raise _unexpected(answer)
        return outcome, answer.json()["points"] if outcome is Outcome.REDEEMED else 0

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        """The answer, after as many attempts as it takes; 503 is no answer."""
        seen = ""
        for _ in range(ATTEMPTS_MAX):
            try:
                answer = await self._client.send(request)
            except httpx.TransportError as error:
                seen = repr(error)
            else:
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer
                seen = answer.text
            await asyncio.sleep(self._pause_seconds)
        raise ApiError(f"{request.method} {request.url}: no answer; last seen: {seen}")


async def redeem_all(
    till: Till, kept: Kept, households: Iterable[int], report: Callable[[int, int], None]
) -> Summary:
    """Redeem for every household that can; those noted in an earlier run are asked for the same."""
    members = [str(household) for household in households]
    amounts = kept.redemptions()
    new = [member for member in members if member not in amounts]
    found = await asyncio.gather(*(till.redeemable(member) for member in new))
    amounts |= {member: points for member, points in zip(new, found, strict=True) if points}
    kept.note_redemptions(amounts)

    counts: Counter[Outcome] = Counter()
    redeemed = 0

    async def one(member: str, points: int) -> None:
        nonlocal redeemed
        outcome, taken = await till.redeem(member, points)
        counts[outcome] += 1
        redeemed += taken
        report(counts.total(), len(amounts))

    await asyncio.gather(*(one(member, points) for member, points in amounts.items()))
    return Summary(len(members), redeemed, **{outcome: counts[outcome] for outcome in Outcome})


def _path(member: str) -> str:
    return f"/v1/programs/{PROGRAM}/members/{member}"


def _unexpected(answer: httpx.Response) -> ApiError:
    request = answer.request
    return ApiError(f"{request.method} {request.url}: {answer.status_code} {answer.text}")


async def _run(api: str, home: Path) -> Summary:
    def report(done: int, total: int) -> None:
        if done % REPORT_EVERY == 0 or done == total:
            print(json.dumps({"redeemed": done, "total": total}), flush=True)

    households = Dataset.installed().households
    # No proxy from the environment: the demo's API is on this machine.
    async with httpx.AsyncClient(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        return await redeem_all(Till(client), Kept(home), households, report)


def main() -> int:
    """The command line; 0 when every redemption has an answer, else 1 with a message."""
    parser = argparse.ArgumentParser(description="Redeem points for every household of the demo.")
    parser.add_argument("--api", required=True, help="address of the API, such as http://host:8080")
    parser.add_argument("--home", type=Path, required=True, help="folder of the demo's data")
    arguments = parser.parse_args()
    try:
        summary = asyncio.run(_run(arguments.api, arguments.home))
    except (DatasetError, KeptError, ApiError) as error:
        print(f"{error}; start again: nothing is redeemed twice", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    else:
        print(json.dumps(summary._asdict()), flush=True)
        return 0 if summary.unanswered == 0 else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
