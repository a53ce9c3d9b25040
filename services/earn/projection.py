"""The rows of earn: the activities that were decided, so that none is decided twice.

The same `Decided.evolve` folds live, at rebuild, in verification and in the simulator.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.events.base import instant
from shared.events.facts import PointsEarned
from shared.events.ids import Cause
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Rows, Table, Writes


class DecisionRow(NamedTuple):
    """One activity and what it was worth."""

    cause: UUID
    account: str
    seq: int
    type: str
    body: bytes
    decided_at: datetime
    brand: str | None
    receipt_id: str | None
    points: int
    fact: str


DECISION = Table(
    "decision",
    DecisionRow,
    ("uuid", "text", "bigint", "text", "bytea", "timestamptz", "text", "text", "bigint", "text"),
    "cause",
)
TABLES = (DECISION,)
KNOWN = Lookup(DECISION, "cause")
LOOKUPS = (KNOWN,)


class Decided:
    """The activities of a batch that are already decided."""

    def __init__(self, rows: Rows) -> None:
        self.known: dict[UUID, bytes] = {row.cause: row.body for row in rows.get(KNOWN, ())}
        self.decisions: list[DecisionRow] = []

    def body_of(self, cause: Cause) -> bytes | None:
        """See `State.body_of`."""
        return self.known.get(cause.id)

    def evolve(self, recorded: Recorded) -> None:
        """See `State.evolve`."""
        fact = recorded.fact
        earned = fact if isinstance(fact, PointsEarned) else None
        self.known[recorded.cause_id] = recorded.body
        self.decisions.append(
            DecisionRow(
                recorded.cause_id,
                fact.account,
                recorded.seq,
                recorded.type,
                recorded.body,
                instant(recorded.time_ms),
                earned.brand if earned else None,
                earned.receipt_id if earned else None,
                earned.points if earned else 0,
                recorded.value.decode(),
            )
        )

    def writes(self) -> Writes:
        """See `State.writes`."""
        return {DECISION: self.decisions}
