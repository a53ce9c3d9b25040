"""Each guard of the protocol, removed: a history must then break."""

from collections.abc import Callable
from typing import Any

import pytest

from services.earn.projection import Decided
from services.redeem.projection import Accounts
from shared.chain.link import HASH, PREV, SEQ, Head, digest
from shared.stream import opening, turn
from tests.simulation.history import History, Load, Violation
from tests.simulation.loop import Stuck
from tests.simulation.run import run_seed

SEEDS_MAX = 150
LOAD = Load(accounts=2, purchases=10, redemptions=10, chaos_seconds=1.5)
BROKEN = (Violation, AssertionError, Stuck, KeyError)
"""How a broken history shows: a check, an assertion of the ledger, no progress, a row not there."""

Guard = Callable[[pytest.MonkeyPatch], Callable[[History], None] | None]


def without_prev(patch: pytest.MonkeyPatch) -> None:
    """Any record with a right hash is valid, whatever it was decided on."""

    def follow(_head: Head, record: Any) -> Head | None:
        named = dict(record.headers)
        if record.value is None or PREV not in named:
            return None
        own = digest(named[PREV], record.headers[:-1], record.value)
        return Head(own, int(named[SEQ]), int(named["time"])) if named[HASH] == own else None

    patch.setattr(turn, "follow", follow)
    patch.setattr(opening, "follow", follow)


def without_swap(_patch: pytest.MonkeyPatch) -> Callable[[History], None]:
    """A fold moves the position wherever it stands."""

    def prepare(history: History) -> None:
        for database in history.databases.values():
            database.swap_checked = False

    return prepare


def without_causes(patch: pytest.MonkeyPatch) -> None:
    """Repeats are decided like anything new."""
    patch.setattr(Accounts, "body_of", lambda *_: None)
    patch.setattr(Decided, "body_of", lambda *_: None)


@pytest.mark.parametrize("guard", [without_prev, without_swap, without_causes])
def test_a_history_breaks_when_the_guard_is_removed(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = guard(monkeypatch)
    for seed in range(SEEDS_MAX):
        try:
            run_seed(seed, LOAD, prepare=prepare)
        except BROKEN:
            return
    pytest.fail(f"{SEEDS_MAX} histories hold without the guard: it is not tested")
