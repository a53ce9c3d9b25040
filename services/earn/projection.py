"""The rows of earn: the activities that were decided, so that none is decided twice.

An award keeps its purchase, so a return finds it by its receipt; what came back of a receipt is in
`receipts`. The same `Decided.evolve` folds live, at rebuild, in verification and in the simulator.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.earn.counters import COUNTED, COUNTER, OF_ACCOUNT, Counters
from services.earn.enrolments import ENROLLED, ENROLMENT, Enrolments
from services.earn.receipts import RECEIPT, RETURNED, Receipts
from shared.events.awards import PointsEarned, ReturnAssessed, ReturnRefused, ReturnWaiting
from shared.events.base import instant
from shared.events.ids import Cause
from shared.program.past import Counter, Past
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Rows, Table, Writes

EARNED = "loyalty.points.earned.v1"


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
TABLES = (DECISION, RECEIPT, COUNTER, ENROLMENT)
KNOWN = Lookup(DECISION, "cause")
LOOKUPS = (KNOWN, RETURNED, COUNTED, OF_ACCOUNT, ENROLLED)


class Decided:
    """The activities of a batch that are already decided, and their receipts."""

    def __init__(self, rows: Rows) -> None:
        self.known: dict[UUID, DecisionRow] = {row.cause: row for row in rows.get(KNOWN, ())}
        self.receipts = Receipts(rows.get(RETURNED, ()))
        self.counters = Counters([*rows.get(COUNTED, ()), *rows.get(OF_ACCOUNT, ())])
        self.enrolments = Enrolments(rows.get(ENROLLED, ()))
        self.decisions: list[DecisionRow] = []

    def body_of(self, cause: Cause) -> bytes | None:
        """See `State.body_of`; a purchase is not done with while a return of it still waits."""
        row = self.known.get(cause.id)
        return None if row is None or self.receipts.waits(cause.id) else row.body

    def award(self, receipt: UUID) -> PointsEarned | None:
        """What a receipt earned; None if it is not known, or was not rewarded."""
        row = self.known.get(receipt)
        if row is None or row.type != EARNED:
            return None
        return PointsEarned.model_validate_json(row.fact)

    def past(self, account: str, counters: Sequence[Counter]) -> Past:
        """What is known of a member, with these counters."""
        return self.counters.past(account, counters, self.enrolments.on(account))

    def evolve(self, recorded: Recorded) -> None:
        """See `State.evolve`."""
        fact, value = recorded.fact, recorded.value.decode()
        if isinstance(fact, PointsEarned | ReturnAssessed):
            self.counters.evolve(fact)
        told: tuple[str | None, str | None, int] = None, None, 0
        if isinstance(fact, PointsEarned):
            self.enrolments.evolve(fact)
            told = fact.brand, fact.receipt_id, fact.points
        elif isinstance(fact, ReturnWaiting | ReturnAssessed | ReturnRefused):
            self.receipts.evolve(fact, value)
            taken = fact.points if isinstance(fact, ReturnAssessed) else 0
            told = fact.brand, fact.receipt_id, -taken
        row = DecisionRow(
            recorded.cause_id,
            fact.account,
            recorded.seq,
            recorded.type,
            recorded.body,
            instant(recorded.time_ms),
            *told,
            value,
        )
        self.known[row.cause] = row
        self.decisions.append(row)

    def writes(self) -> Writes:
        """See `State.writes`."""
        return {
            DECISION: self.decisions,
            RECEIPT: self.receipts.changed(),
            COUNTER: self.counters.changed(),
            ENROLMENT: self.enrolments.changed(),
        }
