"""The counters of members: what rules that cap, count visits or sum money have to know of the past.

Guarantees: a counter is the sum of what facts have added to it, so it is exact and can be rebuilt;
a purchase whose award says nothing of visits counts as one. What counters count is said in
`shared.program.past`. A counter of which no fact has spoken is zero and has no row.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from shared.events.activity import ActivityRecorded, PurchaseRecorded
from shared.events.awards import Counted, PointsEarned, ReturnAssessed
from shared.events.base import split_account
from shared.events.registry import first_type
from shared.program.catalogue import Catalogue
from shared.program.earning import counters as counters_of
from shared.program.past import VISITS, Counter, Past
from shared.stream.store import Lookup, Table

PURCHASE = first_type(PurchaseRecorded)
VISIT = Counted(counter=VISITS.name, added="1")
_SEPARATOR = "\x1f"
"""Between the parts of a key: no identifier holds a control character."""


class CounterRow(NamedTuple):
    """One counter of an account in one period; `value` is an exact number."""

    key: str
    account: str
    counter: str
    period: str
    value: str


COUNTER = Table("counter", CounterRow, ("text",) * 5, "key")
COUNTED = Lookup(COUNTER, "key")
OF_ACCOUNT = Lookup(COUNTER, "account")


def key_of(account: str, counter: Counter) -> str:
    """The key of a counter's row."""
    return _SEPARATOR.join((account, *counter))


def of_inputs(recorded: Iterable[ActivityRecorded], catalogue: Catalogue) -> list[str]:
    """The rows that awarding these activities reads or changes, by key.

    All versions of a program count: which of them is in force is decided later.
    """
    keys: dict[str, None] = {}
    for each in recorded:
        account, activity = each.account, each.activity
        if isinstance(each, PurchaseRecorded):
            keys[key_of(account, VISITS)] = None
        for version in catalogue.versions(split_account(account)[0]):
            keys.update((key_of(account, c), None) for c in counters_of(version, activity))
    return list(keys)


def of_facts(facts: Iterable[object]) -> list[str]:
    """The rows that folding these facts, or deciding them once more, takes, by key."""
    return list(
        dict.fromkeys(
            key_of(fact.account, Counter(each.counter, each.period))
            for fact in facts
            if isinstance(fact, PointsEarned | ReturnAssessed)
            for each in added_by(fact)
        )
    )


def added_by(fact: PointsEarned | ReturnAssessed) -> Sequence[Counted]:
    """What a fact adds to counters."""
    if not isinstance(fact, PointsEarned) or fact.activity_type != PURCHASE:
        return fact.counted
    if any(each.counter == VISITS.name for each in fact.counted):
        return fact.counted
    return (*fact.counted, VISIT)


class Counters:
    """The counters of a batch."""

    def __init__(self, rows: Iterable[CounterRow]) -> None:
        self._rows: dict[str, CounterRow] = {row.key: row for row in rows}
        self._changed: dict[str, CounterRow] = {}

    def past(
        self, account: str, counters: Iterable[Counter], enrolled_on: date | None = None
    ) -> Past:
        """The past of a member in which these counters stand as they do."""
        found = ((counter, self._rows.get(key_of(account, counter))) for counter in counters)
        values = {counter: Fraction(row.value) for counter, row in found if row is not None}
        return Past(values, enrolled_on=enrolled_on)

    def evolve(self, fact: PointsEarned | ReturnAssessed) -> None:
        """Add what a fact adds."""
        for each in added_by(fact):
            if each.added == "0":
                continue
            key = _SEPARATOR.join((fact.account, each.counter, each.period))
            before = self._rows.get(key)
            value = each.added if before is None else _sum(before.value, each.added)
            row = CounterRow(key, fact.account, each.counter, each.period, value)
            self._rows[key] = self._changed[key] = row

    def changed(self) -> list[CounterRow]:
        """The rows that have changed."""
        return list(self._changed.values())


def _sum(one: str, other: str) -> str:
    """The sum of two exact numbers; most are whole, and fractions take ten times as long."""
    if one.isdecimal() and other.isdecimal():
        return str(int(one) + int(other))
    return str(Fraction(one) + Fraction(other))
