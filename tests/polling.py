"""Waiting for something to become true: the only place in the tests that pauses."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PAUSE_SECONDS = 0.02
T = TypeVar("T")


def wait_until(check: Callable[[], T], seconds_max: int = 30) -> T:
    """Return the first true answer of `check`; fail with the last one after `seconds_max`."""
    deadline = time.monotonic() + seconds_max
    while not (answer := check()):
        assert time.monotonic() < deadline, (
            f"not within {seconds_max} s; the last answer: {answer!r}"
        )
        time.sleep(PAUSE_SECONDS)
    return answer


async def eventually(check: Callable[[], Awaitable[T]], seconds_max: int = 30) -> T:
    """Await `check` until its answer is true; fail with the last one after `seconds_max`."""
    deadline = time.monotonic() + seconds_max
    while not (answer := await check()):
        assert time.monotonic() < deadline, (
            f"not within {seconds_max} s; the last answer: {answer!r}"
        )
        await asyncio.sleep(PAUSE_SECONDS)
    return answer


async def pause() -> None:
    """Let the others go on before looking again."""
    await asyncio.sleep(PAUSE_SECONDS)
