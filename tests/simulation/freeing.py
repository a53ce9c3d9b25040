"""By how much a fact changes what is free: told from the fact alone, not by the ledger's fold."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from shared.events.merges import PartMoved, PartTaken
from shared.events.movements import (
    Covering,
    HoldCaptured,
    HoldLapsed,
    HoldReleased,
    LotReinstated,
    PointsAdded,
    PointsClawedBack,
    PointsDeducted,
    PointsHeld,
    RedemptionCancelled,
)
from shared.events.points import PointsCredited, PointsExpired, PointsRedeemed
from shared.events.rewards import (
    RewardCancelled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    UnitReturned,
    UnitTaken,
)
from shared.events.transfers import PointsReceived, PointsSent, TransferReturned
from tests.simulation.outside import Violation

TAKING = (PointsRedeemed, PointsHeld, PointsDeducted, RewardReserved, RewardIssued)
GIVING_BACK = (
    *(HoldCaptured, HoldReleased, HoldLapsed, RedemptionCancelled),
    *(RewardRefused, RewardCancelled, UnitReturned, TransferReturned),
)


def freed(fact: Any) -> Iterator[tuple[UUID, int]]:
    """By how much a fact changes the free points of which lot, read from the fact alone."""
    match fact:
        case PointsCredited(lot_id=lot, points=points, covers=covers, expired=expired):
            yield lot, points - expired - sum(share.points for share in covers)
        case PointsAdded(lot_id=lot, points=points) | LotReinstated(lot_id=lot, points=points):
            yield lot, points
            yield from _covering(fact.covers)
        case PointsExpired(lot_id=lot, points=points):
            yield lot, -points
        case fact if isinstance(fact, TAKING) and fact.allocation:
            yield from _allocated(fact)
        case PointsClawedBack(lots=lots, covers=covers):
            yield from ((clawed.lot_id, -clawed.free) for clawed in lots)
            yield from _covering(covers)
        case StockAdded(lot_id=lot, units=units):
            yield lot, units
        case UnitTaken(lot_id=lot):
            yield lot, -1
        case PointsSent(lots=lots):
            yield from ((sent.lot_id, -sent.points) for sent in lots)
        case PointsReceived(lots=lots, covers=covers):
            yield from ((lot.lot_id, lot.points) for lot in lots if not lot.expired)
            yield from _covering(covers)
        case PartMoved() | PartTaken():
            yield from _merged(fact)
        case fact if isinstance(fact, GIVING_BACK):
            yield from ((lot.lot_id, lot.points) for lot in fact.back.lots if not lot.expired)
            yield from _covering(fact.back.covers)


def _merged(fact: PartMoved | PartTaken) -> Iterator[tuple[UUID, int]]:
    sign, covers = (-1, ()) if isinstance(fact, PartMoved) else (1, fact.covers)
    yield from ((lot.lot_id, sign * lot.free) for lot in fact.part.lots)
    yield from _covering(covers)


def _covering(covers: Iterable[Covering]) -> Iterator[tuple[UUID, int]]:
    return ((covering.lot_id, -covering.points) for covering in covers)


def _allocated(fact: Any) -> Iterator[tuple[UUID, int]]:
    due = fact.due if isinstance(fact, PointsDeducted) else 0
    if fact.points != due + sum(share.points for share in fact.allocation):
        raise Violation(f"I4: {fact} is not covered")
    return ((share.lot_id, -share.points) for share in fact.allocation)
