"""Who waits for a decision is looked up; who has left is not, and takes nobody along."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.query.arrivals import Arrivals
from services.query.decisions import Decided
from tests.stories.setting import named

CAUSE = named("cause")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DECIDED = Decided(CAUSE, "shop:jo", 1, "any", b"", NOW, 0, "{}")


class Asked:
    """A database with these rows, and what it was asked for."""

    def __init__(self) -> None:
        self.causes: list[UUID] = []
        self.rows: list[object] = []

    async def fetch(self, _statement: str, causes: list[UUID]) -> list[object]:
        """The rows of these causes."""
        self.causes = causes
        return self.rows


async def asked(arrivals: Arrivals, database: Asked) -> list[UUID]:
    database.causes = []
    await arrivals._look([0])
    return database.causes


async def test_who_has_left_is_looked_up_no_more() -> None:
    database: Any = Asked()
    arrivals = Arrivals(database, "")
    with arrivals.expected(0, CAUSE):
        assert await asked(arrivals, database) == [CAUSE]
        with arrivals.expected(0, CAUSE):
            assert arrivals.waiting == 2
        assert await asked(arrivals, database) == [CAUSE]
    assert await asked(arrivals, database) == []
    assert arrivals.waiting == 0


async def test_a_decision_reaches_those_who_stay_where_somebody_has_just_left() -> None:
    database: Any = Asked()
    arrivals = Arrivals(database, "")
    with arrivals.expected(0, CAUSE) as leaves, arrivals.expected(0, CAUSE) as stays:
        leaves.cancel()
        database.rows = [DECIDED]
        await arrivals._look([0])
        assert stays.result() == DECIDED
