"""The rows of receipts: which returns wait and which were assessed, in their order."""

from collections.abc import Callable
from uuid import uuid5

import pytest

from services.earn.receipts import ReceiptRow, Receipts, receipt_of
from shared.events.awards import ReturnAssessed, ReturnRefused, ReturnWaiting
from shared.events.ids import NAMESPACE
from shared.events.registry import encode

WHICH = {"account": "shop:jo", "brand": "shop", "receipt_id": "receipt 1"}


def waiting(event: str) -> ReturnWaiting:
    return ReturnWaiting.model_validate(
        {**WHICH, "source": "till", "event_id": event, "occurred_at": "2026-03-03T12:00:00Z"}
    )


def assessed(event: str) -> ReturnAssessed:
    return ReturnAssessed(
        reversal_id=uuid5(NAMESPACE, event),
        award_id=uuid5(NAMESPACE, "award"),
        points=5,
        **waiting(event).model_dump(include=COMMON),
    )


def refused(event: str) -> ReturnRefused:
    return ReturnRefused(**waiting(event).model_dump(include=COMMON), reason="line_unknown")


COMMON = {*WHICH, "source", "event_id", "occurred_at"}
RECEIPT = receipt_of(waiting("any"))


def folded(*facts: ReturnWaiting | ReturnAssessed | ReturnRefused) -> Receipts:
    """The rows after these facts, each folded on rows that were stored."""
    rows: list[ReceiptRow] = []
    for fact in facts:
        receipts = Receipts(rows)
        receipts.evolve(fact, encode(fact).decode())
        rows = receipts.changed() or rows
    return Receipts(rows)


def test_returns_wait_in_the_order_in_which_they_came():
    receipts = folded(waiting("a"), waiting("b"))
    assert receipts.waits(RECEIPT)
    assert [each.event_id for each in receipts.waiting(RECEIPT)] == ["a", "b"]
    assert receipts.assessed(RECEIPT) == []


@pytest.mark.parametrize("decided", [assessed, refused])
def test_what_was_decided_waits_no_longer_and_the_others_do(
    decided: Callable[[str], ReturnAssessed | ReturnRefused],
):
    receipts = folded(waiting("a"), waiting("b"), waiting("c"), decided("b"))
    assert [each.event_id for each in receipts.waiting(RECEIPT)] == ["a", "c"]
    done = folded(waiting("a"), decided("a"))
    assert not done.waits(RECEIPT)
    assert done.waiting(RECEIPT) == []


def test_what_was_assessed_is_kept_in_its_order():
    receipts = folded(assessed("a"), waiting("b"), assessed("b"), refused("c"))
    assert receipts.assessed(RECEIPT) == [assessed("a"), assessed("b")]
    assert receipts.waiting(RECEIPT) == []


def test_a_row_says_whose_receipt_it_is():
    receipts = Receipts(())
    receipts.evolve(waiting("a"), encode(waiting("a")).decode())
    text = encode(waiting("a")).decode()
    assert receipts.changed() == [ReceiptRow(RECEIPT, "shop:jo", "shop", "receipt 1", text, "")]


def test_a_refusal_alone_leaves_no_row():
    assert folded(refused("a")).changed() == []
    assert not Receipts(()).waits(RECEIPT)
