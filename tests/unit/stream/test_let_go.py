"""Letting go of a Kafka consumer: the client's cancellations are its own, ours are ours."""

import asyncio
from typing import Any, cast

import pytest

from shared.stream.kafka import let_go


class Client:
    """Its connections."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class Consumer:
    """Stops as aiokafka 0.14.0 does where a request waits to be tried again."""

    def __init__(self) -> None:
        self._client = Client()
        self.stops = asyncio.Event()

    async def stop(self) -> None:
        self.stops.set()
        waits = asyncio.create_task(asyncio.Event().wait())
        await asyncio.sleep(0)
        waits.cancel()
        await waits
        await self._client.close()


class Slow(Consumer):
    """Does not stop until it is cancelled."""

    async def stop(self) -> None:
        self.stops.set()
        await asyncio.Event().wait()


async def test_a_request_that_waits_to_be_tried_again_cancels_nobody():
    stopping = Consumer()
    await let_go(cast(Any, stopping))
    assert stopping._client.is_closed


async def test_who_is_cancelled_while_letting_go_is_cancelled():
    stopping = Slow()
    letting_go = asyncio.create_task(let_go(cast(Any, stopping)))
    await stopping.stops.wait()
    letting_go.cancel()
    with pytest.raises(asyncio.CancelledError):
        await letting_go
