"""What must hold of earning while versions are published, read from the facts of earn.

A purchase counts under a version that was published before it was sent, or later; never under an
older one that whoever decides had heard was over. No return meets a version that nobody knows.
"""

from collections.abc import Iterable

from services.earn.returns import Refusal
from shared.events.awards import PointsEarned, ReturnRefused
from shared.stream.log import Record
from shared.stream.service import Recorded
from tests.simulation.history import History
from tests.simulation.outside import BRAND, Violation


def versions_hold(history: History, chain: Iterable[tuple[Record, Recorded]]) -> None:
    """I5: raise Violation for whatever does not hold."""
    for record, recorded in chain:
        fact = recorded.fact
        if isinstance(fact, ReturnRefused) and fact.reason == Refusal.VERSION_UNKNOWN:
            raise Violation(f"I5: {fact} although the version is published")
        if isinstance(fact, PointsEarned):
            programs = history.known_at(history.input_of(record))
            counting = [found.version_at(BRAND, fact.occurred_at) for found in programs]
            versions = {program.version for program in counting if program is not None}
            if fact.program_version not in versions:
                raise Violation(f"I5: not of {versions}, but {fact}")
