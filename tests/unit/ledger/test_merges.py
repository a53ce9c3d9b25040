"""Merges: all of an account in another one, with its dates, under its ids; and what comes later."""

import pytest

from shared.events.awards import LineBack, PointsEarned, ReturnAssessed, RuleShare
from shared.events.base import account_key
from shared.events.commands import HoldPoints
from shared.events.merges import (
    ConcludeMerge,
    InputForwarded,
    MergeAccepted,
    MergeAccount,
    MergeDeclined,
    MergeRequested,
    ParcelSettled,
    PartMoved,
    PartTaken,
    SettleParcel,
    TakeInput,
)
from shared.events.movements import (
    PointsClawedBack,
    PointsHeld,
    RedemptionCancelled,
    RequestRefused,
)
from shared.events.points import PointsCredited, PointsRedeemed, RefusalReason
from shared.ledger.account import InvariantError, Status
from shared.ledger.evolve import evolve
from shared.ledger.merging import inner
from tests.stories.setting import named
from tests.worlds import DAY, PROGRAM, START, World, coffee

UNTIL = START + 30 * DAY


def world(*, jo: int = 100, flo: int = 200) -> World:
    made = World(coffee(transfers={}))
    made.earn("jo", jo, "first", brand="south", expires_at=UNTIL)
    made.earn("flo", flo, "own")
    return made


def merged(made: World, member: str = "jo", to: str = "flo") -> World:
    made.merge(member, to)
    made.carry()
    return made


def test_all_of_an_account_is_in_the_other_one_with_its_dates():
    made = merged(world())
    jo, flo = made.member("jo"), made.member("flo")
    assert (jo.status, jo.merged_into, any(jo.sums)) == (Status.CLOSED, flo.key, False)
    assert (flo.free, flo.earned, flo.received) == (300, 300, 0)
    lot = flo.lots[named("jo/first")]
    assert (lot.account, lot.free, lot.expires_at, lot.brand) == (flo.key, 100, UNTIL, "south")


def test_the_steps_of_a_merge():
    made = merged(world())
    assert [type(fact) for fact in made.facts[2:]] == [
        *(MergeRequested, MergeAccepted, PartMoved, PartTaken, ParcelSettled)
    ]


def refusal(fact: object) -> RequestRefused:
    assert isinstance(fact, RequestRefused), fact
    return fact


def key(member: str) -> str:
    return account_key(PROGRAM, member)


def with_status(made: World, member: str, status: Status) -> None:
    made.accounts[key(member)] = made.accounts[key(member)]._replace(status=status)


def hold(made: World, member: str) -> None:
    command = HoldPoints(account=key(member), idempotency_key="h", points=10)
    assert isinstance(made.say(command), PointsHeld)


@pytest.mark.parametrize(
    ("member", "to", "reason", "numbers"),
    [
        ("nobody", "flo", RefusalReason.ACCOUNT_UNKNOWN, {}),
        ("jo", "jo", RefusalReason.MERGE_NOT_ALLOWED, {}),
        ("jo", "~reward~mug", RefusalReason.MERGE_NOT_ALLOWED, {}),
        ("holding", "flo", RefusalReason.HOLD_OPEN, {"open_count": 1}),
        ("giving", "flo", RefusalReason.TRANSFER_OPEN, {"open_count": 1}),
        ("gone", "flo", RefusalReason.ACCOUNT_MERGED, {"merged_into": key("flo")}),
        ("frozen", "flo", RefusalReason.ACCOUNT_BLOCKED, {}),
    ],
)
def test_a_merge_is_refused_by_the_account_itself(
    member: str, to: str, reason: RefusalReason, numbers: dict[str, object]
):
    made = world()
    for other in ("holding", "giving", "gone", "frozen"):
        made.earn(other, 50, "own")
    merged(made, "gone")
    hold(made, "holding")
    made.give("giving", "flo", 10)
    with_status(made, "frozen", Status.FROZEN)
    before = made.accounts.get(key(member))
    why = refusal(made.merge(member, to, "again"))
    assert (why.reason, {name: getattr(why, name) for name in numbers}) == (reason, numbers)
    after = made.accounts.get(key(member))
    assert (before and before.sums) == (after and after.sums)


def test_what_is_told_of_a_merge_or_a_parcel_that_is_not_open_is_refused():
    made = world()
    made.earn("max", 1, "own")
    asked = made.merge("jo", "flo")
    made.carry()
    made.spend("jo", 1)
    open_input = made.facts[-1].input_id
    no = RefusalReason.ACCOUNT_BLOCKED
    for account, merge_id, refused in (
        ("jo", open_input, no),
        ("jo", named("nothing"), None),
        ("max", asked.merge_id, no),
        ("nobody", named("nothing"), no),
    ):
        told = ConcludeMerge(account=key(account), merge_id=merge_id, refused=refused)
        assert refusal(made.say(told)).reason is RefusalReason.MERGE_UNKNOWN
    for account, parcel_id in (("jo", asked.merge_id), ("max", open_input), ("nobody", open_input)):
        settle = SettleParcel(account=key(account), parcel_id=parcel_id)
        told_of = refusal(made.say(settle))
        assert (told_of.reason, told_of.subject) == (RefusalReason.MERGE_UNKNOWN, parcel_id)


def test_a_merge_that_the_other_account_takes_is_not_declined():
    made = world()
    asked = made.merge("jo", "flo")
    declined = MergeDeclined(
        account=key("jo"), merge_id=asked.merge_id, to=key("flo"), reason=RefusalReason.HOLD_OPEN
    )
    assert evolve(made.member("jo"), declined, made.now).status is Status.ACTIVE
    merged_already = made.member("flo")._replace(status=Status.CLOSED, merged_into=key("max"))
    for account, fact in ((world().member("jo"), declined), (merged_already, asked)):
        with pytest.raises(InvariantError):
            evolve(account, fact.model_copy(update={"account": account.key}), made.now)


def test_a_merge_into_another_program_is_refused():
    command = MergeAccount(
        account=key("jo"), idempotency_key="m", to="tea:flo", actor="anna", reason="two cards"
    )
    assert refusal(world().say(command)).reason is RefusalReason.MERGE_NOT_ALLOWED


@pytest.mark.parametrize(
    ("to", "status", "reason"),
    [
        ("nobody", None, RefusalReason.ACCOUNT_UNKNOWN),
        ("flo", Status.FROZEN, RefusalReason.ACCOUNT_BLOCKED),
        ("flo", Status.CLOSED, RefusalReason.ACCOUNT_BLOCKED),
        ("gone", None, RefusalReason.ACCOUNT_MERGED),
    ],
)
def test_an_account_that_the_other_does_not_take_in_is_as_it_was(
    to: str, status: Status | None, reason: RefusalReason
):
    made = world()
    made.earn("gone", 1, "own")
    merged(made, "gone")
    if status is not None:
        with_status(made, to, status)
    merged(made, "jo", to)
    declined = made.facts[-1]
    assert (type(declined), declined.reason) == (MergeDeclined, reason)
    assert made.shelf.parcels[declined.merge_id].reason is reason
    jo = made.member("jo")
    assert (jo.status, jo.merged_into, jo.free) == (Status.ACTIVE, None, 100)
    assert isinstance(made.spend("jo", 100), PointsRedeemed)


@pytest.mark.parametrize("turn", [0, -1])
def test_of_two_that_want_to_be_merged_into_each_other_one_at_most_is(turn: int):
    made = world()
    made.merge("jo", "flo")
    made.merge("flo", "jo")
    made.carry(lambda letters: letters[turn])
    accounts = [made.member("jo"), made.member("flo")]
    assert [account.status for account in accounts].count(Status.CLOSED) <= 1
    assert sum(account.free for account in accounts) == 300
    assert Status.MERGING not in {account.status for account in accounts}


def test_what_was_merged_takes_nothing_in():
    made = merged(world())
    made.merge("flo", "jo")
    made.carry()
    assert (type(made.facts[-1]), made.facts[-1].reason) == (
        *(MergeDeclined, RefusalReason.ACCOUNT_MERGED),
    )
    assert made.member("flo").free == 300


def test_of_two_merges_of_one_account_the_first_is_done():
    made = world()
    made.earn("max", 1, "own")
    made.merge("jo", "flo", "one")
    assert refusal(made.merge("jo", "max", "two")).merged_into == key("flo")
    made.carry()
    assert (made.member("flo").free, made.member("max").free) == (300, 1)


def test_while_the_other_is_asked_nothing_is_spent_and_points_come_in():
    made = world()
    made.merge("jo", "flo")
    assert made.spend("jo", 10).reason is RefusalReason.ACCOUNT_BLOCKED
    made.earn("jo", 5, "late")
    made.carry()
    assert made.member("flo").free == 305


def test_what_is_said_later_is_done_by_the_other_account():
    made = merged(world())
    made.earn("jo", 50, "late")
    spent = made.spend("jo", 340)
    made.bring_back("jo", 50, "late")
    assert isinstance(spent, InputForwarded)
    made.carry()
    flo = made.member("flo")
    assert [type(fact) for fact in made.facts if fact.account == flo.key][-3:] == [
        *(PointsCredited, PointsRedeemed, PointsClawedBack)
    ]
    assert (flo.free, flo.due, flo.redeemed) == (0, 40, 340)
    assert spent.origin in flo.debits
    assert not any(made.member("jo").sums)


def test_a_repeat_of_what_was_known_changes_nothing():
    made = world()
    made.spend("jo", 30)
    merged(made)
    facts, made.now = len(made.facts), START
    made.earn("jo", 100, "first", brand="south", expires_at=UNTIL)
    assert len(made.facts) == facts


def test_a_repeat_of_what_was_sent_on_changes_nothing():
    made = merged(world())
    for _ in range(2):
        made.spend("jo", 10, "again")
        made.carry()
    assert made.member("flo").redeemed == 10


def test_points_for_a_merged_account_come_to_the_other_one_and_are_not_given_back():
    made = merged(world())
    made.earn("max", 50, "own")
    made.give("max", "jo", 20)
    made.carry()
    assert [made.member(each).free for each in ("max", "jo", "flo")] == [30, 0, 320]
    assert (made.member("max").sent, made.member("flo").received) == (20, 20)


def test_points_that_a_merged_account_gives_are_the_other_ones():
    made = merged(world())
    made.earn("max", 50, "own")
    made.give("jo", "max", 20)
    made.carry()
    assert [made.member(each).free for each in ("max", "jo", "flo")] == [70, 0, 280]


def test_points_for_the_account_into_which_the_giver_is_merged_are_in_it():
    made = world()
    made.give("jo", "flo", 20)
    made.carry()
    merged(made)
    assert made.member("flo").free == 300
    made.give("jo", "flo", 20)
    made.carry()
    assert made.member("flo").free == 300


def test_parcels_that_are_delivered_again_change_nothing():
    made, sent = world(), []
    made.merge("jo", "flo")
    made.earn("jo", 5, "late")
    while letters := made.letters:
        sent.append(letters[0].command)
        for command in sent:
            made.say(command)
    assert (made.member("flo").free, made.member("flo").earned) == (305, 305)


def test_a_chain_of_merges_ends_in_the_last_account():
    made = world()
    made.earn("max", 7, "own")
    made.spend("jo", 40)
    merged(merged(made), "flo", "max")
    assert [made.member(each).free for each in ("jo", "flo", "max")] == [0, 0, 267]
    redemption_id = made.spend("jo", 40).redemption_id
    assert isinstance(made.refund("jo", redemption_id), InputForwarded)
    made.carry()
    assert isinstance(made.facts[-3], RedemptionCancelled | ParcelSettled)
    assert made.member("max").free == 307
    late = made.spend("jo", 300, "late")
    made.carry()
    assert late.origin in made.member("max").debits


def test_parts_that_find_their_account_merged_go_on_to_the_last():
    made = world()
    made.earn("max", 7, "own")
    made.merge("jo", "flo")
    while not isinstance(made.facts[-1], MergeAccepted):
        made.say(made.letters[0].command)
    made.merge("flo", "max")
    made.carry(lambda letters: letters[-1])
    assert [made.member(each).free for each in ("jo", "flo", "max")] == [0, 0, 307]


def test_points_whose_date_passes_on_the_way_are_expired():
    made = world()
    made.spend("flo", 200)
    made.bring_back("flo", 150, "own")
    made.merge("jo", "flo")
    while not isinstance(made.facts[-1], PartMoved):
        made.say(made.letters[0].command)
    made.now = UNTIL
    made.carry()
    flo = made.member("flo")
    assert (flo.free, flo.due, flo.expired) == (0, 150, 100)


def test_what_is_written_off_on_the_way_is_covered_by_nobody():
    made = World(coffee(returns={"deficit": "written_off", "write_off_after": "30D"}))
    made.earn("jo", 50, "first")
    made.spend("jo", 50)
    made.bring_back("jo", 50, "first")
    made.earn("flo", 200, "own")
    made.merge("jo", "flo")
    while not isinstance(made.facts[-1], PartMoved):
        made.say(made.letters[0].command)
    made.now += 31 * DAY
    made.carry()
    flo = made.member("flo")
    assert (flo.free, flo.due, flo.written_off) == (200, 0, 50)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_facts_alone_give_the_same_accounts(size: int):
    made = world()
    made.spend("jo", 30)
    made.give("jo", "flo", 20)
    made.carry()
    merged(made)
    made.spend("jo", 250, "late")
    made.carry()
    accounts, shelf = made.folded(size)
    assert accounts == made.accounts
    assert shelf.parcels == made.shelf.parcels
    assert shelf.transfers == made.shelf.transfers


def free(made: World, *lots: str) -> list[int]:
    """What is free of Jo's lots, wherever they are by now."""
    return [made.member("flo").lots[named(f"jo/{lot}")].free for lot in lots]


@pytest.mark.parametrize("credited", [1, 2])
def test_an_award_that_was_credited_in_part_before_the_merge_counts_once(credited: int):
    made = world()
    parts = {"spring": 20, "summer": 5}
    made.earn("jo", 50, "torn", parts=parts, lose_after=credited)
    merged(made)
    made.earn("jo", 50, "torn", parts=parts)
    made.carry()
    assert (made.member("flo").earned, made.member("flo").free) == (350, 350)
    assert free(made, "torn", "spring", "summer") == [25, 20, 5]


@pytest.mark.parametrize("credited", [1, 2])
def test_an_award_that_was_sent_on_and_credited_in_part_counts_once(credited: int):
    made = merged(world())
    made.earn("jo", 50, "torn", parts={"spring": 20, "summer": 5})
    made.say(made.letters[0].command, lose_after=credited)
    made.carry()
    assert (made.member("flo").earned, made.member("flo").free) == (350, 350)
    assert free(made, "torn", "spring", "summer") == [25, 20, 5]


def test_what_is_sent_on_has_nothing_that_only_earn_reads():
    made = world()
    made.bring_back("jo", 1, "first")
    award, back = (
        next(said for said, _ in made.said if isinstance(said, kind))
        for kind in (PointsEarned, ReturnAssessed)
    )
    merged(made)
    share = RuleShare(rule="base", basis_minor=500, exact="5")
    late = {"award_id": named("late"), "points": 5, "breakdown": (share,)}
    line = LineBack(line_id="1", quantity=1, amount_minor=200)
    more = {"reversal_id": named("more"), "points": 2, "lines": (line,)}
    for said in (award.model_copy(update=late), back.model_copy(update=more)):
        made.say(said)
    sent = [fact.input for fact in made.facts if isinstance(fact, InputForwarded)]
    assert [each["points"] for each in sent] == [5, 2]
    assert not {"breakdown", "lines"} & {name for each in sent for name in each}
    [letter] = made.letters
    assert isinstance(letter.command, TakeInput)
    first = inner(letter.command)
    assert (first.account, first.award_id, first.points) == (key("flo"), named("late"), 5)
    made.carry()
    assert (made.member("flo").earned, made.member("flo").clawed_back) == (305, 3)


def test_a_redemption_key_of_the_one_is_not_that_of_the_other():
    made = merged(world())
    mine = made.spend("flo", 10, "same")
    made.spend("jo", 20, "same")
    made.carry()
    assert isinstance(mine, PointsRedeemed)
    assert made.member("flo").redeemed == 30
