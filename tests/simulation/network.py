"""Requests between processes and servers: each way takes its time, and may go wrong.

A client may give up, be killed or be paused while its append or commit still takes place: lost
acks, late appends and zombies come about by themselves.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.simulation.loop import ENVIRONMENT, SeededLoop

T = TypeVar("T")
EPOCH_MS = 1_800_000_000_000
"""When virtual time begins."""
AT_ONCE = 0.75
"""How many messages take no time, which costs no steps."""
USUAL_SECONDS = 0.005
PATIENCE_SECONDS = 3.0
"""How long a client waits for an answer."""
SLOW_SECONDS = 10.0
"""How long a message may be under way."""


@dataclass(frozen=True)
class Faults:
    """How often requests go wrong."""

    slow: float = 0.03
    lost: float = 0.02
    doubled: float = 0.03
    cut: float = 0.02
    repeated: float = 0.1
    """How often a sender repeats an input that was acknowledged."""
    skipped: float = 0.1
    """How often a client passes over a record that it was to hand out."""


CALM = Faults(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# Far more of them, and no partition is ever opened before there is peace.
BAD = Faults(0.03, 0.03, 0.2, 0.1, 0.3, 0.1)


class Network:
    """Carries requests from processes to servers and back."""

    def __init__(self, loop: SeededLoop, faults: Faults) -> None:
        self.loop = loop
        self.random: random.Random = loop.random
        self._draw = loop.random.random
        self.faults = faults
        self.busy_until = 0.0
        """When the last message that is under way now arrives."""

    def chance(self, probability: float) -> bool:
        """A seeded coin."""
        return self._draw() < probability

    def delay(self) -> float:
        """How long one message takes: often no time, mostly little, sometimes a lot."""
        drawn = self._draw()
        if drawn < self.faults.slow:
            return self.random.uniform(1, SLOW_SECONDS)
        return 0.0 if drawn < AT_ONCE else drawn * USUAL_SECONDS

    def later(self, delay: float, serve: Callable[..., object], *arguments: object) -> None:
        """Something happens at a server when a message arrives, whatever becomes of its sender."""
        if not delay:
            serve(*arguments)
            return
        when = self.loop.now + delay
        self.busy_until = max(self.busy_until, when)
        self.loop.call_at(when, serve, *arguments, context=ENVIRONMENT.context)

    async def request(self, serve: Callable[[], T], error: type[Exception]) -> T:
        """What the server answers; `error` if no answer comes in time, whatever the server did."""
        lost = self.faults.lost
        there, back = self.delay(), self.delay()
        arrives = returns = True
        if lost:
            arrives, returns = not self.chance(lost), not self.chance(lost)
        is_answered = arrives and returns and there + back < PATIENCE_SECONDS
        if is_answered and not there and not back:
            return serve()
        reply: asyncio.Future[T] = self.loop.create_future()
        if arrives:
            self.later(there, self._serve, serve, reply, back if returns else None)
        if is_answered:
            return await reply
        late = self.loop.call_later(PATIENCE_SECONDS, _settle, reply, None, error("no answer"))
        try:
            return await reply
        finally:
            late.cancel()

    def _serve(
        self, serve: Callable[[], T], reply: "asyncio.Future[T]", back: float | None
    ) -> None:
        """What happens at the server; the answer takes `back` seconds, or is lost (None)."""
        answer: T | None = None
        refused: Exception | None = None
        try:
            answer = serve()
        except Exception as error:  # noqa: BLE001  (whatever it is travels back)
            refused = error
        if back is not None:
            self.later(back, _settle, reply, answer, refused)


def _settle(reply: "asyncio.Future[T]", answer: T, error: Exception | None) -> None:
    if reply.done():
        return
    if error is None:
        reply.set_result(answer)
    else:
        reply.set_exception(error)
        reply.exception()


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that never waits returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    raise AssertionError("it waits")
