"""What redeem concludes about points that come, are spent and expire, on `loyalty.points.v1`."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool

from shared.events.base import (
    AccountKey,
    AmountMinor,
    Contract,
    Currency,
    Id,
    Instant,
    Points,
    Version,
)


class LotShare(Contract):
    """Points of one lot."""

    lot_id: UUID
    points: Points


class DebitShare(Contract):
    """Points that cover what was due of one debit."""

    debit_id: UUID
    points: Points


class PointsCredited(Contract):
    """A new lot; of a `sliding` one, acts extend the date.

    `covers` is what of it covered what was due, `expired` what was past its date at once. `desired`
    is there if the cap on the balance, `balance_cap`, has clipped it to `points`. A lot that
    `awaits` an event is gone at its date unless that comes before; then it has another, `promised`.
    """

    account: AccountKey
    lot_id: UUID
    brand: Id
    receipt_id: Id | None = None
    points: Points
    occurred_at: Instant
    active_from: Instant
    expires_at: Instant | None = None
    covers: tuple[DebitShare, ...] = ()
    expired: Points = 0
    sliding: StrictBool = False
    desired: Points | None = None
    balance_cap: Points | None = None
    awaits: Id | None = None
    promised: Instant | None = None


class PointsRedeemed(Contract):
    """Points spent, lot by lot in spending order; `value_minor` is the cash off that they buy."""

    account: AccountKey
    redemption_id: UUID
    asked: Points
    points: Points
    value_minor: AmountMinor
    money: Currency
    order_minor: AmountMinor | None = None
    program_version: Version
    allocation: tuple[LotShare, ...]


class RefusalReason(StrEnum):
    """Why something is refused, in the order in which reasons take precedence."""

    PROGRAM_UNKNOWN = "program_unknown"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_BLOCKED = "account_blocked"
    REWARD_UNKNOWN = "reward_unknown"
    REWARD_NOT_AVAILABLE = "reward_not_available"
    TRANSFER_NOT_ALLOWED = "transfer_not_allowed"
    BELOW_MINIMUM = "below_minimum"
    NOT_A_MULTIPLE = "not_a_multiple"
    INSUFFICIENT_POINTS = "insufficient_points"
    LIMIT_REACHED = "limit_reached"
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_EXPIRED = "hold_expired"
    HOLD_NOT_OPEN = "hold_not_open"
    REDEMPTION_UNKNOWN = "redemption_unknown"
    LOT_UNKNOWN = "lot_unknown"
    LOT_NOT_PENDING = "lot_not_pending"
    LOT_EXPIRED = "lot_expired"
    LOT_NOT_EXPIRED = "lot_not_expired"
    DATE_NOT_LATER = "date_not_later"
    REWARD_NOT_OPEN = "reward_not_open"
    CODE_KNOWN = "code_known"
    TRANSFER_UNKNOWN = "transfer_unknown"
    ACCOUNT_MERGED = "account_merged"
    MERGE_NOT_ALLOWED = "merge_not_allowed"
    HOLD_OPEN = "hold_open"
    TRANSFER_OPEN = "transfer_open"
    MERGE_UNKNOWN = "merge_unknown"
    CANCELLATION_NOT_ALLOWED = "cancellation_not_allowed"


class RedemptionRefused(Contract):
    """Points not spent, with the code and the numbers that explain it."""

    account: AccountKey
    redemption_id: UUID
    asked: Points
    reason: RefusalReason
    available: Points | None = None
    missing: Points | None = None
    minimum: Points | None = None
    multiple: Points | None = None
    limit: Points | None = None


class PointsExpired(Contract):
    """Free points of a lot that passed its date."""

    account: AccountKey
    lot_id: UUID
    points: Annotated[Points, Field(gt=0)]
    expires_at: Instant
