"""Wire types: which model a `ce_type` names, in which version, and how older versions are read.

A type ends in its version. Optional additions keep the version; any other change is a new version
with an upcast here, and the golden file of every version ever written is read by the tests.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from shared.events import (
    activity,
    awards,
    bought,
    commands,
    facts,
    merges,
    movements,
    points,
    rewards,
    transfers,
    upstream,
)

UPSTREAM: Mapping[str, type[upstream.Activity]] = {
    "retail.purchase.v1": upstream.Purchase,
    "retail.return.v1": upstream.Return,
    "retail.void.v1": upstream.Void,
    "retail.review.v1": upstream.Review,
    "retail.referral.v1": upstream.Referral,
    "retail.custom-action.v1": upstream.CustomAction,
}

ACTIVITY: Mapping[str, type[activity.ActivityRecorded]] = {
    "loyalty.activity.purchase.v2": activity.PurchaseRecorded,
    "loyalty.activity.return.v1": activity.ReturnRecorded,
    "loyalty.activity.void.v1": activity.VoidRecorded,
    "loyalty.activity.review.v1": activity.ReviewRecorded,
    "loyalty.activity.referral.v1": activity.ReferralRecorded,
    "loyalty.activity.custom-action.v1": activity.CustomActionRecorded,
}

COMMANDS: Mapping[str, type[commands.Command]] = {
    "loyalty.command.redeem-points.v1": commands.RedeemPoints,
    "loyalty.command.hold-points.v1": commands.HoldPoints,
    "loyalty.command.capture-points.v1": commands.CapturePoints,
    "loyalty.command.release-points.v1": commands.ReleasePoints,
    "loyalty.command.cancel-redemption.v1": commands.CancelRedemption,
    "loyalty.command.adjust-points.v1": commands.AdjustPoints,
    "loyalty.command.extend-lot.v1": commands.ExtendLot,
    "loyalty.command.reinstate-lot.v1": commands.ReinstateLot,
    "loyalty.command.confirm-award.v1": commands.ConfirmAward,
    "loyalty.command.cancel-award.v1": commands.CancelAward,
    "loyalty.command.redeem-reward.v1": rewards.RedeemReward,
    "loyalty.command.fulfil-reward.v1": rewards.FulfilReward,
    "loyalty.command.cancel-reward.v1": rewards.CancelReward,
    "loyalty.command.put-stock.v1": rewards.PutStock,
    "loyalty.command.take-unit.v1": rewards.TakeUnit,
    "loyalty.command.conclude-reward.v1": rewards.ConcludeReward,
    "loyalty.command.return-unit.v1": rewards.ReturnUnit,
    "loyalty.command.conclude-return.v1": rewards.ConcludeReturn,
    "loyalty.command.transfer-points.v1": transfers.TransferPoints,
    "loyalty.command.receive-points.v1": transfers.ReceivePoints,
    "loyalty.command.conclude-transfer.v1": transfers.ConcludeTransfer,
    "loyalty.command.merge-account.v1": merges.MergeAccount,
    "loyalty.command.accept-merge.v1": merges.AcceptMerge,
    "loyalty.command.conclude-merge.v1": merges.ConcludeMerge,
    "loyalty.command.take-part.v1": merges.TakePart,
    "loyalty.command.take-input.v1": merges.TakeInput,
    "loyalty.command.settle-parcel.v1": merges.SettleParcel,
    "loyalty.command.tick.v1": commands.Tick,
}

FACTS: Mapping[str, type[BaseModel]] = {
    "loyalty.chain.opened.v1": facts.Opened,
    "loyalty.input.rejected.v1": facts.InputRejected,
    "loyalty.points.earned.v1": awards.PointsEarned,
    "loyalty.activity.refused.v1": awards.ActivityRefused,
    "loyalty.award.activated.v1": awards.AwardActivated,
    "loyalty.return.waiting.v1": awards.ReturnWaiting,
    "loyalty.return.assessed.v1": awards.ReturnAssessed,
    "loyalty.return.refused.v1": awards.ReturnRefused,
    "loyalty.points.credited.v1": points.PointsCredited,
    "loyalty.points.redeemed.v1": points.PointsRedeemed,
    "loyalty.redemption.refused.v1": points.RedemptionRefused,
    "loyalty.points.expired.v1": points.PointsExpired,
    "loyalty.points.held.v1": movements.PointsHeld,
    "loyalty.hold.captured.v1": movements.HoldCaptured,
    "loyalty.hold.released.v1": movements.HoldReleased,
    "loyalty.hold.lapsed.v1": movements.HoldLapsed,
    "loyalty.redemption.cancelled.v1": movements.RedemptionCancelled,
    "loyalty.points.clawed-back.v1": movements.PointsClawedBack,
    "loyalty.deficit.written-off.v1": movements.DeficitWrittenOff,
    "loyalty.points.added.v1": movements.PointsAdded,
    "loyalty.points.deducted.v1": movements.PointsDeducted,
    "loyalty.lot.extended.v1": movements.LotExtended,
    "loyalty.expiry.extended.v1": movements.ExpiryExtended,
    "loyalty.lot.reinstated.v1": movements.LotReinstated,
    "loyalty.award.confirmed.v1": movements.AwardConfirmed,
    "loyalty.request.refused.v1": movements.RequestRefused,
    "loyalty.reward.reserved.v1": rewards.RewardReserved,
    "loyalty.reward.issued.v1": rewards.RewardIssued,
    "loyalty.reward.refused.v1": rewards.RewardRefused,
    "loyalty.reward.fulfilled.v1": rewards.RewardFulfilled,
    "loyalty.reward.cancelled.v1": rewards.RewardCancelled,
    "loyalty.reward.unit-settled.v1": rewards.UnitSettled,
    "loyalty.stock.added.v1": rewards.StockAdded,
    "loyalty.stock.unit-taken.v1": rewards.UnitTaken,
    "loyalty.stock.unit-refused.v1": rewards.UnitRefused,
    "loyalty.stock.unit-returned.v1": rewards.UnitReturned,
    "loyalty.transfer.sent.v1": transfers.PointsSent,
    "loyalty.transfer.received.v1": transfers.PointsReceived,
    "loyalty.transfer.settled.v1": transfers.TransferSettled,
    "loyalty.transfer.returned.v1": transfers.TransferReturned,
    "loyalty.merge.requested.v1": merges.MergeRequested,
    "loyalty.merge.accepted.v1": merges.MergeAccepted,
    "loyalty.merge.declined.v1": merges.MergeDeclined,
    "loyalty.merge.part-moved.v1": merges.PartMoved,
    "loyalty.merge.part-taken.v1": merges.PartTaken,
    "loyalty.input.forwarded.v1": merges.InputForwarded,
    "loyalty.parcel.settled.v1": merges.ParcelSettled,
    "loyalty.program.published.v1": facts.ProgramPublished,
}

WIRE: Mapping[str, type[BaseModel]] = {**UPSTREAM, **ACTIVITY, **COMMANDS, **FACTS}
TYPE_OF: Mapping[type[BaseModel], str] = {model: name for name, model in WIRE.items()}

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[str, tuple[str, Upcast]] = {
    "loyalty.activity.purchase.v1": ("loyalty.activity.purchase.v2", bought.with_texts),
}
"""Retired wire type -> (its successor, how its data becomes the successor's)."""


class UnknownType(ValueError):
    """A wire type that this version of the code does not know."""


_BEFORE: Mapping[str, str] = {newer: older for older, (newer, _) in UPCASTS.items()}


def first_type(model: type[BaseModel]) -> str:
    """The wire type of a message's first version: facts and digests name it by that, for ever."""
    name = TYPE_OF[model]
    while name in _BEFORE:
        name = _BEFORE[name]
    return name


def newest_type(wire_type: str) -> str:
    """The wire type as which a message of this type is read."""
    while wire_type in UPCASTS:
        wire_type, _ = UPCASTS[wire_type]
    return wire_type


def decode(wire_type: str, value: bytes) -> BaseModel:
    """The message in `value`, upcast to its newest version.

    Raises UnknownType for a type that is not registered, ValueError for a bad body.
    """
    model = WIRE.get(wire_type)
    if model is not None:
        return model.model_validate_json(value)
    if wire_type not in UPCASTS:
        raise UnknownType(wire_type)
    data = json.loads(value)
    while wire_type in UPCASTS:
        wire_type, upcast = UPCASTS[wire_type]
        try:
            data = upcast(data)
        except (KeyError, TypeError) as error:
            raise ValueError(f"cannot be read as {wire_type}: {error!r}") from error
    return WIRE[wire_type].model_validate_json(json.dumps(data))


def encode(message: BaseModel) -> bytes:
    """The JSON bytes of a message; the same message gives the same bytes.

    Fields at their default are left out, so the defaults are part of the contract and never change.
    """
    return message.__pydantic_serializer__.to_json(message, exclude_defaults=True)
