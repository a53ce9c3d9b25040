"""What redemptions take and when they are refused; the precedence of reasons; the limits."""

from collections.abc import Callable

import pytest

from shared.events import registry
from shared.events.base import POINTS_MAX
from shared.events.points import PointsRedeemed, RedemptionRefused, RefusalReason
from shared.events.topics import RECORD_BYTES_MAX
from shared.ledger.account import Account, Due, Lot, Status
from shared.ledger.covering import LOTS_PER_DEBIT_MAX, Short, allocate
from shared.ledger.decide import credit
from shared.program.model import Program
from tests.stories.facts import credited, redeemed, refused
from tests.stories.setting import ACCOUNT, PLAIN, START, named, program, redemption
from tests.stories.steps import earned, redeem
from tests.stories.telling import Story, given, owing

HALF = program(minimum=500, max_share="50%", above_limit="clip")
STEPS = program(minimum=100, multiple=100, cap=99_999, above_limit="clip")
ORDER = 10_000


@pytest.mark.parametrize(
    ("rules", "has", "asked", "order_minor", "gets"),
    [
        pytest.param(HALF, 5_000, 1_000, ORDER, 1_000, id="B1 as asked"),
        pytest.param(HALF, 700, 1_000, ORDER, 700, id="B1 what is there"),
        pytest.param(HALF, 10_000, 10_000, ORDER, 5_000, id="B1 half the order"),
        pytest.param(STEPS, 200_000, 250, None, 200, id="B9 in steps"),
        pytest.param(STEPS, 200_000, 100_000, None, 99_900, id="B9 cap"),
    ],
)
def test_as_much_is_spent_as_the_program_gives(rules, has, asked, order_minor, gets):
    story = given(earned(has)).under(rules).when(redeem(asked, order_minor=order_minor))
    story.then(redeemed(gets, asked=asked, order_minor=order_minor, L1=gets))
    story.then_reads(available=has - gets, redeemed=gets)


def test_c23_3030_points_at_3_cents_use_3030():
    story = given(earned(3_031)).under(program(points=1, minor=3)).when(redeem(3_030))
    story.then(redeemed(3_030, value_minor=9_090, L1=3_030)).then_reads(available=1)


def test_case_2_what_is_missing_is_told():
    story = given(earned(100), redeem(60)).when(redeem(50, "s"))
    story.then(refused(RefusalReason.INSUFFICIENT_POINTS, 50, "s", available=40, missing=10))
    story.then_reads(available=40)


@pytest.mark.parametrize("rules", [PLAIN, program(minimum=400), program(above_limit="clip")])
def test_b3_nothing_asked_is_below_every_minimum(rules: Program):
    (fact,) = given(earned(500)).under(rules).when(redeem(0)).last
    assert isinstance(fact, RedemptionRefused)
    assert fact.reason is RefusalReason.BELOW_MINIMUM


def test_b3_less_than_the_minimum_is_refused():
    story = given(earned(1_000)).under(program(minimum=500)).when(redeem(400))
    story.then(refused(RefusalReason.BELOW_MINIMUM, 400, minimum=500))


def with_status(status: Status) -> Story:
    """One hundred points in an account of this status."""
    story = given(earned(100))
    return Story(account=story.open_account._replace(status=status))


STRICT = program(minimum=50, multiple=20, cap=160)
NO_CASH_OFF = PLAIN.model_copy(update={"redemption": type(PLAIN.redemption)()})

PRECEDENCE: dict[RefusalReason, tuple[Callable[[], Story], Program | None, int]] = {
    # each row has every later fault that can go with it
    RefusalReason.PROGRAM_UNKNOWN: (Story, None, 0),
    RefusalReason.ACCOUNT_UNKNOWN: (Story, NO_CASH_OFF, 0),
    RefusalReason.ACCOUNT_BLOCKED: (lambda: with_status(Status.FROZEN), NO_CASH_OFF, 0),
    RefusalReason.REWARD_NOT_AVAILABLE: (lambda: given(earned(0)), NO_CASH_OFF, 0),
    RefusalReason.BELOW_MINIMUM: (lambda: given(earned(0)), STRICT, 30),
    RefusalReason.NOT_A_MULTIPLE: (lambda: given(earned(100)), STRICT, 170),
    RefusalReason.INSUFFICIENT_POINTS: (lambda: given(earned(100)), STRICT, 180),
    RefusalReason.LIMIT_REACHED: (lambda: given(earned(200)), STRICT, 180),
}


@pytest.mark.parametrize(("reason", "case"), PRECEDENCE.items(), ids=PRECEDENCE.keys())
def test_of_several_reasons_the_first_is_told(reason, case):
    begin, rules, asked = case
    story = begin()
    (fact,) = story.under(rules).when(redeem(asked)).last
    assert isinstance(fact, RedemptionRefused)
    assert fact.reason is reason


def test_the_precedence_is_that_of_the_contract():
    order = list(RefusalReason)
    assert sorted(PRECEDENCE, key=order.index) == list(PRECEDENCE)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.ACTIVE])
def test_only_an_active_account_redeems(status: Status):
    with_status(status).when(redeem(1)).then(refused(RefusalReason.ACCOUNT_BLOCKED, 1))


def test_a_redemption_keeps_what_was_asked_and_under_which_rules():
    story = given(earned(500)).under(HALF).when(redeem(600, "key", order_minor=5_000))
    (fact,) = story.last
    assert isinstance(fact, PointsRedeemed)
    assert (fact.asked, fact.points, fact.value_minor, fact.order_minor) == (600, 500, 500, 5_000)
    assert (fact.program_version, fact.money) == (HALF.version, "USD")
    assert fact.redemption_id == redemption("key")


def account_of(lots: int, points: int = 1) -> Account:
    """An account of many lots of the same size."""
    made = {
        named(f"lot {order}"): Lot(
            *(ACCOUNT, named(f"lot {order}"), "shop", None, points, points, 0, 0, 0),
            *(START, START, None, order),
        )
        for order in range(1, lots + 1)
    }
    total = lots * points
    return Account(ACCOUNT, Status.ACTIVE, lots, START, earned=total, free=total, lots=made)


def test_a_debit_names_so_many_lots_and_its_record_is_one_that_the_broker_takes():
    account = account_of(LOTS_PER_DEBIT_MAX, points=10**8)
    story = Story(account=account, program=program(points=1_000, minor=1))
    (fact,) = story.when(redeem(LOTS_PER_DEBIT_MAX * 10**8)).last
    assert isinstance(fact, PointsRedeemed)
    assert len(fact.allocation) == LOTS_PER_DEBIT_MAX
    assert len(registry.encode(fact)) < RECORD_BYTES_MAX


def test_more_lots_than_a_debit_names_are_a_limit_that_is_told():
    account = account_of(LOTS_PER_DEBIT_MAX + 1, points=2)
    asked = 2 * LOTS_PER_DEBIT_MAX + 1
    Story(account=account).when(redeem(asked)).then(
        refused(RefusalReason.LIMIT_REACHED, asked, limit=asked - 1)
    )


def test_the_largest_numbers_are_decided():
    story = given(earned(POINTS_MAX, "L1"), earned(POINTS_MAX, "L2"))
    story = story.under(program(points=1_000, minor=1, minimum=POINTS_MAX))
    story.when(redeem(1)).then(refused(RefusalReason.BELOW_MINIMUM, 1, minimum=POINTS_MAX))
    story.when(redeem(POINTS_MAX)).then(
        redeemed(POINTS_MAX, value_minor=POINTS_MAX // 1_000, L1=POINTS_MAX)
    )
    owes = owing(("r", POINTS_MAX, (Due(POINTS_MAX, None),)))
    owes.when(earned(POINTS_MAX)).then(credited(POINTS_MAX, covers={"r": POINTS_MAX}))


@pytest.mark.parametrize(
    ("points", "taken"),
    [
        (0, ()),
        (3, ((named("lot 1"), 2), (named("lot 2"), 1))),
        (4, ((named("lot 1"), 2), (named("lot 2"), 2))),
        (5, Short(available=4, missing=1)),
    ],
)
def test_the_guard_takes_lots_in_the_order_given(points, taken):
    assert allocate(account_of(2, points=2).spendable(START), points) == taken


def test_an_award_without_an_account_becomes_a_lot():
    award = earned(7, expires="2026-06-01T00:00:00-05:00", active=3).message
    fact = credit(None, award, START)  # type: ignore[arg-type]
    assert fact == credited(7, expires="2026-06-01T00:00:00-05:00", active=3)


@pytest.mark.parametrize(
    ("expires", "is_expired"), [(4, True), (5, True), (6, False), (None, False)]
)
def test_an_award_past_its_date_is_expired_at_once(expires: int | None, is_expired: bool):
    story = given(earned(10, expires=expires, on=5))
    story.then(credited(10, expires=expires, expired=10 if is_expired else 0))
    story.then_reads(available=0 if is_expired else 10, expired=10 if is_expired else 0, earned=10)
