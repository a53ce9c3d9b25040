"""Programs, receipts and lines for tests, each with as little as a test has to say."""

from typing import Any

from shared.events.upstream import Purchase
from shared.program.earning import Award, award
from shared.program.model import Program

BASE = {"rule": "base", "kind": "per_amount", "points": 1, "per_minor": 100}


def program(*rules: dict[str, Any], **sections: Any) -> Program:
    """A program of the brand `shop` in UTC, from 2000 on, with these earn rules and sections."""
    rounding = sections.pop("rounding", "floor")
    return Program.model_validate(
        {
            "program": "shop",
            "version": 1,
            "name": "Shop",
            "effective_from": "2000-01-01",
            "timezone": "UTC",
            "money": "USD",
            "brands": ["shop"],
            "earn": {"rules": list(rules), "rounding": rounding},
            **sections,
        }
    )


def line(amount_minor: int, **fields: Any) -> dict[str, Any]:
    """A line of a receipt."""
    return {"line_id": "1", "sku": "sku-1", "amount_minor": amount_minor, **fields}


def receipt(
    *lines: dict[str, Any] | int, at: str = "2026-03-03T12:00:00Z", **fields: Any
) -> Purchase:
    """A purchase at the brand `shop`; a number is a line of that amount."""
    return Purchase.model_validate(
        {
            "event_id": "event-1",
            "source": "till",
            "brand": "shop",
            "receipt_id": "receipt-1",
            "member": "jo",
            "occurred_at": at,
            "currency": "USD",
            "lines": [line(each) if isinstance(each, int) else each for each in lines],
            **fields,
        }
    )


def earned(rules: Program, purchase: Purchase) -> Award:
    """The award of a purchase that is in range."""
    worth = award(rules, purchase)
    assert isinstance(worth, Award)
    return worth
