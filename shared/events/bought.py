"""A purchase in normal form: each of its lines as one short text.

What a return takes back is decided on what was kept, and a fold reads nothing but facts: so an
award keeps its purchase. Nine lines as models are 1,600 bytes, which everybody who reads them would
take apart; as texts they are 600, which intake writes once, earn passes on, and only what reads
lines takes apart. The fields are separated by tabs, which no identifier has, and those at the end
that say nothing are left out.
"""

from typing import Annotated, Any, NamedTuple

from pydantic import Field, StringConstraints

from shared.events.base import LINES_MAX, PAYMENTS_MAX, Currency, Id, LineKind
from shared.events.upstream import Activity, Payment, Purchase, PurchaseLine

BoughtLine = Annotated[str, StringConstraints(max_length=2_000)]
"""A line of a purchase as one text."""
PRODUCT = LineKind.PRODUCT
NOTHING_SAID = ("",) * 7
"""What a text has behind identity, pieces and money, if it says nothing there."""


class Bought(Activity):
    """A closed receipt, as our own messages carry it; see `shared.events.upstream.Purchase`."""

    store: Id | None = None
    channel: Id | None = None
    receipt_id: Id
    currency: Currency
    lines: Annotated[tuple[BoughtLine, ...], Field(max_length=LINES_MAX)]
    payments: Annotated[tuple[Payment, ...], Field(max_length=PAYMENTS_MAX)] = ()


class Line(NamedTuple):
    """A line as a text says it; a further field goes behind the others."""

    line_id: str
    sku: str
    quantity: int
    amount_minor: int
    department: str | None = None
    category: str | None = None
    product_type: str | None = None
    product_brand: str | None = None
    tax_minor: int = 0
    discount_minor: int = 0
    kind: LineKind = PRODUCT


def in_normal_form(purchase: Purchase) -> Bought:
    """A purchase in normal form."""
    return Bought(
        event_id=purchase.event_id,
        source=purchase.source,
        brand=purchase.brand,
        member=purchase.member,
        occurred_at=purchase.occurred_at,
        store=purchase.store,
        channel=purchase.channel,
        receipt_id=purchase.receipt_id,
        currency=purchase.currency,
        lines=tuple([written(line) for line in purchase.lines]),
        payments=purchase.payments,
    )


def written(line: PurchaseLine) -> str:
    """The line as a text."""
    text = (
        f"{line.line_id}\t{line.sku}\t{line.quantity}\t{line.amount_minor}\t"
        f"{line.department or ''}\t{line.category or ''}\t"
        f"{line.product_type or ''}\t{line.product_brand or ''}"
    )
    if line.tax_minor or line.discount_minor or line.kind is not PRODUCT:
        kind = "" if line.kind is PRODUCT else line.kind.value
        text += f"\t{line.tax_minor or ''}\t{line.discount_minor or ''}\t{kind}"
    return text.rstrip("\t")


def read(text: str) -> Line:
    """The line that was written. Raises ValueError for a text that `written` did not make."""
    line_id, sku, quantity, amount, *others = text.split("\t")
    department, category, product_type, product_brand, tax, discount, kind = (
        *others,
        *NOTHING_SAID[len(others) :],
    )
    return Line(
        line_id,
        sku,
        int(quantity),
        int(amount),
        department or None,
        category or None,
        product_type or None,
        product_brand or None,
        int(tax or 0),
        int(discount or 0),
        LineKind(kind) if kind else PRODUCT,
    )


def with_texts(data: dict[str, Any]) -> dict[str, Any]:
    """The first version of a recorded purchase, whose lines were objects, as the second."""
    texts = [written(PurchaseLine.model_validate(line)) for line in data["activity"]["lines"]]
    return {**data, "activity": {**data["activity"], "lines": texts}}
