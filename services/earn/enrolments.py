"""The enrolments of members, by which points end on an anniversary.

Guarantees: what a fact said first of a member is never replaced, so repeats, late events and other
sign-ups change nothing. Only versions that count by enrolments, and sign-ups, ask for them: other
activity costs nothing here. What an enrolment is stands in `shared.program.enrolment`.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from shared.events.activity import ActivityRecorded
from shared.events.awards import PointsEarned
from shared.events.base import split_account
from shared.program.catalogue import Catalogue
from shared.program.earning import counts_by_enrolment
from shared.program.enrolment import is_sign_up
from shared.stream.store import Lookup, Table


class EnrolmentRow(NamedTuple):
    """The local day on which a member enrolled."""

    account: str
    enrolled_on: date


ENROLMENT = Table("enrolment", EnrolmentRow, ("text", "date"), "account")
ENROLLED = Lookup(ENROLMENT, "account")


def of_inputs(recorded: Sequence[ActivityRecorded], catalogue: Catalogue) -> list[str]:
    """The accounts whose enrolment awarding these activities reads; all versions count."""
    counting = {
        program
        for program in catalogue.programs
        if any(map(counts_by_enrolment, catalogue.versions(program)))
    }
    asking = (
        each.account
        for each in recorded
        if is_sign_up(each.activity) or (counting and split_account(each.account)[0] in counting)
    )
    return list(dict.fromkeys(asking))


def of_facts(facts: Iterable[object]) -> list[str]:
    """The accounts whose enrolment these facts tell."""
    told = (f for f in facts if isinstance(f, PointsEarned) and f.enrolled_on is not None)
    return list(dict.fromkeys(fact.account for fact in told))


class Enrolments:
    """The enrolments of a batch."""

    def __init__(self, rows: Iterable[EnrolmentRow]) -> None:
        self._rows = {row.account: row for row in rows}
        self._new: list[EnrolmentRow] = []

    def on(self, account: str) -> date | None:
        """The day on which the member enrolled, if it is known."""
        row = self._rows.get(account)
        return None if row is None else row.enrolled_on

    def evolve(self, fact: PointsEarned) -> None:
        """Keep what the fact says, if it is the first that says it."""
        if fact.enrolled_on is not None and fact.account not in self._rows:
            row = EnrolmentRow(fact.account, fact.enrolled_on)
            self._rows[fact.account] = row
            self._new.append(row)

    def changed(self) -> list[EnrolmentRow]:
        """The rows that are new."""
        return self._new
