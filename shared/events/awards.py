"""What earn concludes: what activities are worth and what goes back, on `loyalty.awards.v1`."""

from datetime import date
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
from shared.events.bought import BoughtLine
from shared.events.upstream import Payment

EXACT_PATTERN = r"^[0-9]+(/[1-9][0-9]*)?$"

ExactPoints = Annotated[str, StringConstraints(pattern=EXACT_PATTERN)]
"""A number of points before rounding, as an exact fraction: ``349/100``."""

ExactChange = Annotated[str, StringConstraints(pattern="^-?" + EXACT_PATTERN.removeprefix("^"))]
"""What is added to a counter, exact; below zero for what is taken back."""


class RuleShare(Contract):
    """What one rule contributed: `exact` points, before the one rounding.

    For a rule per amount they come from `basis_minor` money at `rate` points per minor unit; for a
    multiplier they are what `factor` adds on the money that it acts on; else `basis_minor` is 0.
    `count` is what a rule per item, or per part of an action, has counted. `currency` is that of
    the points, if it is not the program's first; `desired` what a cap of the rule has clipped.
    """

    rule: Slug
    basis_minor: AmountMinor
    rate: ExactPoints | None = None
    factor: ExactPoints | None = None
    exact: ExactPoints
    count: Annotated[int, Field(ge=0, strict=True)] | None = None
    currency: Slug | None = None
    desired: ExactPoints | None = None


class RuleMissed(Contract):
    """Why a rule gave nothing."""

    rule: Slug
    reason: str


class CapReached(Contract):
    """A cap that clipped: of `limit` points `used` were used before, `over` were too many.

    It is one of a rule or, without one, of all points of a currency (the program's first without
    one); it counts over `period`, which a transaction and a lifetime have no name for.
    """

    rule: Slug | None = None
    currency: Slug | None = None
    per: str
    period: str = ""
    limit: Points
    used: ExactPoints = "0"
    over: ExactPoints


class Counted(Contract):
    """A counter that the award has read, and what it adds to it; see `shared.program.past`."""

    counter: str
    period: str = ""
    before: ExactPoints = "0"
    added: ExactChange = "0"


class EarnedIn(Contract):
    """What an activity is worth in a currency besides the program's first."""

    currency: Slug
    points: Points
    desired: Points | None = None


class Extension(Contract):
    """An act that makes points good until later: those that slide, and have an earlier date."""

    act: str
    until: Instant


class Awaits(Contract):
    """Points that wait for an event until `active_from`: then they are `otherwise`.

    `rule` is the one whose terms these are, if they are not the program's.
    """

    event: Id
    otherwise: str
    rule: Slug | None = None


class DatedPoints(Contract):
    """Points of an award whose `rules` have dates of their own: they are a lot of their own."""

    lot_id: UUID
    rules: tuple[Slug, ...]
    points: Annotated[Points, Field(gt=0)]
    active_from: Instant
    expires_at: Instant | None = None
    sliding: StrictBool = False
    awaits: Awaits | None = None


class PointsEarned(Contract):
    """What an activity is worth, also when that is zero (`why_not` says why).

    `points` are of the program's first currency, `also` says what others it gives. `desired` is
    there if `caps` have clipped: what it would have been. `earning_share` is the part of the money
    that was not paid with points, if that earns nothing: `basis_minor` counts before it. `parts` of
    the points have other dates than `active_from` and `expires_at`. Dates of `sliding` points are
    extended by what members do; `extends` says that this did. The ledger clips what would bring the
    balance above `balance_cap`. Points that wait for an event have the dates that they will have if
    it comes last. `enrolled_on` is the day whose anniversaries count, where dates go by them.
    `channel`, `lines` and `payments` are the purchase's: a return is assessed on what was kept.
    """

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
    desired: Points | None = None
    caps: tuple[CapReached, ...] = ()
    also: tuple[EarnedIn, ...] = ()
    earning_share: ExactPoints | None = None
    counted: tuple[Counted, ...] = ()
    channel: Id | None = None
    lines: tuple[BoughtLine, ...] = ()
    payments: tuple[Payment, ...] = ()
    parts: tuple[DatedPoints, ...] = ()
    sliding: StrictBool = False
    extends: Extension | None = None
    balance_cap: Points | None = None
    awaits: Awaits | None = None
    enrolled_on: Annotated[date, Field(strict=True)] | None = None


class ActivityRefused(Contract):
    """An activity that no program rewards (yet); `reason` is stable, `detail` is for people."""

    account: AccountKey
    activity_type: str
    source: Id
    event_id: Id
    reason: str
    detail: str = ""


class ActivatedLot(Contract):
    """Points that are active since an event came, until `expires_at`."""

    lot_id: UUID
    expires_at: Instant | None = None


class AwardActivated(Contract):
    """The event came for which points of an award have waited; `lots` are those that did."""

    account: AccountKey
    activation_id: UUID
    award_id: UUID
    event: Id
    source: Id
    event_id: Id
    brand: Id
    occurred_at: Instant
    program_version: Version
    lots: Annotated[tuple[ActivatedLot, ...], Field(min_length=1)]


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
    refunds: tuple[Payment, ...] = ()
    everything: StrictBool = False


class TakenBackIn(Contract):
    """What a return takes back in a currency besides the program's first."""

    currency: Slug
    earned: Points
    earned_on_kept: Points
    owed: Points
    clawed_before: Points
    points: Points


class ReturnAssessed(Contract):
    """How many points a return takes back: of the award `award_id`, `points` now.

    The award's points are in the lot of its id and in `lots`, those of its parts.
    `points` is what all returns of the receipt together take back (`owed`) without what those
    before it took (`clawed_before`), never below zero. Under the policy `re_earn`, `owed` is
    `earned` without `earned_on_kept`, which `breakdown` explains. `lines` is what came back with
    this return, `refunds` how the money of it went back, where upstream says so; `counted` is what
    goes back in counters.
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
    refunds: tuple[Payment, ...] = ()
    earned: Points = 0
    earned_on_kept: Points = 0
    breakdown: tuple[RuleShare, ...] = ()
    owed: Points = 0
    clawed_before: Points = 0
    points: Points
    also: tuple[TakenBackIn, ...] = ()
    counted: tuple[Counted, ...] = ()
    lots: tuple[UUID, ...] = ()


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
