"""What callers and sweeps want of an account, on `loyalty.commands.v1`."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool

from shared.events.base import AccountKey, AmountMinor, Contract, Id, Instant, Points, Reason

HOLD_SECONDS_MAX = 366 * 24 * 60 * 60
HoldSeconds = Annotated[int, Field(ge=1, le=HOLD_SECONDS_MAX, strict=True)]


class Command(Contract):
    """Something that an account is asked to do."""

    account: AccountKey


class RedeemPoints(Command):
    """Spend points as cash off.

    `points` is what is asked; `order_minor` the total of the order that is paid, where the program
    limits the share. The idempotency key is scoped to the account.
    """

    idempotency_key: Id
    points: Points
    order_minor: AmountMinor | None = None


class HoldPoints(Command):
    """Set points aside for a checkout, as `RedeemPoints` would spend them.

    The hold lapses after `hold_seconds`, or after the program's time to live without them.
    """

    idempotency_key: Id
    points: Points
    order_minor: AmountMinor | None = None
    hold_seconds: HoldSeconds | None = None


class CapturePoints(Command):
    """Spend `points` of a hold, or all of it, and give the rest back."""

    idempotency_key: Id
    hold_id: UUID
    points: Points | None = None


class ReleasePoints(Command):
    """Give all points of a hold back. It has no key: a hold is released once."""

    hold_id: UUID


class CancelRedemption(Command):
    """Give `points` of a redemption back, or all that is left of it."""

    idempotency_key: Id
    redemption_id: UUID
    points: Points | None = None


class Direction(StrEnum):
    """Which way an adjustment goes."""

    ADD = "add"
    DEDUCT = "deduct"


class OperatorCommand(Command):
    """What an operator does to an account: who and why are kept with it."""

    idempotency_key: Id
    actor: Id
    reason: Reason


class AdjustPoints(OperatorCommand):
    """Add points (until `expires_at`, or by the program's expiry) or deduct them.

    With `below_zero` a deduction takes pending points too, and what is not there becomes due.
    """

    direction: Direction
    points: Points
    brand: Id | None = None
    expires_at: Instant | None = None
    below_zero: StrictBool = False


class ExtendLot(OperatorCommand):
    """Give a lot that is not past its date a later one."""

    lot_id: UUID
    expires_at: Instant


class ReinstateLot(OperatorCommand):
    """Give a lot that is past its date a new one: what had expired of it is free again."""

    lot_id: UUID
    expires_at: Instant


class ConfirmAward(OperatorCommand):
    """Make a pending lot active now."""

    lot_id: UUID


class CancelAward(OperatorCommand):
    """Take back all that is left to take of a pending lot."""

    lot_id: UUID


class Tick(Command):
    """Write down what dates alone have brought about on an account.

    `due_at` is the earliest date that is known to have passed.
    """

    due_at: Instant
