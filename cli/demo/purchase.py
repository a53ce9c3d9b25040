"""Baskets and returns as the upstream events `retail.purchase.v1` and `retail.return.v1`.

Key, JSON value and CloudEvents headers. Guarantees: the same basket gives the same bytes; what is
not known is left out. Every product is turned into JSON once. Does not send anything.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from cli.demo.dataset import Basket, Event, Product, Returned

PURCHASE = "retail.purchase.v1"
RETURN = "retail.return.v1"
SOURCE = "grocer-pos"
BRAND = "grocer"
CURRENCY = "USD"

Header = tuple[str, bytes]
COMMON_HEADERS: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_source", SOURCE.encode()),
    ("content-type", b"application/json"),
]

TO_JSON = json.JSONEncoder(separators=(",", ":"))


class Message(NamedTuple):
    """One Kafka message as upstream sends it."""

    key: bytes
    value: bytes
    headers: list[Header]


class Purchases:
    """Turns baskets into messages; keeps the JSON of the products that it has met."""

    def __init__(self, products: Mapping[int, Product]) -> None:
        """Products by id; one that is not among them has no department and no brand."""
        self._products = products
        self._json: dict[int, str] = {}

    def message(self, event: Event) -> Message:
        """The purchase of a basket, or the return of a line, keyed by the store."""
        return self._return(event) if isinstance(event, Returned) else self._purchase(event)

    def _purchase(self, basket: Basket) -> Message:
        at = basket.occurred_at.isoformat()
        lines = ",".join(
            f'{{"line_id":"{number}",{self._json.get(line.product) or self._product(line.product)},'
            f'"quantity":{line.quantity},"amount_minor":{line.amount_minor}}}'
            for number, line in enumerate(basket.lines, start=1)
        )
        value = (
            f'{{"event_id":"{basket.basket}","source":"{SOURCE}","brand":"{BRAND}",'
            f'"store":"{basket.store}","receipt_id":"{basket.basket}",'
            f'"member":"{basket.household}","occurred_at":"{at}","currency":"{CURRENCY}",'
            f'"lines":[{lines}]}}'
        )
        return _message(basket, PURCHASE, str(basket.basket), at, value)

    def _return(self, returned: Returned) -> Message:
        """It is of the purchase's own store, so it stands behind the purchase in its partition."""
        basket, number, line, occurred_at = returned
        at, event_id = occurred_at.isoformat(), f"{basket.basket}-return"
        value = (
            f'{{"event_id":"{event_id}","source":"{SOURCE}","brand":"{BRAND}",'
            f'"receipt_id":"{basket.basket}","member":"{basket.household}","occurred_at":"{at}",'
            f'"currency":"{CURRENCY}","lines":[{{"line_id":"{number}",'
            f'"quantity":{line.quantity},"amount_minor":{line.amount_minor}}}]}}'
        )
        return _message(basket, RETURN, event_id, at, value)

    def _product(self, product: int) -> str:
        """The fields of a line that come from its product, as JSON without the braces."""
        known = self._products.get(product, Product())
        fields = {
            "sku": str(product),
            "department": known.department,
            "category": known.category,
            "product_type": known.product_type,
            "product_brand": known.brand,
        }
        present = {name: value for name, value in fields.items() if value is not None}
        self._json[product] = fragment = TO_JSON.encode(present)[1:-1]
        return fragment


def _message(basket: Basket, wire_type: str, event_id: str, at: str, value: str) -> Message:
    headers = [
        *COMMON_HEADERS,
        ("ce_type", wire_type.encode()),
        ("ce_id", event_id.encode()),
        ("ce_time", at.encode()),
    ]
    return Message(str(basket.store).encode(), value.encode(), headers)
