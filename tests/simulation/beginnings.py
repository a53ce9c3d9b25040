"""Where histories begin whose members have points already: worlds that the real services have made.

Each one is made once, by a history in which nothing fails, and then copied: what happens before
anything can go wrong need not happen again in each seed.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from shared.stream.log import Place
from shared.stream.memory import MemoryRecord
from tests.simulation.checks import check
from tests.simulation.clients import Clients
from tests.simulation.databases import Database, IntakeDatabase
from tests.simulation.history import History, Setting
from tests.simulation.loop import SeededLoop
from tests.simulation.network import CALM
from tests.simulation.outside import Load

SEED = 0


class Beginning(NamedTuple):
    """A world at rest."""

    now: float
    records: Mapping[Place, list[MemoryRecord]]
    databases: Mapping[str, Database]
    intake_database: IntakeDatabase
    purchases: Mapping[str, set[int]]

    def put_into(self, history: History) -> None:
        """The history goes on from here."""
        history.loop.now = self.now
        history.broker.records.update((place, list(found)) for place, found in self.records.items())
        for name, database in self.databases.items():
            history.databases[name] = database.copy(history.network)
            history.begun[name] = database.rows
        history.intake_database.copy(self.intake_database)
        history.journal.purchases.update(
            (receipt, set(amounts)) for receipt, amounts in self.purchases.items()
        )


class _Welcome(History):
    """The first purchases of each member, and nothing else."""

    async def run(self) -> None:
        """Until they are folded."""
        self.start_owners()
        await Clients(self).welcome()
        await self.drain()


@cache
def beginning(setting: Setting, accounts: int) -> Beginning:
    """The world in which these members have been welcomed; all that must hold holds in it."""
    loop = SeededLoop(SEED)  # type: ignore[abstract]
    world = _Welcome(loop, Load(accounts=accounts, is_welcomed=False), CALM, setting)
    world.begin()
    loop.run(world.run())
    check(world)
    return Beginning(
        loop.now,
        world.broker.records,
        world.databases,
        world.intake_database,
        world.journal.purchases,
    )
