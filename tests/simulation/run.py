"""Runs seeds, and says how to see a failing one again."""

import gc
import traceback
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.simulation.beginnings import beginning
from tests.simulation.checks import check
from tests.simulation.damage import DamagedHistory
from tests.simulation.history import History, Setting
from tests.simulation.loop import SeededLoop
from tests.simulation.network import Faults
from tests.simulation.outside import Load
from tests.simulation.program import editions
from tests.simulation.virtual import virtual

EDITIONS = editions()
TRACE_LINES = 40
YOUNGEST = 0
"""The generation in which everything is until garbage is collected."""
DAMAGED_EVERY = 8
"""Each eighth seed ends with a damaged log."""


def run_seed(seed: int, load: Load | None = None, faults: Faults | None = None) -> History:
    """One history, checked. Raises what does not hold, with a short trace as a note."""
    is_damaged = seed % DAMAGED_EVERY == DAMAGED_EVERY - 1
    make = DamagedHistory if is_damaged else History
    with virtual():
        loop = SeededLoop(seed)  # type: ignore[abstract]
        history = make(loop, load, faults, Setting.drawn(loop.random, EDITIONS))
        if history.load.is_welcomed:
            beginning(history.setting, history.load.accounts).put_into(history)
        else:
            history.begin()
        try:
            loop.run(history.run())
            if not is_damaged:
                check(history)
        except BaseException as error:
            error.add_note("\n".join(history.trace[-TRACE_LINES:]))
            raise
    return history


class Broken(NamedTuple):
    """What does not hold in a history, in a line and in full."""

    violation: str
    told: str


def outcomes(
    seeds: Iterable[int],
    load: Load | None = None,
    faults: Faults | None = None,
    kinds: tuple[type[Exception], ...] = (Exception,),
) -> Iterator[Broken | None]:
    """Of each seed: None if its history holds. Raises what is of no such kind.

    A history is a web of cycles, which is swept away before the next one begins: what is imported
    and what is remembered is not looked through again and again.
    """
    gc.disable()
    gc.freeze()
    try:
        with virtual():
            for seed in seeds:
                yield _outcome(seed, load, faults, kinds)
                gc.collect(YOUNGEST)
    finally:
        gc.unfreeze()
        gc.enable()


def _outcome(
    seed: int, load: Load | None, faults: Faults | None, kinds: tuple[type[Exception], ...]
) -> Broken | None:
    try:
        run_seed(seed, load, faults)
    except kinds as broken:
        violation = f"{type(broken).__name__}: {broken}".splitlines()[0]
        return Broken(violation, "".join(traceback.format_exception(broken, limit=-3)))
    return None
