"""What must hold of rewards once all is carried, read from the facts of members and of stocks.

A unit, and a code, goes to at most one member; units put in stock = free + with members + written
off; who gets no unit has all points back; every reservation is concluded, and every unit of a
cancelled reward is back.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.redeem.projection import ACCOUNT
from shared.events.rewards import (
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    UnitReturned,
    UnitSettled,
    UnitTaken,
)
from shared.stream.memory import MemoryStore
from shared.stream.service import Recorded
from tests.simulation.outside import Violation

Told = dict[Any, Any]
"""The facts about one redeemed reward, by type."""


def rewards_hold(facts: Iterable[Recorded], rows: MemoryStore) -> None:
    """Raise Violation for whatever does not hold; facts of one account are in their order."""
    stocks: dict[str, list[Any]] = {}
    rewards: dict[UUID, Told] = {}
    for fact in (recorded.fact for recorded in facts):
        if isinstance(fact, StockAdded | UnitTaken | UnitReturned):
            stocks.setdefault(fact.account, []).append(fact)
        if isinstance(fact, UnitTaken | UnitReturned | OF_MEMBERS):
            rewards.setdefault(fact.redemption_id, {})[type(fact)] = fact
    for stock, history in stocks.items():
        _units_add_up(history, rows.tables[ACCOUNT].rows[stock])
        _codes_have_one_holder(history)
    for told in rewards.values():
        _is_concluded(told)
        _is_settled(told)


OF_MEMBERS = (
    RewardReserved | RewardIssued | RewardRefused | RewardFulfilled | RewardCancelled | UnitSettled
)


def _units_add_up(history: list[Any], row: Any) -> None:
    """What was put in stock is there, with members, or written off; so says the account, too."""
    counted = Counter[str]()
    for fact in history:
        match fact:
            case StockAdded(units=units):
                counted["put"] += units
            case UnitTaken():
                counted["taken"] += 1
            case UnitReturned(written_off=written_off):
                counted["written off" if written_off else "back"] += 1
    with_members = counted["taken"] - counted["back"] - counted["written off"]
    free = counted["put"] - with_members - counted["written off"]
    told = (row.free, row.redeemed, row.expired)
    if told != (free, with_members, counted["written off"]) or min(told) < 0:
        raise Violation(f"I4: {row.key} has {told}, its facts say {counted}")


def _codes_have_one_holder(history: list[Any]) -> None:
    """A code of a pool is free, with one member, or written off."""
    free = set[str]()
    for fact in history:
        match fact:
            case StockAdded(codes=codes):
                free.update(codes)
            case UnitTaken(code=str(code)):
                if code not in free:
                    raise Violation(f"I2: a code is taken twice: {fact}")
                free.remove(code)
            case UnitReturned(code=str(code), written_off=False):
                free.add(code)


def _is_concluded(told: Told) -> None:
    """A unit for the points that were set aside, or all of them back."""
    kinds = (RewardReserved, UnitTaken, RewardIssued, RewardRefused)
    facts: list[Any] = [told.get(kind) for kind in kinds]
    reserved, taken, issued, refused = facts
    if (issued is None) == (refused is None):
        raise Violation(f"a reward is not concluded, or twice: {told}")
    if reserved is None:
        if taken is not None:
            raise Violation(f"I4: a unit was taken without points: {taken}")
    elif refused is not None:
        back = refused.back
        given = back.due + back.waived + sum(lot.points for lot in back.lots)
        if taken is not None or given != reserved.points:
            raise Violation(f"I4: no unit, but points are lost: {told}")
    elif taken is None or (taken.lot_id, taken.member) != (issued.lot_id, issued.account):
        raise Violation(f"I4: points are spent, but no unit is taken: {told}")
    elif taken.code not in (None, issued.code):
        raise Violation(f"I4: a member has another code than was taken: {told}")


def _is_settled(told: Told) -> None:
    """A cancelled reward was not handed over, and its unit is back."""
    if RewardCancelled in told:
        if RewardFulfilled in told or RewardRefused in told:
            raise Violation(f"I4: points are given back for what a member has: {told}")
        if RewardReserved in told and not (UnitReturned in told and UnitSettled in told):
            raise Violation(f"a unit is not back: {told}")
    elif UnitReturned in told:
        raise Violation(f"I4: a unit is in stock again that a member has: {told}")
