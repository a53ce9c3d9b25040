"""What the ledger has decided on a cause, looked up together for all who ask at once.

Guarantees: one statement for all who ask while another one is under way, and each is told what was
there after it asked.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.query.connections import Database
from services.query.limits import LOOK_CAUSES_MAX

DECISIONS = """
SELECT cause, account, seq, type, body, decided_at, balance, fact
FROM redeem.decision WHERE cause = ANY($1::uuid[])
"""


class Decided(NamedTuple):
    """One row of the ledger's decisions."""

    cause: UUID
    account: str
    seq: int
    type: str
    body: bytes
    decided_at: Any
    balance: int
    fact: str


async def decided_on(database: Database, causes: Sequence[UUID]) -> dict[UUID, Decided]:
    """What is decided on those of the causes on which anything is. Raises StoreUnavailable."""
    found: dict[UUID, Decided] = {}
    for first in range(0, len(causes), LOOK_CAUSES_MAX):
        for row in await database.fetch(DECISIONS, causes[first : first + LOOK_CAUSES_MAX]):
            found[row[0]] = Decided(*row)
    return found


class Known:
    """Tells what is decided by now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[tuple[UUID, asyncio.Future[Decided | None]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def of(self, cause: UUID) -> Decided | None:
        """What is decided on a cause. Raises StoreUnavailable."""
        told: asyncio.Future[Decided | None] = asyncio.get_running_loop().create_future()
        self._asked.append((cause, told))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="looking for what is known")
        return await told

    async def _look(self) -> None:
        """Until nobody asks any more."""
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                found = await decided_on(self._database, [cause for cause, _ in asked])
            except Exception as error:  # noqa: BLE001  (whoever asked is told)
                for _, told in asked:
                    if not told.done():
                        told.set_exception(error)
            else:
                for cause, told in asked:
                    if not told.done():
                        told.set_result(found.get(cause))
        self._looking = None
