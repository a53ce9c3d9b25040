"""HTTP callers: one connection each, latency from the first byte sent to the last one received.

Plain sockets rather than a client library, whose own time would be a good part of what is measured.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

Request = tuple[str, str, dict[str, str], bytes]
"""Method, path, headers, body."""


class Caller:
    """A keep-alive connection to an address on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, request: Request) -> tuple[int, bytes, float]:
        """Status, body and seconds of one request."""
        if self._streams is None or self._streams[0].at_eof():  # servers hang up when idle
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        method, path, headers, body = request
        lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        started = perf_counter()
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), content, perf_counter() - started

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


Make = Callable[[int], Request]


async def one_at_a_time(port: int, make: Make, count: int, wanted: Sequence[int]) -> list[float]:
    """Latencies of requests sent one after the other."""
    caller = Caller(port)
    seconds = []
    for number in range(count):
        status, content, took = await caller.call(make(number))
        if status not in wanted:
            raise RuntimeError(f"{status}: {content[:300]!r}")
        seconds.append(took)
    caller.close()
    return seconds


class Answered(NamedTuple):
    """Latencies of what was answered as wanted, and how many were answered otherwise."""

    seconds: list[float]
    others: int


async def offered(
    port: int, make: Make, a_second: int, duration: float, wanted: Sequence[int]
) -> Answered:
    """Latencies at a rate that does not wait for answers; measured from when each was due."""
    free: list[Caller] = []
    seconds: list[float] = []
    others: list[int] = []
    start = perf_counter()

    async def one(number: int) -> None:
        due = start + number / a_second
        await asyncio.sleep(max(0.0, due - perf_counter()))
        caller = free.pop() if free else Caller(port)
        status, _, _ = await caller.call(make(number))
        if status in wanted:
            seconds.append(perf_counter() - due)
        else:
            others.append(status)
        free.append(caller)

    await asyncio.gather(*(one(number) for number in range(int(a_second * duration))))
    for caller in free:
        caller.close()
    return Answered(seconds, len(others))


async def flat_out(
    port: int, make: Make, callers: int, duration: float, wanted: Sequence[int]
) -> tuple[float, list[float]]:
    """Requests a second of so many callers, each sending the next when it has its answer."""
    seconds: list[float] = []
    numbers = iter(range(10**9))
    until = perf_counter() + duration

    async def one() -> None:
        caller = Caller(port)
        while perf_counter() < until:
            status, content, took = await caller.call(make(next(numbers)))
            if status not in wanted:
                raise RuntimeError(f"{status}: {content[:300]!r}")
            seconds.append(took)
        caller.close()

    await asyncio.gather(*(one() for _ in range(callers)))
    return len(seconds) / duration, seconds
