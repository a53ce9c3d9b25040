"""Runs seeds, and says how to see a failing one again."""

from tests.simulation.beginnings import beginning
from tests.simulation.checks import check
from tests.simulation.damage import DamagedHistory
from tests.simulation.history import History, Setting
from tests.simulation.loop import SeededLoop
from tests.simulation.network import Faults
from tests.simulation.outside import Load
from tests.simulation.program import catalogues
from tests.simulation.virtual import virtual

CATALOGUES = catalogues()
TRACE_LINES = 40
DAMAGED_EVERY = 8
"""Each eighth seed ends with a damaged log."""


def run_seed(seed: int, load: Load | None = None, faults: Faults | None = None) -> History:
    """One history, checked. Raises what does not hold, with a short trace as a note."""
    is_damaged = seed % DAMAGED_EVERY == DAMAGED_EVERY - 1
    make = DamagedHistory if is_damaged else History
    with virtual():
        loop = SeededLoop(seed)  # type: ignore[abstract]
        history = make(loop, load, faults, Setting.drawn(loop.random, CATALOGUES))
        if history.load.is_welcomed:
            beginning(history.setting, history.load.accounts).put_into(history)
        try:
            loop.run(history.run())
            if not is_damaged:
                check(history)
        except BaseException as error:
            error.add_note("\n".join(history.trace[-TRACE_LINES:]))
            raise
    return history
