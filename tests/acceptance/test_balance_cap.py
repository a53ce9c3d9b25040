"""A cap on the balance, from a receipt to the balances."""

from tests.receipts import BASE, program
from tests.shops import Shop
from tests.verified import verified


def test_a_member_holds_no_more_points_than_the_program_allows():
    rules = program(
        program="capped",
        brands=["capped"],
        earn={"rules": [BASE], "balance_cap": 100},
        redemption={"cash_off": {"points": 1, "minor": 1}},
    )
    shop = Shop(rules).on("2026-03-02").sells("ann", 7_000).has("ann", available=70)
    shop.sells("ann", 2_000, 3_000).says(points=50).has("ann", available=100, earned=100)
    shop.returns("ann", shop.receipt(), line_id="0", quantity=1, amount_minor=2_000)
    shop.has("ann", available=100, clawed_back=0)
    shop.returns("ann", "receipt-2", line_id="1", quantity=1, amount_minor=3_000)
    shop.has("ann", available=70, clawed_back=30)
    shop.redeems("ann", 50).sells("ann", 9_000).has("ann", available=100)
    assert verified(shop.ledger).findings == []
