"""Runs seeds, and says how to see a failing one again."""

from tests.simulation.checks import check
from tests.simulation.damage import DamagedHistory
from tests.simulation.history import History
from tests.simulation.loop import SeededLoop, simulate
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
    made: list[History] = []

    async def main(loop: SeededLoop) -> None:
        make = DamagedHistory if is_damaged else History
        made.append(make(loop, load, faults, CATALOGUES))
        await made[0].run()

    with virtual():
        try:
            simulate(seed, main)
            if not is_damaged:
                check(made[0])
        except BaseException as error:
            error.add_note("\n".join(made[0].trace[-TRACE_LINES:]))
            raise
    return made[0]
