"""Histories with everything that can go wrong: all of I1 to I12 holds in each of them.

More of them: `tessera simulate --seeds N --from S`.
"""

import os
import subprocess
import sys

import pytest

from tests.simulation.many import run_batch
from tests.simulation.network import BAD, CALM
from tests.simulation.outside import Load
from tests.simulation.run import run_seed

SEEDS = 2_000
BATCH = 250


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_everything_holds_when_anything_fails(first: int) -> None:
    assert not run_batch(range(first, first + BATCH)).failures


def test_everything_holds_when_the_network_is_bad_and_much_happens() -> None:
    for seed in range(10):
        run_seed(seed, Load(purchases=12, redemptions=12, readers=4, ticks=4), BAD)


def test_a_history_is_the_same_when_its_seed_is() -> None:
    one, other = run_seed(7), run_seed(7)
    assert one.trace == other.trace
    assert one.broker.records == other.broker.records


def test_all_is_answered_and_some_accepted_when_nothing_fails() -> None:
    load = Load(purchases=8, redemptions=8)
    histories = [run_seed(seed, load, CALM) for seed in range(10)]
    answers = [answer for one in histories for answer in one.journal.answers.values()]
    assert {answer.status for answer in answers} >= {200, 409}
    assert all(one.journal.answers for one in histories)


def test_a_history_is_the_same_in_another_process() -> None:
    """Where hashes of texts, and so the order of sets, are others."""
    code = "from tests.simulation.run import run_seed; print(run_seed(7).trace)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == f"{run_seed(7).trace}\n"
