"""earn on tables in memory: activity in, facts out, as the loop would have it.

What is decided goes over the wire and into rows, so a test sees what a reader of the log sees.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from services.earn.service import Earn
from services.intake.decide import RECORDED
from shared.events.awards import PointsEarned, ReturnAssessed
from shared.events.base import account_key
from shared.events.bought import in_normal_form
from shared.events.ids import activity_cause, digest
from shared.events.registry import encode
from shared.events.upstream import Activity, Purchase, Return, Void
from shared.program.model import Program
from shared.stream.memory import MemoryRecord
from shared.stream.records import written
from shared.stream.service import Input, Recorded
from shared.stream.store import Need, Row, Rows, Table

PROGRAM = "shop"


def returned(
    *lines: tuple[str, int, int],
    event: str = "return-1",
    receipt: str = "receipt-1",
    **fields: Any,
) -> Return:
    """A return of lines: their id, how many pieces, how much money."""
    return Return.model_validate(
        {
            "event_id": event,
            "source": "till",
            "brand": "shop",
            "receipt_id": receipt,
            "member": "jo",
            "occurred_at": "2026-03-05T12:00:00Z",
            "currency": "USD",
            "lines": [
                {"line_id": line_id, "quantity": quantity, "amount_minor": amount}
                for line_id, quantity, amount in lines
            ],
            **fields,
        }
    )


def void(event: str = "void-1", receipt: str = "receipt-1") -> Void:
    """A void of a receipt."""
    return Void.model_validate(
        {
            "event_id": event,
            "source": "till",
            "brand": "shop",
            "receipt_id": receipt,
            "member": "jo",
            "occurred_at": "2026-03-05T12:00:00Z",
        }
    )


class Earnings:
    """What earn has concluded of one member's activity."""

    def __init__(self, *programs: Program) -> None:
        self.service = Earn()
        for program in programs:
            self.publish(program)
        self.tables: dict[Table, dict[Any, Row]] = {table: {} for table in self.service.tables}
        self.records: list[Recorded] = []

    def publish(self, program: Program) -> None:
        """A version counts from its date on."""
        self.service.catalogue = self.service.catalogue.with_version(program)

    def take(self, *activities: Activity) -> list[BaseModel]:
        """What comes of these, in one turn; of what is known already, nothing."""
        inputs = [_input(activity) for activity in activities]
        state = self.service.state(self._rows(self.service.needs(inputs, 0)))
        facts: list[BaseModel] = []
        for input in inputs:
            if state.body_of(input.cause) is not None:
                continue
            for decision in self.service.decide(state, input, 0):
                recorded = written(decision, time_ms=0, seq=len(self.records) + 1)
                state.evolve(recorded)
                self.records.append(recorded)
                facts.append(recorded.fact)
        self._write(state.writes())
        return facts

    def folded(self, records: Iterable[Recorded]) -> dict[Table, dict[Any, Row]]:
        """The rows that these records alone make, folded one by one."""
        tables, self.tables = self.tables, {table: {} for table in self.tables}
        for recorded in records:
            state = self.service.state(self._rows(self.service.replay_needs([recorded])))
            state.evolve(recorded)
            self._write(state.writes())
        folded, self.tables = self.tables, tables
        return folded

    @property
    def earned(self) -> int:
        """All points of awards."""
        return sum(
            record.fact.points for record in self.records if isinstance(record.fact, PointsEarned)
        )

    @property
    def clawed(self) -> int:
        """All points that returns took back."""
        return sum(
            record.fact.points for record in self.records if isinstance(record.fact, ReturnAssessed)
        )

    def _rows(self, needs: Iterable[Need]) -> Rows:
        return {
            need.lookup: [
                row
                for row in self.tables[need.lookup.table].values()
                if getattr(row, need.lookup.by) in set(need.values)
            ]
            for need in needs
        }

    def _write(self, writes: Any) -> None:
        for table, rows in writes.items():
            at = table.columns.index(table.key)
            self.tables[table].update({row[at]: row for row in rows})


def _input(activity: Activity) -> Input:
    account = account_key(PROGRAM, activity.member)
    normal: Any = in_normal_form(activity) if isinstance(activity, Purchase) else activity
    recorded = RECORDED[type(activity)](account=account, activity=normal)
    record = MemoryRecord("activity", 0, 0, 0, b"", encode(recorded), ())
    cause = activity_cause(account, activity)
    return Input(record, account, recorded, cause, digest(encode(activity)))
