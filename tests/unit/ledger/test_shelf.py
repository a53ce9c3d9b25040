"""What is kept beside accounts: claims, codes, transfers and parcels, fact by fact."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from shared.events.ids import code_id
from shared.events.merges import MergeRequested, ParcelSettled, PartMoved, PartTaken
from shared.events.rewards import (
    RewardCancelled,
    RewardFulfilled,
    RewardIssued,
    RewardReserved,
    StockAdded,
    UnitReturned,
    UnitTaken,
)
from shared.ledger.account import Account, InvariantError
from shared.ledger.claims import ClaimState, StockCode, claim_after, codes_after
from shared.ledger.evolve import evolve
from shared.ledger.parcels import ParcelState, parcels_after
from shared.ledger.shelf import Shelf
from shared.ledger.transfers import TransferState
from tests.rewards import Rewards, coffee, reward
from tests.stories.setting import named
from tests.worlds import START

STOCK, POOL = "coffee:~reward~cup", {"stock": "counted", "codes": "pool"}
CLAIMS, CODES, TRANSFERS, PARCELS = range(4)
Rows = list[dict[Any, Any]]


def everything() -> Rewards:
    """Claims, transfers and parcels of every state."""
    made = Rewards(coffee(reward(points=10, **POOL), reward("mug", 10), transfers={}))
    made.stock(2, "A-2", "A-1")
    for member in ("jo", "flo"):
        made.earn(member, 100, "first")
    first, _, _ = (made.redeem("jo", key=str(number)) for number in range(3))
    made.merge("jo", "flo", "while points are set aside")
    made.carry()
    made.stock(1, "A-1", key="a code that is known")
    made.cancel(made.claim(first))
    made.fulfil(made.claim(made.redeem("jo", "mug", key="mug")))
    made.give("jo", "flo", 20)
    made.give("jo", "nobody", 5, key="lost")
    made.merge("jo", "flo", "while points are on their way")
    made.merge("flo", "nobody")
    made.carry()
    made.merge("jo", "flo")
    made.carry()
    made.spend("jo", 1, "late")
    made.carry()
    return made


def changed(shelf: Shelf) -> Rows:
    """What is to be written, by key."""
    claims, transfers = shelf.changed_claims, shelf.changed_transfers
    return [claims, shelf.changed_codes, transfers, shelf.changed_parcels]


class Step(NamedTuple):
    """A fact with the rows before it, and the shelf of them after it."""

    fact: Any
    at: datetime
    version: int
    before: Rows
    shelf: Shelf

    @property
    def changed(self) -> Rows:
        """The rows that the fact changes."""
        return changed(self.shelf)


def steps(made: Rewards) -> Iterator[Step]:
    """Every fact on rows that come in another order than they were written in."""
    accounts: dict[str, Account | None] = {}
    rows: Rows = [{}, {}, {}, {}]
    for fact, at in made.dated:
        account = accounts[fact.account] = evolve(accounts.get(fact.account), fact, at)
        if account is not None:
            shelf = Shelf(*(reversed(list(table.values())) for table in rows))
            shelf.evolve(fact, account.version, at)
            yield Step(fact, at, account.version, rows, shelf)
            rows = [{**table, **new} for table, new in zip(rows, changed(shelf), strict=True)]


def test_what_each_fact_writes_is_all_that_the_next_one_needs():
    made = everything()
    rows: Rows = [{}, {}, {}, {}]
    for step in steps(made):
        rows = [{**table, **new} for table, new in zip(rows, step.changed, strict=True)]
    assert rows == changed(made.shelf)
    states = [{row.state for row in rows[table].values()} for table in (CLAIMS, TRANSFERS, PARCELS)]
    assert states == [
        {*ClaimState} - {ClaimState.RESERVED},
        {*TransferState} - {TransferState.IN_TRANSIT},
        {*ParcelState} - {ParcelState.OPEN},
    ]


def test_rows_tell_when_they_were_made_and_changed():
    for step in steps(everything()):
        tables = [CLAIMS, TRANSFERS, PARCELS]
        if isinstance(step.fact, PartMoved | PartTaken):  # the rest is told by another account
            tables = [PARCELS]
        for table in tables:
            for key, row in step.changed[table].items():
                assert row.changed_at == step.at
                is_new = key not in step.before[table]
                assert ((row.made_at, row.order) == (step.at, step.version)) is is_new


def test_what_has_moved_is_the_other_accounts():
    made = everything()
    [moved] = [step for step in steps(made) if isinstance(step.fact, PartMoved)]
    for shelf in (moved.shelf, made.shelf):
        assert (shelf.claims_of("coffee:jo"), shelf.transfers_of("coffee:jo")) == ([], [])
    assert len(made.shelf.claims_of("coffee:flo")) == len(made.shelf.claims) == 4
    assert len(made.shelf.transfers_of("coffee:flo")) == len(made.shelf.transfers) == 2


# codes


def code(text: str, place: int, lot: str = "lot", taken_by: str | None = None) -> StockCode:
    unit = named(taken_by) if taken_by else None
    return StockCode(code_id(STOCK, text), STOCK, named(lot), text, place, unit)


def test_free_codes_of_a_lot_come_in_the_order_in_which_they_were_put_in_stock():
    put = [code(text, place) for place, text in enumerate("DAECB")]
    taken, other = code("T", 9, taken_by="unit"), code("O", 1, lot="other lot")
    for loaded in (put, put[::-1], sorted(put)):
        shelf = Shelf(codes=[taken, *loaded, other])
        assert list(shelf.free_codes(named("lot"))) == list("DAECB")
        assert list(shelf.free_codes(named("other lot"))) == ["O"]
        assert list(shelf.free_codes(named("no lot"))) == []
        assert (shelf.code_of(named("unit")), shelf.code_of(named("lot"))) == ("T", None)


def test_codes_are_those_of_their_stock():
    shelf = everything().shelf
    assert {code.account for code in shelf.codes.values()} == {STOCK}
    assert shelf.known(STOCK, ["A-1", "B-1"]) == ["A-1"]
    assert shelf.known("coffee:~reward~mug", ["A-1"]) == []


# what does not fit


def test_what_happens_to_a_claim_fits_how_far_it_has_come():
    made = everything()
    issued, handed_over, cancelled = (
        next(fact for fact in made.facts if isinstance(fact, kind))
        for kind in (RewardIssued, RewardFulfilled, RewardCancelled)
    )
    claim = made.claim(handed_over)._replace(account=issued.account)
    open_claim = claim._replace(state=ClaimState.ISSUED)
    for known, fact in (
        (None, handed_over),
        (claim, handed_over),
        (claim, cancelled),
        (open_claim, issued),
        (open_claim, next(fact for fact in made.facts if isinstance(fact, RewardReserved))),
        (open_claim, [fact for fact in made.facts if isinstance(fact, RewardIssued)][-1]),
        (open_claim._replace(account="coffee:eve"), handed_over),
    ):
        with pytest.raises(InvariantError):
            claim_after(known, fact, 9, START)
    assert claim_after(open_claim, handed_over, 9, START).state is ClaimState.FULFILLED


def test_a_parcel_is_made_and_settled_once():
    made = everything()
    asked, moved, settled = (
        next(fact for fact in made.facts if isinstance(fact, kind))
        for kind in (MergeRequested, PartMoved, ParcelSettled)
    )
    parcels = made.shelf.parcels
    for known, fact in ((parcels, asked), (parcels, moved), (parcels, settled), ({}, settled)):
        with pytest.raises(InvariantError):
            list(parcels_after(known, fact, 9, START))


def test_a_code_is_put_in_stock_once():
    added = next(fact for fact in everything().facts if isinstance(fact, StockAdded))
    put = {code.code_id: code for code in codes_after({}, added)}
    assert [code.place for code in put.values()] == [0, 1]
    with pytest.raises(InvariantError, match="twice"):
        list(codes_after(put, added))


def test_a_code_is_taken_by_one_unit_and_comes_back_from_it():
    made = everything()
    taken = next(fact for fact in made.facts if isinstance(fact, UnitTaken))
    back = next(fact for fact in made.facts if isinstance(fact, UnitReturned))
    assert taken.code is not None
    free = code(taken.code, 0)
    [held] = codes_after({free.code_id: free}, taken)
    assert held.taken_by == taken.unit_id == back.unit_id
    assert list(codes_after({held.code_id: held}, back)) == [free]
    another = held._replace(taken_by=named("another unit"))
    for known, fact in ((held, taken), (free, back), (another, back), (None, taken), (None, back)):
        with pytest.raises(InvariantError, match="as it was left"):
            list(codes_after({known.code_id: known} if known else {}, fact))
