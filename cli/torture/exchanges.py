"""Callers that set points aside, give them to others, or want rewards of which there are too few.

Every request is sent until it is answered for good, and what is answered goes to the journal.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import httpx

from cli.torture.journal import PROGRAM, REWARD, STOCK_DELIVERIES, UNITS, Answer, Journal
from shared.events.base import account_key
from shared.events.ids import command_cause, release_cause

FINAL = {200, 409, 422}
HOLD_SECONDS = 20
POINTS_MAX = 40
Ask = Callable[..., Awaitable[httpx.Response]]
"""`until_final` of the callers."""


class Exchanges:
    """Holds, rewards, and the deliveries of these."""

    def __init__(self, ask: Ask, journal: Journal) -> None:
        self._ask = ask
        self.journal = journal

    async def deliver(self, drawn: random.Random) -> None:
        """All units that there will ever be, each with a code."""
        for number in range(STOCK_DELIVERIES):
            codes = [f"code-{number}-{unit}" for unit in range(UNITS)]
            await self._ask(
                drawn,
                "POST",
                f"/v1/programs/{PROGRAM}/rewards/{REWARD}/stock",
                {200},
                json={"codes": codes, "actor": "ann", "reason": "a delivery"},
                headers={"Idempotency-Key": f"delivery-{number}"},
            )
            self.journal.counts["units put in stock"] += UNITS

    async def take(self, drawn: random.Random, member: str, key: str) -> None:
        """A reward: a unit for its price, or nothing for nothing."""
        answer = await self._keyed(drawn, member, key, "rewards", {"reward": REWARD})
        self.journal.counts[f"rewards answered {answer.status_code}"] += 1

    async def give(
        self, drawn: random.Random, member: str, key: str, to: str, *, twice: bool
    ) -> None:
        """Points for another member, who may not exist: then all of them come back."""
        body = {"to": to, "points": drawn.randrange(1, POINTS_MAX)}
        self.journal.gifts[member, key] = to
        answer, *_ = await asyncio.gather(
            *(self._keyed(drawn, member, key, "transfers", body) for _ in range(1 + twice))
        )
        self.journal.counts["transfers sent twice at once"] += twice
        self.journal.counts[f"transfers answered {answer.status_code}"] += 1
        if answer.status_code != HTTPStatus.OK:
            self.journal.counts[f"transfers refused: {answer.json()['code']}"] += 1

    async def merge(self, drawn: random.Random, member: str, key: str, into: str) -> bool:
        """All of a member's account into another one, for good; or nothing, if there is none.

        Whether it is done: what is held or on its way to somebody else keeps an account back.
        """
        body = {"into": into, "actor": "ann", "reason": "one customer"}
        answer = await self._keyed(drawn, member, key, "merges", body)
        self.journal.counts[f"merges answered {answer.status_code}"] += 1
        is_done = answer.status_code == HTTPStatus.OK
        if is_done:
            self.journal.merges[member] = into
        else:
            self.journal.counts[f"merges refused: {answer.json()['code']}"] += 1
        return is_done

    async def check_out(self, drawn: random.Random, member: str, key: str) -> None:
        """Points held; then captured in part or whole, released, or left to lapse."""
        points = drawn.randrange(1, POINTS_MAX)
        self.journal.holds.add((member, key))
        asked = {"points": points, "hold_seconds": HOLD_SECONDS}
        answer = await self._keyed(drawn, member, key, "holds", asked)
        self.journal.counts[f"holds answered {answer.status_code}"] += 1
        if answer.status_code != HTTPStatus.OK:
            return
        account = account_key(PROGRAM, member)
        hold_id = command_cause(account, key).id
        await asyncio.sleep(drawn.random())
        ending = drawn.random()
        if ending < 0.5:  # noqa: PLR2004
            captured = {"points": drawn.randrange(1, points + 1)}
            told = await self._keyed(
                drawn, member, f"{key}-c", f"holds/{hold_id}/capture", captured
            )
            self.journal.counts[f"captures answered {told.status_code}"] += 1
        elif ending < 0.8:  # noqa: PLR2004
            path = f"/v1/programs/{PROGRAM}/members/{member}/holds/{hold_id}"
            told = await self._ask(drawn, "DELETE", path, FINAL)
            released = release_cause(account, hold_id).id
            self.journal.releases[released] = Answer(told.status_code, told.content)
            self.journal.counts[f"releases answered {told.status_code}"] += 1

    async def _keyed(
        self, drawn: random.Random, member: str, key: str, what: str, body: Mapping[str, object]
    ) -> httpx.Response:
        path = f"/v1/programs/{PROGRAM}/members/{member}/{what}"
        headers = {"Idempotency-Key": key}
        answer = await self._ask(drawn, "POST", path, FINAL, json=body, headers=headers)
        self.journal.answered(member, key, Answer(answer.status_code, answer.content))
        return answer
