"""Rules that are not stackable: which of them stands alone, and what that leaves out.

Of the rules of a currency that are not stackable and would give something, the one with the highest
priority stands alone, then the one whose name comes first. A multiplier leaves the stackable base
rules that it acts on; every other rule stands aside. Currencies do not touch each other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.program.matching import Group
from shared.program.rules import Rule
from shared.program.stages import Part, Stages

PartsOf = Callable[[Sequence[Group]], list[Part]]


class _Candidate(NamedTuple):
    """A rule that may stand alone, and the rules that then stand aside."""

    bit: int
    aside: int


class Settled(NamedTuple):
    """What is left: groups and parts, and the rules that stand aside."""

    groups: Sequence[Group]
    parts: list[Part]
    aside: int


class Alone:
    """The rules of a program that are not stackable."""

    def __init__(self, rules: Sequence[Rule], currencies: Sequence[str], stages: Stages) -> None:
        self.all = sum(1 << number for number, rule in enumerate(rules) if not rule.stackable)
        self._of_currency: list[list[_Candidate]] = []
        for currency in dict.fromkeys(currencies):
            members = sum(1 << n for n, other in enumerate(currencies) if other == currency)
            numbered = [n for n, rule in enumerate(rules) if members & self.all & 1 << n]
            numbered.sort(key=lambda n: (-rules[n].priority, rules[n].rule))
            candidates = [
                _Candidate(bit, members & ~(bit | stages.beside(bit) & ~self.all))
                for bit in (1 << n for n in numbered)
            ]
            if candidates:
                self._of_currency.append(candidates)

    def settle(self, groups: Sequence[Group], parts_of: PartsOf) -> Settled:
        """The groups and parts that are left when each currency has its winner, if it has one."""
        aside = 0
        for candidates in self._of_currency:
            for candidate in candidates:
                if not any(group.rules & candidate.bit for group in groups):
                    continue
                left = without(groups, candidate.aside)
                if any(part.bit == candidate.bit for part in parts_of(left)):
                    aside |= candidate.aside
                    break
        groups = without(groups, aside) if aside else groups
        return Settled(groups, parts_of(groups), aside)


def without(groups: Sequence[Group], rules: int) -> list[Group]:
    """The groups as if these rules read nothing."""
    left = (group._replace(rules=group.rules & ~rules) for group in groups)
    return [group for group in left if group.rules]
