"""The program document: one version of one program, as data.

Guarantees: a `Program` is complete and consistent; what it refers to exists. Two documents with the
same content are equal. Knows neither YAML (`document`) nor other versions (`catalogue`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StrictBool, StringConstraints, model_validator

from shared.events.base import AMOUNT_MINOR_MAX, POINTS_MAX, Currency, Id, Slug
from shared.program.calendar import When, ZoneName, end_of_when, start_of, zone
from shared.program.exact import Share
from shared.program.inconsistent import inconsistent as _inconsistent
from shared.program.policies import Adjustments, Holds, Returns, Transfers, outlives
from shared.program.rewards import Reward, Rewards, check_rewards
from shared.program.rules import CAPS_MAX, RULES_MAX, Action, BaseRule, Multiplier, Per, Rule
from shared.program.section import Section
from shared.program.terms import Activation, Expiry

BRANDS_MAX = 1_000
VERSION_MAX = 10**6
CURRENCIES_MAX = 20
METHODS_MAX = 20

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True)]
PointsCount = Annotated[int, Field(ge=1, le=POINTS_MAX, strict=True)]


class Rounding(StrEnum):
    """How the exact sum of all rules becomes whole points, once."""

    FLOOR = "floor"
    HALF_UP = "half_up"
    CEIL = "ceil"


class AboveLimit(StrEnum):
    """What becomes of a redemption of more than the program allows."""

    CLIP = "clip"
    REFUSE = "refuse"


class Cap(Section):
    """The most that one member earns of a currency, `per` transaction or period."""

    points: PointsCount
    per: Per
    currency: Slug | None = None


class PaidWithPoints(Section):
    """Whether the part of a purchase that was paid with points earns, and how to know that part."""

    earns: StrictBool = False
    methods: Annotated[tuple[Id, ...], Field(max_length=METHODS_MAX)] = ("points",)


class Earn(Section):
    """How activity becomes points."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)]
    rounding: Rounding = Rounding.FLOOR
    caps: Annotated[tuple[Cap, ...], Field(max_length=CAPS_MAX)] = ()
    paid_with_points: PaidWithPoints = PaidWithPoints()
    balance_cap: PointsCount | None = None
    """The most points that an award may bring a member to."""

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        base = {rule.rule: rule for rule in self.rules if isinstance(rule, BaseRule)}
        names = set[str]()
        for number, rule in enumerate(self.rules):
            if rule.rule in names:
                raise _inconsistent(f"there is another rule {rule.rule} above", "rules", number)
            names.add(rule.rule)
            if not isinstance(rule, Multiplier):
                continue
            allowed = [name for name, of in base.items() if of.currency == rule.currency]
            if unknown := set(rule.rules or ()) - set(allowed):
                raise _inconsistent(
                    f"found {', '.join(sorted(unknown))}; allowed: base rules of the same currency "
                    f"({', '.join(allowed) or 'there are none'})",
                    *("rules", number, "rules"),
                )
        return self


class CashOffRules(Section):
    """Points as money off: `points` are worth `minor` money."""

    points: PointsCount
    minor: Annotated[int, Field(ge=1, le=AMOUNT_MINOR_MAX, strict=True)]
    minimum: PointsCount = 1
    multiple: PointsCount = 1
    max_share: Share | None = None
    """The largest part of an order that points may pay."""
    cap: PointsCount | None = None
    """The most points of one redemption."""
    above_limit: AboveLimit = AboveLimit.CLIP


class CurrencyTerms(Section):
    """Something that a program counts: points, status points, stamps, cash back in minor units.

    The first one is kept in the account and can be spent, if it says so. Others are told with each
    award, and are never spent.
    """

    currency: Slug
    spendable: StrictBool
    name: Name | None = None


class Redemption(Section):
    """What points can be spent on."""

    cash_off: CashOffRules | None = None
    rewards: Rewards = ()
    holds: Holds = Holds()


class Program(Section):
    """One immutable version of a program."""

    program: Slug
    version: Annotated[int, Field(ge=1, le=VERSION_MAX, strict=True)]
    name: Name
    effective_from: When
    timezone: ZoneName
    money: Currency
    brands: Annotated[tuple[Id, ...], Field(min_length=1, max_length=BRANDS_MAX)]
    currencies: Annotated[
        tuple[CurrencyTerms, ...], Field(min_length=1, max_length=CURRENCIES_MAX)
    ] = (CurrencyTerms(currency="points", spendable=True),)
    earn: Earn
    activation: Activation = Activation()
    expiry: Expiry = Expiry()
    redemption: Redemption = Redemption()
    returns: Returns = Returns()
    adjustments: Adjustments = Adjustments()
    transfers: Transfers | None = None
    """Without it, members cannot give points to each other."""

    @model_validator(mode="after")
    def _dates_and_brands(self) -> Self:
        if len(set(self.brands)) < len(self.brands):
            raise _inconsistent("a brand is written twice", "brands")
        for number, rule in enumerate(self.earn.rules):
            first, last = rule.effective_from, rule.effective_until
            if first and last and end_of_when(last, self.zone) <= start_of(first, self.zone):
                raise _inconsistent(
                    f"found {last}; allowed: after effective_from ({first})",
                    *("earn", "rules", number, "effective_until"),
                )
            if rule.expiry is not None and rule.expiry.extended_by:
                raise _inconsistent(
                    "only the program's own expiry is extended; points of a rule with an expiry of "
                    "its own keep their dates",
                    *("earn", "rules", number, "expiry", "extended_by"),
                )
        return self

    @model_validator(mode="after")
    def _what_is_awaited_earns_nothing(self) -> Self:
        rewarded = {
            action: rule.rule
            for rule in self.earn.rules
            if isinstance(rule, Action)
            for action in rule.actions
        }
        places: list[tuple[Activation | None, tuple[str | int, ...]]] = [
            (self.activation, ()),
            *((rule.activation, ("earn", "rules", n)) for n, rule in enumerate(self.earn.rules)),
        ]
        for activation, within in places:
            if activation is not None and activation.on in rewarded:
                raise _inconsistent(
                    f"found {activation.on}, which rule {rewarded[activation.on]} rewards; "
                    "allowed: an event that is not rewarded itself",
                    *(*within, "activation", "on"),
                )
        return self

    @model_validator(mode="after")
    def _what_is_written_off_outlives_holds(self) -> Self:
        written_off, longest = self.returns.write_off_after, self.redemption.holds.longest_time
        if written_off is not None and not outlives(written_off, longest):
            raise _inconsistent(
                f"found {written_off}; allowed: longer than the longest hold "
                f"({self.redemption.holds.longest})",
                *("returns", "write_off_after"),
            )
        return self

    @model_validator(mode="after")
    def _currencies_are_known(self) -> Self:
        names = [terms.currency for terms in self.currencies]
        if len(set(names)) < len(names):
            raise _inconsistent("a currency is written twice", "currencies")
        for number, terms in enumerate(self.currencies[1:], 1):
            if terms.spendable:
                raise _inconsistent(
                    "found true; allowed: false, since only a program's first currency can be "
                    "spent",
                    *("currencies", number, "spendable"),
                )
        if self.redemption.cash_off is not None and not self.currencies[0].spendable:
            raise _inconsistent(
                f"{names[0]} cannot be spent, so there is no cash off for it",
                *("redemption", "cash_off"),
            )
        givers: list[tuple[str, int, str | None]] = [
            *(("rules", number, rule.currency) for number, rule in enumerate(self.earn.rules)),
            *(("caps", number, cap.currency) for number, cap in enumerate(self.earn.caps)),
        ]
        for where, number, currency in givers:
            if currency is not None and currency not in names:
                raise _inconsistent(
                    f"found {currency}; allowed: {', '.join(names)}",
                    *("earn", where, number, "currency"),
                )
        return self

    @model_validator(mode="after")
    def _rewards_can_be_issued(self) -> Self:
        check_rewards(
            self.redemption.rewards,
            spendable=[terms.currency for terms in self.currencies if terms.spendable],
            brands=self.brands,
            local=self.zone,
        )
        return self

    def __hash__(self) -> int:
        """Cheap, since whatever is computed from a program once is kept by it."""
        return hash((self.program, self.version))

    @property
    def zone(self) -> ZoneInfo:
        """The program's time zone."""
        return zone(self.timezone)

    def reward(self, name: str) -> Reward | None:
        """An item of the catalogue, if there is one of this name."""
        return next((item for item in self.redemption.rewards if item.reward == name), None)

    @property
    def starts_at(self) -> datetime:
        """The instant from which on this version counts."""
        return start_of(self.effective_from, self.zone)
