"""A line of a purchase as one short text, so that a fact can keep all of them at little cost.

What a return takes back is decided on what was kept, and a fold reads nothing but facts: so an
award keeps its purchase. Nine lines as models are 1,600 bytes, which everybody who reads an award
would take apart; as texts they are 600, and only a return does. The fields are separated by tabs,
which no identifier has, and those at the end that say nothing are left out.
"""

from shared.events.base import LineKind
from shared.events.facts import PointsEarned
from shared.events.upstream import Purchase, PurchaseLine

FIELDS = (
    "line_id",
    "sku",
    "quantity",
    "amount_minor",
    "department",
    "category",
    "product_type",
    "product_brand",
    "tax_minor",
    "discount_minor",
    "kind",
)
"""In the order in which they stand; a further one goes behind them."""
PRODUCT = LineKind.PRODUCT
NUMBERS = frozenset({"quantity", "amount_minor", "tax_minor", "discount_minor"})


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


def read(text: str) -> PurchaseLine:
    """The line that was written. Raises ValueError for a text that `written` did not make."""
    found = dict(zip(FIELDS, text.split("\t"), strict=False))
    return PurchaseLine.model_validate(
        {name: int(value) if name in NUMBERS else value for name, value in found.items() if value}
    )


def purchase(award: PointsEarned) -> Purchase:
    """The purchase that an award was made for."""
    assert award.receipt_id is not None
    assert award.money is not None
    return Purchase(
        event_id=award.event_id,
        source=award.source,
        brand=award.brand,
        member=award.account.partition(":")[2],
        occurred_at=award.occurred_at,
        store=award.store,
        channel=award.channel,
        receipt_id=award.receipt_id,
        currency=award.money,
        lines=tuple(map(read, award.lines)),
        payments=award.payments,
    )
