"""Runs one seed, and says how to see it again."""

import sys
from typing import Any

import structlog

from tests.simulation.checks import check
from tests.simulation.history import History, Load
from tests.simulation.loop import SeededLoop, simulate
from tests.simulation.program import catalogue
from tests.simulation.world import Faults

CATALOGUE = catalogue()
TRACE_LINES = 40


class Quiet:
    """A logger that says nothing: histories are full of failures, all of them wanted."""

    def msg(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    debug = info = warning = error = exception = critical = msg


def run_seed(
    seed: int, load: Load | None = None, faults: Faults | None = None, prepare: Any = None
) -> History:
    """One history, checked. Raises Violation, with a short trace as a note."""
    made: list[History] = []

    async def main(loop: SeededLoop) -> None:
        history = History(loop, load or Load(), faults or Faults(), CATALOGUE)
        made.append(history)
        if prepare is not None:
            prepare(history)
        await history.run()

    loud = structlog.get_config()
    structlog.configure(logger_factory=lambda *_: Quiet(), processors=[])
    try:
        simulate(seed, main)
        check(made[0])
    except BaseException as error:
        error.add_note(f"seed {seed}; again with: python -m tests.simulation.run {seed}")
        error.add_note("\n".join(made[0].trace[-TRACE_LINES:]))
        raise
    finally:
        structlog.configure(**loud)
    return made[0]


if __name__ == "__main__":
    first = int(sys.argv[1])
    for number in range(first, first + int(sys.argv[2] if len(sys.argv) > 2 else 1)):
        done = run_seed(number)
        if len(sys.argv) < 3:
            sys.stdout.write("\n".join(done.trace) + "\n")
