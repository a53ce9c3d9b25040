"""The worked cases of the account: a story of one account, and what has become of its points.

A case reads as it is told: `L1:100` is a lot, C carries a deficit, W writes it off after 30 days, U
claws back unspent points only; days are numbers. What is expected is read off the account in the
same words.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from shared.events.movements import PointsClawedBack, PointsHeld, RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Status
from shared.ledger.settle import settled
from tests.stories.setting import at, named, program
from tests.stories.steps import (
    Step,
    adjust,
    cancel,
    cancel_award,
    capture,
    earned,
    give,
    given_by_friend,
    hold,
    redeem,
    reinstate,
    release,
    returned,
    tick,
)
from tests.stories.telling import Story, fold
from tests.worlds import World, coffee

HOLDS = {"longest": "672h"}
POLICIES = {
    "C": program(holds=HOLDS),
    "W": program(holds=HOLDS, returns={"deficit": "written_off", "write_off_after": "30D"}),
    "U": program(holds=HOLDS, returns={"deficit": "unspent_only"}),
    "G": program(holds=HOLDS, returns={"grace": "30D"}),
}
"""C is what a program does that says nothing; G carries, and gives 30 days of grace."""


class Case(NamedTuple):
    """A story under some policies, and its outcome: after its last step, or on a later day."""

    number: str
    policies: str
    story: str
    steps: list[Step]
    outcome: str
    day: int | None = None


BOUGHT_AND_SPENT = [earned(100), redeem(100)]
RETURNED = [*BOUGHT_AND_SPENT, returned(100)]
COVERED_BY_OTHERS = [
    *[earned(100, expires=80), earned(80, "L2", expires=90), redeem(100), returned(100)]
]
HELD_PAST_ITS_DATE = [earned(100, expires=10), hold(100, until=12)]
OWING_50 = [earned(50, "L0"), redeem(50), returned(50, "L0")]
PENDING_COVERS = [*OWING_50, earned(80, active=10, on=1)]
WRITTEN_OFF_TWICE = [
    *[*BOUGHT_AND_SPENT, returned(100), earned(100, "L2", on=20), returned(100, "L2", on=22)]
]
GIVEN_AND_RETURNED = [earned(100), give(50), redeem(50), returned(50)]
CASES = [
    Case(
        "1",
        "CWU",
        "L1:100 until June, L2:100 until the January before it; redeem 150",
        [earned(100, expires="2026-06-01"), earned(100, "L2", expires="2026-01-31"), redeem(150)],
        "L2 used 100, L1 used 50",
    ),
    Case(
        "2",
        "CWU",
        "L1:100; hold 60; redeem 50",
        [earned(100), hold(60), redeem(50)],
        "refused, missing 10",
    ),
    Case(
        "3",
        "CWU",
        "L1:100; hold 60; capture 40",
        [earned(100), hold(60), capture(40)],
        "L1 used 40, L1 free 60, held 0",
    ),
    Case(
        "4",
        "CWU",
        "L1:100 expires at 10; hold 100 until 12; capture 100 at 11",
        [*HELD_PAST_ITS_DATE, capture(100, on=11)],
        "L1 used 100",
    ),
    Case(
        "5", "CWU", "as 4, release at 11", [*HELD_PAST_ITS_DATE, release(on=11)], "L1 expired 100"
    ),
    Case(
        "6",
        "CWU",
        "as 4, nothing happens; read at 13, no sweep",
        HELD_PAST_ITS_DATE,
        "expired 100, available 0, held 0",
        day=13,
    ),
    Case(
        "6",
        "CWU",
        "as 4, nothing happens; read at 13, a sweep",
        [*HELD_PAST_ITS_DATE, tick(12)],
        "expired 100, available 0, held 0",
        day=13,
    ),
    Case(
        "7",
        "CW",
        "L1:100; redeem 100; claw back 100",
        RETURNED,
        "L1 clawed 100, deficit 100",
    ),
    Case(
        "8",
        "CW",
        "as 7; the redemption is cancelled",
        [*RETURNED, cancel(100)],
        "deficit 0, available 0",
    ),
    Case("9", "CW", "as 7; credit 30", [*RETURNED, earned(30, "L2")], "deficit 70, available 0"),
    Case(
        "10",
        "CW",
        "as 9; the redemption is cancelled",
        [*RETURNED, earned(30, "L2"), cancel(100)],
        "deficit 0, L2 free 30",
    ),
    Case("11", "U", "as 7", RETURNED, "waived 100, available 0, deficit 0"),
    Case("11", "U", "as 7; then cancelled", [*RETURNED, cancel(100)], "available 0, L1 free 0"),
    Case(
        "12",
        "CW",
        "L1:100, L2:80; redeem 100 (L1); claw back L1",
        COVERED_BY_OTHERS,
        "L2 used 80, deficit 20",
    ),
    Case("13", "U", "as 12", COVERED_BY_OTHERS, "L2 used 0, L2 free 80, waived 100"),
    Case(
        "14",
        "C",
        "as 12; the redemption is cancelled",
        [*COVERED_BY_OTHERS, cancel(100)],
        "L2 free 80, L2 until 90, deficit 0",
    ),
    Case(
        "15",
        "W",
        "as 12; 31 days later; then credit 50",
        [*COVERED_BY_OTHERS, earned(50, "L3", on=31)],
        "deficit 0, waived 20, available 50",
    ),
    Case(
        "16",
        "CWU",
        "L1:100; hold 100; claw back 100; release",
        [earned(100), hold(100), returned(100), release()],
        "available 0, deficit 0",
    ),
    Case(
        "17",
        "CW",
        "holds of 50 and 50 on L1:100; claw back 100; capture the first, release the second",
        [
            *[earned(100), hold(50, "a"), hold(50, "b"), returned(100)],
            *[capture(50, "a"), release("b")],
        ],
        "deficit 50",
    ),
    Case(
        "18",
        "CWU",
        "L1:100 expired unspent; claw back 100",
        [earned(100, expires=10), returned(100, on=11)],
        "forgiven 100, L1 clawed 100, deficit 0",
    ),
    Case(
        "18",
        "CWU",
        "L1:100 expired unspent; claw back 100; Reinstate",
        [earned(100, expires=10), returned(100, on=11), reinstate("L1", 90, on=12)],
        "refused, L1 clawed 100, available 0",
    ),
    Case(
        "19",
        "CWU",
        "L1:100 pending; claw back 40",
        [earned(100, active=10), returned(40)],
        "pending 60",
    ),
    Case(
        "20",
        "C",
        "due 50; credit 80 pending until 10; read at 5",
        PENDING_COVERS,
        "pending 30, deficit 0",
        day=5,
    ),
    Case(
        "20",
        "C",
        "due 50; credit 80 pending until 10; the award is cancelled at 6",
        [*PENDING_COVERS, cancel_award(on=6)],
        "pending 0, deficit 50",
    ),
    Case(
        "21",
        "CW",
        "L1:100; redeem 60; 40 expire; claw back 100",
        [earned(100, expires=10), redeem(60), returned(100, on=11)],
        "forgiven 40, deficit 60",
    ),
    Case(
        "22",
        "C",
        "L1:100 expires at 10; redeem 100 at 5; cancel at 11; without grace",
        [earned(100, expires=10), redeem(100, on=5), cancel(100, on=11)],
        "L1 expired 100",
    ),
    Case(
        "22",
        "G",
        "L1:100 expires at 10; redeem 100 at 5; cancel at 11; with 30 days' grace",
        [earned(100, expires=10), redeem(100, on=5), cancel(100, on=11)],
        "L1 free 100, L1 until 41",
    ),
    Case(
        "22",
        "G",
        "the same at 41",
        [earned(100, expires=10), redeem(100, on=5), cancel(100, on=11)],
        "L1 expired 100",
        day=41,
    ),
    Case(
        "23",
        "CWU",
        "L1:100; redeem 100; cancel 40, cancel 60",
        [*BOUGHT_AND_SPENT, cancel(40), cancel(60)],
        "L1 free 100",
    ),
    Case(
        "23",
        "CWU",
        "L1:100; redeem 100; cancel 40, cancel 60, cancel 1",
        [*BOUGHT_AND_SPENT, cancel(40), cancel(60), cancel(1)],
        "refused, L1 free 100",
    ),
    Case(
        "24",
        "CWU",
        "L1:100; claw back 60, then 40",
        [earned(100), returned(60), returned(40, times=2)],
        "L1 clawed 100",
    ),
    Case(
        "24",
        "CWU",
        "L1:100; claw back 60, then 40, then 1",
        [earned(100), returned(60), returned(40, times=2), returned(1, times=3)],
        "refused, L1 clawed 100",
    ),
    Case(
        "29",
        "CW",
        "L1:100, L2:100; redeem 100 (L1); hold 100 (L2); return L1",
        [earned(100), earned(100, "L2"), redeem(100), hold(100), returned(100)],
        "deficit 100",
    ),
    Case(
        "29",
        "CW",
        "L1:100, L2:100; redeem 100 (L1); hold 100 (L2); return L1; release",
        [earned(100), earned(100, "L2"), redeem(100), hold(100), returned(100), release()],
        "available 0, deficit 0, L2 used 100",
    ),
    Case(
        "30",
        "C",
        "L1:100 until 10, L2:100; redeem 100 (L1); return L1; cancel at 11",
        [
            *[earned(100, expires=10), earned(100, "L2"), redeem(100), returned(100)],
            *[cancel(100, on=11)],
        ],
        "L2 free 100",
    ),
    Case(
        "31",
        "CWU",
        "L1:100; transfer 50; redeem 50; return 50",
        GIVEN_AND_RETURNED,
        "deficit 50, waived 0",
    ),
    Case(
        "31",
        "CWU",
        "the same; the friend gives 50 back",
        [*GIVEN_AND_RETURNED, given_by_friend(50)],
        "available 0, deficit 0, received 50",
    ),
    Case(
        "32",
        "CWU",
        "L1:100 until 10; hold until 11; return; the hold lapses",
        [earned(100, expires=10), hold(100, until=11), returned(100, on=5)],
        "deficit 0, available 0, held 0",
        day=11,
    ),
    Case(
        "33",
        "CWU",
        "L1:100 pending; Adjust(-50) below zero",
        [earned(100, active=10), adjust(-50, below_zero=True)],
        "pending 50, deficit 0",
    ),
    Case(
        "35",
        "UW",
        "Adjust(-50) below zero; credit 50; its purchase is returned",
        [earned(0, "L0"), adjust(-50, below_zero=True), earned(50), returned(50)],
        "deficit 50, waived 0",
    ),
    Case(
        "36",
        "U",
        "L1:100; hold 50, redeem 50; return 50; release",
        [earned(100), hold(50), redeem(50), returned(50), release()],
        "available 0, L1 used 50",
    ),
    Case(
        "37",
        "CWU",
        "L1:100, L2:50; transfer 100 (L1); return L1",
        [earned(100, expires=80), earned(50, "L2", expires=90), give(100), returned(100)],
        "L2 used 50, deficit 50, waived 0",
    ),
    Case(
        "38",
        "W",
        "L1:100; redeem 100; return L1 at 0; L2:100 at 20 covers it; returned at 22: due again",
        WRITTEN_OFF_TWICE,
        "deficit 100, waived 0",
        day=51,
    ),
    Case("38", "W", "the same at 52", WRITTEN_OFF_TWICE, "deficit 0, waived 100", day=52),
]


def told(case: Case) -> str:
    return f"{case.number}: {case.story}"


@pytest.mark.parametrize(
    ("case", "policy"),
    [(case, policy) for case in CASES for policy in case.policies],
    ids=[f"{policy} {told(case)}" for case in CASES for policy in case.policies],
)
def test_worked_case(case: Case, policy: str):
    story = Story(program=POLICIES[policy]).given(*case.steps)
    for words in case.outcome.split(", "):
        assert seen(story, words, case.day) == words
    assert fold(story.history) == story.account


def seen(story: Story, words: str, day: int | None) -> str:
    """The same words with the number that the account really has."""
    name, _, wanted = words.rpartition(" ")
    account = settled(story.open_account, story.now if day is None else at(day))
    if words == "refused":
        return "refused" if hasattr(story.last[-1], "reason") else "not refused"
    if of_lot := re.fullmatch(r"(L\d) (free|used|expired|clawed)", name):
        return f"{name} {getattr(account.lots[named(of_lot[1])], of_lot[2])}"
    if name.endswith(" until"):
        date = account.lots[named(name.split()[0])].expires_at
        return words if date == at(int(wanted)) else f"{name} {date}"
    if name == "forgiven":
        (fact,) = (fact for fact in story.last if isinstance(fact, PointsClawedBack))
        return f"{name} {sum(part.forgiven for part in fact.lots)}"
    if name == "missing":
        return f"{name} {getattr(story.last[-1], name)}"
    field = {"waived": "written_off"}.get(name, name)
    return f"{name} {getattr(story.reading(day), field)}"


def test_case_27_a_transfer_keeps_the_date():
    world, june = World(coffee(transfers={})), datetime(2027, 6, 1, tzinfo=UTC)
    world.earn("jo", 100, "L1", expires_at=june)
    world.earn("flo", 1, "own")
    world.give("jo", "flo", 50)
    world.carry()
    (lot,) = (lot for lot in world.member("flo").lots.values() if lot.receipt_id is None)
    assert (lot.free, lot.original, lot.expires_at) == (50, 50, june)
    assert (world.member("jo").free, world.member("jo").sent) == (50, 50)


def test_case_28_a_deficit_that_is_merged_meets_free_points():
    world = World(coffee())
    world.earn("jo", 20, "L1")
    world.spend("jo", 20)
    world.bring_back("jo", 20, "L1")
    world.earn("flo", 100, "own")
    world.merge("jo", "flo")
    world.carry()
    assert (world.member("flo").free, world.member("flo").due) == (80, 0)
    assert (world.member("jo").free, world.member("jo").due) == (0, 0)


@pytest.mark.parametrize("asked", ["jo", "flo"])
def test_case_34_a_redemption_is_cancelled_where_it_was_merged_into(asked: str):
    world, june = World(coffee()), datetime(2027, 6, 1, tzinfo=UTC)
    world.earn("jo", 100, "L1", expires_at=june)
    redeemed = world.spend("jo", 100)
    world.earn("flo", 1, "own")
    world.merge("jo", "flo")
    world.carry()
    world.refund(asked, redeemed.redemption_id)
    world.carry()
    lot = world.member("flo").lots[named("jo/L1")]
    assert (lot.free, lot.used, lot.expires_at) == (100, 0, june)


@pytest.mark.parametrize(("source", "target"), [(100, 200), (50, 100)], ids=["M1", "C37"])
def test_a_merge_shows_the_sum_at_once_and_moves_dates(source: int, target: int):
    world, june = World(coffee()), datetime(2027, 6, 1, tzinfo=UTC)
    world.earn("jo", source, "L1", expires_at=june)
    world.earn("flo", target, "own")
    world.merge("jo", "flo")
    world.carry()
    jo, flo = world.member("jo"), world.member("flo")
    assert (jo.status, any(jo.sums), flo.free) == (Status.CLOSED, False, source + target)
    assert flo.lots[named("jo/L1")].expires_at == june


def test_c44_what_expires_after_a_merge_is_told_where_the_points_are():
    world, june = World(coffee()), datetime(2026, 7, 1, tzinfo=UTC)
    world.earn("jo", 100, "L1", expires_at=june)
    world.earn("flo", 1, "own")
    world.merge("jo", "flo")
    world.carry()
    flo = settled(world.member("flo"), june)
    assert (flo.expired, flo.free, any(settled(world.member("jo"), june).sums)) == (100, 1, False)


def test_case_26_50_racers_hold_100_each_on_1000_and_exactly_10_get_it():
    story, made = Story().given(earned(1_000)), 0
    for racer in range(50):
        story = story.when(hold(100, f"racer {racer}"))
        made += isinstance(story.last[0], PointsHeld)
    assert made == 10
    story.then_refused(RefusalReason.INSUFFICIENT_POINTS, available=0, missing=100)


def test_case_23_and_24_the_refusals_say_what_is_left():
    story = Story().given(*BOUGHT_AND_SPENT, cancel(70)).when(cancel(31))
    story.then_refused(RefusalReason.LIMIT_REACHED, limit=30)
    story = Story().given(earned(100), returned(70)).when(returned(31, times=2))
    (fact,) = story.last
    assert isinstance(fact, RequestRefused)
    assert (fact.reason, fact.limit) == (RefusalReason.LIMIT_REACHED, 30)
