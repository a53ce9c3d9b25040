"""A whole Tessera of its own: embedded servers, services as processes, a retailer and a till."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.program import publish_file
from cli.stack.host import ROOT, Host
from cli.stack.progress import Progress
from shared.events.topics import PURCHASES
from shared.local import free_port
from shared.local.child import Child
from shared.settings import Settings
from shared.stream.log import LogUnavailable
from tests.polling import eventually
from tests.servers import temporary_folder

SHOP = Path(__file__).with_name("shop.yaml")
AWAY = (httpx.TransportError,)


class System:
    """Everything, and what the outside world did to it."""

    def __init__(self, home: Path) -> None:
        self.notes: list[str] = []
        self.settings = Settings(
            home=home,
            kafka_port=free_port(),
            postgres_port=free_port(),
            api_port=free_port(),
            sweep_seconds=1.0,
        )
        self.host = Host(self.settings, self.notes.append)
        self.earned: Counter[str] = Counter()
        self.extra: list[Child] = []
        self.client = httpx.AsyncClient(base_url=self.host.api, timeout=30, trust_env=False)
        self._published = 0

    # the retailer

    async def publish(self, count: int, *, members: int = 20) -> None:
        """Purchases of whole dollars for members in turn; returns when Kafka has them all."""
        producer = await eventually(self._producer, 60)
        assert producer is not None
        try:
            sent = []
            for number in range(self._published, self._published + count):
                member, dollars = str(number % members), 1 + number % 37
                self.earned[member] += dollars
                key, value = b"till", purchase(number, member, dollars)
                headers = [("ce_type", b"retail.purchase.v1")]
                sent.append(await producer.send(PURCHASES.name, value, key=key, headers=headers))
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
        self._published += count

    async def _producer(self) -> AIOKafkaProducer | None:
        """A producer, unless Kafka is away just now."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.host.bootstrap, acks="all", enable_idempotence=True
        )
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            return None
        return producer

    # the till

    async def balance(self, member: str) -> dict[str, int]:
        """What the API says, as soon as it says something."""

        async def ask() -> httpx.Response | None:
            with contextlib.suppress(*AWAY):
                answer = await self.client.get(f"/v1/programs/shop/members/{member}")
                return answer if answer.status_code == 200 else None
            return None

        answered = await eventually(ask, 60)
        assert answered is not None
        told: dict[str, int] = answered.json()
        return told

    async def redeem(self, member: str, points: int, key: str) -> httpx.Response:
        """A redemption, sent until it is answered for good."""
        return await self.write(f"members/{member}/redemptions", key, {"points": points})

    async def write(
        self, path: str, key: str, body: dict[str, Any], *, program: str = "shop"
    ) -> httpx.Response:
        """A write of a program, sent until it is answered for good."""

        async def ask() -> httpx.Response | None:
            with contextlib.suppress(*AWAY):
                answer = await self.client.post(
                    f"/v1/programs/{program}/{path}", json=body, headers={"Idempotency-Key": key}
                )
                return answer if answer.status_code in {200, 409, 422} else None
            return None

        answered = await eventually(ask, 90)
        assert answered is not None
        return answered

    # the machine room

    def pid(self, name: str) -> int:
        """The process of a service or server."""
        for server in (self.host.kafka, self.host.postgres):
            if server is not None and server.name.lower() == name and server.pid is not None:
                return server.pid
        found = next(watched for watched in self.host.services if watched.name == name)
        assert found.child.pid is not None
        return found.child.pid

    async def kill(self, name: str) -> None:
        """`kill -9`; returns when its host has started it again."""
        killed = self.pid(name)
        os.kill(killed, signal.SIGKILL)

        async def is_back() -> bool:
            return self.pid(name) != killed

        await eventually(is_back, 60)

    def start_another(self, name: str) -> Child:
        """One more process of a service."""
        child = Child(
            command=(sys.executable, "-m", f"services.{name}"),
            folder=ROOT,
            log=self.settings.home.absolute() / "logs" / f"{name}-{len(self.extra)}.log",
            environment=self.host.environment,
            orphaned=signal.SIGKILL,
        )
        child.spawn()
        self.extra.append(child)
        return child

    async def drained(self, seconds_max: int = 120) -> None:
        """Everything that was published is folded."""
        looking = Progress(self.host.bootstrap, self.host.dsn)
        await looking.start()
        try:

            async def is_empty() -> bool:
                with contextlib.suppress(LogUnavailable):  # Kafka is busy: look again
                    return sum((await looking.lag()).values()) == 0
                return False

            await eventually(is_empty, seconds_max)
        finally:
            await looking.close()

    async def balances(self, members: Iterable[str]) -> dict[str, dict[str, int]]:
        """The balances of members."""
        return {member: await self.balance(member) for member in members}


@asynccontextmanager
async def running_system(*, looked_after: bool = True) -> AsyncIterator[System]:
    """A system with the shop's program, stopped and removed afterwards.

    `looked_after`: its host starts again what dies.
    """
    with temporary_folder() as home:
        system = System(home)
        watching = None
        try:
            await system.host.start()
            if looked_after:
                watching = asyncio.create_task(system.host.watch())
            await publish_file(system.host.bootstrap, SHOP)
            yield system
        finally:
            if watching is not None:
                watching.cancel()
            for child in system.extra:
                child.kill()
            await system.client.aclose()
            await system.host.stop()


def purchase(number: int, member: str, dollars: int) -> bytes:
    """A purchase of the shop, of whole dollars."""
    return json.dumps(
        {
            "event_id": f"e{number}",
            "source": "till",
            "brand": "shop",
            "member": member,
            "receipt_id": f"r{number}",
            "occurred_at": datetime.now(UTC).isoformat(),
            "currency": "USD",
            "lines": [{"line_id": "1", "sku": "s", "amount_minor": 100 * dollars}],
        }
    ).encode()
