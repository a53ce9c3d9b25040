"""Answers to redemptions: a function of what is stored, in the form that is documented."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest

from services.query.answers.spending import RedemptionMade
from services.query.decisions import Decided
from services.query.problems import KINDS, Code, ProblemDetails
from services.query.redemptions import answer
from services.query.tokens import HEADER, Token
from shared.events import registry
from shared.events.facts import InputRejected
from shared.events.movements import RequestRefused
from shared.events.points import LotShare, PointsRedeemed, RedemptionRefused, RefusalReason
from shared.events.transfers import TransferSettled

ID = UUID(int=7)
ACCOUNT = "shop:jo: 1"
TOKEN = Token(3, 42)
REDEEMED = PointsRedeemed(
    account=ACCOUNT,
    redemption_id=ID,
    asked=500,
    points=400,
    value_minor=400,
    money="USD",
    order_minor=1_000,
    program_version=2,
    allocation=(LotShare(lot_id=UUID(int=1), points=400),),
)


def decided(fact: Any) -> Decided:
    return Decided(
        cause=ID,
        account=ACCOUNT,
        seq=TOKEN.position,
        type=registry.TYPE_OF[type(fact)],
        body=b"\x00" * 16,
        decided_at=datetime(2026, 1, 1, tzinfo=UTC),
        balance=100,
        fact=registry.encode(fact).decode(),
    )


def test_a_redemption_is_told_as_documented():
    response = answer(decided(REDEEMED), TOKEN)
    assert (response.status_code, response.headers[HEADER]) == (200, "3-42")
    told = RedemptionMade.model_validate_json(bytes(response.body))
    assert json.loads(bytes(response.body)).keys() == RedemptionMade.model_fields.keys()
    assert (told.program, told.member, told.redemption_id) == ("shop", "jo: 1", ID)
    assert (told.asked, told.points, told.value_minor, told.balance) == (500, 400, 400, 100)


def test_the_same_row_is_told_in_the_same_bytes():
    row = decided(REDEEMED)
    assert answer(row, TOKEN).body == answer(row, TOKEN).body


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_every_refusal_has_its_code_and_the_numbers_that_it_carries(reason: RefusalReason):
    fact = RedemptionRefused(
        account=ACCOUNT, redemption_id=ID, asked=500, reason=reason, available=3, missing=497
    )
    response = answer(decided(fact), TOKEN)
    assert response.status_code == HTTPStatus.CONFLICT
    told = json.loads(bytes(response.body))
    ProblemDetails.model_validate(told)
    assert told["code"] == reason.value
    assert (told["asked"], told["available"], told["missing"]) == (500, 3, 497)
    assert "minimum" not in told


def test_members_are_told_by_their_names():
    refused = RequestRefused(
        account=ACCOUNT,
        request="any",
        subject=ID,
        reason=RefusalReason.ACCOUNT_MERGED,
        merged_into="shop:flo: 2",
    )
    received = TransferSettled(account=ACCOUNT, transfer_id=ID, to="shop:flo: 2", points=5)
    for fact, name in ((refused, "merged_into"), (received, "to")):
        assert json.loads(bytes(answer(decided(fact), TOKEN).body))[name] == "flo: 2"


def test_what_could_not_be_decided_is_told_so():
    fact = InputRejected(account=ACCOUNT, input_type="x", reason="undecidable", detail="why")
    response = answer(decided(fact), TOKEN)
    assert (response.status_code, json.loads(bytes(response.body))["code"]) == (409, "undecidable")


def test_every_code_has_a_kind_and_every_reason_a_code():
    assert set(KINDS) == set(Code)
    assert {reason.value for reason in RefusalReason} <= set(Code)
