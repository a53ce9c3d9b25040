"""Balances of accounts that are settled in memory, as the statement would tell them."""

from services.query.settling import balances_row
from tests.worlds import World, coffee


def test_an_account_is_told_to_be_merged_once_nothing_is_left_in_it() -> None:
    made = World(coffee())
    for member in ("jo", "flo"):
        made.earn(member, 10, "first")
    made.merge("jo", "flo")
    assert balances_row(made.member("jo"), made.now)["merged_into"] is None
    made.carry()
    assert balances_row(made.member("jo"), made.now)["merged_into"] == "coffee:flo"
