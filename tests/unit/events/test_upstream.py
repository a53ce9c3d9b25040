"""Upstream events: tolerant of what they do not know, strict about what they do."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.events import registry
from shared.events.base import ATTRIBUTES_MAX, LINES_MAX, PAYMENTS_MAX

LINE = {"line_id": "1", "sku": "1095275", "amount_minor": 1099}
PURCHASE = {
    "event_id": "basket-31198459",
    "source": "grocer-pos",
    "brand": "grocer",
    "member": "1043",
    "occurred_at": "2026-03-14T18:05:00-04:00",
    "receipt_id": "31198459",
    "currency": "USD",
    "lines": [LINE],
}
ACTION = {
    **{name: PURCHASE[name] for name in ("event_id", "source", "brand", "member", "occurred_at")},
    "action": "recycled-bottles",
}


def read(wire_type: str, data: Any) -> Any:
    return registry.decode(wire_type, json.dumps(data).encode())


def faults(wire_type: str, data: Any) -> list[tuple[Any, ...]]:
    try:
        read(wire_type, data)
    except ValidationError as error:
        return [detail["loc"] for detail in error.errors()]
    return []


def test_a_purchase_of_the_least_is_read():
    purchase = read("retail.purchase.v1", PURCHASE)
    assert purchase.lines[0].amount_minor == 1099
    assert purchase.payments == ()


@pytest.mark.parametrize("name", PURCHASE)
def test_what_is_needed_is_asked_for_by_name(name):
    without = {key: value for key, value in PURCHASE.items() if key != name}
    assert faults("retail.purchase.v1", without) == [(name,)]
    assert faults("retail.purchase.v1", {**PURCHASE, name: None}) == [(name,)]


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"amount_minor": -1}, "amount_minor"),
        ({"amount_minor": 10.99}, "amount_minor"),
        ({"amount_minor": 1099.0}, "amount_minor"),
        ({"amount_minor": "1099"}, "amount_minor"),
        ({"amount_minor": 10**11 + 1}, "amount_minor"),
        ({"amount_minor": True}, "amount_minor"),
        ({"tax_minor": -1}, "tax_minor"),
        ({"discount_minor": None}, "discount_minor"),
        ({"quantity": 0.5}, "quantity"),
        ({"kind": "rebate"}, "kind"),
        ({"kind": 1}, "kind"),
        ({"sku": 1095275}, "sku"),
        ({"department": ""}, "department"),
    ],
)
def test_a_wrong_line_is_refused_where_it_is_wrong(changed, where):
    basket = {**PURCHASE, "lines": [LINE, {**LINE, **changed}]}
    assert faults("retail.purchase.v1", basket) == [("lines", 1, where)]


def test_a_basket_has_limits():
    assert not faults("retail.purchase.v1", {**PURCHASE, "lines": []})
    assert not faults("retail.purchase.v1", {**PURCHASE, "lines": [LINE] * LINES_MAX})
    assert faults("retail.purchase.v1", {**PURCHASE, "lines": [LINE] * (LINES_MAX + 1)})
    paid = [{"method": "card", "amount_minor": 1}]
    assert not faults("retail.purchase.v1", {**PURCHASE, "payments": paid * PAYMENTS_MAX})
    assert faults("retail.purchase.v1", {**PURCHASE, "payments": paid * (PAYMENTS_MAX + 1)})


def test_unknown_fields_are_left_out_at_every_depth():
    told = {
        **PURCHASE,
        "cashier": {"name": "Alex"},
        "lines": [{**LINE, "aisle": 7}],
        "payments": [{"method": "card", "amount_minor": 1, "card_number": "4111111111111111"}],
    }
    written = registry.encode(read("retail.purchase.v1", told)).decode()
    assert "Alex" not in written
    assert "aisle" not in written
    assert "4111" not in written


@pytest.mark.parametrize(
    ("attributes", "fits"),
    [
        ({"bottles": 12, "own-bag": True, "place": "Store 330", "note": ""}, True),
        ({f"n{i}": i for i in range(ATTRIBUTES_MAX)}, True),
        ({f"n{i}": i for i in range(ATTRIBUTES_MAX + 1)}, False),
        ({"far": 10**15}, True),
        ({"further": 10**15 + 1}, False),
        ({"weight": 1.5}, False),
        ({"weight": 1.0}, False),
        ({"nested": {"a": 1}}, False),
        ({"list": [1]}, False),
        ({"nothing": None}, False),
        ({"": 1}, False),
        ({"a\nb": 1}, False),
        ({"long": "x" * 1_001}, False),
        ([], False),
    ],
)
def test_attributes_are_flat_and_exact(attributes, fits):
    action = {**ACTION, "attributes": attributes}
    assert (not faults("retail.custom-action.v1", action)) is fits
    if fits:
        kept = read("retail.custom-action.v1", action).attributes
        assert json.dumps(kept) == json.dumps(attributes)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe{\x00}\x00",
        b'{"event_id": "\xff"}',
        b'{"event_id": "\\ud800"}',
        json.dumps(PURCHASE).encode("utf-16"),
        json.dumps(PURCHASE).encode() + b"{}",
        b'{"x":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_bytes_that_are_no_event_are_refused_in_one_way(value):
    with pytest.raises(ValidationError):
        registry.decode("retail.purchase.v1", value)
