"""Each guard of the protocol, taken away: a history must then break.

The table with the seeds that each takes: `python -m tests.simulation.guards`.
"""

import pytest

from tests.simulation.guards import GUARDS, Guard, hunt, rate

SEEDS_MAX = 3_000


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_history_breaks_when_a_guard_is_taken_away(guard: Guard) -> None:
    assert hunt(guard, SEEDS_MAX), f"{SEEDS_MAX} histories hold without it: it is not tested"


def test_what_breaks_in_a_while_is_counted() -> None:
    [evolve] = [guard for guard in GUARDS if guard.name == "evolve within the turn"]
    found = rate(evolve, cpu_seconds=0.5)
    assert 0 < found.broken <= found.seeds
    assert found.cpu_seconds >= 0.5
