"""When the courier looks: at once if it folded an errand, at what others fold if any is open."""

from typing import Any

import pytest

from services.redeem.courier import ERRANDS, Hints
from services.redeem.projection import ACCOUNT, DECISION
from shared.stream.store import Table


@pytest.fixture
def hints() -> Hints:
    connection: Any = None
    return Hints(connection)


@pytest.mark.parametrize("table", ERRANDS, ids=lambda table: table.name)
def test_an_errand_that_is_folded_is_looked_at(hints: Hints, table: Table):
    hints.folded({DECISION: [("a row",)], table: [("a row",)]})
    assert hints.came.is_set()


def test_other_folds_bring_nothing_to_carry(hints: Hints):
    hints.folded(
        {DECISION: [("a row",)], ACCOUNT: [("a row",)], **{table: [] for table in ERRANDS}}
    )
    assert not hints.came.is_set()


@pytest.mark.parametrize("is_open", [False, True])
def test_what_others_fold_matters_while_something_is_open(hints: Hints, is_open: bool):
    hints.is_anything_open = is_open
    hints.notified(None, 7, "redeem", "3")
    assert hints.came.is_set() is is_open
