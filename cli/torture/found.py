"""What a check says in the end: how much it has looked at, and what is wrong."""

from typing import NamedTuple

EXAMPLES_MAX = 5


class Checked(NamedTuple):
    """A check: what it says, its invariants, how much it looked at, what is wrong."""

    says: str
    invariants: str
    looked_at: int
    wrong: int
    examples: list[str]


class Found:
    """Counts what a check meets."""

    def __init__(self, says: str, invariants: str) -> None:
        self.says = says
        self.invariants = invariants
        self.looked_at = 0
        self.wrong = 0
        self.examples: list[str] = []

    def find(self, what: str) -> None:
        """Something is wrong."""
        self.wrong += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(what)

    @property
    def checked(self) -> Checked:
        """The result."""
        return Checked(self.says, self.invariants, self.looked_at, self.wrong, self.examples)
