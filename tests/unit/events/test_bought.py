"""A line of a purchase as a text: read back as it was, and as short as it says little.

1. every line that the contract takes is read back as it was written
2. an award gives the purchase back that it was made for
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earn.decide import decide
from shared.events import registry
from shared.events.activity import PurchaseRecorded
from shared.events.awards import PointsEarned
from shared.events.base import AMOUNT_MINOR_MAX, ID_LENGTH_MAX, QUANTITY_MAX, LineKind
from shared.events.bought import Bought, Line, in_normal_form, read, written
from shared.events.ids import activity_cause
from shared.events.upstream import Purchase, PurchaseLine
from shared.program.kept import purchase
from tests.receipts import BASE, line, program, receipt

# Letters, quotes, backslashes, separators of other formats, characters that take several bytes
IDS = st.text(alphabet="aB7\"\\|,;:' \u00e4\u2028\U0001f600", min_size=1, max_size=8).filter(
    lambda text: text == text.strip()
)
AMOUNTS = st.integers(0, AMOUNT_MINOR_MAX)
LINES = st.builds(
    PurchaseLine,
    line_id=IDS,
    sku=IDS,
    department=st.none() | IDS,
    category=st.none() | IDS,
    product_type=st.none() | IDS,
    product_brand=st.none() | IDS,
    quantity=st.integers(0, QUANTITY_MAX),
    amount_minor=AMOUNTS,
    tax_minor=st.sampled_from([0, 7]) | AMOUNTS,
    discount_minor=st.sampled_from([0, 7]) | AMOUNTS,
    kind=st.sampled_from(LineKind),
)


@given(LINES)
def test_a_line_is_read_back_as_it_was(line: PurchaseLine):
    assert read(written(line)) == tuple(getattr(line, name) for name in Line._fields)


def test_every_field_of_a_purchase_is_kept():
    assert set(Bought.model_fields) == set(Purchase.model_fields)
    assert set(Line._fields) == set(PurchaseLine.model_fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "1\tsku-1\t1\t250"),
        ({"quantity": 0}, "1\tsku-1\t0\t250"),
        ({"product_brand": "Private"}, "1\tsku-1\t1\t250\t\t\t\tPrivate"),
        ({"tax_minor": 20}, "1\tsku-1\t1\t250\t\t\t\t\t20"),
        ({"kind": "gift_card"}, "1\tsku-1\t1\t250\t\t\t\t\t\t\tgift_card"),
    ],
)
def test_what_says_nothing_at_the_end_is_left_out(fields: dict[str, object], text: str):
    assert written(PurchaseLine.model_validate(line(250, **fields))) == text


def test_the_longest_line_fits_the_contract():
    longest = "x" * ID_LENGTH_MAX
    names = ("line_id", "sku", "department", "category", "product_type", "product_brand")
    full = PurchaseLine.model_validate(
        {
            **dict.fromkeys(names, longest),
            "quantity": QUANTITY_MAX,
            **dict.fromkeys(("amount_minor", "tax_minor", "discount_minor"), AMOUNT_MINOR_MAX),
            "kind": "gift_card",
        }
    )
    whole = receipt(full.model_dump())
    assert purchase(_award(whole)) == whole


def test_an_award_gives_its_purchase_back():
    paid = [{"method": "points", "amount_minor": 100}, {"method": "card", "amount_minor": 150}]
    whole = receipt(line(250, tax_minor=20), store="7", channel="app", payments=paid)
    assert purchase(_award(whole)) == whole


def _award(whole: Purchase) -> PointsEarned:
    """The award of a purchase, as a reader of the log has it."""
    recorded = PurchaseRecorded(account="shop:jo", activity=in_normal_form(whole))
    fact = decide(recorded, program(BASE), activity_cause(recorded.account, recorded.activity))
    said = registry.decode("loyalty.points.earned.v1", registry.encode(fact))
    assert isinstance(said, PointsEarned)
    return said
