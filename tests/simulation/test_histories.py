"""Histories with crashes, zombies, repeats, lost acks, late and doubled appends and lost commits.

All of I1 to I9 and I12 hold at the end of each. More: `python -m tests.simulation.run FROM COUNT`.
"""

import pytest

from tests.simulation.history import Load
from tests.simulation.run import run_seed
from tests.simulation.world import CALM, Faults

SEEDS = 60
BATCH = 10


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_everything_holds_when_anything_fails(first: int) -> None:
    for seed in range(first, first + BATCH):
        run_seed(seed)


def test_everything_holds_when_the_network_is_bad() -> None:
    bad = Faults(slow=0.2, lost=0.15, doubled=0.2, cut=0.15)
    for seed in range(1_000, 1_010):
        run_seed(seed, Load(purchases=5, redemptions=5), bad)


def test_a_history_is_the_same_when_its_seed_is() -> None:
    one, other = run_seed(7), run_seed(7)
    assert one.trace == other.trace
    assert one.broker.records == other.broker.records


def test_the_load_is_decided_when_nothing_fails() -> None:
    history = run_seed(3, Load(chaos_seconds=1e9), CALM)
    assert len(history.journal.answers) == Load().redemptions
    assert any('"points"' in answer for answer in history.journal.answers.values())
