"""Wire types: which model a `ce_type` names, in which version, and how older versions are read.

A type ends in its version. Optional additions keep the version; any other change is a new version
with an upcast here, and the golden file of every version ever written is read by the tests.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from shared.events import activity, commands, facts, upstream

UPSTREAM: Mapping[str, type[upstream.Activity]] = {
    "retail.purchase.v1": upstream.Purchase,
    "retail.return.v1": upstream.Return,
    "retail.review.v1": upstream.Review,
    "retail.referral.v1": upstream.Referral,
    "retail.custom-action.v1": upstream.CustomAction,
}

ACTIVITY: Mapping[str, type[activity.ActivityRecorded]] = {
    "loyalty.activity.purchase.v1": activity.PurchaseRecorded,
    "loyalty.activity.return.v1": activity.ReturnRecorded,
    "loyalty.activity.review.v1": activity.ReviewRecorded,
    "loyalty.activity.referral.v1": activity.ReferralRecorded,
    "loyalty.activity.custom-action.v1": activity.CustomActionRecorded,
}

COMMANDS: Mapping[str, type[commands.Command]] = {
    "loyalty.command.redeem-points.v1": commands.RedeemPoints,
    "loyalty.command.tick.v1": commands.Tick,
}

FACTS: Mapping[str, type[BaseModel]] = {
    "loyalty.chain.opened.v1": facts.Opened,
    "loyalty.input.rejected.v1": facts.InputRejected,
    "loyalty.points.earned.v1": facts.PointsEarned,
    "loyalty.activity.refused.v1": facts.ActivityRefused,
    "loyalty.return.waiting.v1": facts.ReturnWaiting,
    "loyalty.return.assessed.v1": facts.ReturnAssessed,
    "loyalty.return.refused.v1": facts.ReturnRefused,
    "loyalty.points.credited.v1": facts.PointsCredited,
    "loyalty.points.redeemed.v1": facts.PointsRedeemed,
    "loyalty.redemption.refused.v1": facts.RedemptionRefused,
    "loyalty.points.expired.v1": facts.PointsExpired,
    "loyalty.program.published.v1": facts.ProgramPublished,
}

WIRE: Mapping[str, type[BaseModel]] = {**UPSTREAM, **ACTIVITY, **COMMANDS, **FACTS}
TYPE_OF: Mapping[type[BaseModel], str] = {model: name for name, model in WIRE.items()}

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[str, tuple[str, Upcast]] = {}
"""Retired wire type -> (its successor, how its data becomes the successor's)."""


class UnknownType(ValueError):
    """A wire type that this version of the code does not know."""


def decode(wire_type: str, value: bytes) -> BaseModel:
    """The message in `value`, upcast to its newest version.

    Raises UnknownType for a type that is not registered, pydantic's ValidationError for a bad body.
    """
    model = WIRE.get(wire_type)
    if model is not None:
        return model.model_validate_json(value)
    if wire_type not in UPCASTS:
        raise UnknownType(wire_type)
    data = json.loads(value)
    while wire_type in UPCASTS:
        wire_type, upcast = UPCASTS[wire_type]
        data = upcast(data)
    return WIRE[wire_type].model_validate_json(json.dumps(data))


def encode(message: BaseModel) -> bytes:
    """The JSON bytes of a message; the same message gives the same bytes.

    Fields at their default are left out, so the defaults are part of the contract and never change.
    """
    return message.__pydantic_serializer__.to_json(message, exclude_defaults=True)
