"""The facts that stories compare, by the names of their lots."""

from collections.abc import Mapping
from datetime import datetime

from shared.events.points import (
    DebitShare,
    LotShare,
    PointsCredited,
    PointsExpired,
    PointsRedeemed,
    RedemptionRefused,
    RefusalReason,
)
from tests.stories.setting import ACCOUNT, START, at, named, redemption


def credited(
    points: int,
    name: str = "L1",
    *,
    expires: "str | int | datetime | None" = None,
    active: "str | int | datetime | None" = None,
    expired: int = 0,
    covers: Mapping[str, int] | None = None,
) -> PointsCredited:
    """The credit of an award as `earned` makes them."""
    return PointsCredited(
        account=ACCOUNT,
        lot_id=named(name),
        brand="shop",
        receipt_id=name,
        points=points,
        occurred_at=START,
        active_from=START if active is None else at(active),
        expires_at=None if expires is None else at(expires),
        expired=expired,
        covers=tuple(
            DebitShare(debit_id=redemption(key), points=share)
            for key, share in (covers or {}).items()
        ),
    )


def redeemed(
    points: int,
    key: str = "r",
    *,
    asked: int | None = None,
    value_minor: int | None = None,
    order_minor: int | None = None,
    taken: Mapping[str, int] | None = None,
    **lots: int,
) -> PointsRedeemed:
    """A redemption that takes these points of these lots (by name, or `taken`), in this order."""
    return PointsRedeemed(
        account=ACCOUNT,
        redemption_id=redemption(key),
        asked=points if asked is None else asked,
        points=points,
        value_minor=points if value_minor is None else value_minor,
        money="USD",
        order_minor=order_minor,
        program_version=3,
        allocation=tuple(
            LotShare(lot_id=named(name), points=share) for name, share in (taken or lots).items()
        ),
    )


def refused(reason: RefusalReason, asked: int, key: str = "r", **numbers: int) -> RedemptionRefused:
    """A redemption that was not made."""
    return RedemptionRefused(
        account=ACCOUNT, redemption_id=redemption(key), asked=asked, reason=reason, **numbers
    )


def expired(points: int, name: str = "L1", *, on: "str | int | datetime") -> PointsExpired:
    """Points of a lot are gone."""
    return PointsExpired(account=ACCOUNT, lot_id=named(name), points=points, expires_at=at(on))
