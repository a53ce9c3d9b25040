"""Transfers: what leaves one account and what comes into the other, and why not.

A world of members is in `tests.worlds`: letters between them are carried by `carry`.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.redeem.errands import outcome_letter
from shared.events.base import account_key
from shared.events.facts import InputRejected
from shared.events.ids import command_cause
from shared.events.movements import GivenBack, LotBack, RequestRefused
from shared.events.points import RefusalReason
from shared.events.transfers import (
    LOTS_PER_TRANSFER_MAX,
    ConcludeTransfer,
    PointsReceived,
    PointsSent,
    ReceivedLot,
    TransferPoints,
    TransferReturned,
    TransferSettled,
)
from shared.ledger.account import InvariantError, Lot, Status
from shared.ledger.evolve import evolve
from shared.ledger.transfers import TransferState, transfer_after
from tests.stories.setting import named
from tests.worlds import DAY, PROGRAM, START, World, coffee

UNTIL = START + 30 * DAY


def world(*, flo: int = 1, transfers: dict[str, int] | None = None, **further: object) -> World:
    """Jo with a lot of 100 in a program that allows transfers, and Flo with a lot of `flo`."""
    made = World(coffee(transfers=transfers or {}, **further))
    made.earn("jo", 100, "first", brand="south", expires_at=UNTIL)
    if flo:
        made.earn("flo", flo, "own")
    return made


def gifts(made: World, member: str = "flo") -> list[Lot]:
    """The lots that a member has from others."""
    return [lot for lot in made.member(member).lots.values() if lot.receipt_id is None]


def with_status(made: World, member: str, status: Status) -> None:
    key = account_key(PROGRAM, member)
    made.accounts[key] = made.accounts[key]._replace(status=status)


def refusal(fact: Any) -> RefusalReason:
    assert isinstance(fact, RequestRefused), fact
    return fact.reason


def test_points_leave_one_account_and_come_into_the_other():
    made = world()
    sent = made.give("jo", "flo", 60)
    assert isinstance(sent, PointsSent)
    assert (made.member("jo").free, made.member("jo").sent, made.member("flo").free) == (40, 60, 1)
    assert made.shelf.transfers[sent.transfer_id].state is TransferState.IN_TRANSIT
    made.carry()
    assert [type(fact) for fact in made.facts[-2:]] == [PointsReceived, TransferSettled]
    assert (made.member("flo").free, made.member("flo").received) == (61, 60)
    assert made.shelf.transfers[sent.transfer_id].state is TransferState.RECEIVED


def test_x6_lots_keep_their_dates_their_brands_and_their_time_of_grace_and_slide_on():
    made = world()
    key = account_key(PROGRAM, "jo")
    (lot,) = [one._replace(graced=True, sliding=True) for one in made.accounts[key].lots.values()]
    made.accounts[key] = made.accounts[key]._replace(lots={lot.lot_id: lot})
    made.give("jo", "flo", 60)
    made.carry()
    (gift,) = gifts(made)
    kept = ("brand", "occurred_at", "active_from", "expires_at", "graced", "sliding")
    assert [getattr(gift, name) for name in kept] == [getattr(lot, name) for name in kept]
    assert gift.lot_id != lot.lot_id


def test_points_of_several_lots_are_as_many_lots_there():
    made = world()
    made.earn("jo", 50, "second", expires_at=UNTIL + DAY)
    made.give("jo", "flo", 120)
    made.carry()
    assert {(lot.free, lot.expires_at) for lot in gifts(made)} == {
        (100, UNTIL),
        (20, UNTIL + DAY),
    }


def test_the_same_points_can_go_back_and_forth():
    made = world()
    for number in range(3):
        made.give("jo", "flo", 100, key=f"there {number}")
        made.carry()
        made.give("flo", "jo", 100, key=f"back {number}")
        made.carry()
    assert (made.member("jo").free, made.member("jo").sent, made.member("jo").received) == (
        *(100, 300, 300),
    )


def test_points_of_one_lot_can_be_given_several_times():
    made = world()
    for number in range(3):
        made.give("jo", "flo", 20, key=str(number))
        made.carry()
    assert [lot.free for lot in gifts(made)] == [20, 20, 20]


def test_what_is_due_there_is_covered_first():
    made = world(flo=50)
    made.spend("flo", 50)
    made.bring_back("flo", 50, "own")
    made.give("jo", "flo", 70)
    made.carry()
    assert (made.member("flo").due, made.member("flo").free) == (0, 20)


def test_points_that_pass_their_date_on_the_way_come_in_as_expired():
    made = world(flo=50)
    made.spend("flo", 50)
    made.bring_back("flo", 50, "own")
    made.give("jo", "flo", 70)
    made.now = UNTIL
    made.carry()
    flo = made.member("flo")
    assert (flo.free, flo.expired, flo.due, flo.received) == (0, 70, 50, 70)


@pytest.mark.parametrize(("early", "expired"), [(timedelta(microseconds=1), 0), (timedelta(), 70)])
def test_points_come_in_until_their_date(early: timedelta, expired: int):
    made = world()
    made.give("jo", "flo", 70)
    made.now = UNTIL - timedelta(seconds=1) - early  # what is said takes a second
    made.say(made.letters[0].command)
    assert (made.member("flo").expired, made.member("flo").free) == (expired, 71 - expired)


def test_a_transfer_is_carried_once_however_often_it_is_told():
    made = world()
    made.give("jo", "flo", 60)
    letters = []
    while found := made.letters:
        letters += found
        made.say(found[0].command)
        made.say(found[0].command)
    facts = len(made.facts)
    for late in letters:
        made.say(late.command)
    assert len(made.facts) == facts
    assert made.member("flo").free == 61


def test_the_same_key_is_one_transfer():
    made = world()
    assert made.give("jo", "flo", 60) == made.give("jo", "flo", 60)
    made.carry()
    assert made.member("flo").received == 60


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        (Status.ACTIVE, True),
        (Status.EARN_ONLY, True),
        (Status.FROZEN, False),
        (Status.CLOSED, False),
    ],
)
def test_an_account_that_takes_nothing_costs_the_sender_nothing(status: Status, taken: bool):
    made = world()
    with_status(made, "flo", status)
    sent = made.give("jo", "flo", 60)
    made.carry()
    transfer = made.shelf.transfers[sent.transfer_id]
    if taken:
        assert transfer.state is TransferState.RECEIVED
        return
    assert (transfer.state, transfer.reason) == (
        TransferState.RETURNED,
        RefusalReason.ACCOUNT_BLOCKED,
    )
    [refused] = [fact for fact in made.facts if isinstance(fact, RequestRefused)]
    assert (refused.account, refused.asked) == (sent.to, 60)
    jo = made.member("jo")
    assert (jo.free, jo.sent, made.member("flo").free) == (100, 0, 1)


def test_a_member_without_an_account_gets_nothing_and_no_account():
    made = world(flo=0)
    made.give("jo", "flo", 60)
    made.carry()
    returned = made.facts[-1]
    assert isinstance(returned, TransferReturned)
    assert (returned.reason, returned.points) == (RefusalReason.ACCOUNT_UNKNOWN, 60)
    assert list(made.accounts) == [account_key(PROGRAM, "jo")]
    assert made.member("jo").free == 100


def test_what_an_account_cannot_decide_comes_back_too():
    made = world()
    sent = made.give("jo", "flo", 60)
    undecided = InputRejected(account=sent.to, input_type="receive", reason="too_large")
    made.say(outcome_letter(made.shelf.transfers[sent.transfer_id], undecided).command)
    assert made.member("jo").free == 100
    assert made.letters == []


def test_what_came_back_late_is_expired():
    made = world(flo=0)
    made.give("jo", "flo", 60)
    made.now = UNTIL
    made.carry()
    jo = made.member("jo")
    assert (jo.free, jo.expired, jo.sent) == (0, 100, 0)


def test_a_return_on_the_way_is_owed_until_the_points_come_back():
    made = world(flo=0)
    made.give("jo", "flo", 100)
    made.bring_back("jo", 100, "first")
    assert made.member("jo").due == 100
    made.carry()
    jo = made.member("jo")
    assert (jo.due, jo.free, jo.clawed_back, jo.sent) == (0, 0, 100, 0)


def test_held_and_pending_points_cannot_be_given():
    made = world()
    made.spend("jo", 70)
    refused = made.give("jo", "flo", 31)
    assert refusal(refused) is RefusalReason.INSUFFICIENT_POINTS
    assert (refused.available, refused.missing) == (30, 1)


BEFORE_POINTS = [
    ("no program", {"program": None}, RefusalReason.PROGRAM_UNKNOWN),
    ("no account", {"member": "max"}, RefusalReason.ACCOUNT_UNKNOWN),
    ("earn only", {"status": Status.EARN_ONLY}, RefusalReason.ACCOUNT_BLOCKED),
    ("a program without transfers", {"program": coffee()}, RefusalReason.TRANSFER_NOT_ALLOWED),
    ("to oneself", {"to": "jo"}, RefusalReason.TRANSFER_NOT_ALLOWED),
    ("to a stock", {"to": "~reward~cup"}, RefusalReason.TRANSFER_NOT_ALLOWED),
    ("nothing", {"points": 0}, RefusalReason.BELOW_MINIMUM),
    ("fewer than the minimum", {"points": 9}, RefusalReason.BELOW_MINIMUM),
    ("more than there are", {"points": 101}, RefusalReason.INSUFFICIENT_POINTS),
    ("more than at once", {"points": 81}, RefusalReason.LIMIT_REACHED),
]


@pytest.mark.parametrize(
    ("asked", "reason"), [case[1:] for case in BEFORE_POINTS], ids=[c[0] for c in BEFORE_POINTS]
)
def test_why_points_are_not_sent(asked: dict[str, Any], reason: RefusalReason):
    made = world(transfers={"minimum": 10, "most": 80})
    if "program" in asked:
        made.program = asked["program"]
    with_status(made, "jo", asked.get("status", Status.ACTIVE))
    sums = made.member("jo").sums
    fact = made.give(asked.get("member", "jo"), asked.get("to", "flo"), asked.get("points", 50))
    assert refusal(fact) is reason
    assert made.member("jo").sums == sums
    assert made.letters == []


@pytest.mark.parametrize(
    ("points", "numbers"),
    [
        (9, {"reason": "below_minimum", "minimum": 10}),
        (81, {"reason": "limit_reached", "limit": 80, "limit_of": "transfer"}),
        (101, {"reason": "insufficient_points", "available": 100, "missing": 1}),
    ],
)
def test_a_refusal_tells_what_was_asked_and_what_is_allowed(points: int, numbers: dict[str, Any]):
    refused = world(transfers={"minimum": 10, "most": 80}).give("jo", "flo", points)
    assert isinstance(refused, RequestRefused)
    assert {"asked": points, **numbers}.items() <= refused.model_dump(mode="json").items()


@pytest.mark.parametrize("points", [10, 80])
def test_so_many_points_can_be_given_at_once(points: int):
    made = world(transfers={"minimum": 10, "most": 80})
    assert isinstance(made.give("jo", "flo", points), PointsSent)


def test_of_two_reasons_the_first_is_told():
    """In the precedence of `RefusalReason`: both always apply, the first one is told."""
    made = world(transfers={"minimum": 200, "most": 200})
    with_status(made, "jo", Status.FROZEN)
    assert refusal(made.give("jo", "jo", 50, "1")) is RefusalReason.ACCOUNT_BLOCKED
    with_status(made, "jo", Status.ACTIVE)
    assert refusal(made.give("jo", "jo", 50, "2")) is RefusalReason.TRANSFER_NOT_ALLOWED
    assert refusal(made.give("jo", "flo", 150, "3")) is RefusalReason.BELOW_MINIMUM
    assert refusal(made.give("jo", "flo", 201, "4")) is RefusalReason.INSUFFICIENT_POINTS


def test_another_program_is_no_place_for_points():
    made, jo = world(), account_key(PROGRAM, "jo")
    command = TransferPoints(account=jo, idempotency_key="x", to="tea:flo", points=5)
    assert refusal(made.say(command)) is RefusalReason.TRANSFER_NOT_ALLOWED


def test_one_transfer_moves_so_many_lots_and_says_how_many_points_they_hold():
    made = world(flo=1)
    for number in range(LOTS_PER_TRANSFER_MAX):
        made.earn("jo", 2, f"small {number}", expires_at=UNTIL - timedelta(hours=1))
    refused = made.give("jo", "flo", 2 * LOTS_PER_TRANSFER_MAX + 1)
    assert refusal(refused) is RefusalReason.LIMIT_REACHED
    assert refused.limit == 2 * LOTS_PER_TRANSFER_MAX
    assert isinstance(made.give("jo", "flo", refused.limit, key="fewer"), PointsSent)


def test_a_transfer_that_nobody_made_is_unknown():
    made = world()
    sent = made.give("jo", "flo", 60)
    for transfer_id in (sent.transfer_id, sent.lots[0].lot_id):
        stray = ConcludeTransfer(account=account_key(PROGRAM, "flo"), transfer_id=transfer_id)
        assert refusal(made.say(stray)) is RefusalReason.TRANSFER_UNKNOWN


def test_a_fact_that_does_not_fit_the_transfer_is_a_bug():
    made = world()
    sent = made.give("jo", "flo", 60)
    transfer = made.shelf.transfers[sent.transfer_id]
    settled = TransferSettled(
        account=sent.account, transfer_id=sent.transfer_id, to=sent.to, points=60
    )
    done = transfer_after(transfer, settled, 3, START)
    for known, fact in (
        (None, settled),
        (done, settled),
        (transfer, sent),
        (transfer, settled.model_copy(update={"to": "coffee:max"})),
    ):
        with pytest.raises(InvariantError):
            transfer_after(known, fact, 3, START)


SPENT = command_cause(account_key(PROGRAM, "jo"), "s").id
IN_PART = GivenBack(lots=(LotBack(lot_id=named("jo/first"), points=39),))


def _expired(fact: PointsReceived) -> tuple[ReceivedLot, ...]:
    return tuple(lot.model_copy(update={"expired": True}) for lot in fact.lots)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (PointsSent, lambda _: {"points": 39}),
        (PointsSent, lambda _: {"transfer_id": SPENT}),
        (PointsReceived, lambda _: {"points": 39}),
        (PointsReceived, lambda fact: {"lots": _expired(fact)}),
        (TransferReturned, lambda _: {"points": 39}),
        (TransferReturned, lambda _: {"back": IN_PART}),
        (TransferReturned, lambda _: {"transfer_id": SPENT}),
    ],
)
def test_a_fact_that_does_not_fit_the_account_is_not_folded(
    kind: type[Any], change: Callable[[Any], dict[str, Any]]
):
    """Of a member who has spent as many points as they give."""
    made = world()
    made.spend("jo", 40)
    if kind is TransferReturned:
        with_status(made, "flo", Status.FROZEN)
    made.give("jo", "flo", 40)
    made.carry()
    account, fact, at = made.first(kind)
    evolve(account, fact, at)
    with pytest.raises(InvariantError):
        evolve(account, fact.model_copy(update=change(fact)), at)


def test_points_that_are_gone_are_sent_by_no_fact():
    made = world()
    jo, sent = made.member("jo"), made.give("jo", "flo", 60)
    with pytest.raises(InvariantError, match="not active"):
        evolve(jo, sent, UNTIL)
