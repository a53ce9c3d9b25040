"""One receipt as a sum that can be checked by hand: earned - clawed = what the rules give for kept.

From earn's rows alone: the award with its purchase, and its returns. Evaluates no rule: what was
kept is worth what the last assessment says. Where the points are now is the ledger's lot.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from services.query.answers.base import Answer, OfAccount
from shared.events.awards import (
    DatedPoints,
    LineBack,
    PointsEarned,
    ReturnAssessed,
    ReturnWaiting,
    RuleMissed,
    RuleShare,
)
from shared.events.registry import TYPE_OF
from shared.program.kept import CameBack, purchase, split


class ReceiptState(StrEnum):
    """What became of a purchase."""

    AWARDED = "awarded"
    NOT_REWARDED = "not_rewarded"
    NOT_KNOWN_YET = "not_known_yet"


class ReceiptLine(Answer):
    """A line as it was bought, what came back of it, and what was kept."""

    line_id: str
    sku: str
    department: str | None
    kind: str
    quantity: int
    amount_minor: int
    returned_quantity: int
    returned_minor: int
    kept_quantity: int
    kept_minor: int


class CurrencySum(Answer):
    """The sum in one currency of the program: earned - clawed = earned_on_kept."""

    currency: str
    earned: int
    clawed: int
    earned_on_kept: int


class ReturnMade(Answer):
    """One return: it took `owed - clawed_before`, never less than nothing."""

    reversal_id: UUID
    source: str
    event_id: str
    occurred_at: datetime
    lines: list[LineBack]
    earned_on_kept: int
    owed: Annotated[int, Field(description="What all returns so far take back together")]
    clawed_before: int
    points: int


class ReturnExpected(Answer):
    """A return that waits for its purchase; of a void, `everything` came back."""

    source: str
    event_id: str
    occurred_at: datetime
    lines: list[LineBack]
    everything: bool


class LotNow(Answer):
    """The points of the receipt in the ledger: original = free + used + expired + clawed.

    Those of all its lots, where rules have given points with other dates (`parts`).
    """

    original: int
    free: int
    used: int
    expired: int
    clawed: int


class Receipt(OfAccount):
    """A receipt and its points. Under the policy `re_earn`: earned - clawed = earned_on_kept."""

    brand: str
    receipt_id: str
    state: ReceiptState
    reason: Annotated[str | None, Field(description="Why it was not rewarded")]
    store: str | None
    occurred_at: datetime | None
    money: str | None
    program_version: Annotated[int | None, Field(description="Of the day of purchase")]
    rounding: str | None
    policy: Annotated[str | None, Field(description="By which returns were assessed")]
    earned: int
    clawed: Annotated[int, Field(description="What returns have taken back, all together")]
    earned_on_kept: Annotated[int, Field(description="What the rules give for what was kept")]
    sum: Annotated[str, Field(examples=["49 - 20 = 29"])]
    also: list[CurrencySum]
    lines: list[ReceiptLine]
    breakdown: Annotated[list[RuleShare], Field(description="What each rule gave for all of it")]
    breakdown_on_kept: Annotated[list[RuleShare], Field(description="And for what was kept")]
    why_not: list[RuleMissed]
    parts: Annotated[list[DatedPoints], Field(description="Points with other dates, lot by lot")]
    returns: list[ReturnMade]
    waiting: list[ReturnExpected]
    lot: Annotated[LotNow | None, Field(description="None until the award is in the ledger")]


class Found(NamedTuple):
    """What earn's rows say of a receipt."""

    award: PointsEarned | None
    refused: Mapping[str, Any]
    assessed: Sequence[ReturnAssessed]
    waiting: Sequence[ReturnWaiting]


def found(row: Mapping[str, Any]) -> Found:
    """The facts in a row of `RECEIPTS`."""
    is_award = row["type"] == TYPE_OF[PointsEarned]
    return Found(
        PointsEarned.model_validate_json(row["fact"]) if is_award else None,
        json.loads(row["fact"]) if row["type"] and not is_award else {},
        [ReturnAssessed.model_validate_json(text) for text in _lines(row["assessed"])],
        [ReturnWaiting.model_validate_json(text) for text in _lines(row["waiting"])],
    )


def shown(said: Found, brand: str, receipt_id: str) -> dict[str, Any]:
    """The answer without the account, the token and the lot."""
    award, returns = said.award, said.assessed
    last = returns[-1] if returns else None
    earned = award.points if award else 0
    clawed = sum(each.points for each in returns)
    kept = last.earned_on_kept if last else earned
    return {
        "brand": brand,
        "receipt_id": receipt_id,
        "state": _state(said),
        "reason": said.refused.get("reason"),
        "store": award and award.store,
        "occurred_at": award and award.occurred_at,
        "money": award and award.money,
        "program_version": award and award.program_version,
        "rounding": award and award.rounding,
        "policy": last and last.policy,
        "earned": earned,
        "clawed": clawed,
        "earned_on_kept": kept,
        "sum": f"{earned} - {clawed} = {earned - clawed}",
        "also": _also(award, returns),
        "lines": _bought(award, returns) if award else [],
        "breakdown": award.breakdown if award else [],
        "breakdown_on_kept": last.breakdown if last else award.breakdown if award else [],
        "why_not": award.why_not if award else [],
        "parts": award.parts if award else [],
        "returns": [_told(each, ReturnMade) for each in returns],
        "waiting": [_told(each, ReturnExpected) for each in said.waiting],
    }


def _lines(text: str | None) -> list[str]:
    return text.split("\n") if text else []


def _state(said: Found) -> ReceiptState:
    if said.award:
        return ReceiptState.AWARDED
    return ReceiptState.NOT_REWARDED if said.refused else ReceiptState.NOT_KNOWN_YET


def _told(fact: ReturnAssessed | ReturnWaiting, answer: type[Answer]) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in answer.model_fields}


def _bought(award: PointsEarned, returns: Sequence[ReturnAssessed]) -> list[dict[str, Any]]:
    bought = purchase(award)
    return [
        {
            "line_id": line.line_id,
            "sku": line.sku,
            "department": line.department,
            "kind": line.kind,
            "quantity": line.quantity,
            "amount_minor": line.amount_minor,
            "returned_quantity": back.quantity,
            "returned_minor": back.amount_minor,
            "kept_quantity": line.quantity - back.quantity,
            "kept_minor": line.amount_minor - back.amount_minor,
        }
        for line, back in split(bought, CameBack.with_all(returns))
    ]


def _also(award: PointsEarned | None, returns: Sequence[ReturnAssessed]) -> list[dict[str, Any]]:
    """The sums of the program's other currencies."""
    sums = []
    for place, also in enumerate(award.also if award else ()):
        taken = [each.also[place] for each in returns]
        sums.append(
            {
                "currency": also.currency,
                "earned": also.points,
                "clawed": sum(each.points for each in taken),
                "earned_on_kept": taken[-1].earned_on_kept if taken else also.points,
            }
        )
    return sums


_RULE = {"rule": "base", "rate": "1/100", "factor": None}
_KEPT = {"line_id": "2", "sku": "1095275", "department": "GROCERY", "kind": "product"}
_BACK = {"line_id": "1", "sku": "1029743", "department": "GROCERY", "kind": "product"}
EXAMPLE: dict[str, Any] = {
    "program": "grocer",
    "member": "900",
    "token": "3-1042",
    "as_of": "2026-03-16T22:05:01Z",
    "brand": "grocer",
    "receipt_id": "31198459",
    "state": "awarded",
    "reason": None,
    "store": "330",
    "occurred_at": "2026-03-14T18:05:00-04:00",
    "money": "USD",
    "program_version": 1,
    "rounding": "floor",
    "policy": "re_earn",
    "earned": 21,
    "clawed": 11,
    "earned_on_kept": 10,
    "sum": "21 - 11 = 10",
    "also": [],
    "lines": [
        {
            **_BACK,
            "quantity": 1,
            "amount_minor": 1050,
            "returned_quantity": 1,
            "returned_minor": 1050,
            "kept_quantity": 0,
            "kept_minor": 0,
        },
        {
            **_KEPT,
            "quantity": 1,
            "amount_minor": 1099,
            "returned_quantity": 0,
            "returned_minor": 0,
            "kept_quantity": 1,
            "kept_minor": 1099,
        },
    ],
    "breakdown": [{**_RULE, "basis_minor": 2149, "exact": "2149/100"}],
    "breakdown_on_kept": [{**_RULE, "basis_minor": 1099, "exact": "1099/100"}],
    "why_not": [],
    "parts": [],
    "returns": [
        {
            "reversal_id": "9d0e6f0b-6a4c-5c0e-9b57-2b8b8f6d7a10",
            "source": "grocer-pos",
            "event_id": "return-31198459",
            "occurred_at": "2026-03-16T18:05:00-04:00",
            "lines": [{"line_id": "1", "quantity": 1, "amount_minor": 1050}],
            "earned_on_kept": 10,
            "owed": 11,
            "clawed_before": 0,
            "points": 11,
        }
    ],
    "waiting": [],
    "lot": {"original": 21, "free": 10, "used": 0, "expired": 0, "clawed": 11},
}
