"""A decision answers the kind of request that it was made on: other kinds may say the same."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from services.query.decisions import Decided
from services.query.outcomes import is_answer_to
from services.query.redemptions import Asked
from shared.events import registry
from shared.events.commands import (
    CancelAward,
    ConfirmAward,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
)
from shared.events.facts import InputRejected
from shared.events.movements import (
    AwardConfirmed,
    LotExtended,
    LotReinstated,
    PointsClawedBack,
    PointsHeld,
    RequestRefused,
)
from shared.events.points import PointsRedeemed, RedemptionRefused, RefusalReason
from shared.events.rewards import CancelReward, FulfilReward, RewardCancelled, RewardFulfilled

ACCOUNT = "shop:ann"
ID = UUID(int=7)
NAMED: dict[str, Any] = {"account": ACCOUNT, "idempotency_key": "k"}
WHO = {"actor": "ann", "reason": "a mistake"}
REDEEM = RedeemPoints(**NAMED, points=10)
HOLD = HoldPoints(**NAMED, points=10)
FULFIL = FulfilReward(**NAMED, **WHO, redemption_id=ID)
CANCEL = CancelReward(**NAMED, **WHO, redemption_id=ID)
CONFIRM = ConfirmAward(**NAMED, **WHO, lot_id=ID)
TAKE_BACK = CancelAward(**NAMED, **WHO, lot_id=ID)
DATE = datetime(2027, 1, 1, tzinfo=UTC)
EXTEND = ExtendLot(**NAMED, **WHO, lot_id=ID, expires_at=DATE)
REINSTATE = ReinstateLot(**NAMED, **WHO, lot_id=ID, expires_at=DATE)
ALIKE = [
    (REDEEM, PointsRedeemed, HOLD, PointsHeld),
    (REDEEM, RedemptionRefused, HOLD, PointsHeld),
    (FULFIL, RewardFulfilled, CANCEL, RewardCancelled),
    (CONFIRM, AwardConfirmed, TAKE_BACK, PointsClawedBack),
    (EXTEND, LotExtended, REINSTATE, LotReinstated),
]
"""Two commands with the same fields, and a fact that each of them may come to."""


def decided(fact: type[BaseModel], text: str = "{}") -> Decided:
    return Decided(ID, ACCOUNT, 1, registry.TYPE_OF[fact], b"", DATE, 0, text)


@pytest.mark.parametrize(("one", "made", "other", "made_of_other"), ALIKE)
def test_what_was_made_of_one_request_is_no_answer_to_one_with_the_same_fields(
    one: Asked, made: type[BaseModel], other: Asked, made_of_other: type[BaseModel]
):
    assert registry.encode(one) == registry.encode(other)
    assert is_answer_to(decided(made), one)
    assert is_answer_to(decided(made_of_other), other)
    assert not is_answer_to(decided(made), other)
    assert not is_answer_to(decided(made_of_other), one)


def test_a_refusal_answers_what_it_refused():
    refusal = RequestRefused(
        account=ACCOUNT,
        request=registry.TYPE_OF[HoldPoints],
        subject=ID,
        reason=RefusalReason.LIMIT_REACHED,
    )
    seen = decided(RequestRefused, refusal.model_dump_json())
    assert is_answer_to(seen, HOLD)
    assert not is_answer_to(seen, REDEEM)


def test_what_could_not_be_decided_is_told_to_whoever_asked():
    assert is_answer_to(decided(InputRejected), HOLD)
