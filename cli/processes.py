"""Work spread over processes: one asynchronous function, many tasks, results in order.

Guarantees: the first failure is raised here and the other processes end; none outlives its parent,
however that ends. Functions and tasks are sent to the processes, so they must be picklable.
"""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from time import sleep
from typing import Any, TypeVar

import structlog
import uvloop

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[T], Coroutine[Any, Any, R]]
LOOK_SECONDS = 0.5


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def spread(
    work: Work[T, R],
    tasks: Sequence[T],
    processes: int,
    done: Callable[[], object] = lambda: None,
) -> list[R]:
    """The results of `work` for each task; in this process, one by one, where that is enough.

    `done` is called after each task.
    """
    if min(processes, len(tasks)) <= 1:
        return [await _one(work(task), done) for task in tasks]
    others = set(active_children())
    loop = asyncio.get_running_loop()
    pool = ProcessPoolExecutor(
        min(processes, len(tasks)),
        get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(),),
    )
    try:
        return await asyncio.gather(
            *(_one(loop.run_in_executor(pool, _run, work, task), done) for task in tasks)
        )
    except BaseException:
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _one(working: Awaitable[R], done: Callable[[], object]) -> R:
    result = await working
    done()
    return result


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    # as for every process that makes many short-lived objects: see `shared.process`
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        sleep(LOOK_SECONDS)
    os._exit(1)


def _run(work: Work[T, R], task: T) -> R:
    return uvloop.run(work(task))
