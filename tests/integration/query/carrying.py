"""Couriers that stop after some steps, and writes to the API."""

import asyncio
from typing import Any

import httpx

from services.redeem.courier import Sent, carry
from shared.stream.process import Shell
from tests.polling import eventually

WHO = {"actor": "ann", "reason": "for the test"}


class Carried:
    """A courier that is stopped after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    async def __call__(self, shell: Shell) -> None:
        """Carry until the steps are used up."""
        sent = Sent()
        while self.left:
            self.left -= bool(await carry(shell, sent))
            await asyncio.sleep(0)

    async def stopped(self) -> None:
        """Wait until it has carried all its steps."""

        async def is_stopped() -> bool:
            return not self.left

        await eventually(is_stopped, 60)


async def write(
    api: httpx.AsyncClient, path: str, key: str, body: dict[str, Any]
) -> httpx.Response:
    """What a write is answered."""
    return await api.post(path, json=body, headers={"Idempotency-Key": key})


async def added(api: httpx.AsyncClient, path: str, key: str, body: dict[str, Any]) -> None:
    """What an operator adds, asked for until it is there."""

    async def done() -> bool:
        return (await write(api, path, key, {**body, **WHO})).status_code == 200

    await eventually(done, 60)


async def last_words(
    api: httpx.AsyncClient, paths: list[str], key: str, body: dict[str, Any]
) -> list[httpx.Response]:
    """The answers of one request to several members, asked again until none is 202."""

    async def told() -> list[httpx.Response] | None:
        answers = [await write(api, path, key, body) for path in paths]
        return answers if all(answer.status_code != 202 for answer in answers) else None

    found = await eventually(told, 60)
    assert found is not None
    return found
