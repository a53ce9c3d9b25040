"""Earn rules as a program writes them: what they read, and what they give for it.

Guarantees: a rule that was read can be computed (names, numbers and dates are in range). Does not
compute: that is `earning`'s.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from shared.events.base import POINTS_MAX, QUANTITY_MAX, Id, LineKind, Slug
from shared.program.calendar import When
from shared.program.cel import condition
from shared.program.exact import Number, Share
from shared.program.inconsistent import inconsistent
from shared.program.moments import Days, Hours, Weekday
from shared.program.section import Section
from shared.program.terms import Activation, Expiry

RULES_MAX = 1_000
SELECTED_MAX = 10_000
"""Values that one list of a selection may hold."""
POINTS_PER_STEP_MAX = 10**6
STEP_MINOR_MAX = 10**9
FACTOR_MAX = 1_000
PRIORITY_MAX = 10**6
CAPS_MAX = 10
RATES_MAX = 20
VISITS_MAX = 10**6

Values = Annotated[tuple[Id, ...], Field(min_length=1, max_length=SELECTED_MAX)]


def _condition(about: str) -> AfterValidator:
    def check(text: str) -> str:
        condition(text, about)
        return text

    return AfterValidator(check)


PurchaseCondition = Annotated[str, Field(strict=True), _condition("purchase")]
ActionCondition = Annotated[str, Field(strict=True), _condition("action")]
VisitNumber = Annotated[int, Field(ge=1, le=VISITS_MAX, strict=True)]


class Circumstances(Section):
    """What holds of any activity: where, when and of whom it is, each as a list of values.

    Weekdays, hours and dates are those of the program's time zone. Tier and segments are what is
    known of the member; a member of whom nothing is known is in no list.
    """

    brand: Values | None = None
    weekday: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    hours: Annotated[tuple[Hours, ...], Field(min_length=1, max_length=24)] | None = None
    dates: Annotated[tuple[Days, ...], Field(min_length=1, max_length=SELECTED_MAX)] | None = None
    tier: Values | None = None
    segment: Values | None = None


class Selection(Circumstances):
    """Values of a purchase (`store`, `channel`, `payment_method`) and of its lines (the others).

    A purchase that was paid in several ways has several payment methods.
    """

    store: Values | None = None
    channel: Values | None = None
    payment_method: Values | None = None
    department: Values | None = None
    category: Values | None = None
    product_type: Values | None = None
    product_brand: Values | None = None
    sku: Values | None = None
    kind: Annotated[tuple[LineKind, ...], Field(min_length=1)] | None = None


class Match(Selection):
    """What a rule about purchases asks for; all of it has to hold.

    The first visit is the first purchase that was taken, whenever it took place.
    """

    first_purchase: Literal[True] | None = None
    visit_number: Annotated[tuple[VisitNumber, ...], Field(min_length=1)] | None = None
    every_visits: VisitNumber | None = None
    when: PurchaseCondition | None = None


class ActionMatch(Circumstances):
    """What a rule about actions asks for; all of it has to hold."""

    when: ActionCondition | None = None


class Steps(StrEnum):
    """Whether what is short of a whole step counts by its part, or not at all."""

    LINEAR = "linear"
    WHOLE_STEPS = "whole_steps"


class Tax(StrEnum):
    """Whether the tax of a line belongs to what a rule reads."""

    OUT = "out"
    IN = "in"


class Per(StrEnum):
    """What a cap, or a sum, is counted over; periods are those of the program's calendar."""

    TRANSACTION = "transaction"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    LIFETIME = "lifetime"


class RuleCap(Section):
    """How much (`points`) or how often (`times`) a rule gives to one member, `per` period."""

    per: Per
    points: Annotated[int, Field(ge=1, le=POINTS_MAX, strict=True)] | None = None
    times: Annotated[int, Field(ge=1, le=QUANTITY_MAX, strict=True)] | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.points is None) == (self.times is None):
            raise inconsistent("found neither, or both; allowed: either points or times")
        if self.times is not None and self.per is Per.TRANSACTION:
            raise inconsistent(
                "a rule gives once per transaction anyway; allowed: day, week, month, year, "
                "lifetime",
                "per",
            )
        return self


class EarnRule(Section):
    """What all rules have: a name, when they hold, how they meet other rules.

    Of a rule that is not stackable nothing else stands beside it: of several the one with the
    highest priority, then with the first name. Its caps clip what it gives. An activation or expiry
    of its own holds for the points that it gives.
    """

    rule: Slug
    effective_from: When | None = None
    effective_until: When | None = None
    """A day is the last one that counts; an instant is the first one that does not."""
    stackable: StrictBool = True
    priority: Annotated[int, Field(ge=0, le=PRIORITY_MAX, strict=True)] = 0
    caps: Annotated[tuple[RuleCap, ...], Field(max_length=CAPS_MAX)] = ()
    currency: Slug | None = None
    """What it gives; the program's first currency if it does not say."""
    activation: Activation | None = None
    expiry: Expiry | None = None


class PurchaseRule(EarnRule):
    """A rule about purchases, which reads lines.

    A line is read if every list of `match` holds its value and no list of `exclude` does. Only
    lines of kind `product` are read unless `match` names kinds. An absent value is in no list.
    """

    match: Match = Match()
    exclude: Selection = Selection()


class PerAmount(PurchaseRule):
    """`points` for every `per_minor` of money on the lines read."""

    kind: Literal["per_amount"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]
    per_minor: Annotated[int, Field(ge=1, le=STEP_MINOR_MAX, strict=True)]
    steps: Steps = Steps.LINEAR
    tax: Tax = Tax.OUT


class CashBack(PurchaseRule):
    """A `share` of the money on the lines read, in minor units: `2%` of 10.00 gives 20."""

    kind: Literal["cash_back"]
    share: Share
    tax: Tax = Tax.OUT


class Rate(Section):
    """From so much money on: `points` for every `per_minor`."""

    from_minor: Annotated[int, Field(ge=0, le=10**15, strict=True)]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]
    per_minor: Annotated[int, Field(ge=1, le=STEP_MINOR_MAX, strict=True)]


class Counting(StrEnum):
    """Whether the purchase that is rated is part of the sum that chooses its rate."""

    BEFORE = "before"
    AFTER = "after"


class Tiered(PurchaseRule):
    """A rate that depends on the money read, in this transaction or in the period up to it.

    The whole of the purchase has one rate: the last one whose `from_minor` is reached; below the
    first one it gives nothing. `counting` says whether the purchase itself counts for that.
    """

    kind: Literal["tiered"]
    rates: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=RATES_MAX)]
    per: Per = Per.TRANSACTION
    counting: Counting = Counting.AFTER
    steps: Steps = Steps.LINEAR
    tax: Tax = Tax.OUT

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        for number, (one, other) in enumerate(zip(self.rates, self.rates[1:], strict=False), 1):
            if other.from_minor <= one.from_minor:
                raise inconsistent(
                    f"found {other.from_minor}; allowed: more than {one.from_minor}, that of the "
                    "rate before",
                    *("rates", number, "from_minor"),
                )
        if self.per is Per.TRANSACTION and self.counting is Counting.BEFORE:
            raise inconsistent(
                "a transaction has nothing before it; allowed: after, or another `per`", "counting"
            )
        return self


class PerItem(PurchaseRule):
    """`points` for every `items` pieces on the lines read, by their quantity."""

    kind: Literal["per_item"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]
    items: Annotated[int, Field(ge=1, le=QUANTITY_MAX, strict=True)] = 1
    steps: Steps = Steps.WHOLE_STEPS


class PerVisit(PurchaseRule):
    """`points` for a purchase that has a line to read, however many."""

    kind: Literal["per_visit"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]


class Multiplier(PurchaseRule):
    """`factor` times what the base rules give on the lines read; several multiply.

    `rules` names the base rules that it acts on; without it, all of its currency. Of points in
    whole steps it multiplies the whole steps of the money that it acts on. One that is not
    stackable leaves the base rules that it acts on, and nothing else.
    """

    kind: Literal["multiplier"]
    factor: Annotated[Number, Field(gt=1, le=FACTOR_MAX)]
    rules: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=RULES_MAX)] | None = None


class Fixed(PurchaseRule):
    """A bonus of `points` for a purchase that has a line to read; nothing multiplies it."""

    kind: Literal["fixed"]
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]


class Amount(Section):
    """A number among an action's attributes: points for every `of` of it."""

    attribute: Id
    of: Annotated[int, Field(ge=1, le=10**15, strict=True)] = 1
    steps: Steps = Steps.WHOLE_STEPS


class Action(EarnRule):
    """`points` for something a member did that is no purchase: a review, a survey, a run, a sale.

    `actions` are the names of custom actions, or `review`. With `per` the points are for every so
    much of one of the action's numbers.
    """

    kind: Literal["action"]
    actions: Values
    points: Annotated[Number, Field(gt=0, le=POINTS_PER_STEP_MAX)]
    per: Amount | None = None
    match: ActionMatch = ActionMatch()
    exclude: Circumstances = Circumstances()


BaseRule = PerAmount | CashBack | Tiered | PerItem | PerVisit
Rule = Annotated[
    PerAmount | CashBack | Tiered | PerItem | PerVisit | Multiplier | Fixed | Action,
    Field(discriminator="kind"),
]
