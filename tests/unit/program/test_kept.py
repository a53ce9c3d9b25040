"""What of a purchase came back and what was kept: lines, taxes, discounts and payments in parts."""

from typing import Any

import pytest

from shared.events.awards import ReturnWaiting
from shared.events.upstream import Purchase
from shared.program.kept import (
    CameBack,
    Excess,
    Part,
    everything_left,
    excess_refund,
    kept,
    returned,
)
from tests.receipts import line, receipt

SHOES = line(900, line_id="shoes", quantity=3, tax_minor=90, discount_minor=30)
SOCKS = line(100, line_id="socks", tax_minor=10)
BAG = line(0, line_id="bag", tax_minor=7, discount_minor=5)
PAID = [
    {"method": "card", "amount_minor": 600},
    {"method": "cash", "amount_minor": 100},
    {"method": "card", "amount_minor": 400},
]


def bought(*lines: dict[str, Any]) -> Purchase:
    return receipt(*(lines or (SHOES, SOCKS)), payments=PAID)


def back(*lines: tuple[str, int, int], **refunds: int) -> ReturnWaiting:
    return ReturnWaiting.model_validate(
        {
            "account": "shop:jo",
            "source": "till",
            "event_id": "return-1",
            "brand": "shop",
            "receipt_id": "receipt-1",
            "occurred_at": "2026-03-05T12:00:00Z",
            "lines": [
                {"line_id": name, "quantity": quantity, "amount_minor": amount}
                for name, quantity, amount in lines
            ],
            "refunds": [
                {"method": name, "amount_minor": amount} for name, amount in refunds.items()
            ],
        }
    )


def lines_of(purchase: Purchase) -> list[tuple[str, int, int, int, int]]:
    return [
        (each.line_id, each.quantity, each.amount_minor, each.tax_minor, each.discount_minor)
        for each in purchase.lines
    ]


def paid(purchase: Purchase) -> dict[str, int]:
    return {payment.method: payment.amount_minor for payment in purchase.payments}


def test_returns_add_up_and_money_of_which_nobody_said_how_it_went_back_is_summed_apart():
    said = back(("shoes", 1, 300), card=250, cash=50), back(("shoes", 1, 200), card=200)
    unsaid = back(("shoes", 1, 70), ("socks", 0, 20)), back(("socks", 1, 10))
    assert CameBack.with_all((*said, *unsaid)) == CameBack(
        {"shoes": Part(3, 570), "socks": Part(1, 30)}, {"card": 450, "cash": 50}, 100
    )
    assert CameBack.with_all(()) == CameBack({}, {}, 0)


@pytest.mark.parametrize(
    ("lines", "kept_lines", "returned_lines"),
    [
        ((("shoes", 1, 300),),
         [("shoes", 2, 600, 60, 20), ("socks", 1, 100, 10, 0)], [("shoes", 1, 300, 30, 10)]),
        ((("shoes", 3, 900),), [("socks", 1, 100, 10, 0)], [("shoes", 3, 900, 90, 30)]),
        ((("shoes", 0, 100),),
         [("shoes", 3, 800, 80, 26), ("socks", 1, 100, 10, 0)], [("shoes", 0, 100, 10, 3)]),
        ((("socks", 0, 0),),
         [("shoes", 3, 900, 90, 30), ("socks", 1, 100, 10, 0)], []),
        ((), [("shoes", 3, 900, 90, 30), ("socks", 1, 100, 10, 0)], []),
    ],
)  # fmt: skip
def test_tax_and_discount_go_with_the_money_of_their_line(
    lines: Any, kept_lines: Any, returned_lines: Any
):
    came_back = CameBack.with_all((back(*lines),))
    assert lines_of(kept(bought(), came_back)) == kept_lines
    assert lines_of(returned(bought(), came_back)) == returned_lines


def test_a_line_without_money_keeps_its_tax_and_discount_while_a_piece_is_left():
    gift = bought({**BAG, "quantity": 2})
    came_back = CameBack.with_all((back(("bag", 1, 0)),))
    assert lines_of(kept(gift, came_back)) == [("bag", 1, 0, 7, 5)]
    assert lines_of(returned(gift, came_back)) == [("bag", 1, 0, 7, 5)]


@pytest.mark.parametrize(
    ("refunds", "amount", "left"),
    [
        ({}, 250, {"card": 750, "cash": 75}),
        ({"card": 250}, 250, {"card": 750, "cash": 100}),
        ({"cash": 100, "card": 1}, 101, {"card": 999, "cash": 0}),
        ({"voucher": 50}, 50, {"card": 1_000, "cash": 100}),
    ],
)
def test_money_goes_back_as_was_said_or_else_as_it_was_paid(
    refunds: dict[str, int], amount: int, left: dict[str, int]
):
    came_back = CameBack.with_all((back(("shoes", 0, amount), **refunds),))
    assert paid(kept(bought(), came_back)) == left
    gone = {method: total - left[method] for method, total in {"card": 1_000, "cash": 100}.items()}
    assert paid(returned(bought(), came_back)) == gone


def test_of_a_purchase_without_money_nothing_goes_back():
    free = receipt(BAG, payments=[{"method": "card", "amount_minor": 0}])
    assert paid(kept(free, CameBack.with_all((back(("bag", 1, 0)),)))) == {"card": 0}


@pytest.mark.parametrize(
    ("refunds", "told"),
    [
        ({"card": 1_000, "cash": 100}, None),
        ({"card": 1_001}, Excess(None, 1_000, 1_001)),
        ({"voucher": 1}, Excess(None, 0, 1)),
    ],
)
def test_no_more_goes_back_than_was_paid_that_way(refunds: dict[str, int], told: Excess | None):
    came_back = CameBack.with_all((back(("shoes", 0, 1), **refunds),))
    assert excess_refund(bought(), came_back) == told


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((), [("shoes", 4, 1_000), ("bag", 0, 0)]),
        ((("shoes", 1, 950),), [("shoes", 3, 50), ("bag", 0, 0)]),
        ((("shoes", 4, 1_000),), [("bag", 0, 0)]),
        ((("shoes", 4, 1_000), ("bag", 0, 0)), []),
    ],
)
def test_a_void_brings_back_what_is_left_of_each_line(lines: Any, left: Any):
    twice = {**SOCKS, "line_id": "shoes"}
    purchase = bought(SHOES, twice, {**BAG, "quantity": 0})
    came_back = CameBack.with_all((back(*lines),))
    found = everything_left(purchase, came_back)
    told = [(each.line_id, each.quantity, each.amount_minor) for each in found]
    assert told == left
