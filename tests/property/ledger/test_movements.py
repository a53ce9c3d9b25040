"""Histories of one account with everything that can happen to its points, under every policy.

1. Every lot, every debit and the account add up, after every fact; lots hold what debits say.
2. Nothing is negative, nothing is free while anything is due, and balances can be computed without
   lots: available + pending - deficit = credited and received - clawed - expired - debits + written
   off.
3. The records alone give the same account; extra settles change no later decision and no reading.
4. Holds, captures, releases, lapses and cancels never use or give back a point twice.
5. A claw-back in steps with nothing between ends where one step ends.
6. Carried, without adjustments and transfers: once all purchases are returned, and all holds and
   redemptions are given back, nothing is available and nothing is due, in every order.
7. What a batch loads is enough: decided and folded on rows as the service asks for them, an account
   becomes what it becomes when all of it is at hand, and so it does when only its facts are folded.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.redeem.decide import decide
from services.redeem.projection import LOOKUPS, TABLES
from services.redeem.service import Redeem
from shared.events import registry
from shared.events.base import millis
from shared.events.movements import (
    HoldCaptured,
    HoldLapsed,
    HoldReleased,
    PointsHeld,
    RedemptionCancelled,
)
from shared.events.points import PointsRedeemed
from shared.ledger.account import Account, DebitKind
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.memory import MemoryStore
from shared.stream.service import Decision, Input, Recorded
from shared.stream.store import Lookup, Need, Position
from tests.stories.setting import at, named, program, redemption
from tests.stories.steps import (
    Step,
    adjust,
    cancel,
    cancel_award,
    capture,
    confirm,
    delivered,
    earned,
    extend,
    give,
    given_by_friend,
    hold,
    not_taken,
    redeem,
    reinstate,
    release,
    returned,
    tick,
)
from tests.stories.telling import Story, fold

untimed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
HOLDS = {"longest": "168h", "open_most": 3}
CARRIED = program(holds=HOLDS)
PROGRAMS = [
    CARRIED,
    program(holds=HOLDS, returns={"deficit": "written_off", "write_off_after": "8D"}),
    program(holds=HOLDS, returns={"deficit": "unspent_only", "grace": "3D"}),
    program(holds=HOLDS, returns={"grace": "2D"}, adjustments={"most": 60}),
    program(holds=HOLDS, expiry={"after": "6D", "extended_by": ["redemption"]}),
]
programs = st.sampled_from(PROGRAMS)
gaps = st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 3])
amounts = st.sampled_from([0, 1, 10, 20, 20, 30, 30, 40, 55])
some = st.integers(0, 7)


class Act(NamedTuple):
    """A step before it has a time and a name: which of those before it is meant is `target`."""

    kind: str
    gap: int
    points: int
    target: int
    days: int | None


GIVING = ("earn", "earn", "earn", "redeem", "redeem", "hold", "hold")
TAKING = (
    *("capture", "capture", "release", "cancel", "cancel"),
    *("return", "return", "return", "tick"),
)
OPERATED = (
    *("earn in parts", "earn waiting", "deliver", "add", "deduct", "deduct below zero"),
    *("extend", "reinstate", "confirm", "take back"),
)
PASSED = ("give", "give", "get", "not taken")
days = st.sampled_from([1, 2, 4, 7, 7, None])


BEFORE = [
    Act("earn", 0, 90, 0, 5),
    Act("earn", 0, 60, 0, None),
    Act("earn", 0, 40, 7, 9),
    Act("redeem", 0, 50, 0, None),
    Act("hold", 0, 30, 0, 6),
    Act("hold", 0, 20, 0, 2),
]
"""Something of every kind, so that what follows has something to be about."""


def acts_of(*kinds: str) -> st.SearchStrategy[list[Act]]:
    act = st.builds(Act, st.sampled_from(kinds), gaps, amounts, some, days)
    return st.lists(act, min_size=4, max_size=14).map(lambda further: [*BEFORE, *further])


acts = acts_of(*GIVING, *TAKING, *OPERATED, *PASSED)
customers_acts = acts_of(*GIVING, *TAKING)


def steps_of(history: Sequence[Act]) -> Iterator[Step]:
    """The steps, each with its instant; lots, holds and redemptions by their number."""
    lots: list[str] = []
    holds: list[str] = []
    spent: list[str] = []
    day = 0
    for number, act in enumerate(history):
        day += act.gap
        until = None if act.days is None else day + act.days
        match act.kind:
            case "earn":
                lots.append(f"lot {number}")
                active = day + act.target - 4 if act.target > 4 else None
                yield earned(
                    *(2 * act.points, lots[-1]),
                    active=active,
                    expires=until,
                    sliding=act.target % 2 == 0,
                    extends=day + 6 if act.target in {1, 2} else None,
                    on=day,
                )
            case "earn in parts":
                lots += [f"lot {number}", f"part {number}"]
                part = {lots[-1]: (max(act.points, 1), day + act.target)}
                points = 3 * max(act.points, 1)
                yield earned(points, lots[-2], expires=until, parts=part, on=day)
            case "earn waiting":
                lots.append(f"lot {number}")
                window = day + (act.days or 3)
                yield earned(
                    *(2 * act.points, lots[-1]),
                    active=window,
                    expires=window + act.target if act.target else None,
                    awaits=True,
                    on=day,
                )
            case "redeem":
                spent.append(f"r {number}")
                yield redeem(act.points, spent[-1], on=day)
            case "hold":
                holds.append(f"h {number}")
                spent.append(holds[-1])
                yield hold(act.points, holds[-1], until=until, on=day)
            case _:
                yield _later(act, number, day, lots, holds, spent)


def _later(
    act: Act, number: int, day: int, lots: list[str], holds: list[str], spent: list[str]
) -> Step:
    """A step about something before it."""
    lot, held = lots[act.target % len(lots)], holds[act.target % len(holds)]
    bought, date = spent[act.target % len(spent)], day + (act.days or 1)
    some_points = act.points if act.points > 20 else None
    meant: dict[str, Callable[[], Step]] = {
        "capture": lambda: capture(some_points, held, on=day),
        "release": lambda: release(held, on=day),
        "cancel": lambda: cancel(some_points, bought, times=number, on=day),
        "return": lambda: returned(max(act.points, 1), lot, times=number, on=day),
        "add": lambda: adjust(act.points, f"a {number}", on=day),
        "deduct": lambda: adjust(-act.points, f"a {number}", on=day),
        "deduct below zero": lambda: adjust(-act.points, f"a {number}", below_zero=True, on=day),
        "extend": lambda: extend(lot, date, on=day),
        "reinstate": lambda: reinstate(lot, date, on=day),
        "deliver": lambda: delivered(lot, until=act.days and date, times=number, on=day),
        "confirm": lambda: confirm(lot, on=day),
        "take back": lambda: cancel_award(lot, on=day),
        "give": lambda: give(act.points, f"g {act.target % 3}", on=day),
        "get": lambda: given_by_friend(act.points + 1, f"gift {number}", expires=date, on=day),
        "not taken": lambda: not_taken(f"g {act.target % 3}", on=day),
        "tick": lambda: tick(day),
    }
    return meant[act.kind]()


def unique(steps: Iterator[Step]) -> list[Step]:
    """Each cause once: whoever repeats one is answered by the turn, and decides nothing."""
    kept: dict[Any, Step] = {}
    for step in steps:
        kept.setdefault(step.cause.id, step)
    return list(kept.values())


def played(rules: Program, steps: Sequence[Step]) -> Iterator[Story]:
    story = Story(program=rules)
    yield story
    for step in steps:
        story = story.when(step)
        yield story


@untimed
@given(programs, acts)
def test_1_everything_adds_up(rules, history):
    for story in played(rules, unique(steps_of(history))):
        if (account := story.account) is None:
            continue
        lots, debits = account.lots.values(), account.debits.values()
        for lot in lots:
            assert lot.original == lot.free + lot.used + lot.expired + lot.clawed
            held = [n for debit in debits for lot_id, n in debit.allocation if lot_id == lot.lot_id]
            assert lot.used == sum(held)
        for debit in debits:
            assert debit.amount == debit.covered + debit.due + debit.waived <= debit.original
            assert debit.covered == sum(points for _, points in debit.allocation)
        came = account.earned + account.added + account.received
        assert came == sum(lot.original for lot in lots)
        assert account.used == sum(lot.used for lot in lots)
        assert account.free == sum(lot.free for lot in lots)
        assert account.held == sum(d.covered + d.due for d in debits if d.is_open_hold)
        adjusted = [d.amount for d in debits if d.kind is DebitKind.ADJUSTMENT]
        assert account.deducted == sum(adjusted)
        assert account.sent == sum(d.amount for d in debits if d.kind is DebitKind.TRANSFER)
        assert account.due == sum(debit.due for debit in debits)


@untimed
@given(programs, acts)
def test_2_nothing_is_negative_or_free_while_due_and_balances_need_no_lots(rules, history):
    for story in played(rules, unique(steps_of(history))):
        if (account := story.account) is None:
            continue
        seen = story.reading()
        assert min(seen) >= 0
        assert not (account.due and account.free)
        assert all(min(lot.free, lot.used, lot.expired) >= 0 for lot in account.lots.values())
        debits = sum(debit.amount for debit in account.debits.values())
        credited = seen.earned + seen.added + seen.received
        without_lots = credited - seen.clawed_back - seen.expired - debits + seen.written_off
        assert seen.available + seen.pending - seen.deficit == without_lots
        assert seen.balance == seen.available + seen.pending + seen.held - seen.deficit


@untimed
@given(programs, acts)
def test_3_the_records_alone_give_the_same_account(rules, history):
    *_, story = played(rules, unique(steps_of(history)))
    assert fold(story.history) == story.account


@untimed
@given(programs, acts, st.lists(st.integers(0, 40), max_size=12))
def test_3_extra_settles_change_no_later_decision(rules, history, sweeps):
    steps = unique(steps_of(history))
    end = tick(max([at(60), *[step.instant for step in steps]]))
    swept = sorted([*steps, *[tick(day) for day in sweeps]], key=lambda step: step.instant)
    plain = Story(program=rules).given(*steps, end)
    other = Story(program=rules).given(*swept, end)
    assert [record[1:] for record in other.history] == [record[1:] for record in plain.history]
    assert other.causes == plain.causes


@untimed
@given(programs, acts)
def test_3_a_reading_is_the_same_with_and_without_a_sweep(rules, history):
    story = Story(program=rules).given(*unique(steps_of(history)))
    if story.account is not None:
        for passed in range(0, 20, 2):
            later = story.now + timedelta(days=passed)
            assert story.reading(later) == story.when(tick(later)).reading(later)


@untimed
@given(programs, acts)
def test_4_no_point_is_used_or_given_back_twice(rules, history):
    *_, story = played(rules, unique(steps_of(history)))
    made: dict[Any, int] = {}
    back: dict[Any, int] = {}
    closed: list[Any] = []
    for _, value, wire_type in story.history:
        match registry.decode(wire_type, value):
            case PointsRedeemed() as fact:
                made[fact.redemption_id] = fact.points
            case PointsHeld() as fact:
                made[fact.hold_id] = fact.points
            case HoldCaptured() as fact:
                closed.append(fact.hold_id)
                back[fact.hold_id] = made[fact.hold_id] - fact.points
            case HoldReleased() | HoldLapsed() as fact:
                closed.append(fact.hold_id)
                back[fact.hold_id] = fact.points
            case RedemptionCancelled() as fact:
                back[fact.redemption_id] = back.get(fact.redemption_id, 0) + fact.points
            case _:
                pass
    assert len(set(closed)) == len(closed)
    for debit_id, points in made.items():
        debit = story.open_account.debits[debit_id]
        assert debit.amount == points - back.get(debit_id, 0) >= 0


@untimed
@given(programs, customers_acts, st.integers(1, 80), st.integers(1, 80), some)
def test_5_a_claw_back_in_steps_ends_where_one_step_ends(rules, history, first, second, which):
    story = Story(program=rules).given(*unique(steps_of(history)))
    lots = list(story.account.lots.values()) if story.account is not None else []
    if not lots:
        return
    lot = lots[which % len(lots)]
    name = next(f"lot {n}" for n in range(len(history)) if named(f"lot {n}") == lot.lot_id)
    if lot.original - lot.clawed < first + second:
        return
    whole = story.when(returned(first + second, name, times=1_000)).open_account
    steps = story.given(returned(first, name, times=1_000), returned(second, name, times=1_001))
    parts = steps.open_account
    assert parts.sums == whole.sums
    assert parts.lots == whole.lots


@untimed
@given(customers_acts, st.randoms(use_true_random=False))
def test_6_carried_all_that_is_returned_and_given_back_comes_to_nothing(history, random):
    story = Story(program=CARRIED).given(*unique(steps_of(history)))
    if story.account is None:
        return
    lots = [f"lot {n}" for n, act in enumerate(history) if act.kind == "earn" and act.points]
    spent = [f"{kind} {n}" for n in range(len(history)) for kind in "hr"]
    undoing = [("return", name) for name in lots] + [("give back", name) for name in spent]
    random.shuffle(undoing)
    for number, (kind, name) in enumerate(undoing, start=1_000):
        story = story.when(_undo(story, kind, name, number))
    seen = story.reading()
    assert (seen.available, seen.pending, seen.held, seen.deficit) == (0, 0, 0, 0)
    assert seen.clawed_back == seen.earned


def _undo(story: Story, kind: str, name: str, number: int) -> Step:
    """What is left of a purchase, a hold or a redemption goes back."""
    if kind == "return":
        lot = story.lot(name)
        left = lot.original - lot.clawed
        return returned(left, name, times=number) if left else tick(story.now)
    debit = story.open_account.debits.get(redemption(name))
    if debit is None or not debit.amount:
        return tick(story.now)
    return release(name) if debit.is_open_hold else cancel(debit.amount, name, times=number)


# 7: rows


class Shelf:
    """The service's own tables in memory, loaded and written batch by batch."""

    def __init__(self, rules: Program) -> None:
        self.service = Redeem()
        self.service.catalogue = Catalogue().with_version(rules)
        self.store = MemoryStore(TABLES, LOOKUPS)
        self.now = Position("facts", 0, 0, b"", 0, 0, None, {}, "ledger", "1.0")
        asyncio.run(self.store.begin(self.now))
        self.facts: list[Recorded] = []

    def take(self, batch: Sequence[Step]) -> None:
        """Decide and fold a batch on what the service asks for."""
        inputs = [_input(step) for step in batch]
        state = self._load(self.service.needs(inputs, millis(batch[-1].instant)))
        for step, input in zip(batch, inputs, strict=True):
            for decision in self.service.decide(state, input, millis(step.instant)):
                recorded = _recorded(decision, step, len(self.facts))
                state.evolve(recorded)
                self.facts.append(recorded)
        self._write(state)

    def replay(self, facts: Sequence[Recorded]) -> None:
        """Fold facts alone, on what the service asks for to do so."""
        state = self._load(self.service.replay_needs(facts))
        for fact in facts:
            state.evolve(fact)
        self._write(state)

    def _load(self, needs: Sequence[Need]) -> Any:
        return self.service.state(asyncio.run(self.store.load("facts", [0], needs)).rows)

    def _write(self, state: Any) -> None:
        after = self.now._replace(next_offset=self.now.next_offset + 1)
        assert asyncio.run(self.store.fold(self.now, after, state.writes(), notify=False))
        self.now = after

    def rows(self) -> list[dict[Any, Any]]:
        return [self.store.tables[table].rows for table in TABLES]

    def account(self) -> Account | None:
        """All of the account."""
        rows: dict[Lookup, list[Any]] = {}
        for lookup in LOOKUPS:
            if lookup.through is None and lookup.by == lookup.table.key:
                rows[lookup] = list(self.store.tables[lookup.table].rows.values())
        return next(iter(self.service.state(rows).accounts.values()), None)


def _input(step: Step) -> Input:
    account: str = step.message.account
    return Input(cast(Any, None), account, step.message, step.cause, b"body")


def _recorded(decision: Decision, step: Step, seq: int) -> Recorded:
    wire_type = registry.TYPE_OF[type(decision.fact)]
    value = registry.encode(decision.fact)
    return Recorded(
        *(decision.cause.id, decision.body, wire_type, millis(step.instant), seq, value),
        registry.decode(wire_type, value),
    )


sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def batches(things: Sequence[Any], by: Sequence[int]) -> Iterator[Sequence[Any]]:
    first = number = 0
    while first < len(things):
        size = by[number % len(by)]
        yield things[first : first + size]
        first, number = first + size, number + 1


@untimed
@given(programs, acts, sizes, sizes)
def test_7_what_a_batch_loads_is_enough(rules, history, by, by_facts):
    steps = unique(steps_of(history))
    whole = Story(program=rules).given(*steps).account
    shelf, folded = Shelf(rules), Shelf(rules)
    for batch in batches(steps, by):
        shelf.take(batch)
    for facts in batches(shelf.facts, by_facts):
        folded.replay(facts)
    assert shelf.account() == whole
    assert folded.rows() == shelf.rows()


@untimed
@given(programs, acts)
def test_7_the_same_input_gives_the_same_bytes(rules, history):
    steps = unique(steps_of(history))
    for (before, _), step in zip(pairwise([*played(rules, steps)]), steps, strict=True):
        stored = fold(before.history)
        message = step.message
        again = decide(stored, message, lambda *_: rules, step.cause, step.instant)
        once = decide(before.account, message, lambda *_: rules, step.cause, step.instant)
        assert [registry.encode(one.fact) for one in again] == [
            registry.encode(one.fact) for one in once
        ]
