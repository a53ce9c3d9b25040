"""What upstream retail systems publish: purchases, returns, reviews, referrals, custom actions.

Tolerant of unknown fields, strict about types, ranges and offsets of times. The business identity
of a purchase is (brand, receipt id); of everything else (source, event id).
"""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StrictStr, StringConstraints

from shared.events.base import (
    ATTRIBUTES_MAX,
    LINES_MAX,
    PAYMENTS_MAX,
    AmountMinor,
    Currency,
    Id,
    Instant,
    LineKind,
    Quantity,
    Upstream,
)


class PurchaseLine(Upstream):
    """One line of a receipt; `amount_minor` is what was paid, after discounts, without tax."""

    line_id: Id
    sku: Id
    department: Id | None = None
    category: Id | None = None
    product_type: Id | None = None
    product_brand: Id | None = None
    quantity: Quantity = 1
    amount_minor: AmountMinor
    tax_minor: AmountMinor = 0
    discount_minor: AmountMinor = 0
    kind: LineKind = LineKind.PRODUCT


class Payment(Upstream):
    """How a part of a receipt was paid."""

    method: Id
    amount_minor: AmountMinor


class Activity(Upstream):
    """What every upstream event says: who published it, whose it is and when it happened."""

    event_id: Id
    source: Id
    brand: Id
    member: Id
    occurred_at: Instant


class Purchase(Activity):
    """A closed receipt."""

    store: Id | None = None
    channel: Id | None = None
    receipt_id: Id
    currency: Currency
    lines: Annotated[tuple[PurchaseLine, ...], Field(max_length=LINES_MAX)]
    payments: Annotated[tuple[Payment, ...], Field(max_length=PAYMENTS_MAX)] = ()


class ReturnedLine(Upstream):
    """A line that came back, in whole or in part."""

    line_id: Id
    quantity: Quantity
    amount_minor: AmountMinor


class Return(Activity):
    """Lines of an earlier receipt that came back; may arrive before its purchase.

    `refunds` says how the money went back; without it, as it was paid, by parts.
    """

    receipt_id: Id
    currency: Currency
    lines: Annotated[tuple[ReturnedLine, ...], Field(min_length=1, max_length=LINES_MAX)]
    refunds: Annotated[tuple[Payment, ...], Field(max_length=PAYMENTS_MAX)] = ()


class Void(Activity):
    """All of an earlier receipt that has not come back yet; may arrive before its purchase."""

    receipt_id: Id


class Review(Activity):
    """A product review, question or survey answer."""

    sku: Id | None = None
    rating: Annotated[StrictInt, Field(ge=0, le=100)] | None = None


class Referral(Activity):
    """`member` was brought by `advocate` (or by the owner of `code`)."""

    advocate: Id | None = None
    code: Id | None = None


AttributeText = Annotated[StrictStr, StringConstraints(max_length=1_000)]
AttributeNumber = Annotated[StrictInt, Field(ge=-(10**15), le=10**15)]


SIGN_UP = "signup"
"""The custom action by which a member enrols."""


class CustomAction(Activity):
    """Anything else a member did: an action's name and flat attributes."""

    action: Id
    attributes: Annotated[
        dict[Id, AttributeText | StrictBool | AttributeNumber], Field(max_length=ATTRIBUTES_MAX)
    ] = {}
