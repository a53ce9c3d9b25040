"""What must hold of merges once all is carried: whatever left one account is in the other, once.

A merged account is empty, whatever was said to it since.
"""

from collections.abc import Iterable
from uuid import UUID

from services.redeem.projection import ACCOUNT
from shared.events.merges import Part, PartMoved, PartTaken
from shared.ledger.account import Status
from shared.stream.memory import MemoryStore
from shared.stream.service import Recorded
from tests.simulation.outside import Violation

SUMS = ("earned", "added", "received", "redeemed", "free", "due", "held")


def merges_hold(facts: Iterable[Recorded], rows: MemoryStore) -> None:
    """Raise Violation for whatever does not hold."""
    moved: dict[UUID, int] = {}
    taken: dict[UUID, int] = {}
    for fact in (recorded.fact for recorded in facts):
        if isinstance(fact, PartMoved):
            moved[fact.part_id] = _points(fact.part)
        if isinstance(fact, PartTaken):
            if fact.part_id in taken:
                raise Violation(f"I4: {fact} is taken in twice")
            taken[fact.part_id] = _points(fact.part)
    if moved != taken:
        raise Violation(f"I4: {moved} were moved, {taken} taken in")
    for account in rows.tables[ACCOUNT].rows.values():
        if account.status == Status.CLOSED and any(getattr(account, name) for name in SUMS):
            raise Violation(f"I4: {account} is merged and not empty")


def _points(part: Part) -> int:
    return part.earned + part.added + part.received
