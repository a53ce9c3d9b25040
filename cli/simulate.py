"""The simulator belongs to the tests, and so to the source tree: the installed package has none."""

from importlib import import_module
from types import ModuleType

from rich.console import Console

from cli.operation import EXIT_SETUP
from cli.refusals import WronglySetUp

SIMULATOR = "tests.simulation.many"
"""Looked up by name when it is asked for: the product imports no tests."""


def simulator() -> ModuleType:
    """What runs seeds. Raises WronglySetUp where there are no sources."""
    try:
        return import_module(SIMULATOR)
    except ModuleNotFoundError as missing:
        raise WronglySetUp(
            f"{missing.name} is not installed: the simulator is part of the source tree; run "
            "`make simulate` there"
        ) from missing


def simulate(seeds: int, first: int, processes: int) -> int:
    """Run histories; the exit code."""
    try:
        code: int = simulator().simulate(seeds, first, processes)
    except WronglySetUp as error:
        Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(str(error))
        return EXIT_SETUP
    return code
