"""What the services concluded: one fact per decision, each on the topic of its only writer.

Facts carry ids, amounts, reasons and rule versions, never names or addresses. Everything that a
fold needs stands in the fact: it reads no program, no clock and no other topic.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StringConstraints

from shared.events.base import (
    AccountKey,
    AmountMinor,
    Contract,
    Currency,
    Id,
    Instant,
    Points,
    Quantity,
    Slug,
    Version,
)

EXACT_PATTERN = r"^[0-9]+(/[1-9][0-9]*)?$"
ExactPoints = Annotated[str, StringConstraints(pattern=EXACT_PATTERN)]
"""A number of points before rounding, as an exact fraction: ``349/100``."""


class Opened(Contract):
    """A writer took over a chain."""

    owner: str
    code_version: str


class InputRejected(Contract):
    """An input that could be read but not decided; nothing happened to the account."""

    account: AccountKey
    input_type: str
    reason: str
    detail: str = ""


class RuleShare(Contract):
    """What one rule contributed: `exact` points, before the one rounding.

    For a rule per amount they come from `basis_minor` money at `rate` points per minor unit; for a
    multiplier they are what `factor` adds on the money that it acts on; else `basis_minor` is 0.
    """

    rule: Slug
    basis_minor: AmountMinor
    rate: ExactPoints | None = None
    factor: ExactPoints | None = None
    exact: ExactPoints


class RuleMissed(Contract):
    """Why a rule gave nothing."""

    rule: Slug
    reason: str


class PointsEarned(Contract):
    """What an activity is worth, also when that is zero (`why_not` says why)."""

    account: AccountKey
    award_id: UUID
    activity_type: str
    source: Id
    event_id: Id
    brand: Id
    store: Id | None = None
    receipt_id: Id | None = None
    occurred_at: Instant
    money: Currency | None = None
    basis_minor: AmountMinor
    program_version: Version
    rounding: str
    breakdown: tuple[RuleShare, ...] = ()
    why_not: tuple[RuleMissed, ...] = ()
    points: Points
    active_from: Instant
    expires_at: Instant | None = None


class ActivityRefused(Contract):
    """An activity that no program rewards (yet); `reason` is stable, `detail` is for people."""

    account: AccountKey
    activity_type: str
    source: Id
    event_id: Id
    reason: str
    detail: str = ""


class LineBack(Contract):
    """What came back of one line of a receipt."""

    line_id: Id
    quantity: Quantity
    amount_minor: AmountMinor


class ReturnWaiting(Contract):
    """A return whose purchase is not known yet: it is assessed as soon as that is.

    `lines` is what came back; of a void `everything` did.
    """

    account: AccountKey
    source: Id
    event_id: Id
    brand: Id
    receipt_id: Id
    occurred_at: Instant
    money: Currency | None = None
    lines: tuple[LineBack, ...] = ()
    everything: StrictBool = False


class ReturnAssessed(Contract):
    """How many points a return takes back: of the lot `award_id`, `points` now.

    `points` is what all returns of the receipt together take back (`owed`) without what those
    before it took (`clawed_before`), never below zero. Under the policy `re_earn`, `owed` is
    `earned` without `earned_on_kept`. `lines` is what came back with this return.
    """

    account: AccountKey
    reversal_id: UUID
    award_id: UUID
    source: Id
    event_id: Id
    brand: Id
    receipt_id: Id
    occurred_at: Instant
    program_version: Version | None = None
    policy: str = "re_earn"
    lines: tuple[LineBack, ...] = ()
    earned: Points = 0
    earned_on_kept: Points = 0
    owed: Points = 0
    clawed_before: Points = 0
    points: Points


class ReturnRefused(Contract):
    """A return that takes nothing back, with the code and the numbers that explain it.

    `bought` and `returned` (this return included) count the pieces of the line, or its money.
    """

    account: AccountKey
    source: Id
    event_id: Id
    brand: Id
    receipt_id: Id
    occurred_at: Instant
    reason: str
    line_id: Id | None = None
    bought: AmountMinor | None = None
    returned: AmountMinor | None = None


class LotShare(Contract):
    """Points of one lot."""

    lot_id: UUID
    points: Points


class DebitShare(Contract):
    """Points that cover what was due of one debit."""

    debit_id: UUID
    points: Points


class PointsCredited(Contract):
    """A new lot.

    `covers` is what of it covered what was due, `expired` what was past its date at once.
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
    """Why a redemption is refused, in the order in which reasons take precedence."""

    PROGRAM_UNKNOWN = "program_unknown"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_BLOCKED = "account_blocked"
    REWARD_UNKNOWN = "reward_unknown"
    REWARD_NOT_AVAILABLE = "reward_not_available"
    BELOW_MINIMUM = "below_minimum"
    NOT_A_MULTIPLE = "not_a_multiple"
    INSUFFICIENT_POINTS = "insufficient_points"
    LIMIT_REACHED = "limit_reached"
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_EXPIRED = "hold_expired"
    HOLD_NOT_OPEN = "hold_not_open"


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


class ProgramPublished(Contract):
    """One immutable version of a program; `document` is the validated program as JSON data."""

    program: Slug
    version: Version
    effective_from: Instant
    document: dict[str, object]
