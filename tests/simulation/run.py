"""Runs seeds, and says how to see a failing one again."""

from tests.simulation.checks import check
from tests.simulation.clients import Load
from tests.simulation.damage import DamagedHistory
from tests.simulation.history import History
from tests.simulation.loop import SeededLoop, simulate
from tests.simulation.network import Faults
from tests.simulation.program import catalogue
from tests.simulation.virtual import virtual

CATALOGUE = catalogue()
TRACE_LINES = 40


def run_seed(
    seed: int, load: Load | None = None, faults: Faults | None = None, *, damaged: bool = False
) -> History:
    """One history, checked. Raises Violation, with a short trace as a note."""
    made: list[History] = []

    async def main(loop: SeededLoop) -> None:
        make = DamagedHistory if damaged else History
        made.append(make(loop, load, faults, CATALOGUE))
        await made[0].run()

    with virtual():
        try:
            simulate(seed, main)
            if not damaged:
                check(made[0])
        except BaseException as error:
            error.add_note("\n".join(made[0].trace[-TRACE_LINES:]))
            error.add_note(f"seed {seed}")
            raise
    return made[0]
