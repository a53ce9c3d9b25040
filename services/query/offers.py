"""Rewards as they are offered: catalogue, stock, and what a member can pay for."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.query.connections import Database
from shared.events.base import stock_account
from shared.program.model import Program
from shared.program.rewards import Reward

STOCKS = "SELECT key, free, redeemed, expired FROM redeem.account WHERE key = ANY($1::text[])"


class Units(NamedTuple):
    """Units of a stock: there, with members, and written off."""

    in_stock: int = 0
    taken: int = 0
    written_off: int = 0


async def stocks(
    database: Database, program: str, rewards: Iterable[Reward]
) -> Mapping[str, Units]:
    """The units of each reward that is counted. Raises StoreUnavailable."""
    accounts = {stock_account(program, r.reward): r.reward for r in rewards if r.is_counted}
    units = dict.fromkeys(accounts.values(), Units())
    rows = await database.fetch(STOCKS, list(accounts)) if accounts else []
    for key, free, taken, written_off in rows:
        units[accounts[key]] = Units(free, taken, written_off)
    return units


def offered(
    reward: Reward,
    program: Program,
    units: Mapping[str, Units],
    now: datetime,
    available: int | None = None,
) -> dict[str, Any]:
    """A reward of the catalogue; with the points that a member has, whether they can have it."""
    [currency] = reward.price
    counted = units.get(reward.reward)
    is_there = counted is None or counted.in_stock > 0
    told = {
        "reward": reward.reward,
        "name": reward.name,
        "points": reward.points,
        "currency": currency,
        "brand": reward.honoured_by or program.brands[0],
        "effective_from": reward.effective_from,
        "effective_until": reward.effective_until,
        "in_stock": None if counted is None else counted.in_stock,
        "offered": is_there and reward.is_offered(now, program.zone),
    }
    if available is not None:
        missing = max(0, reward.points - available)
        told |= {"affordable": not missing, "missing": missing}
    return told
