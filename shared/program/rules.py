"""Earn rules as a program writes them: which lines they read, and what they give for them.

Guarantees: a rule that was read can be computed (names, numbers and dates are in range). Does not
compute: that is `earning`'s.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Id, LineKind, Slug
from shared.program.calendar import When
from shared.program.exact import Number

RULES_MAX = 200
SELECTED_MAX = 10_000
"""Values that one list of a selection may hold."""
POINTS_PER_STEP_MAX = 10**6
STEP_MINOR_MAX = 10**9
FACTOR_MAX = 1_000

Values = Annotated[tuple[Id, ...], Field(min_length=1, max_length=SELECTED_MAX)]


class Section(BaseModel):
    """A part of a program document: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Selection(Section):
    """Values of a purchase (`brand`, `store`) and of its lines (all others), each as a list."""

    brand: Values | None = None
    store: Values | None = None
    department: Values | None = None
    category: Values | None = None
    product_type: Values | None = None
    product_brand: Values | None = None
    sku: Values | None = None
    kind: Annotated[tuple[LineKind, ...], Field(min_length=1)] | None = None


class Steps(StrEnum):
    """Whether money short of a whole step counts by its part, or not at all."""

    LINEAR = "linear"
    WHOLE_STEPS = "whole_steps"


class Tax(StrEnum):
    """Whether the tax of a line belongs to what a rule reads."""

    OUT = "out"
    IN = "in"


class EarnRule(Section):
    """What all rules have: a name, the lines that they read, the days on which they hold.

    A line is read if every list of `match` holds its value and no list of `exclude` does. Only
    lines of kind `product` are read unless `match` names kinds. An absent value is in no list.
    """

    rule: Slug
    match: Selection = Selection()
    exclude: Selection = Selection()
    effective_from: When | None = None
    effective_until: When | None = None
    """A day is the last one that counts; an instant is the first one that does not."""


class PerAmount(EarnRule):
    """`points` for every `per_minor` of money on the lines read."""

    kind: Literal["per_amount"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]
    per_minor: Annotated[int, Field(ge=1, le=STEP_MINOR_MAX, strict=True)]
    steps: Steps = Steps.LINEAR
    tax: Tax = Tax.OUT


class PerVisit(EarnRule):
    """`points` for a purchase that has a line to read, however many."""

    kind: Literal["per_visit"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]


class Multiplier(EarnRule):
    """`factor` times what the base rules give on the lines read; several multiply.

    `rules` names the base rules that it acts on; without it, all. Of points in whole steps it
    multiplies the whole steps of the money that it acts on.
    """

    kind: Literal["multiplier"]
    factor: Annotated[Number, Field(gt=1, le=FACTOR_MAX)]
    rules: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=RULES_MAX)] | None = None


class Fixed(EarnRule):
    """A bonus of `points` for a purchase that has a line to read; nothing multiplies it."""

    kind: Literal["fixed"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]


BaseRule = PerAmount | PerVisit
Rule = Annotated[PerAmount | PerVisit | Multiplier | Fixed, Field(discriminator="kind")]
