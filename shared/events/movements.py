"""What happens to points after they were credited: holds, claw-backs, refunds, adjustments, dates.

The only writer is redeem, as of `facts`' credits and redemptions. Amounts stand lot by lot and
debit by debit, so that the fold needs no program and no policy: a hold that was priced, a deficit
that was waived and a date that was moved are told as what they came to.
"""

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
    Reason,
    Version,
)
from shared.events.points import LotShare, RefusalReason

SomePoints = Annotated[Points, Field(gt=0)]


class Covering(Contract):
    """Points of a lot that became free and cover what was due of a debit."""

    debit_id: UUID
    lot_id: UUID
    points: SomePoints


class LotBack(Contract):
    """Points that a debit gives back to a lot: free again, or expired if it is past its date."""

    lot_id: UUID
    points: SomePoints
    expired: StrictBool = False


class LotDate(Contract):
    """The new date of a lot to which points came back too late: its one time of grace."""

    lot_id: UUID
    expires_at: Instant


class GivenBack(Contract):
    """What a debit gives back, in this order: `due` is no longer due, `waived` is no gift any more.

    Then `lots`, from the last that came to cover it; `graced` are those of them that got a new date
    first. `covers` is what of it covered what was due elsewhere.
    """

    due: Points = 0
    waived: Points = 0
    lots: tuple[LotBack, ...] = ()
    graced: tuple[LotDate, ...] = ()
    covers: tuple[Covering, ...] = ()


class PointsHeld(Contract):
    """Points set aside until `lapses_at`, lot by lot; worth `value_minor` if all are captured."""

    account: AccountKey
    hold_id: UUID
    asked: Points
    points: SomePoints
    value_minor: AmountMinor
    money: Currency
    order_minor: AmountMinor | None = None
    program_version: Version
    lapses_at: Instant
    allocation: tuple[LotShare, ...]


class HoldCaptured(Contract):
    """Points of a hold that are spent, under its id; the rest was given back at once."""

    account: AccountKey
    hold_id: UUID
    points: SomePoints
    value_minor: AmountMinor
    money: Currency
    back: GivenBack = GivenBack()


class HoldReleased(Contract):
    """A hold that its caller let go: all of its points were given back."""

    account: AccountKey
    hold_id: UUID
    points: SomePoints
    back: GivenBack


class HoldLapsed(Contract):
    """A hold whose time was over at `lapses_at`: all of its points were given back then."""

    account: AccountKey
    hold_id: UUID
    points: SomePoints
    lapses_at: Instant
    back: GivenBack


class RedemptionCancelled(Contract):
    """Points of a redemption that came back to their lots."""

    account: AccountKey
    redemption_id: UUID
    points: SomePoints
    back: GivenBack


class CoverLost(Contract):
    """Points of a lot that a debit no longer has: due from now on, unless they are `waived`.

    What is due is written off at `write_off_at`, or carried without one.
    """

    debit_id: UUID
    points: SomePoints
    waived: StrictBool = False
    write_off_at: Instant | None = None


class LotClawed(Contract):
    """Points that a claw-back took from one lot: `free`, `forgiven` (expired unspent), or used.

    `lost` names the debits that had used points of it.
    """

    lot_id: UUID
    free: Points = 0
    forgiven: Points = 0
    lost: tuple[CoverLost, ...] = ()


class PointsClawedBack(Contract):
    """Points of a returned purchase that were taken from its own lots.

    `covers` is what covers instead what had used them. `desired` is what the return takes, if some
    of that is not there: a cap on the balance had clipped it, or an operator has taken it back.
    """

    account: AccountKey
    reversal_id: UUID
    award_id: UUID
    points: SomePoints
    lots: tuple[LotClawed, ...]
    covers: tuple[Covering, ...] = ()
    program_version: Version | None = None
    actor: Id | None = None
    reason: Reason | None = None
    desired: Points | None = None


class DeficitWrittenOff(Contract):
    """What was due of a debit until its date, and never will be again."""

    account: AccountKey
    debit_id: UUID
    points: SomePoints
    write_off_at: Instant


class LotSlid(Contract):
    """A lot that has a later date."""

    lot_id: UUID
    expired_at: Instant
    expires_at: Instant


class ExpiryExtended(Contract):
    """Lots whose points are good for longer since the member did something.

    `act` is one of those that extend the program's expiry; `by` is the award or the request.
    """

    account: AccountKey
    act: str
    by: UUID
    program_version: Version
    lots: tuple[LotSlid, ...]


class PointsAdded(Contract):
    """An operator's credit: a new lot; `covers` is what of it covered what was due."""

    account: AccountKey
    lot_id: UUID
    brand: Id
    points: SomePoints
    active_from: Instant
    expires_at: Instant | None = None
    covers: tuple[Covering, ...] = ()
    actor: Id
    reason: Reason
    sliding: StrictBool = False


class PointsDeducted(Contract):
    """An operator's debit: covered lot by lot; `due` is what no lot covers yet."""

    account: AccountKey
    debit_id: UUID
    points: SomePoints
    allocation: tuple[LotShare, ...] = ()
    due: Points = 0
    actor: Id
    reason: Reason


class LotExtended(Contract):
    """A lot that was not past its date yet has a later one."""

    account: AccountKey
    lot_id: UUID
    expired_at: Instant
    expires_at: Instant
    actor: Id
    reason: Reason


class LotReinstated(Contract):
    """Points that had expired are free again, until the new date of their lot."""

    account: AccountKey
    lot_id: UUID
    points: SomePoints
    expired_at: Instant
    expires_at: Instant
    covers: tuple[Covering, ...] = ()
    actor: Id
    reason: Reason


class AwardConfirmed(Contract):
    """A pending lot that is active from `active_from` on, earlier than it would have been.

    If it is `dated` it has another date too: `expires_at`, or none.
    """

    account: AccountKey
    lot_id: UUID
    active_from: Instant
    actor: Id
    reason: Reason
    dated: StrictBool = False
    expires_at: Instant | None = None


class RequestRefused(Contract):
    """A command, or a return, that was not done, with the code and the numbers that explain it.

    `request` is the wire type of what was asked, `subject` the hold, redemption or lot that it
    named or would have made. `limit` is of points unless `limit_of` says otherwise. `open_count` is
    how many holds or transfers are in the way, `merged_into` the account that has all of this one.
    """

    account: AccountKey
    request: str
    subject: UUID
    asked: Points | None = None
    reason: RefusalReason
    available: Points | None = None
    missing: Points | None = None
    minimum: Points | None = None
    multiple: Points | None = None
    limit: Points | None = None
    limit_of: str | None = None
    open_count: Points | None = None
    merged_into: AccountKey | None = None
