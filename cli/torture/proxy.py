"""A TCP proxy between a service and a server, whose network can be cut and made to swallow.

Guarantees: open, bytes pass unchanged and in order, with back-pressure. Cut: connections are reset,
new ones refused. Silent: every byte and every close is swallowed, as between machines of
which one has lost its network; what was connected meanwhile is reset when the network heals.
"""

import asyncio
from enum import StrEnum
from typing import cast

from shared.local.ports import LOOPBACK


class Mode(StrEnum):
    """How the network behaves."""

    OPEN = "open"
    CUT = "cut"
    SILENT = "silent"


class Proxy:
    """Listens on `port` of this machine and connects to `target`."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.mode = Mode.OPEN
        self.pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Pair(self).client, LOOPBACK, self.port)

    async def close(self) -> None:
        """Reset everything and stop listening."""
        self.become(Mode.CUT)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def become(self, mode: Mode) -> None:
        """Change the network; whoever was hurt by the change before it is reset."""
        self.mode = mode
        for pair in list(self.pairs):
            if mode is Mode.CUT or (mode is Mode.OPEN and pair.has_lost):
                pair.reset()


class _Pair:
    """One connection: the side of the client and the side of the server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.has_lost = False
        self.client = _Side(self)
        self.server = _Side(self)
        self._connecting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The client is connected."""
        self.proxy.pairs.add(self)
        if self.proxy.mode is Mode.CUT:
            self.reset()
        else:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.server, LOOPBACK, self.proxy.target)
        except OSError:
            self.reset()

    def other(self, side: "_Side") -> "_Side":
        """The side that what arrives at `side` is for."""
        return self.server if side is self.client else self.client

    @property
    def swallows(self) -> bool:
        """Whether bytes are lost now; remembered, for a stream with a hole cannot go on."""
        if self.proxy.mode is Mode.SILENT:
            self.has_lost = True
        return self.has_lost

    def ended(self) -> None:
        """A side is closed; the other one learns it unless the network is silent."""
        if not self.swallows:
            self.reset()

    def reset(self) -> None:
        """Close both sides at once."""
        self.proxy.pairs.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.abort()


class _Side(asyncio.Protocol):
    """One end of a connection."""

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        if self is self.pair.client:
            self.pair.begin()
        for data in self.early:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if not self.pair.swallows:
            self.pair.other(self).send(data)

    def send(self, data: bytes) -> None:
        """Pass bytes on, once there is a connection to do it over, and as long as there is."""
        if self.transport is None:
            self.early.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.pair.ended()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: whoever sends too fast waits."""
        sender = self.pair.other(self).transport
        if sender is not None:
            sender.pause_reading()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        sender = self.pair.other(self).transport
        if sender is not None and not sender.is_closing():
            sender.resume_reading()
