"""What redeem's courier runs on: its shell, and the connection that tells it of folds."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

from services.redeem.courier import Hints
from tests.simulation.broker import SimulatedLog
from tests.simulation.databases import Database
from tests.simulation.network import Network
from tests.simulation.statements import Statements


class SimulatedShell:
    """See `shared.stream.process.Shell`; it is also the connection that listens."""

    def __init__(
        self, network: Network, database: Database, log: SimulatedLog, runner: Any, partitions: int
    ) -> None:
        self.log = log
        self.runner = runner
        self.settings = SimpleNamespace(partitions=partitions)
        self.statements = Statements(network, database)
        self.hint: Callable[[], None] = _nothing
        """Called when a NOTIFY arrives."""

    @property
    def pool(self) -> "SimulatedShell":
        """Where connections come from."""
        return self

    def lent(self) -> "nullcontext[Statements]":
        """A connection; each of its statements is a request."""
        return nullcontext(self.statements)

    def is_closed(self) -> bool:
        """No."""
        return False


@asynccontextmanager
async def hints_of(shell: Any) -> AsyncIterator[Hints]:
    """In the place of `services.redeem.courier._hints`."""
    hints = Hints(shell)
    shell.hint = hints.notified
    shell.runner.turn.watchers.append(hints.folded)
    yield hints


def _nothing() -> None:
    return
