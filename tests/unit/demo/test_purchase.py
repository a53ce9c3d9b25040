"""The purchase on the wire: as the public contract reads it, and with nothing that is not known."""

import json
from datetime import datetime
from itertools import islice

from cli.demo.dataset import Basket, Dataset, Line, Product, Returned, in_new_york
from cli.demo.purchase import Purchases
from shared.events.upstream import Purchase, Return

PRODUCTS = {
    1: Product("GROCERY", "FRUIT - SHELF STABLE", 'APPLE "SAUCE"', "Private"),
    2: Product("MISCELLANEOUS", None, None, "National"),
}
BASKET = Basket(
    basket=31198570044,
    household=900,
    store=330,
    occurred_at=in_new_york(datetime.fromisoformat("2017-07-01T11:53:26"), weeks=0),
    lines=[Line(1, 2, 150), Line(2, 1, 99), Line(3, 0, 0)],
)


def test_a_purchase_names_what_is_known_and_leaves_out_the_rest():
    message = Purchases(PRODUCTS).message(BASKET)
    assert message.key == b"330"
    assert json.loads(message.value) == {
        "event_id": "31198570044",
        "source": "grocer-pos",
        "brand": "grocer",
        "store": "330",
        "receipt_id": "31198570044",
        "member": "900",
        "occurred_at": "2017-07-01T11:53:26-04:00",
        "currency": "USD",
        "lines": [
            {
                "line_id": "1",
                "sku": "1",
                "department": "GROCERY",
                "category": "FRUIT - SHELF STABLE",
                "product_type": 'APPLE "SAUCE"',
                "product_brand": "Private",
                "quantity": 2,
                "amount_minor": 150,
            },
            {
                "line_id": "2",
                "sku": "2",
                "department": "MISCELLANEOUS",
                "product_brand": "National",
                "quantity": 1,
                "amount_minor": 99,
            },
            {"line_id": "3", "sku": "3", "quantity": 0, "amount_minor": 0},
        ],
    }


def test_a_return_names_its_receipt_and_the_line_that_came_back():
    at = in_new_york(datetime.fromisoformat("2017-07-03T11:53:26"), weeks=0)
    message = Purchases(PRODUCTS).message(Returned(BASKET, 1, BASKET.lines[0], at))
    assert message.key == b"330"
    assert dict(message.headers)["ce_type"] == b"retail.return.v1"
    assert dict(message.headers)["ce_id"] == b"31198570044-return"
    assert json.loads(message.value) == {
        "event_id": "31198570044-return",
        "source": "grocer-pos",
        "brand": "grocer",
        "receipt_id": "31198570044",
        "member": "900",
        "occurred_at": "2017-07-03T11:53:26-04:00",
        "currency": "USD",
        "lines": [{"line_id": "1", "quantity": 2, "amount_minor": 150}],
    }
    Return.model_validate_json(message.value)


def test_headers_are_the_binary_mode_of_cloudevents():
    assert dict(Purchases(PRODUCTS).message(BASKET).headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"31198570044",
        "ce_source": b"grocer-pos",
        "ce_type": b"retail.purchase.v1",
        "ce_time": b"2017-07-01T11:53:26-04:00",
        "content-type": b"application/json",
    }


def test_the_same_basket_gives_the_same_bytes():
    purchases = Purchases(PRODUCTS)
    assert purchases.message(BASKET) == purchases.message(BASKET)
    assert purchases.message(BASKET) == Purchases(PRODUCTS).message(BASKET)


def test_real_purchases_are_what_the_public_contract_takes():
    dataset = Dataset.installed()
    purchases = Purchases(dataset.products)
    for basket in islice(dataset.baskets(weeks=411), 0, None, 500):
        read = Purchase.model_validate_json(purchases.message(basket).value)
        assert read.occurred_at == basket.occurred_at
        assert [line.amount_minor for line in read.lines] == [
            line.amount_minor for line in basket.lines
        ]
