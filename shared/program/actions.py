"""What rules give for activity that is no purchase: reviews and custom actions.

Guarantees: exact, as the stages of purchases are; multipliers and bonuses of purchases do not touch
it. An action whose number is absent, below zero or no whole number gives nothing by that number.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared.events.upstream import Activity, CustomAction, Review
from shared.program.matching import Group
from shared.program.rules import Action, Rule, Steps
from shared.program.stages import Part, bits

REVIEW = "review"
"""The name by which rules know a review; custom actions have names of their own."""


def name_of(activity: Activity) -> str | None:
    """The name by which rules know an activity; None for what they know in another way."""
    match activity:
        case CustomAction():
            return activity.action
        case Review():
            return REVIEW
        case _:
            return None


class _Given(NamedTuple):
    """What a rule gives, each time or for each step of a number."""

    numerator: int
    denominator: int
    attribute: str | None
    step: int
    whole_steps: bool

    def part(self, bit: int, activity: Activity) -> Part | None:
        if self.attribute is None:
            return Part(bit, 0, self.numerator, self.denominator)
        attributes = activity.attributes if isinstance(activity, CustomAction) else {}
        count = attributes.get(self.attribute)
        if not isinstance(count, int) or isinstance(count, bool) or count <= 0:
            return None
        if not self.whole_steps:
            return Part(bit, 0, count * self.numerator, self.step * self.denominator, count)
        steps = count // self.step
        return Part(bit, 0, steps * self.numerator, self.denominator, count) if steps else None


class Actions:
    """The action rules of a program; a rule is a bit, its place in the document."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._about: dict[str, int] = {}
        self._given: dict[int, _Given] = {}
        for number, rule in enumerate(rules):
            if not isinstance(rule, Action):
                continue
            bit, per = 1 << number, rule.per
            for name in set(rule.actions):
                self._about[name] = self._about.get(name, 0) | bit
            self._given[bit] = _Given(
                *rule.points.as_integer_ratio(),
                per.attribute if per else None,
                per.of if per else 1,
                per is not None and per.steps is Steps.WHOLE_STEPS,
            )
        self.all = sum(self._given)

    def about(self, activity: Activity) -> int:
        """The rules about activity of this kind and name."""
        return self._about.get(name_of(activity) or "", 0)

    def parts(self, activity: Activity, groups: Sequence[Group]) -> list[Part]:
        """What each rule gives that gives something."""
        given = (
            self._given[bit].part(bit, activity) for group in groups for bit in bits(group.rules)
        )
        return [part for part in given if part is not None]
