"""What another version changes, in words."""

from typing import Any

import pytest

from shared.program.differences import differences
from shared.program.model import Program
from tests.receipts import BASE, program

BONUS = {"rule": "bonus", "kind": "fixed", "points": 5}


def changed(document: dict[str, Any], **fields: Any) -> Program:
    return Program.model_validate({**document, **fields})


ONE: dict[str, Any] = program(BASE, BONUS, expiry={"after": "6M_U"}).model_dump(
    mode="json", exclude_none=True
)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, []),
        ({"version": 2}, []),
        ({"name": "The Shop"}, ["name is The Shop; it was Shop"]),
        ({"expiry": {"after": "12M_U"}}, ["expiry.after is 12M_U; it was 6M_U"]),
        ({"expiry": {"dates": ["04-15"]}},
         ["expiry.after is gone: it was 6M_U", "expiry.dates is new: [04-15]"]),
        ({"brands": ["shop", "cafe"]}, ["brands has cafe now"]),
        ({"brands": ["cafe"]}, ["brands has cafe now", "brands has shop no more"]),
        ({"earn": {"rules": [{**BASE, "points": "3/2"}, BONUS]}},
         ["rule base: points is 3/2; it was 1"]),
        ({"earn": {"rules": [BASE]}},
         ["rule bonus is gone: it was stackable yes, priority 0, kind fixed, points 5"]),
        ({"earn": {"rules": [BASE, BONUS, {**BONUS, "rule": "more"}]}},
         ["rule more is new: stackable yes, priority 0, kind fixed, points 5"]),
        ({"earn": {"rules": [BASE, {**BONUS, "stackable": False}]}},
         ["rule bonus: stackable is no; it was yes"]),
        ({"earn": {"rules": [BONUS, BASE]}},
         ["earn.rules stand in another order: bonus, base"]),
        ({"earn": {"rules": [{**BASE, "match": {"sku": ["1"]}}, BONUS]}},
         ["rule base: match.sku is new: [1]"]),
        ({"earn": {"rules": [BASE, BONUS], "caps": [{"points": 9, "per": "day"}]}},
         ["earn.caps is [points 9, per day]; it was []"]),
        ({"redemption": {"cash_off": {"points": 1, "minor": 1}}},
         [("redemption.cash_off is new: "
           "points 1, minor 1, minimum 1, multiple 1, above_limit clip")]),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(fields: dict[str, Any], told: list[str]):
    assert differences(changed(ONE), changed(ONE, **fields)) == told


def test_which_rules_a_multiplier_counts_for_is_told():
    double = {"rule": "double", "kind": "multiplier", "factor": 2}
    bases = [BASE, {**BASE, "rule": "more"}]
    one, other = (
        changed(ONE, earn={"rules": [*bases, {**double, "rules": names}]})
        for names in (["base"], ["base", "more"])
    )
    assert differences(one, other) == ["rule double: rules has more now"]


def test_values_that_stand_in_another_order_are_told():
    one, other = (changed(ONE, brands=names) for names in (["shop", "cafe"], ["cafe", "shop"]))
    assert differences(one, other) == ["brands is cafe, shop; it was shop, cafe"]


def test_the_other_way_round_what_was_new_is_gone():
    more = changed(ONE, earn={"rules": [BASE, BONUS, {**BONUS, "rule": "more"}]})
    assert differences(more, changed(ONE)) == [
        "rule more is gone: it was stackable yes, priority 0, kind fixed, points 5"
    ]


def test_a_long_change_is_cut():
    many = changed(ONE, brands=[f"brand-{number}" for number in range(200)])
    assert all(len(told) < 300 for told in differences(changed(ONE), many))
