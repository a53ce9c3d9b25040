"""The receipts of which something came back: what waits, and what was assessed.

The purchase itself is in its decision's row: a receipt has a row of its own from its first return
on, so purchases, of which there are many more, cost nothing here.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from shared.events.activity import ReturnRecorded, VoidRecorded
from shared.events.awards import LineBack, ReturnAssessed, ReturnRefused, ReturnWaiting
from shared.events.ids import receipt_cause
from shared.events.upstream import Void
from shared.stream.store import Lookup, Table


class ReceiptRow(NamedTuple):
    """The returns of a receipt: `waiting` and `assessed` are facts' JSON, one to a line."""

    receipt: UUID
    account: str
    brand: str
    receipt_id: str
    waiting: str
    assessed: str


RECEIPT = Table("receipt", ReceiptRow, ("uuid", "text", "text", "text", "text", "text"), "receipt")
RETURNED = Lookup(RECEIPT, "receipt")

ReturnFact = ReturnWaiting | ReturnAssessed | ReturnRefused


def receipt_of(fact: ReturnFact) -> UUID:
    """The receipt that a return is of."""
    return receipt_cause(fact.account, fact.brand, fact.receipt_id).id


def as_waiting(recorded: ReturnRecorded | VoidRecorded) -> ReturnWaiting:
    """A return as it waits; a void is the return of everything."""
    activity = recorded.activity
    waiting = ReturnWaiting(
        account=recorded.account,
        source=activity.source,
        event_id=activity.event_id,
        brand=activity.brand,
        receipt_id=activity.receipt_id,
        occurred_at=activity.occurred_at,
        everything=isinstance(activity, Void),
    )
    if isinstance(activity, Void):
        return waiting
    lines = tuple(LineBack(**line.model_dump()) for line in activity.lines)
    return waiting.model_copy(
        update={"money": activity.currency, "lines": lines, "refunds": activity.refunds}
    )


class Receipts:
    """The receipts of a batch, as their returns have left them."""

    def __init__(self, rows: Iterable[ReceiptRow]) -> None:
        self._rows = {row.receipt: row for row in rows}
        self._changed: set[UUID] = set()

    def waits(self, receipt: UUID) -> bool:
        """Whether a return of it waits."""
        row = self._rows.get(receipt)
        return row is not None and bool(row.waiting)

    def waiting(self, receipt: UUID) -> list[ReturnWaiting]:
        """The returns that wait, in the order in which they came."""
        row = self._rows.get(receipt)
        texts = _lines(row.waiting) if row else ()
        return [ReturnWaiting.model_validate_json(text) for text in texts]

    def assessed(self, receipt: UUID) -> list[ReturnAssessed]:
        """The returns that were assessed, in that order."""
        row = self._rows.get(receipt)
        texts = _lines(row.assessed) if row else ()
        return [ReturnAssessed.model_validate_json(text) for text in texts]

    def evolve(self, fact: ReturnFact, value: str) -> None:
        """Take a fact in; `value` is its JSON."""
        receipt = receipt_of(fact)
        row = self._rows.get(receipt)
        if row is None:
            if isinstance(fact, ReturnRefused):
                return
            row = ReceiptRow(receipt, fact.account, fact.brand, fact.receipt_id, "", "")
        if isinstance(fact, ReturnWaiting):
            row = row._replace(waiting=_joined(row.waiting, value))
        else:
            row = row._replace(waiting=_without(row.waiting, fact))
        if isinstance(fact, ReturnAssessed):
            row = row._replace(assessed=_joined(row.assessed, value))
        self._rows[receipt] = row
        self._changed.add(receipt)

    def changed(self) -> list[ReceiptRow]:
        """The rows that have changed."""
        return [self._rows[receipt] for receipt in self._changed]


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _joined(text: str, value: str) -> str:
    return f"{text}\n{value}" if text else value


def _without(waiting: str, fact: ReturnAssessed | ReturnRefused) -> str:
    """What still waits when this return is decided."""
    identity = fact.source, fact.event_id
    facts = [(text, ReturnWaiting.model_validate_json(text)) for text in _lines(waiting)]
    return "\n".join(text for text, each in facts if (each.source, each.event_id) != identity)
