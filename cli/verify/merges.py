"""Merges between accounts of all partitions: what moves arrives once, what is sent on is done once.

The ends of partitions are not read at one instant: see `cli.verify.transfers`. Pure.
"""

from typing import NamedTuple
from uuid import UUID

from cli.verify.report import Check, Report
from cli.verify.sums import REMEDY
from cli.verify.walk import RESTORE
from shared.events import registry
from shared.events.awards import PointsEarned
from shared.events.merges import InputForwarded, Part, PartMoved, PartTaken
from shared.events.points import PointsCredited

EARNED = registry.TYPE_OF[PointsEarned]


class Moved(NamedTuple):
    """How many points, lots and debits are in a part, as one of the two accounts says it."""

    source: str
    points: int
    lots: int
    debits: int


class Elsewhere(NamedTuple):
    """A credit for an award that is not one of its account's own."""

    account: str
    points: int
    where: str
    early: bool


class Merges:
    """What the facts of merged accounts say, and of those that have taken them in."""

    def __init__(self) -> None:
        self.moved: dict[UUID, Moved] = {}
        self.taken: dict[UUID, Moved] = {}
        self.sent_on: dict[UUID, int] = {}
        """Points of awards and of their parts that a merged account has sent on, by lot."""
        self.credited: list[tuple[UUID, Elsewhere]] = []
        self.twice: list[tuple[UUID, str]] = []
        self.early: set[UUID] = set()
        """Parts taken in early."""

    def note(self, fact: object, *, early: bool) -> None:
        """Take in a fact, if it is about a merge."""
        match fact:
            case PartMoved():
                self.moved[fact.part_id] = _moved(fact.account, fact.part)
            case PartTaken():
                if fact.part_id in self.taken:
                    self.twice.append((fact.part_id, fact.account))
                self.taken[fact.part_id] = _moved(fact.source, fact.part)
                if early:
                    self.early.add(fact.part_id)
            case _:
                pass

    def send_on(self, lots: dict[UUID, int]) -> None:
        """An award that a merged account did not credit itself: its points by lot."""
        self.sent_on |= lots

    def credit(self, fact: PointsCredited, where: str, *, early: bool) -> None:
        """A credit for which the account has no award of its own."""
        desired = fact.points if fact.desired is None else fact.desired
        self.credited.append((fact.lot_id, Elsewhere(fact.account, desired, where, early)))

    def add(self, other: "Merges") -> None:
        """Take in those of another partition."""
        both = self.taken.keys() & other.taken.keys()
        self.twice += [(part, other.taken[part].source) for part in both]
        self.moved |= other.moved
        self.taken |= other.taken
        self.sent_on |= other.sent_on
        self.credited += other.credited
        self.twice += other.twice
        self.early |= other.early

    def check(self, report: Report) -> None:
        """What was taken in had moved, once; what was credited elsewhere had been sent on, once."""
        report.count(Check.MERGES, len(self.moved))
        for part_id, account in self.twice:
            report.find(Check.MERGES, account, f"part {part_id} was taken in twice", REMEDY)
        for part_id, taken in self.taken.items():
            moved = self.moved.get(part_id)
            if moved == taken or (moved is None and part_id not in self.early):
                continue
            what = f"part {part_id} was taken in as {taken}, and moved as {moved}"
            report.find(Check.MERGES, taken.source, what, REMEDY)
        left = dict(self.sent_on)
        for lot_id, credit in self.credited:
            points = left.pop(lot_id, None)
            if points == credit.points or (points is None and not credit.early):
                continue
            awarded = "no such award, or credited before" if points is None else f"{points} were"
            what = f"{credit.where} credits {credit.points} points for {lot_id}: {awarded}"
            report.find(Check.CREDITS, credit.account, what, RESTORE)


def lots_sent_on(fact: InputForwarded) -> dict[UUID, int]:
    """The lots of an award that is sent on for the first time, with their points; else none."""
    if fact.input_type != EARNED or fact.origin != fact.input_id:
        return {}
    parts = {UUID(part["lot_id"]): part["points"] for part in fact.input.get("parts", ())}
    return {UUID(fact.input["award_id"]): fact.input["points"] - sum(parts.values()), **parts}


def _moved(source: str, part: Part) -> Moved:
    points = part.earned + part.added + part.received
    return Moved(source, points, len(part.lots), len(part.debits))
