"""The command that runs many seeds: what it tells, and its exit code."""

import pytest

from tests.simulation.guards import GUARDS, without
from tests.simulation.many import simulate

[UNDEDUPED] = [guard for guard in GUARDS if guard.name == "cause dedupe"]


def test_histories_that_hold_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(seeds=5, first=100, processes=1) == 0
    assert "5 hold" in capsys.readouterr().out


def test_one_history_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    simulate(seeds=1, first=3, processes=1)
    assert "peace" in capsys.readouterr().out


def test_a_seed_that_breaks_is_told_with_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with without(UNDEDUPED):
        assert simulate(seeds=20, first=0, processes=1) == 1
    told = capsys.readouterr().out
    assert "again: tessera simulate --seeds 1 --from" in told
    assert "twice for one cause" in told
