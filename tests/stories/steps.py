"""What comes in a story: inputs with their business identity, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid5

from services.redeem.decide import Input
from shared.events.awards import (
    ActivatedLot,
    Awaits,
    AwardActivated,
    DatedPoints,
    Extension,
    PointsEarned,
    ReturnAssessed,
)
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    ConfirmAward,
    Direction,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
    Tick,
)
from shared.events.ids import (
    NAMESPACE,
    Cause,
    activation_cause,
    award_cause,
    command_cause,
    receive_cause,
    release_cause,
    return_cause,
    transferred_cause,
)
from shared.events.points import RefusalReason
from shared.events.transfers import ConcludeTransfer, ReceivePoints, SentLot, TransferPoints
from tests.stories.setting import ACCOUNT, FRIEND, START, at, named, redemption


class Step(NamedTuple):
    """An input, its business identity, and when it is decided (None: when the last one was)."""

    message: Input
    cause: Cause
    on: datetime | None

    @property
    def instant(self) -> datetime:
        """When it is decided, for steps that say so."""
        assert self.on is not None
        return self.on


def earned(
    points: int,
    name: str = "L1",
    *,
    expires: "str | int | datetime | None" = None,
    active: "str | int | datetime | None" = None,
    sliding: bool = False,
    extends: "str | int | datetime | None" = None,
    parts: Mapping[str, tuple[int, int]] | None = None,
    cap: int | None = None,
    awaits: bool = False,
    on: "str | int | datetime | None" = None,
) -> Step:
    """An award of earn; active and made at the start unless it says when.

    `extends` is until when it extends what slides; `parts` are, by name, those of its points with a
    day of their own; `cap` is that on the balance. What `awaits`
    an event is gone, without it, when it would be active.
    """
    award = PointsEarned(
        account=ACCOUNT,
        award_id=named(name),
        activity_type="purchase",
        source="till",
        event_id=name,
        brand="shop",
        receipt_id=name,
        occurred_at=START,
        basis_minor=0,
        program_version=3,
        rounding="floor",
        points=points,
        active_from=START if active is None else at(active),
        expires_at=None if expires is None else at(expires),
        sliding=sliding,
        balance_cap=cap,
        awaits=Awaits(event="delivered", otherwise="cancelled") if awaits else None,
        extends=None if extends is None else Extension(act="purchase", until=at(extends)),
        parts=tuple(_part(part, n, at(day)) for part, (n, day) in (parts or {}).items()),
    )
    return Step(award, award_cause(ACCOUNT, award.award_id), None if on is None else at(on))


def delivered(
    *lots: str,
    until: "str | int | datetime | None" = None,
    times: int = 1,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The event for which these lots have waited; they are good until a day from then on."""
    expires_at = None if until is None else at(until)
    event = AwardActivated(
        account=ACCOUNT,
        activation_id=named(f"delivery {times} of {lots[-1]}"),
        award_id=named(lots[-1]),
        event="delivered",
        source="till",
        event_id=f"delivery {times}",
        brand="shop",
        occurred_at=START,
        program_version=3,
        lots=tuple(ActivatedLot(lot_id=named(name), expires_at=expires_at) for name in lots),
    )
    cause = activation_cause(ACCOUNT, event.activation_id, event.award_id)
    return Step(event, cause, None if on is None else at(on))


def _part(name: str, points: int, until: datetime) -> DatedPoints:
    return DatedPoints(
        lot_id=named(name), rules=("bonus",), points=points, active_from=START, expires_at=until
    )


def redeem(
    points: int,
    key: str = "r",
    *,
    order_minor: int | None = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """A caller wants to spend points."""
    command = RedeemPoints(
        account=ACCOUNT, idempotency_key=key, points=points, order_minor=order_minor
    )
    return Step(command, command_cause(ACCOUNT, key), None if on is None else at(on))


def _step(message: Any, key: str, on: "str | int | datetime | None") -> Step:
    return Step(message, command_cause(ACCOUNT, key), None if on is None else at(on))


def hold(
    points: int,
    key: str = "h",
    *,
    until: "str | int | datetime | None" = None,
    order_minor: int | None = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """A checkout sets points aside, at the start unless it says when."""
    seconds = None
    if until is not None:
        seconds = (at(until) - at(on or 0)) // timedelta(seconds=1)
    command = HoldPoints(
        account=ACCOUNT,
        idempotency_key=key,
        points=points,
        order_minor=order_minor,
        hold_seconds=seconds,
    )
    return _step(command, key, on)


def capture(
    points: int | None = None,
    key: str = "h",
    *,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The checkout with this key is paid."""
    command = CapturePoints(
        account=ACCOUNT,
        idempotency_key=f"capture {key} {points}",
        hold_id=redemption(key),
        points=points,
    )
    return _step(command, command.idempotency_key, on)


def release(key: str = "h", *, on: "str | int | datetime | None" = None) -> Step:
    """The checkout with this key is left."""
    command = ReleasePoints(account=ACCOUNT, hold_id=redemption(key))
    cause = release_cause(ACCOUNT, command.hold_id)
    return Step(command, cause, None if on is None else at(on))


def cancel(
    points: int | None = None,
    key: str = "r",
    *,
    times: int = 1,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The redemption with this key is cancelled, in part if it says how much; the n-th time."""
    command = CancelRedemption(
        account=ACCOUNT,
        idempotency_key=f"cancel {key} {points} {times}",
        redemption_id=redemption(key),
        points=points,
    )
    return _step(command, command.idempotency_key, on)


def returned(
    points: int,
    name: str = "L1",
    *,
    times: int = 1,
    of: int = 0,
    before: int = 0,
    parts: Sequence[str] = (),
    on: "str | int | datetime | None" = None,
) -> Step:
    """The purchase that made this lot is returned, for so many points; the n-th time.

    It had earned `of` points, of which `before` were taken already; `parts` are its other lots.
    """
    assessed = ReturnAssessed(
        account=ACCOUNT,
        reversal_id=named(f"return {times} of {name}"),
        award_id=named(name),
        source="till",
        event_id=f"return {times} of {name}",
        brand="shop",
        receipt_id=name,
        occurred_at=START,
        earned=of,
        clawed_before=before,
        points=points,
        lots=tuple(map(named, parts)),
    )
    cause = return_cause(ACCOUNT, assessed.reversal_id)
    return Step(assessed, cause, None if on is None else at(on))


WHO = {"actor": "ann", "reason": "goodwill"}


def adjust(
    points: int,
    key: str = "a",
    *,
    below_zero: bool = False,
    expires: "str | int | datetime | None" = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """An operator adds points, or deducts them if they are negative."""
    command = AdjustPoints(
        account=ACCOUNT,
        idempotency_key=key,
        actor="ann",
        reason="goodwill",
        direction=Direction.ADD if points >= 0 else Direction.DEDUCT,
        points=abs(points),
        expires_at=None if expires is None else at(expires),
        below_zero=below_zero,
    )
    return _step(command, key, on)


def extend(
    name: str, until: "str | int | datetime", *, on: "str | int | datetime | None" = None
) -> Step:
    """An operator gives a lot a later date."""
    key = f"extend {name} until {until}"
    command = ExtendLot(
        account=ACCOUNT, idempotency_key=key, lot_id=named(name), expires_at=at(until), **WHO
    )
    return _step(command, key, on)


def reinstate(
    name: str, until: "str | int | datetime", *, on: "str | int | datetime | None" = None
) -> Step:
    """An operator gives a lot that is past its date a new one."""
    key = f"reinstate {name} until {until}"
    command = ReinstateLot(
        account=ACCOUNT, idempotency_key=key, lot_id=named(name), expires_at=at(until), **WHO
    )
    return _step(command, key, on)


def confirm(name: str = "L1", *, on: "str | int | datetime | None" = None) -> Step:
    """A pending award becomes active."""
    key = f"confirm {name}"
    command = ConfirmAward(account=ACCOUNT, idempotency_key=key, lot_id=named(name), **WHO)
    return _step(command, key, on)


def cancel_award(name: str = "L1", *, on: "str | int | datetime | None" = None) -> Step:
    """A pending award is taken back."""
    key = f"cancel {name}"
    command = CancelAward(account=ACCOUNT, idempotency_key=key, lot_id=named(name), **WHO)
    return _step(command, key, on)


def give(
    points: int, key: str = "g", *, to: str = FRIEND, on: "str | int | datetime | None" = None
) -> Step:
    """The member gives points to another."""
    command = TransferPoints(account=ACCOUNT, idempotency_key=key, to=to, points=points)
    return _step(command, key, on)


def given_by_friend(
    points: int,
    name: str = "gift",
    *,
    expires: "str | int | datetime | None" = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """Points of a lot of another member come in."""
    lot = SentLot(
        lot_id=named(name),
        points=points,
        brand="shop",
        occurred_at=START,
        active_from=START,
        expires_at=None if expires is None else at(expires),
    )
    command = ReceivePoints(
        account=ACCOUNT, transfer_id=named(f"{name} of a friend"), sender=FRIEND, lots=(lot,)
    )
    cause = receive_cause(ACCOUNT, command.transfer_id)
    return Step(command, cause, None if on is None else at(on))


def not_taken(key: str = "g", *, on: "str | int | datetime | None" = None) -> Step:
    """The other's account does not take the points that were given with this key."""
    command = ConcludeTransfer(
        account=ACCOUNT, transfer_id=redemption(key), refused=RefusalReason.ACCOUNT_BLOCKED
    )
    cause = transferred_cause(ACCOUNT, command.transfer_id)
    return Step(command, cause, None if on is None else at(on))


def tick(on: "str | int | datetime") -> Step:
    """The sweep comes by."""
    instant = at(on)
    cause = Cause(f"tick at {instant}", uuid5(NAMESPACE, f"tick at {instant}"))
    return Step(Tick(account=ACCOUNT, due_at=instant), cause, instant)
