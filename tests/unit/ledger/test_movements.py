"""Holds, refunds, adjustments and moved dates: what is refused and why, and who may do what."""

from collections.abc import Callable

import pytest

from shared.events.movements import (
    HoldCaptured,
    LotReinstated,
    PointsAdded,
    PointsClawedBack,
    PointsDeducted,
    PointsHeld,
    RequestRefused,
)
from shared.events.points import RefusalReason
from shared.ledger.account import DebitKind, Due, HoldState, InvariantError, Status
from shared.ledger.evolve import evolve
from shared.program.model import Program
from tests.stories.setting import PLAIN, at, named, program, redemption
from tests.stories.steps import (
    Step,
    adjust,
    cancel,
    cancel_award,
    capture,
    confirm,
    earned,
    extend,
    give,
    given_by_friend,
    hold,
    redeem,
    reinstate,
    release,
    returned,
    tick,
)
from tests.stories.telling import Story, given

IN_CENTS = program(points=100, minor=3)
STRICT = program(minimum=50, multiple=20, cap=160, holds={"open_most": 1, "longest": "1h"})
LIMITED = program(adjustments={"most": 100, "operators": {"bob": 1}})
GRACE = program(returns={"grace": "30D"})


# holds


def test_a_hold_is_worth_what_a_redemption_would_be_and_a_part_of_it_its_part():
    story = given(earned(500)).under(IN_CENTS).when(hold(300))
    (made,) = story.last
    assert isinstance(made, PointsHeld)
    assert (made.points, made.value_minor, made.money) == (300, 9, "USD")
    (captured,) = story.when(capture(100)).last
    assert isinstance(captured, HoldCaptured)
    assert (captured.points, captured.value_minor) == (100, 3)


def test_the_price_of_a_hold_is_that_of_the_day_it_was_made():
    story = given(earned(500)).under(IN_CENTS).given(hold(300)).under(PLAIN).when(capture())
    (captured,) = story.last
    assert isinstance(captured, HoldCaptured)
    assert (captured.points, captured.value_minor) == (300, 9)


def test_a_captured_hold_is_a_redemption_in_its_place_among_the_debits():
    story = given(earned(100), hold(60), redeem(30), capture(50))
    debit = story.open_account.debits[redemption("h")]
    assert (debit.kind, debit.state) == (DebitKind.REDEMPTION, HoldState.CAPTURED)
    assert (debit.order, debit.amount, debit.original) == (2, 50, 60)
    story.when(cancel(50, "h")).then_reads(available=70, redeemed=30)


def test_a_hold_lapses_after_the_programs_time_to_live_if_it_names_none():
    story = given(earned(100), hold(60))
    story.then_reads(on="2026-01-01T00:14:59", held=60, available=40)
    story.then_reads(on="2026-01-01T00:15:00", held=0, available=100)


HOLDS: list[tuple[str, Callable[[], Story], Program | None, Step, RefusalReason]] = [
    # each has the faults of those below it that can go with it
    ("no program", Story, None, hold(0), RefusalReason.PROGRAM_UNKNOWN),
    ("no account", Story, STRICT, hold(0), RefusalReason.ACCOUNT_UNKNOWN),
    (
        "too few for the program",
        lambda: given(earned(9)),
        STRICT,
        hold(30),
        RefusalReason.BELOW_MINIMUM,
    ),
    ("no multiple", lambda: given(earned(9)), STRICT, hold(170), RefusalReason.NOT_A_MULTIPLE),
    (
        "too few points",
        lambda: given(earned(60), hold(60)),
        STRICT,
        hold(180, "s"),
        RefusalReason.INSUFFICIENT_POINTS,
    ),
    (
        "over the cap",
        lambda: given(earned(400), hold(60)),
        STRICT,
        hold(180, "s"),
        RefusalReason.LIMIT_REACHED,
    ),
    (
        "too many open",
        lambda: given(earned(400), hold(60)),
        STRICT,
        hold(60, "s"),
        RefusalReason.LIMIT_REACHED,
    ),
    (
        "too long",
        lambda: given(earned(400)),
        STRICT,
        hold(60, until=1),
        RefusalReason.LIMIT_REACHED,
    ),
]


@pytest.mark.parametrize(("why", "begin", "rules", "step", "reason"), HOLDS)
def test_of_several_reasons_against_a_hold_the_first_is_told(why, begin, rules, step, reason):
    begin().under(rules).when(step).then_refused(reason)


OVER: list[tuple[str, Story, Step, RefusalReason]] = [
    ("nothing, of no hold", given(earned(9)), capture(0, "x"), RefusalReason.BELOW_MINIMUM),
    (
        "odd, too much, lapsed",
        given(earned(900)).under(IN_CENTS).given(hold(300), tick(9)),
        capture(350),
        RefusalReason.NOT_A_MULTIPLE,
    ),
    (
        "too much, lapsed",
        given(earned(100), hold(60), tick(9)),
        capture(61),
        RefusalReason.LIMIT_REACHED,
    ),
    (
        "too much, released",
        given(earned(100), hold(60), release()),
        capture(61),
        RefusalReason.LIMIT_REACHED,
    ),
    ("of no hold", given(earned(100)), capture(60, "x"), RefusalReason.HOLD_UNKNOWN),
    (
        "a redemption is none",
        given(earned(100), redeem(60)),
        capture(60, "r"),
        RefusalReason.HOLD_UNKNOWN,
    ),
    ("lapsed", given(earned(100), hold(60)), capture(60, on=9), RefusalReason.HOLD_EXPIRED),
    ("released", given(earned(100), hold(60), release()), capture(60), RefusalReason.HOLD_NOT_OPEN),
    ("captured", given(earned(100), hold(60), capture()), release(), RefusalReason.HOLD_NOT_OPEN),
    (
        "release of a lapsed one",
        given(earned(100), hold(60)),
        release(on=9),
        RefusalReason.HOLD_EXPIRED,
    ),
    ("release of none", given(earned(100)), release(), RefusalReason.HOLD_UNKNOWN),
]


@pytest.mark.parametrize(("why", "story", "step", "reason"), OVER)
def test_of_several_reasons_against_closing_a_hold_the_first_is_told(why, story, step, reason):
    story.when(step).then_refused(reason)


# refunds


STAYS_SPENT = program(returns={"spent": "stays_spent"})


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (cancel(0), RefusalReason.BELOW_MINIMUM),
        (cancel(61), RefusalReason.LIMIT_REACHED),
        (cancel(key="x"), RefusalReason.REDEMPTION_UNKNOWN),
        (cancel(60), RefusalReason.CANCELLATION_NOT_ALLOWED),
        (cancel(), RefusalReason.CANCELLATION_NOT_ALLOWED),
    ],
)
def test_of_several_reasons_against_a_cancellation_the_first_is_told(step, reason):
    given(earned(100), redeem(60)).under(STAYS_SPENT).when(step).then_refused(reason)


def test_a_lot_has_its_grace_once():
    story = given(earned(100, expires=10), redeem(60), redeem(40, "s")).under(GRACE)
    story = story.given(cancel(60, on=11)).then_reads(available=60)
    assert story.lot("L1").expires_at == at(41)
    story.when(cancel(40, "s", on=20)).then_reads(available=100)
    story.when(cancel(40, "s", on=41)).then_reads(available=0, expired=100)


def test_a_redemption_is_cancelled_also_under_no_program():
    story = given(earned(100), redeem(60)).under(None).when(cancel(60)).then_reads(available=100)
    story.under(None).when(cancel(7, "x")).then_refused(RefusalReason.REDEMPTION_UNKNOWN, asked=7)


def test_what_comes_back_covers_what_is_due_before_it_is_free():
    story = given(earned(50, "L0"), redeem(50), earned(80), redeem(80, "s"), returned(50, "L0"))
    story.then_reads(deficit=50).when(cancel(80, "s")).then_reads(deficit=0, available=30)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (cancel(0), RefusalReason.BELOW_MINIMUM),
        (cancel(61), RefusalReason.LIMIT_REACHED),
        (cancel(1, "x"), RefusalReason.REDEMPTION_UNKNOWN),
        (cancel(1, "h"), RefusalReason.REDEMPTION_UNKNOWN),
        (cancel(1, "a"), RefusalReason.REDEMPTION_UNKNOWN),
    ],
)
def test_only_what_was_spent_can_be_cancelled(step, reason):
    story = given(earned(100), redeem(60), hold(10), adjust(-10))
    story.when(step).then_refused(reason)


# claw-backs


def test_a_transfer_an_open_hold_and_the_newest_redemption_lose_their_cover_first():
    story = given(earned(100), redeem(30, "old"), hold(20), redeem(30, "new"), earned(0, "L9"))
    story = story.when(returned(60))
    (fact,) = story.last
    assert isinstance(fact, PointsClawedBack)
    (part,) = fact.lots
    assert (part.free, [(loss.debit_id, loss.points) for loss in part.lost]) == (
        *(20,),
        [(redemption("h"), 20), (redemption("new"), 20)],
    )
    story.then_reads(deficit=40, held=20)


def test_the_date_of_a_write_off_stands_with_the_claw_back():
    rules = program(
        holds={"longest": "24h"}, returns={"deficit": "written_off", "write_off_after": "30D"}
    )
    story = (
        given(earned(100), redeem(100))
        .under(rules)
        .given(returned(40), returned(60, times=2, on=3))
    )
    debit = story.open_account.debits[redemption()]
    assert debit.owed == (Due(40, at(30)), Due(60, at(33)))
    story.then_reads(on=30, deficit=60, written_off=40)
    story.then_reads(on=33, deficit=0, written_off=100)


@pytest.mark.parametrize(
    ("days", "owed"),
    [
        (("30D", "30D"), (Due(70, at(30)),)),
        (("30D", "10D"), (Due(30, at(10)), Due(40, at(30)))),
        ((None, "10D"), (Due(30, at(10)), Due(40, None))),
        ((None, None), (Due(70, None),)),
    ],
)
def test_what_is_due_of_a_debit_stands_by_date_earliest_first_undated_last(days, owed):
    """Two returns of a day, under versions that write off after so many days, or never."""
    story = given(earned(100), redeem(100))
    for times, (points, after) in enumerate(zip((40, 30), days, strict=True)):
        terms = {"deficit": "written_off", "write_off_after": after} if after else {}
        rules = program(holds={"longest": "24h"}, returns=terms)
        story = story.under(rules).given(returned(points, times=times))
    assert story.open_account.debits[redemption()].owed == owed


def test_a_hold_that_has_lost_its_cover_still_holds_its_points():
    story = given(earned(50), earned(100, "L2"), hold(50, "short"), returned(50))
    story = story.when(earned(30, "L3")).given(hold(5, "more")).then_reads(held=55, deficit=0)
    assert len(story.open_account.open_holds()) == 2
    short = given(earned(50), hold(50, "short"), returned(50)).open_account
    assert [debit.due for debit in short.open_holds()] == [50]
    with pytest.raises(InvariantError, match="held points"):
        short._replace(debits={}).open_holds()


@pytest.mark.parametrize("step", [redeem(5), hold(5), adjust(-5), give(5)])
def test_a_debit_is_as_old_as_the_fact_that_made_it(step):
    story = given(earned(50), earned(50, "L2")).when(step._replace(on=at(4)))
    [debit] = story.open_account.debits.values()
    assert (debit.made_at, debit.order) == (at(4), 3)


@pytest.mark.parametrize("step", [adjust(5), given_by_friend(5)])
def test_a_lot_is_as_old_as_the_fact_that_made_it(step):
    story = given(earned(50), earned(50, "L2")).when(step._replace(on=at(4)))
    assert sorted(lot.order for lot in story.open_account.lots.values()) == [1, 2, 3]


@pytest.mark.parametrize("name", ["L9", "L0"])
def test_a_return_of_what_made_no_lot_is_refused(name):
    given(earned(100), earned(0, "L0")).when(returned(1, name)).then_refused(
        RefusalReason.LIMIT_REACHED, limit=0
    )


# adjustments


def test_an_adjustment_opens_an_account_and_its_points_are_not_earned():
    story = Story().when(adjust(70, expires=9))
    (fact,) = story.last
    assert isinstance(fact, PointsAdded)
    assert (fact.brand, fact.actor, fact.reason) == ("shop", "ann", "goodwill")
    story.then_reads(available=70, added=70, earned=0).then_reads(on=9, available=0, expired=70)


def test_added_points_cover_what_is_due():
    story = given(earned(50), redeem(50), returned(50), adjust(80))
    story.then_reads(deficit=0, available=30, added=80)


def test_a_deduction_is_no_redemption_and_is_not_waived():
    story = given(earned(50), adjust(-20)).then_reads(available=30, deducted=20, redeemed=0)
    (fact,) = story.when(adjust(-50, "b", below_zero=True)).last
    assert isinstance(fact, PointsDeducted)
    assert (fact.points, fact.due) == (50, 20)


@pytest.mark.parametrize(
    ("begin", "step", "reason"),
    [
        (Story(), adjust(-1), RefusalReason.ACCOUNT_UNKNOWN),
        (Story(program=None), adjust(0), RefusalReason.PROGRAM_UNKNOWN),
        (given(earned(9)), adjust(0), RefusalReason.BELOW_MINIMUM),
        (given(earned(9)), adjust(-101), RefusalReason.INSUFFICIENT_POINTS),
        (given(earned(900)), adjust(-101), RefusalReason.LIMIT_REACHED),
        (given(earned(9)), adjust(-101, below_zero=True), RefusalReason.LIMIT_REACHED),
        (given(earned(9)), adjust(101, expires=0), RefusalReason.LIMIT_REACHED),
        (given(earned(9)), adjust(100, expires=0), RefusalReason.DATE_NOT_LATER),
    ],
)
def test_of_several_reasons_against_an_adjustment_the_first_is_told(begin, step, reason):
    story = begin.under(LIMITED) if begin.program is not None else begin
    story.when(step).then_refused(reason)


# dates


def test_a_lot_that_is_extended_expires_at_its_later_date():
    story = given(earned(100, expires=10), extend("L1", 20, on=9))
    story.then_reads(on=19, available=100).then_reads(on=20, available=0, expired=100)


def test_points_that_expired_are_free_again_once_their_lot_is_reinstated():
    story = given(earned(100, expires=10), redeem(30)).when(reinstate("L1", 30, on=12))
    fact = story.last[-1]
    assert isinstance(fact, LotReinstated)
    assert (fact.points, fact.expired_at) == (70, at(10))
    story.then_reads(available=70, expired=0).then_reads(on=30, available=0, expired=70)


def test_what_had_expired_of_a_lot_that_has_its_grace_is_not_reinstated():
    story = given(earned(100, expires=10), redeem(60)).under(GRACE)
    story = story.given(cancel(60, on=11)).then_reads(available=60, expired=40)
    story.when(reinstate("L1", 90)).then_refused(RefusalReason.LOT_NOT_EXPIRED)


def test_points_that_are_reinstated_cover_what_is_due():
    story = given(earned(100, expires=10), earned(50, "L2"), redeem(50, "s", on=11))
    story = story.when(returned(50, "L2")).then_reads(deficit=50)
    story.when(reinstate("L1", 60)).then_reads(deficit=0, available=50)


def test_a_pending_award_that_is_confirmed_is_active_now():
    given(earned(100, active=10), confirm(on=3)).then_reads(available=100, pending=0)


MOVED: list[tuple[str, Story, Step, RefusalReason]] = [
    ("extend none", given(earned(1)), extend("L9", 9), RefusalReason.LOT_UNKNOWN),
    (
        "extend a lot past its date",
        given(earned(1, expires=5)),
        extend("L1", 9, on=5),
        RefusalReason.LOT_EXPIRED,
    ),
    (
        "extend to an earlier date",
        given(earned(1, expires=5)),
        extend("L1", 5),
        RefusalReason.DATE_NOT_LATER,
    ),
    ("extend what never expires", given(earned(1)), extend("L1", 9), RefusalReason.DATE_NOT_LATER),
    ("reinstate none", given(earned(1)), reinstate("L9", 9), RefusalReason.LOT_UNKNOWN),
    (
        "reinstate what lives",
        given(earned(1, expires=5)),
        reinstate("L1", 9),
        RefusalReason.LOT_NOT_EXPIRED,
    ),
    (
        "reinstate what was spent",
        given(earned(1, expires=5), redeem(1)),
        reinstate("L1", 9, on=6),
        RefusalReason.LOT_NOT_EXPIRED,
    ),
    (
        "reinstate until now",
        given(earned(1, expires=5)),
        reinstate("L1", 6, on=6),
        RefusalReason.DATE_NOT_LATER,
    ),
    ("confirm none", given(earned(1)), confirm("L9"), RefusalReason.LOT_UNKNOWN),
    ("confirm what is active", given(earned(1)), confirm(), RefusalReason.LOT_NOT_PENDING),
    (
        "confirm what is gone before it is active",
        given(earned(1, active=9, expires=5)),
        confirm(on=6),
        RefusalReason.LOT_NOT_PENDING,
    ),
    ("take back none", given(earned(1)), cancel_award("L9"), RefusalReason.LOT_UNKNOWN),
    ("take back what is active", given(earned(1)), cancel_award(), RefusalReason.LOT_NOT_PENDING),
    (
        "take back what is gone before it is active",
        given(earned(1, active=9, expires=5)),
        cancel_award(on=6),
        RefusalReason.LOT_NOT_PENDING,
    ),
    (
        "take back twice",
        given(earned(1, active=9), returned(1)),
        cancel_award(),
        RefusalReason.LOT_NOT_PENDING,
    ),
]


@pytest.mark.parametrize(("why", "story", "step", "reason"), MOVED)
def test_dates_are_moved_only_where_it_means_something(why, story, step, reason):
    story.when(step).then_refused(reason)


# status

ALSO_EARNING = {Status.ACTIVE, Status.EARN_ONLY, Status.MERGING}
MAY = {
    "hold": (hold(1), {Status.ACTIVE}),
    "redeem": (redeem(1, "s"), {Status.ACTIVE}),
    "capture": (capture(1, "open"), ALSO_EARNING),
    "add": (adjust(1), ALSO_EARNING),
    "deduct": (adjust(-1), ALSO_EARNING),
    "release": (release("open"), {*ALSO_EARNING, Status.FROZEN}),
    "cancel": (cancel(1), {*ALSO_EARNING, Status.FROZEN}),
    "return": (returned(1), {*ALSO_EARNING, Status.FROZEN}),
    "extend": (extend("L2", 99), {*ALSO_EARNING, Status.FROZEN}),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("act", MAY)
def test_what_an_account_may_do_in_its_status(act: str, status: Status):
    step, allowed = MAY[act]
    story = given(earned(100), earned(5, "L2", expires=50), redeem(10), hold(10, "open"))
    account = story.open_account._replace(status=status)
    (fact,) = Story(account=account).when(step).last
    is_blocked = getattr(fact, "reason", None) is RefusalReason.ACCOUNT_BLOCKED
    assert is_blocked is (status not in allowed)


# the fold


def refused_fact(reason: RefusalReason) -> RequestRefused:
    return RequestRefused(account="shop:jo", request="x", subject=named("x"), reason=reason)


def test_no_refusal_opens_an_account():
    for reason in RefusalReason:
        assert evolve(None, refused_fact(reason), at(0)) is None


@pytest.mark.parametrize(
    ("step", "change"),
    [
        (capture(40), {"points": 41}),
        (capture(40), {"points": 101}),
        (release(), {"points": 59}),
        (returned(50), {"points": 49}),
        (cancel(5), {"points": 6}),
        (hold(1, "g"), {"hold_id": redemption("h")}),
        (hold(1, "g"), {"lapses_at": at(0)}),
        (adjust(-1), {"debit_id": redemption("h")}),
        (adjust(1), {"lot_id": named("L1")}),
        (extend("L1", 99), {"expired_at": at(3)}),
        (extend("L1", 99), {"expires_at": at(90)}),
        (reinstate("gone", 99), {"points": 4}),
        (reinstate("gone", 99), {"expired_at": at(-2)}),
        (reinstate("gone", 99), {"lot_id": named("L1"), "points": 0, "expired_at": at(90)}),
        (confirm("later"), {"active_from": at(1)}),
        (confirm("later"), {"lot_id": named("L1")}),
    ],
)
def test_a_fact_that_does_not_fit_is_not_folded(step, change):
    gone, later = earned(5, "gone", expires=-1), earned(5, "later", active=3)
    story = given(gone, later, earned(100, expires=90), redeem(10), hold(60))
    (fact,) = story.when(step).last
    evolve(story.open_account, fact, at(0))
    with pytest.raises(InvariantError):
        evolve(story.open_account, fact.model_copy(update=change), at(0))
