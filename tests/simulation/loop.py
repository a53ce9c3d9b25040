"""An event loop with virtual time and a seeded order: the same seed is the same history.

Each task belongs to a process (a context variable). A killed process simply never runs again,
wherever it was; a paused one runs later. Time passes only when nothing else can happen.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any

SECONDS_MAX = 100_000.0
STEPS_MAX = 400_000


class Process:
    """Something that can be killed, paused and resumed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused_until = 0.0


ENVIRONMENT = Process("environment")
PROCESS: ContextVar[Process] = ContextVar("process", default=ENVIRONMENT)


class Stuck(Exception):
    """The history does not come to an end."""


class SeededLoop(asyncio.BaseEventLoop):
    """Runs ready callbacks in an order that the seed decides."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.failure: BaseException | None = None
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        process = PROCESS.get()
        if error is not None and not process.dead and self.failure is None:
            self.failure = error

    def _run_once(self) -> None:
        """One callback of a living process, now or at the next moment that has one."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Stuck(f"no end after {STEPS_MAX} steps")
        ready = self._ready  # type: ignore[attr-defined]
        scheduled = self._scheduled  # type: ignore[attr-defined]
        while not ready:
            if not scheduled:
                raise Stuck("nothing left to do, but not done")
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled or self._process(handle).dead:
                continue
            self.now = max(self.now, handle._when)
            ready.append(handle)
        if self.now > SECONDS_MAX:
            raise Stuck(f"no end after {SECONDS_MAX} virtual seconds")
        index = self.random.randrange(len(ready)) if len(ready) > 1 else 0
        ready.rotate(-index)
        handle = ready.popleft()
        ready.rotate(index)
        process = self._process(handle)
        if handle._cancelled or process.dead:
            return
        if process.paused_until > self.now:
            self._defer(handle, process.paused_until)
            return
        handle._run()

    def _defer(self, handle: asyncio.Handle, until: float) -> None:
        """Run it later; whoever holds it can still cancel it."""
        context = handle._context.copy()  # type: ignore[attr-defined]
        timer = asyncio.TimerHandle(until, _run_unless_cancelled, (handle,), self, context)
        timer._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]

    @staticmethod
    def _process(handle: asyncio.Handle) -> Process:
        process: Process = handle._context.get(PROCESS, ENVIRONMENT)  # type: ignore[attr-defined]
        return process

    def _process_events(self, _events: object) -> None:
        return

    def _write_to_self(self) -> None:
        return

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of a process."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(coroutine, context=context)


def _run_unless_cancelled(handle: asyncio.Handle) -> None:
    if not handle.cancelled():
        handle._run()


def simulate(seed: int, main: Callable[[SeededLoop], Coroutine[Any, Any, None]]) -> SeededLoop:
    """Run one history to its end. Raises what `main` raises, or Stuck."""
    loop = SeededLoop(seed)
    try:
        loop.run_until_complete(main(loop))
        if loop.failure is not None:
            raise loop.failure
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop._ready.clear()  # type: ignore[attr-defined]
        loop._scheduled.clear()  # type: ignore[attr-defined]
        loop.close()
    return loop
