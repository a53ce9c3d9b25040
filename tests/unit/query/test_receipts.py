"""A receipt of which several returns were made: each sum is that of all of them."""

from services.query.receipts import Found, shown
from shared.events.awards import PointsEarned, ReturnAssessed
from tests.earnings import Earnings, returned
from tests.receipts import BASE, line, program, receipt


def test_what_several_returns_took_is_added_up_in_every_currency():
    stamp = {"rule": "stamp", "kind": "per_item", "points": 1, "items": 1, "currency": "stamps"}
    currencies = [
        {"currency": "points", "spendable": True},
        {"currency": "stamps", "spendable": False},
    ]
    shop = Earnings(program(BASE, stamp, currencies=currencies))
    lines = (line(1_000, line_id="1"), line(2_000, line_id="2"), line(4_000, line_id="3"))
    [award] = shop.take(receipt(*lines))
    assert isinstance(award, PointsEarned)
    returns = shop.take(
        returned(("1", 1, 1_000), event="back-1"), returned(("2", 1, 2_000), event="back-2")
    )
    assessed = [fact for fact in returns if isinstance(fact, ReturnAssessed)]
    told = shown(Found(award, {}, assessed, []), "shop", "receipt-1")
    assert told["sum"] == "70 - 30 = 40"
    assert (told["earned"], told["clawed"], told["earned_on_kept"]) == (70, 30, 40)
    assert told["also"] == [
        {"currency": "stamps", "earned": 3, "clawed": 2, "earned_on_kept": 1},
    ]
    assert [made["points"] for made in told["returns"]] == [10, 20]
