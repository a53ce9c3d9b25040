"""A retailer who has nothing but the address of Tessera: everything goes over HTTP.

Or who has Kafka too, and publishes there.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaProducer

from shared.events.topics import PURCHASES
from shared.program.document import published
from shared.program.model import Program
from tests.polling import wait_until
from tests.shops import Retailer

PATIENCE_SECONDS = 60
WHO = {"actor": "ann", "reason": "as the story goes"}


class OnlineShop(Retailer):
    """What it publishes goes to `POST /v1/events`; what it reads is what the API answers."""

    def __init__(self, program: str | Program, api: httpx.Client) -> None:
        super().__init__(program)
        self._api = api
        self._ago = timedelta()
        self.told: dict[str, Any] = {}
        """The body of the answer to the last write."""

    def days_ago(self, days: int) -> Self:
        """What is published from now on happened so long ago."""
        self._ago = timedelta(days=days)
        return self

    def now(self) -> datetime:
        """The time, or some days before."""
        return datetime.now(UTC) - self._ago

    def publish(self, event: dict[str, Any]) -> None:
        """Answered when Kafka has it."""
        answer = self._api.post("/v1/events", json={**event, "source": self.program.program})
        assert answer.status_code == 202, answer.text

    def publishes(self) -> Self:
        """The program is published."""
        program, version = self.program.program, self.program.version
        document = published(self.program).document
        answer = self._api.put(f"/v1/programs/{program}/versions/{version}", json=document)
        assert answer.status_code == 201, answer.text
        return self

    # what the API is asked

    def asks(self, member: str, what: str, body: Mapping[str, Any] | None = None) -> Self:
        """A write, with a key of its own; then `then_told` or `then_refused`."""
        self._events += 1
        self._answer = self._api.post(
            f"{self._of(member)}/{what}",
            json=body or {},
            headers={"Idempotency-Key": f"key-{self._events}"},
        )
        self.told = self._answer.json()
        return self

    def stocks(self, reward: str, **body: Any) -> Self:
        """Units of a reward are put in stock."""
        answer = self._api.post(
            f"/v1/programs/{self.program.program}/rewards/{reward}/stock",
            json={**body, **WHO},
            headers={"Idempotency-Key": f"stock of {reward}"},
        )
        assert answer.status_code == 200, answer.text
        return self

    def then_told(self, **expected: Any) -> Self:
        """The last write was done, and its answer says this."""
        assert self._answer.status_code == 200, self._answer.text
        assert {name: self.told[name] for name in expected} == expected
        return self

    def then_refused(self, code: str, **numbers: int) -> Self:
        """The last write was not done, for this reason."""
        assert self._answer.status_code == 409, self._answer.text
        assert self.told["code"] == code
        assert {name: self.told[name] for name in numbers} == numbers
        return self

    # what the API says

    def has(self, member: str, **numbers: int) -> Self:
        """The member's balances, as soon as they are so."""
        self._until_it_says(self._of(member), numbers)
        return self

    def receipt_says(self, member: str, receipt: str, **numbers: int) -> Self:
        """A receipt's sum, as soon as it is so."""
        self._until_it_says(f"{self._of(member)}/receipts/{receipt}", numbers)
        return self

    def reads(self, member: str, what: str) -> Any:
        """The body of a read."""
        answer = self._api.get(f"{self._of(member)}/{what}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _of(self, member: str) -> str:
        return f"/v1/programs/{self.program.program}/members/{member}"

    def _until_it_says(self, url: str, expected: Mapping[str, Any]) -> None:
        said: dict[str, Any] = {}

        def says() -> bool:
            nonlocal said
            answer = self._api.get(url)
            said = answer.json()
            return answer.is_success and {name: said.get(name) for name in expected} == expected

        try:
            wait_until(says, PATIENCE_SECONDS)
        except AssertionError as error:
            error.add_note(f"{url} says {said}, not {expected}")
            raise


class KafkaShop(OnlineShop):
    """What it publishes goes to Kafka, on the topic of its tills."""

    def __init__(self, program: str | Program, api: httpx.Client, bootstrap: str) -> None:
        super().__init__(program, api)
        self._bootstrap = bootstrap

    def publish(self, event: dict[str, Any]) -> None:
        """Written when Kafka has it."""
        body = json.dumps({**event, "source": self.program.program}).encode()
        asyncio.run(self._send(event["member"].encode(), body))

    async def _send(self, key: bytes, body: bytes) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all") as producer:
            await producer.send_and_wait(PURCHASES.name, body, key=key)
