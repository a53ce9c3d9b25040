"""An event loop with virtual time and a seeded order: the same seed is the same history.

Each task belongs to a process (a context variable). A killed process simply never runs again,
wherever it was; a paused one runs later. Time passes only when nothing else can happen. It does
what tasks, futures, `sleep`, `timeout` and `gather` ask of a loop and nothing more: asyncio's own
costs several times as much a step.
"""

import asyncio
import random
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any

SECONDS_MAX = 100_000.0
STEPS_MAX = 40_000
"""Far more than any history takes that comes to an end: some 2,000."""


class Process:
    """Something that can be killed, paused and resumed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused_until = 0.0
        self.context = copy_context()
        """In which everything happens in the process."""
        self.context.run(PROCESS.set, self)


PROCESS: ContextVar[Process] = ContextVar("process")
ENVIRONMENT = Process("environment")


class Stuck(Exception):
    """The history does not come to an end."""


class Step(list[Any]):
    """A callback that waits for its turn: context, callback, arguments. It is empty once cancelled.

    See `asyncio.Handle`. There are hundreds in a history: no other class is made as quickly.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """It will not run."""
        self.clear()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return not self


class SeededLoop(asyncio.AbstractEventLoop):
    """Runs ready callbacks in an order that the seed decides."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.failure: BaseException | None = None
        self.expected: type[BaseException] | None = None
        """With what processes may end; `ended` counts them."""
        self.ended = 0
        self._ready: list[Step] = []
        self._timers: list[tuple[float, int, Step]] = []
        self._numbers = count()
        self._tasks: list[asyncio.Task[Any]] = []
        """Kept until the end, since those of killed processes never run."""

    # what asyncio asks of a loop

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    get_debug = bool
    """No. Each future and each task asks, and a type is called faster than a method."""

    def is_running(self) -> bool:
        """Yes: it exists for one run."""
        return True

    def is_closed(self) -> bool:
        """No."""
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Step:
        """Run it at this instant, in an order that the seed decides."""
        step = Step((context or copy_context(), callback, args))
        self._ready.append(step)
        return step

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Step:
        """Run it when virtual time is there."""
        step = Step((context or copy_context(), callback, args))
        heappush(self._timers, (when, next(self._numbers), step))
        return step

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Step:
        """Run it after a while."""
        step = Step((context or copy_context(), callback, args))
        heappush(self._timers, (self.now + delay, next(self._numbers), step))
        return step

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[Any]":
        """A task of the process that makes it."""
        task = asyncio.Task(coroutine, loop=self, context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """See `fail`."""
        self.fail(context.get("exception"))

    def fail(self, error: BaseException | None) -> None:
        """Something failed that nobody waits for: so does the history, unless it was killed."""
        if error is None or PROCESS.get(ENVIRONMENT).dead:
            return
        if self.expected is not None and isinstance(error, self.expected):
            self.ended += 1
        elif self.failure is None:
            self.failure = error

    # running

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """A task of a process; the history fails with it."""
        task = self.create_task(coroutine, context=process.context)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled():
            self.fail(task.exception())

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Until `main` has ended."""
        events._set_running_loop(self)
        _running[:] = [self]
        try:
            task = self.create_task(main, context=ENVIRONMENT.context)
            self._run_until(task)
        finally:
            for left in self._tasks:
                if not left.done():
                    left._log_destroy_pending = False  # type: ignore[attr-defined]
                    coroutine: Any = left.get_coro()
                    coroutine.close()
            self._tasks.clear()
            self._ready.clear()
            self._timers.clear()
            events._set_running_loop(None)
        if self.failure is not None:
            raise self.failure
        task.result()

    def _run_until(self, task: "asyncio.Task[None]") -> None:
        """One callback after the other, each of a living process, until the task has ended.

        In one function, and with few calls: this is what a step costs besides what it does.
        """
        ready, draw = self._ready, self.random.random
        for self.steps in range(1, STEPS_MAX + 1):
            if len(ready) > 1:
                index = int(draw() * len(ready))
                step, ready[index] = ready[index], ready[-1]
                ready.pop()
            else:
                step = ready.pop() if ready else self._next_timer()
            if not step:
                continue
            context, callback, args = step
            process = context[PROCESS]
            if process.dead:
                continue
            if process.paused_until > self.now:
                heappush(self._timers, (process.paused_until, next(self._numbers), step))
                continue
            context.run(callback, *args)
            if task.done() or self.failure is not None:
                return
        raise Stuck(f"no end after {STEPS_MAX} steps")

    def _next_timer(self) -> Step:
        """The next timer that is not cancelled; time moves to it."""
        while self._timers:
            when, _, step = heappop(self._timers)
            if step:
                self.now = max(self.now, when)
                if self.now > SECONDS_MAX:
                    raise Stuck(f"no end after {SECONDS_MAX} virtual seconds")
                return step
        raise Stuck("nothing left to do, but not done")


_running: list[SeededLoop] = []
"""The one that runs, or ran last."""


def running_loop() -> SeededLoop:
    """In the place of `asyncio.get_running_loop`, which asks the system each time who it is."""
    return _running[0]
