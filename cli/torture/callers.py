"""The outside world at the API: tills that redeem and post events, and a bank that adds up.

Guarantees: every request is sent until it is answered for good. Whatever must hold of answers is
checked as they come: the same key has one answer (I6), what was spent is seen at once (I10), no
reader with a token goes back (I11), and the sums of every answer are right (I4).
"""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import httpx

from cli.torture.exchanges import FINAL, Exchanges
from cli.torture.journal import (
    GIVERS_FROM,
    GRANT_DOLLARS,
    GRANTS,
    INTO,
    MERGED,
    MERGED_FROM,
    PROGRAM,
    SAVERS,
    SHOPPERS,
    Answer,
    Channel,
    Event,
    Journal,
    purchase,
)

TOKEN = "Tessera-Token"  # noqa: S105  (the name of a header)
GRANTED = GRANTS * GRANT_DOLLARS
UNANSWERED = (httpx.TransportError, AttributeError)
"""The client takes the name of a socket that may be gone as soon as it is connected."""
REQUEST_SECONDS = 20.0
CONNECTIONS_MAX = 256
RETRY_SECONDS = 0.3
TILL_PAUSE_SECONDS = 0.5
READER_PAUSE_SECONDS = 0.1
EVENTS_AT_ONCE = 20
SPENDERS = 25
"""Shoppers that redeem, beside the savers: they may have too little."""
LEAVING = 10
"""So many of them, the last ones, are merged into the first ones when nothing keeps them back."""
LEAVES = 0.4
"""Share of the merges that are a spender's, as long as there are any left."""
REPEATED, TWICE_AT_ONCE, ANOTHER_BODY, POSTED = 0.08, 0.06, 0.04, 0.15
HELD, REWARDED, GIVEN, MERGING = 0.15, 0.15, 0.2, 0.06
LATELY_MERGED = 40
"""Shoppers who are given most gifts: they are merged at some time, or were."""
STRANGERS = 5
"""Members whom nobody has ever seen."""
READ = (*(("saver", SAVERS),) * 3, ("m", SPENDERS), ("m", SHOPPERS))
"""Whom the bank looks at: how their names begin, and how many there are."""


ONLY_LESS = {f"saver{number}" for number in range(GIVERS_FROM)}
"""Savers who are given nothing after the beginning."""


class Callers:
    """Tills and readers; `apis` are the processes of the API, any of which may answer."""

    def __init__(self, apis: Sequence[str], journal: Journal, seed: int) -> None:
        self.apis = apis
        self.journal = journal
        self.seed = seed
        self.client = httpx.AsyncClient(
            timeout=REQUEST_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
        )
        self.exchanges = Exchanges(self.until_final, journal)
        self._merging = iter(range(MERGED))
        self._leaving = [(f"m{SPENDERS - 1 - n}", f"m{n}") for n in range(LEAVING)]

    async def run(self, tills: int, readers: int, stop: asyncio.Event) -> None:
        """Until `stop` is set; then everything that was begun is answered."""
        async with self.client:
            await asyncio.gather(
                self.exchanges.deliver(random.Random(self.seed)),  # noqa: S311
                *(self._till(number, stop) for number in range(tills)),
                *(self._reader(number, stop) for number in range(readers)),
            )

    async def _sent(
        self, drawn: random.Random, method: str, path: str, **what: Any
    ) -> httpx.Response | None:
        try:
            return await self.client.request(method, drawn.choice(self.apis) + path, **what)
        except UNANSWERED:
            self.journal.counts["requests without an answer"] += 1
            return None

    async def until_final(
        self, drawn: random.Random, method: str, path: str, final: set[int], **what: Any
    ) -> httpx.Response:
        """The answer, however often it takes to ask for it."""
        while True:
            answer = await self._sent(drawn, method, path, **what)
            if answer is not None and answer.status_code in final:
                return answer
            if answer is not None:
                self.journal.counts[f"answers {answer.status_code}"] += 1
                if answer.status_code not in {202, 404, 503}:
                    self.journal.find("an answer that no fault explains", answer.text[:300])
            await asyncio.sleep(RETRY_SECONDS * (0.5 + drawn.random()))

    # tills

    async def _till(self, number: int, stop: asyncio.Event) -> None:
        drawn = random.Random(f"{self.seed}/till/{number}")  # noqa: S311
        mine: list[tuple[str, str]] = []
        serial = 0
        while not stop.is_set():
            await asyncio.sleep(TILL_PAUSE_SECONDS * 2 * drawn.random())
            luck = drawn.random()
            if luck < POSTED:
                await self._post(drawn)
            elif luck < POSTED + REPEATED and mine:
                await self._again(drawn, *drawn.choice(mine))
            else:
                serial += 1
                key = f"till-{number}-{serial}"
                member = (
                    f"saver{drawn.randrange(SAVERS)}"
                    if drawn.random() < 0.6  # noqa: PLR2004
                    else f"m{drawn.randrange(SPENDERS)}"
                )
                if luck > 1 - HELD:
                    await self.exchanges.check_out(drawn, member, key)
                elif luck > 1 - HELD - REWARDED:
                    await self.exchanges.take(drawn, member, key)
                elif luck > 1 - HELD - REWARDED - GIVEN:
                    await self._give(drawn, key)
                elif luck > 1 - HELD - REWARDED - GIVEN - MERGING:
                    await self._merge(drawn, key)
                else:
                    mine.append((member, key))
                    await self._redeem(drawn, member, key)

    async def _give(self, drawn: random.Random, key: str) -> None:
        """Points for another member; of savers only those have a part in it who are to."""
        givers = [f"saver{number}" for number in range(GIVERS_FROM, SAVERS)]
        member = drawn.choice([*givers, *(f"m{number}" for number in range(SPENDERS))])
        strangers = [f"nobody{number}" for number in range(STRANGERS)]
        merged = [f"m{MERGED_FROM + drawn.randrange(LATELY_MERGED)}" for _ in range(2)]
        to = drawn.choice([drawn.choice(givers), *merged, drawn.choice(strangers)])
        twice = drawn.random() < TWICE_AT_ONCE
        await self.exchanges.give(drawn, member, key, to, twice=twice)

    async def _merge(self, drawn: random.Random, key: str) -> None:
        """A shopper who is not merged yet, into another one who never will be, or a stranger."""
        if self.journal.events[Channel.KAFKA] < SHOPPERS:
            return  # most of them have no account yet
        if self._leaving and drawn.random() < LEAVES:
            member, into = self._leaving.pop()
            if not await self.exchanges.merge(drawn, member, key, into):
                self._leaving.insert(0, (member, into))
            return
        number = next(self._merging, None)
        if number is None:
            return
        is_strange = drawn.random() < 0.2  # noqa: PLR2004
        into = f"nobody{drawn.randrange(STRANGERS)}" if is_strange else f"m{INTO + number}"
        await self.exchanges.merge(drawn, f"m{MERGED_FROM + number}", key, into)

    async def _redeem(self, drawn: random.Random, member: str, key: str) -> None:
        points = drawn.randrange(1, 40) if member.startswith("saver") else drawn.randrange(1, 900)
        self.journal.points[member, key] = points
        calls = 2 if drawn.random() < TWICE_AT_ONCE else 1
        answers = await asyncio.gather(
            *(self._asked(drawn, member, key, points) for _ in range(calls))
        )
        self.journal.counts["redemptions"] += 1
        self.journal.counts["redemptions sent twice at once"] += calls - 1
        self.journal.counts[f"redemptions answered {answers[0].status_code}"] += 1
        if answers[0].status_code == 200:  # noqa: PLR2004
            await self._own_write_is_seen(drawn, member, answers[0])

    async def _asked(
        self, drawn: random.Random, member: str, key: str, points: int
    ) -> httpx.Response:
        answer = await self.until_final(
            drawn,
            "POST",
            f"/v1/programs/{PROGRAM}/members/{member}/redemptions",
            FINAL,
            json={"points": points},
            headers={"Idempotency-Key": key},
        )
        self.journal.answered(member, key, Answer(answer.status_code, answer.content))
        return answer

    async def _own_write_is_seen(
        self, drawn: random.Random, member: str, answer: httpx.Response
    ) -> None:
        """I10: a read with the answer's token shows it. Who is given nothing only has less."""
        read = await self.until_final(
            drawn,
            "GET",
            f"/v1/programs/{PROGRAM}/members/{member}",
            {200},
            headers={TOKEN: answer.headers[TOKEN]},
        )
        self.journal.counts["reads of what was just spent"] += 1
        if _is_before(read.headers[TOKEN], answer.headers[TOKEN]) or (
            member in ONLY_LESS and read.json()["balance"] > answer.json()["balance"]
        ):
            self.journal.find("what was spent was not seen", f"{answer.text} {read.text}")

    async def _again(self, drawn: random.Random, member: str, key: str) -> None:
        """A key that was answered: the same again, or another body under it (I6)."""
        points = self.journal.points[member, key]
        if drawn.random() < ANOTHER_BODY / REPEATED:
            answer = await self.until_final(
                drawn,
                "POST",
                f"/v1/programs/{PROGRAM}/members/{member}/redemptions",
                FINAL,
                json={"points": points + 1},
                headers={"Idempotency-Key": key},
            )
            self.journal.counts["keys used with another body"] += 1
            if answer.status_code != 422:  # noqa: PLR2004
                self.journal.find("another body was taken under a key", f"{key}: {answer.text}")
        else:
            await self._asked(drawn, member, key, points)
            self.journal.counts["keys used again"] += 1

    async def _post(self, drawn: random.Random) -> None:
        """Purchases over HTTP, sent until they are taken."""
        first = self.journal.counts["events posted"]
        self.journal.counts["events posted"] += EVENTS_AT_ONCE
        numbers = range(first, first + EVENTS_AT_ONCE)
        events = [Event(Channel.HTTP, number) for number in numbers]
        told = [
            {"type": "retail.purchase.v1", **json.loads(purchase(event, self.journal.began))}
            for event in events
        ]
        await self.until_final(drawn, "POST", "/v1/events", {202}, json=told)
        self.journal.events[Channel.HTTP] += EVENTS_AT_ONCE

    # the bank

    async def _reader(self, number: int, stop: asyncio.Event) -> None:
        drawn = random.Random(f"{self.seed}/reader/{number}")  # noqa: S311
        tokens: dict[str, str] = {}
        while not stop.is_set():
            await asyncio.sleep(READER_PAUSE_SECONDS * 2 * drawn.random())
            kind, members = drawn.choice(READ)
            member = f"{kind}{drawn.randrange(members)}"
            what = "/entries?limit=20" if drawn.random() < 0.2 else ""  # noqa: PLR2004
            path = f"/v1/programs/{PROGRAM}/members/{member}{what}"
            headers = {TOKEN: tokens[member]} if member in tokens else {}
            answer = await self._sent(drawn, "GET", path, headers=headers)
            if answer is None or answer.status_code != 200:  # noqa: PLR2004
                self.journal.counts["reads refused"] += 1
                self._is_explained(member, answer, tokens)
                continue
            self.journal.counts["reads"] += 1
            if member in tokens and _is_before(answer.headers[TOKEN], tokens[member]):
                self.journal.find("a reader went back", f"{tokens[member]} {answer.text[:300]}")
            tokens[member] = answer.headers[TOKEN]
            (self._entries_add_up if what else self._sums_add_up)(member, answer.json())

    def _is_explained(
        self, member: str, answer: httpx.Response | None, tokens: Mapping[str, str]
    ) -> None:
        """Servers may be away; an account that was seen is not unknown; nothing else happens."""
        expected = {503} if member in tokens else {503, 404}
        if answer is not None and answer.status_code not in expected:
            self.journal.find("a read that no fault explains", answer.text[:300])

    def _sums_add_up(self, member: str, told: dict[str, Any]) -> None:
        wrong = [
            told["balance"] != told["available"] + told["held"] + told["pending"] - told["deficit"],
            told["earned"] + told["received"] - told["sent"] - told["redeemed"]
            != told["balance"] + told["expired"] + told["clawed_back"],
            min(told["available"], told["held"], told["pending"], told["deficit"]) < 0,
            member.startswith("saver")
            and told["available"] + told["held"] + told["redeemed"] + told["sent"]
            != GRANTED + told["received"],
        ]
        if any(wrong):
            self.journal.find("sums of an answer are wrong", json.dumps(told))

    def _entries_add_up(self, member: str, told: dict[str, Any]) -> None:
        """Each entry begins where the one before it ended."""
        entries = told["entries"]
        for later, earlier in pairwise(entries):
            if later["balance"] - later["points"] != earlier["balance"]:
                self.journal.find("entries do not follow each other", f"{member} {later}")


def _is_before(token: str, other: str) -> bool:
    """Of one partition: what a merged account sends on is decided in another one."""
    (partition, position), (others, least) = (map(int, text.split("-")) for text in (token, other))
    return partition == others and position < least
