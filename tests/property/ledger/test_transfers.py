"""Histories of members who give points to each other; letters come late, twice, in any order.

1. Nothing is made and nothing is lost: over all accounts, what was sent is what was received and
   what is in transit; per account, what came in is what its lots hold, and every debit adds up.
2. Once everything is carried nothing is in transit: each transfer was received, or is given back
   whole.
3. Letters that come late, twice or in another order change nothing (I2).
4. The records alone, in any batches, give the same accounts and transfers (I8).
5. N gifts at once by one member: as many are sent as there are points for, all sums hold (C2).
"""

from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.redeem.errands import Letter
from shared.events.ids import receive_cause
from shared.events.transfers import PointsReceived, PointsSent
from shared.ledger.account import DebitKind
from shared.ledger.transfers import TransferState
from tests.worlds import DAY, World, coffee

MEMBERS = ("ann", "ben", "eve")
NOBODY = "max"
untimed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
programs = st.sampled_from(
    [
        coffee(transfers={}),
        coffee(transfers={}, returns={"deficit": "written_off", "write_off_after": "3D"}),
        coffee(transfers={}, returns={"deficit": "unspent_only"}),
    ]
)


class Act(NamedTuple):
    """Something that is done; `number` says by whom, how much, or which of what there is."""

    kind: str
    number: int


kinds = st.sampled_from(
    ["earn", *["give"] * 4, "spend", "return", "return", *["carry"] * 4, "again", "wait"]
)
histories = st.lists(st.builds(Act, kinds, st.integers(0, 89)), min_size=5, max_size=40)


class History:
    """A world, and all letters that were ever written."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.letters: list[Letter] = []

    def do(self, act: Act, step: int) -> None:
        world, number = self.world, act.number
        member, other = MEMBERS[number % 3], (*MEMBERS, NOBODY)[number % 4]
        match act.kind:
            case "earn":
                until = world.now + number % 5 * DAY if number % 5 else None
                world.earn(member, number, f"lot {step}", expires_at=until)
            case "give":
                world.give(member, other, number, key=f"gift {step}")
            case "spend":
                world.spend(member, number, key=f"spent {step}")
            case "return":
                world.bring_back(member, number + 1, "first", times=step)
            case "wait":
                world.now += number % 4 * DAY
            case _:
                self._carry(act)

    def _carry(self, act: Act) -> None:
        if act.kind == "carry":
            self.letters += self.world.letters
        if self.letters:
            self.world.say(self.letters[act.number % len(self.letters)].command)


def in_transit(world: World) -> int:
    """Points that have left one account and are not in the other yet, nor back."""
    return sum(
        transfer.points
        for transfer in world.shelf.transfers.values()
        if transfer.state is TransferState.IN_TRANSIT
        and not isinstance(
            world.decided.get(receive_cause(transfer.to, transfer.transfer_id).id, (b"", None))[1],
            PointsReceived,
        )
    )


def check(world: World) -> None:
    """The invariants, at any time."""
    accounts = world.accounts.values()
    for account in accounts:
        account.check()
        lots, debits = account.lots.values(), account.debits.values()
        came = account.earned + account.added + account.received
        assert came == sum(lot.original for lot in lots)
        assert account.used == sum(debit.covered for debit in debits)
        assert account.sent == sum(d.amount for d in debits if d.kind is DebitKind.TRANSFER)
    sent = sum(account.sent for account in accounts)
    assert sent == sum(account.received for account in accounts) + in_transit(world)


def run(program: Any, acts: list[Act]) -> History:
    history = History(World(program))
    for member in MEMBERS:
        history.world.earn(member, 100, "first")
    for step, act in enumerate(acts):
        history.do(act, step)
        check(history.world)
    return history


@untimed
@given(programs, histories, st.randoms(use_true_random=False))
def test_nothing_is_made_and_nothing_is_lost_in_any_order(program, acts, random):
    history = run(program, acts)
    history.letters += history.world.letters
    history.world.carry(random.choice)
    check(history.world)
    assert in_transit(history.world) == 0
    facts = len(history.world.facts)
    for late in history.letters:
        history.world.say(late.command)
    assert len(history.world.facts) == facts
    for transfer in history.world.shelf.transfers.values():
        debit = history.world.accounts[transfer.account].debits[transfer.transfer_id]
        kept = transfer.points if transfer.state is TransferState.RECEIVED else 0
        assert debit.amount == kept
        assert (transfer.reason is None) == (transfer.state is TransferState.RECEIVED)


@untimed
@given(programs, histories, st.integers(1, 7))
def test_the_records_alone_give_the_same_accounts_and_transfers(program, acts, size):
    world = run(program, acts).world
    accounts, shelf = world.folded(size)
    assert accounts == world.accounts
    assert shelf.transfers == world.shelf.transfers


@untimed
@given(st.integers(0, 500), st.integers(1, 20), st.randoms(use_true_random=False))
def test_of_many_gifts_at_once_as_many_are_sent_as_there_are_points_for(points, count, random):
    world = World(coffee(transfers={}))
    world.earn("ann", points, "first")
    sent = []
    for number in range(count):
        world.earn(f"m{number}", 1, "first")
        sent.append(world.give("ann", f"m{number}", 100, key=str(number)))
    assert sum(isinstance(fact, PointsSent) for fact in sent) == min(count, points // 100)
    world.carry(random.choice)
    check(world)
    assert sum(account.free for account in world.accounts.values()) == points + count
