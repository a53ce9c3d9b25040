"""The fold checks what it is given: a fact that does not fit is a bug, and is not repaired."""

from collections.abc import Callable
from uuid import UUID

import pytest

from shared.events.points import RefusalReason
from shared.ledger.account import (
    Account,
    Debit,
    DebitKind,
    Due,
    InvariantError,
    Lot,
    Status,
    changes,
    opened,
)
from shared.ledger.evolve import LedgerFact, evolve
from tests.stories.facts import credited, expired, redeemed, refused
from tests.stories.setting import ACCOUNT, START, at, named, redemption
from tests.stories.steps import earned, redeem
from tests.stories.telling import fold, given, owing

INSUFFICIENT = refused(RefusalReason.INSUFFICIENT_POINTS, 5, available=0, missing=5)
UNKNOWN = refused(RefusalReason.ACCOUNT_UNKNOWN, 5)


def account() -> Account:
    """L1: 100 until day 10; L2: 50 from day 5; L3: 20 for ever; at day 1."""
    story = given(earned(100, "L1", expires=10), earned(50, "L2", active=5), earned(20, "L3", on=1))
    return story.open_account


def test_an_account_opens_on_its_first_credit():
    opened_by = evolve(None, credited(100, "L1", expires=10), START)
    assert opened_by is not None
    assert opened_by == Account(
        key=ACCOUNT,
        status=Status.ACTIVE,
        version=1,
        last_at=START,
        earned=100,
        free=100,
        lots={
            named("L1"): Lot(
                *(ACCOUNT, named("L1"), "shop", "L1", 100, 100, 0, 0, 0),
                *(START, START, at(10), 1),
            )
        },
    )


def test_an_account_opens_on_a_credit_of_nothing():
    assert evolve(None, credited(0), START) == opened(ACCOUNT, START)._replace(version=1)


def test_nobody_gets_an_account_by_asking():
    assert evolve(None, UNKNOWN, START) is None


def test_a_redemption_becomes_a_debit_that_names_its_lots():
    after = evolve(account(), redeemed(110, L1=100, L3=10), at(2))
    assert after.debits == {
        redemption(): Debit(
            *(ACCOUNT, redemption(), DebitKind.REDEMPTION, 110, 110, (), 0),
            *(((named("L1"), 100), (named("L3"), 10)), at(2), 4, 110),
        )
    }
    assert (after.free, after.redeemed, after.used, after.balance) == (60, 110, 110, 60)
    assert (after.version, after.last_at) == (4, at(2))


@pytest.mark.parametrize("fact", [INSUFFICIENT, credited(0, "L9")], ids=["refusal", "nothing"])
def test_what_moves_no_points_changes_version_and_time_only(fact: LedgerFact):
    before = account()
    assert evolve(before, fact, at(3)) == before._replace(version=4, last_at=at(3))


def test_instants_are_kept_in_utc():
    here = at("2026-06-01T05:00:00+05:00")
    dates = {"occurred_at": here, "active_from": here, "expires_at": here.replace(year=2027)}
    after = evolve(None, credited(1).model_copy(update=dates), START)
    lot = after.lots[named("L1")]
    assert lot.occurred_at.isoformat() == "2026-06-01T00:00:00+00:00"
    assert lot.active_from.isoformat() == "2026-06-01T00:00:00+00:00"
    assert lot.expires_at is not None
    assert lot.expires_at.isoformat() == "2027-06-01T00:00:00+00:00"


WRONG: dict[str, tuple[Callable[[], Account | None], LedgerFact, int]] = {
    "time goes back": (account, INSUFFICIENT, 0),
    "another account": (account, INSUFFICIENT.model_copy(update={"account": "shop:al"}), 2),
    "not open: redemption": (lambda: None, redeemed(1, L1=1), 2),
    "not open: expiry": (lambda: None, expired(1, on=1), 2),
    "not open: refusal for another reason": (lambda: None, INSUFFICIENT, 2),
    "credit: the same lot again": (account, credited(10, "L1"), 2),
    "credit: nothing, but some of it expired": (account, credited(0, "L9", expired=1), 2),
    "credit: nothing, but covers": (account, credited(0, "L9", covers={"r": 1}), 2),
    "credit: expired in part": (account, credited(10, "L9", expires=1, expired=5), 2),
    "credit: past its date but free": (account, credited(10, "L9", expires=2), 2),
    "credit: past before active but free": (account, credited(10, "L9", active=9, expires=8), 2),
    "credit: expired too early": (account, credited(10, "L9", expires=3, expired=10), 2),
    "credit: covers a debit that is not there": (account, credited(9, "L9", covers={"r": 1}), 2),
    "redeem: more than the lot has": (account, redeemed(101, L1=101), 2),
    "redeem: a lot that is not there": (account, redeemed(1, L9=1), 2),
    "redeem: a lot that is pending": (account, redeemed(1, L2=1), 2),
    "redeem: a lot that is past its date": (account, redeemed(1, L1=1), 10),
    "redeem: lots do not add up to it": (
        account,
        redeemed(9, L1=10).model_copy(update={"points": 11}),
        2,
    ),
    "expiry: too early": (account, expired(100, "L1", on=10), 9),
    "expiry: of a part": (account, expired(99, "L1", on=10), 10),
    "expiry: a lot without a date": (account, expired(20, "L3", on=10), 10),
    "expiry: at a date that is not the lot's": (account, expired(100, "L1", on=9), 10),
    "expiry: a lot that is not there": (account, expired(20, "L9", on=10), 10),
}


@pytest.mark.parametrize(("state", "fact", "day"), WRONG.values(), ids=WRONG.keys())
def test_a_fact_that_does_not_fit_is_not_folded(
    state: Callable[[], Account | None], fact: LedgerFact, day: int
):
    with pytest.raises(InvariantError):
        evolve(state(), fact, at(day))


def test_a_redemption_is_not_folded_twice():
    fact = redeemed(10, L1=10)
    with pytest.raises(InvariantError, match="twice"):
        evolve(evolve(account(), fact, at(2)), fact, at(2))


def test_an_expiry_is_not_folded_twice():
    fact = expired(100, "L1", on=10)
    with pytest.raises(InvariantError):
        evolve(evolve(account(), fact, at(10)), fact, at(10))


def test_a_credit_that_leaves_points_free_beside_a_deficit_is_not_folded():
    owes = owing(("r", 50, (Due(50, None),))).account
    with pytest.raises(InvariantError, match="due while"):
        evolve(owes, credited(30, "L9", covers={"r": 29}), at(1))


def test_a_credit_that_covers_more_than_is_due_is_not_folded():
    owes = owing(("r", 50, (Due(50, None),))).account
    with pytest.raises(InvariantError, match="more than is due"):
        evolve(owes, credited(60, "L9", covers={"r": 51}), at(1))


def test_sums_that_do_not_hold_are_found():
    good = account()
    for wrong in (
        good._replace(free=good.free + 1, earned=good.earned),
        good._replace(redeemed=1),
        good._replace(free=-1, earned=good.expired - 1),
        good._replace(due=1, redeemed=1),
    ):
        with pytest.raises(InvariantError):
            wrong.check()
    lot = good.lots[named("L1")]
    for bad in (lot._replace(free=99), lot._replace(free=101, used=-1)):
        with pytest.raises(InvariantError):
            bad.check()
    debit = evolve(good, redeemed(10, L1=10), at(2)).debits[redemption()]
    for odd in (
        debit._replace(amount=11),
        debit._replace(covered=9, waived=1),
        debit._replace(amount=9, waived=-1),
        debit._replace(amount=-1, covered=-1, allocation=((named("L1"), -1),)),
        debit._replace(amount=10, owed=(Due(0, None),)),
        debit._replace(amount=12, owed=(Due(1, None), Due(1, at(5)))),
    ):
        with pytest.raises(InvariantError):
            odd.check()


def test_a_debit_gives_back_what_it_holds_from_the_end():
    debit = evolve(account(), redeemed(110, L1=100, L3=10), at(2)).debits[redemption()]
    assert debit.given_back(0, 0, [(named("L3"), 10), (named("L1"), 1)]).covered == 99
    for out_of_turn in (
        [(named("L1"), 1)],
        [(named("L3"), 11)],
        [(named("L3"), 10), (named("L1"), 100), (named("L1"), 1)],
    ):
        with pytest.raises(InvariantError, match="out of turn"):
            debit.given_back(0, 0, out_of_turn)
    with pytest.raises(InvariantError, match="fewer points"):
        debit.uncovered(named("L3"), 11)
    with pytest.raises(InvariantError, match="does not owe"):
        debit.written_off(1, at(9))


@pytest.mark.parametrize(
    ("active", "expires", "awaits", "day", "is_active", "is_past"),
    [
        (5, None, None, 4, False, False),
        (5, None, None, 5, True, False),
        (0, 9, None, 8, True, False),
        (0, 9, None, 9, False, True),
        (5, 5, None, 4, False, True),
        (5, 4, None, 3, False, True),
        (5, 5, "delivered", 4, False, False),
        (5, 5, "delivered", 5, False, True),
    ],
)
def test_from_when_until_when_points_can_be_spent(active, expires, awaits, day, is_active, is_past):
    until = None if expires is None else at(expires)
    lot = (
        account()
        .lots[named("L1")]
        ._replace(active_from=at(active), expires_at=until, awaits=awaits)
    )
    assert (lot.is_active(at(day)), lot.is_past(at(day))) == (is_active, is_past)
    spendable = account()._replace(free=100, lots={lot.lot_id: lot}).available(at(day))
    assert spendable == (100 if is_active else 0)


def test_only_what_a_fact_names_has_to_be_loaded():
    whole = account()
    part = whole._replace(lots={named("L1"): whole.lots[named("L1")]})
    fact = redeemed(10, L1=10)
    assert changes(part, evolve(part, fact, at(2))) == changes(whole, evolve(whole, fact, at(2)))


def test_changes_are_the_rows_that_differ():
    before = account()
    after = evolve(evolve(before, redeemed(10, L1=10), at(2)), credited(5, "L4"), at(2))
    lots, debits = changes(before, after)
    assert [lot.lot_id for lot in lots] == [named("L1"), named("L4")]
    assert [debit.debit_id for debit in debits] == [redemption()]
    assert changes(after, after) == ([], [])
    assert len(changes(None, before).lots) == 3


def test_what_decides_asks_for_all_open_lots():
    whole = account()
    part = whole._replace(lots={named("L1"): whole.lots[named("L1")]})
    for read in (Account.free_lots, lambda a: a.spendable(at(2)), lambda a: a.available(at(2))):
        with pytest.raises(InvariantError, match="loaded without"):
            read(part)
    owes = owing(("r", 50, (Due(50, None),))).open_account
    with pytest.raises(InvariantError, match="loaded without"):
        owes._replace(debits={}).due_debits()


def test_closed_lots_need_not_be_loaded():
    story = given(earned(100, "L1"), redeem(100), earned(50, "L2"))
    whole = story.open_account
    kept: dict[UUID, Lot] = {key: lot for key, lot in whole.lots.items() if lot.free}
    part = whole._replace(lots=kept, debits={})
    assert part.spendable(START) == [story.lot("L2")]
    assert part.available(START) == 50


def test_the_account_can_be_folded_from_its_records_alone():
    story = given(earned(100, expires=5), earned(50, "L2"), redeem(120), redeem(9, "s", on=5))
    assert fold(story.history) == story.account
