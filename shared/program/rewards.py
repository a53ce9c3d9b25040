"""The catalogue of a program: what points can be exchanged for, besides money off.

Guarantees: a reward that was read can be issued: its price is in points that can be spent, and its
dates lie in order. How many units there are, and who gets the last one, is the ledger's.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from shared.events.base import POINTS_MAX, Id, Slug
from shared.program.calendar import When, end_of_when, start_of
from shared.program.inconsistent import inconsistent
from shared.program.section import Section

REWARDS_MAX = 1_000
"""Rewards of one program."""

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True)]
Price = Annotated[int, Field(ge=1, le=POINTS_MAX, strict=True)]


class Stock(StrEnum):
    """How many units of a reward there are."""

    UNLIMITED = "unlimited"
    COUNTED = "counted"
    """As many as operators have put in stock and nobody has taken."""


class Codes(StrEnum):
    """What a member shows to get a reward, besides the redemption's id."""

    NONE = "none"
    MADE = "made"
    """A code made from the redemption's id."""
    POOL = "pool"
    """One of the codes that operators have put in stock."""


class Unit(StrEnum):
    """What becomes of the unit of a reward that is cancelled."""

    RESTOCKED = "restocked"
    WRITTEN_OFF = "written_off"


class Reward(Section):
    """An item of the catalogue; `price` is in points, by currency."""

    reward: Slug
    name: Title
    price: Annotated[dict[Slug, Price], Field(min_length=1, max_length=1)]
    effective_from: When | None = None
    effective_until: When | None = None
    honoured_by: Id | None = None
    """The brand that hands it over; without one, the program's first."""
    stock: Stock = Stock.UNLIMITED
    codes: Codes = Codes.NONE
    when_cancelled: Unit = Unit.RESTOCKED

    @model_validator(mode="after")
    def _codes_of_a_pool_are_counted(self) -> Self:
        if self.codes is Codes.POOL and self.stock is not Stock.COUNTED:
            raise inconsistent(
                f"found {self.stock.value}; allowed: counted, since a pool of codes ends", "stock"
            )
        return self

    @property
    def points(self) -> int:
        """The price."""
        [points] = self.price.values()
        return points

    @property
    def is_counted(self) -> bool:
        """Units of it have to be in stock."""
        return self.stock is Stock.COUNTED

    def is_offered(self, t: datetime, local: ZoneInfo) -> bool:
        """Whether its dates allow it at t; they are those of the program's time zone."""
        first, last = self.effective_from, self.effective_until
        return (first is None or start_of(first, local) <= t) and (
            last is None or t < end_of_when(last, local)
        )


Rewards = Annotated[tuple[Reward, ...], Field(max_length=REWARDS_MAX)]


def check_rewards(
    rewards: tuple[Reward, ...],
    *,
    spendable: Collection[str],
    brands: Collection[str],
    local: ZoneInfo,
) -> None:
    """Raise what is inconsistent about a catalogue within its program."""
    names = set[str]()
    for number, reward in enumerate(rewards):
        where = ("redemption", "rewards", number)
        if reward.reward in names:
            raise inconsistent(f"there is another reward {reward.reward} above", *where)
        names.add(reward.reward)
        [currency] = reward.price
        if currency not in spendable:
            allowed = ", ".join(spendable) or "none, since no currency can be spent"
            raise inconsistent(f"found {currency}; allowed: {allowed}", *where, "price")
        if reward.honoured_by is not None and reward.honoured_by not in brands:
            raise inconsistent(
                f"found {reward.honoured_by}; allowed: a brand of the program",
                *(*where, "honoured_by"),
            )
        first, last = reward.effective_from, reward.effective_until
        if first and last and end_of_when(last, local) <= start_of(first, local):
            raise inconsistent(
                f"found {last}; allowed: after effective_from ({first})",
                *(*where, "effective_until"),
            )
