"""What verification looked at and what it found: counts by check, findings, notes. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

FINDINGS_MAX = 20
"""Findings of one check that are told; more are only counted."""


class Check(StrEnum):
    """What is checked, in the order in which it is told."""

    CHAINS = "chains: one line of valid records, no gap, time never goes back"
    CAUSES = "one decision for each cause"
    UPSTREAM = "every upstream record was forwarded or set aside"
    RESOLUTIONS = "whose each event is, is kept as it was forwarded"
    INPUTS = "every input was decided or set aside"
    CREDITS = "every award was credited once, and nothing else was"
    DECISIONS = "every decision, decided again, is the same"
    ACCOUNTS = "the points of every account add up"
    TRANSFERS = "what one account received, another one sent, once"
    MERGES = "what one account took in, a merged one moved, once"
    POSITIONS = "positions are where the log says"
    ROWS = "tables are what the log says, row by row"


INVARIANTS: dict[Check, str] = {
    Check.CHAINS: "I7",
    Check.CAUSES: "I2",
    Check.UPSTREAM: "I1",
    Check.RESOLUTIONS: "I2",
    Check.INPUTS: "I1",
    Check.CREDITS: "I2",
    Check.DECISIONS: "I5 I9",
    Check.ACCOUNTS: "I3 I4",
    Check.TRANSFERS: "I4",
    Check.MERGES: "I4",
    Check.POSITIONS: "I8",
    Check.ROWS: "I8",
}


class Finding(NamedTuple):
    """Something that does not hold: where (an account, if it is one's), what, and what to do."""

    check: Check
    where: str
    what: str
    remedy: str


@dataclass
class Report:
    """Counts and findings; reports of parts are added up."""

    looked_at: Counter[Check] = field(default_factory=Counter)
    wrong: Counter[Check] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    """What is not wrong, but good to know, and how often."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not self.wrong.total()

    def count(self, check: Check, number: int = 1) -> None:
        """So many things were looked at."""
        self.looked_at[check] += number

    def note(self, what: str, number: int = 1) -> None:
        """Something is good to know."""
        if number:
            self.notes[what] += number

    def find(self, check: Check, where: str, what: str, remedy: str) -> None:
        """Something does not hold."""
        self.wrong[check] += 1
        if self.wrong[check] <= FINDINGS_MAX:
            self.findings.append(Finding(check, where, what, remedy))

    def add(self, other: "Report") -> None:
        """Take in the report of a part."""
        self.looked_at.update(other.looked_at)
        self.wrong.update(other.wrong)
        self.notes.update(other.notes)
        told = Counter(finding.check for finding in self.findings)
        for finding in other.findings:
            if told[finding.check] < FINDINGS_MAX:
                told[finding.check] += 1
                self.findings.append(finding)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "clean": self.is_clean,
            "checks": [
                {
                    "check": check.name.lower(),
                    "says": check.value,
                    "invariants": INVARIANTS[check].split(),
                    "looked_at": self.looked_at[check],
                    "wrong": self.wrong[check],
                }
                for check in Check
            ],
            "notes": dict(self.notes),
            "findings": [
                {**finding._asdict(), "check": finding.check.name.lower()}
                for finding in self.findings
            ],
        }


def merged(reports: Iterable[Report]) -> Report:
    """One report of many."""
    whole = Report()
    for report in reports:
        whole.add(report)
    return whole
