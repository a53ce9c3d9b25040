"""Enrolments in earn: decided once, with the first activity or a sign-up, and kept by the log."""

from datetime import date
from typing import Any

import pytest

from services.earn.enrolments import ENROLMENT, EnrolmentRow, Enrolments, of_facts
from shared.program.model import Program
from shared.stream.memory import MemoryStore
from tests.receipts import BASE, program
from tests.shops import Shop
from tests.verified import verified

JUNE = date(2019, 6, 1)


def club(**sections: Any) -> Program:
    terms = {"program": "club", "brands": ["club"], "expiry": {"anniversary": True}}
    return program(BASE, **{**terms, **sections})


@pytest.fixture
def shop() -> Shop:
    return Shop(club()).on("2026-03-03")


def enrolments(shop: Shop) -> dict[str, date]:
    rows = shop.ledger.stores["earn"].tables[ENROLMENT].rows.values()
    return {row.account: row.enrolled_on for row in rows}


def test_the_first_activity_enrols_and_nothing_later_does(shop: Shop):
    with shop.at_once():
        shop.sells("jo", 1_000).sells("al", 1_000)
        shop.on("2026-03-05").sells("jo", 1_000)
    shop.on("2026-03-07").sells("jo", 1_000).says(enrolled_on=date(2026, 3, 3))
    shop.does("jo", "signup", enrolled_on="2019-06-01").says(points=0)
    shop.says(enrolled_on=date(2026, 3, 3))
    assert enrolments(shop) == {"club:jo": date(2026, 3, 3), "club:al": date(2026, 3, 3)}


def test_a_late_event_of_an_earlier_day_changes_nothing(shop: Shop):
    shop.sells("jo", 1_000).sells("jo", 1_000, occurred_at="2026-02-01T12:00:00Z")
    shop.says(enrolled_on=date(2026, 3, 3)).repeats()
    assert enrolments(shop) == {"club:jo": date(2026, 3, 3)}


def test_a_sign_up_tells_it_before_the_first_purchase(shop: Shop):
    shop.does("jo", "signup", enrolled_on="2019-06-01").repeats()
    shop.sells("jo", 1_000).says(enrolled_on=JUNE)
    shop.does("jo", "signup", enrolled_on="2018-01-01").says(enrolled_on=JUNE)
    assert enrolments(shop) == {"club:jo": JUNE}


def test_a_sign_up_counts_under_a_version_before_the_one_that_needs_it():
    shop = Shop(club(expiry={"after": "1Y"})).on("2026-03-03")
    shop.sells("jo", 1_000).says(enrolled_on=None).sells("al", 1_000)
    assert enrolments(shop) == {}
    shop.does("jo", "signup", enrolled_on="2019-06-01")
    shop.does("jo", "signup", enrolled_on="2018-01-01").says(enrolled_on=JUNE)
    shop.publishes(club(version=2, effective_from="2026-03-04"))
    shop.on("2026-03-04").sells("jo", 1_000).says(enrolled_on=JUNE)
    shop.sells("al", 1_000).says(enrolled_on=date(2026, 3, 4))
    assert verified(shop.ledger).findings == []


def test_a_sign_up_that_tells_no_day_says_what_is_allowed(shop: Shop):
    shop.does("jo", "signup", enrolled_on="June 2019").refuses("out_of_range")
    assert enrolments(shop) == {}
    shop.sells("jo", 1_000).says(enrolled_on=date(2026, 3, 3))


def test_a_return_of_the_first_purchase_leaves_the_enrolment(shop: Shop):
    shop.sells("jo", 1_000)
    shop.returns("jo", "receipt-1", line_id="0", quantity=1, amount_minor=1_000)
    shop.on("2026-04-01").sells("jo", 1_000).says(enrolled_on=date(2026, 3, 3))
    assert verified(shop.ledger).findings == []


def test_a_fold_of_facts_asks_for_the_enrolments_that_they_tell(shop: Shop):
    said = shop.sells("jo", 1_000).award()
    silent = said.model_copy(update={"account": "club:al", "enrolled_on": None})
    assert of_facts([said, silent, said]) == ["club:jo"]


def test_what_the_rows_say_already_stands(shop: Shop):
    said = shop.sells("jo", 1_000).award()
    kept = Enrolments([EnrolmentRow("club:jo", JUNE)])
    kept.evolve(said)
    assert (kept.on("club:jo"), kept.changed()) == (JUNE, [])


def test_the_log_alone_gives_the_enrolments_again(shop: Shop):
    shop.does("jo", "signup", enrolled_on="2019-06-01").sells("jo", 1_000).sells("al", 1_000)
    kept = enrolments(shop)
    earn = shop.ledger.services["earn"]
    shop.ledger.stores["earn"] = MemoryStore(earn.tables, earn.lookups)
    shop.ledger.run()
    assert enrolments(shop) == kept
    shop.on("2026-05-31").sells("jo", 1_000).says(enrolled_on=JUNE)
