"""Histories of one account: awards, redemptions and ticks in any order, also with a deficit.

1. Every lot, every debit and the account add up, after every fact (I4).
2. Nothing is negative; anything due means that nothing is free (I3); nothing free is past its date.
3. Balances can be computed without lots: earned - clawed back - expired - debits + written off.
4. The records alone give the same account: a fold needs no program and no state beside them (I8).
5. Extra settles change no later decision, no state and no reading.
6. An account loaded in part decides and becomes the same as one loaded whole, in any batches.
7. Points are spent as a heap of single points would be: soonest expiry first, then oldest.
8. What is redeemed is exactly what its lots give, each lot but the last one drained.
9. Every refusal is justified by what was there; callers with a points each get floor(B / a) (I5).
10. The same account and the same input give the same bytes (I9).
11. Points that become free cover what is due first, oldest debit first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.redeem.decide import decide
from shared.events.awards import PointsEarned
from shared.events.commands import RedeemPoints
from shared.events.points import PointsCredited, PointsRedeemed, RedemptionRefused, RefusalReason
from shared.ledger.account import NEVER, Account, Debit, Due, Lot, changes
from shared.ledger.evolve import evolve
from tests.stories.setting import PLAIN, START, at, program
from tests.stories.steps import Step, earned, redeem, tick
from tests.stories.telling import Story, body_hash, fold, over_the_wire, owing

DAYS = 30
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PROGRAMS = [
    PLAIN,
    PLAIN,
    program(minimum=20, multiple=20, cap=100),
    program(above_limit="clip", minimum=10, multiple=10, cap=120),
    program(above_limit="clip", points=100, minor=3, max_share="50%"),
]
gaps = st.sampled_from([0, 0, 1, 1, 2, 3])
awards = st.sampled_from([0, 1, 10, 20, 30, 40, 50, 77, 120])
asked = st.sampled_from([0, 1, 20, 40, 55, 60, 80, 80, 100, 300])
orders = st.sampled_from([None, 0, 90, 200, 1_000, 10_000])
lifetimes = st.sampled_from([1, 2, 4, 8, 12, 20, None, None])
odd_dates = st.integers(-2, 6) | st.none()


class Act(NamedTuple):
    """A step before it has a time and a name: days since the last one, and what happens."""

    gap: int
    kind: str
    points: int
    first: int | None = None
    second: int | None = None


award = st.builds(Act, gaps, st.just("earn"), awards, st.none(), lifetimes)
odd_award = st.builds(Act, gaps, st.just("earn"), awards, odd_dates, odd_dates)
redemption = st.builds(Act, gaps, st.just("redeem"), asked, orders)
sweep = st.builds(Act, gaps, st.just("tick"), st.just(0))
some_acts = st.lists(
    st.sampled_from([award] * 4 + [redemption] * 4 + [odd_award, sweep]).flatmap(lambda act: act),
    min_size=4,
    max_size=20,
)
points_of_all_kinds = [
    Act(0, "earn", 40, None, 4),
    Act(0, "earn", 25, None, None),
    Act(0, "earn", 60, 3, 6),
    Act(0, "earn", 30, None, 2),
]
acts = some_acts | some_acts.map(lambda further: [*points_of_all_kinds, *further])


@st.composite
def debits_owing(draw: st.DrawFn) -> Story:
    """An account with one to three debits of which something is due, by up to three dates."""
    debits = []
    for number in range(draw(st.integers(1, 3))):
        days = sorted(draw(st.sets(st.integers(50, 90), max_size=2)))
        parts = [Due(draw(st.integers(1, 80)), at(day)) for day in days]
        if not parts or draw(st.booleans()):
            parts.append(Due(draw(st.integers(1, 80)), None))
        due = sum(part.points for part in parts)
        debits.append((f"debit {number}", due + draw(st.integers(0, 50)), tuple(parts)))
    return owing(*debits)


beginnings = st.just(Story()) | debits_owing()
programs = st.sampled_from(PROGRAMS)


def steps_of(history: Iterable[Act]) -> list[Step]:
    """The steps, each with its instant, lots and keys by their number."""
    steps, day = [], 0
    for number, act in enumerate(history):
        day += act.gap
        match act.kind:
            case "earn":
                first = None if act.first is None else day + act.first
                second = None if act.second is None else day + act.second
                name = f"lot {number}"
                steps.append(earned(act.points, name, active=first, expires=second, on=day))
            case "redeem":
                steps.append(redeem(act.points, f"key {number}", order_minor=act.first, on=day))
            case _:
                steps.append(tick(day))
    return steps


def played(begin: Story, steps: Iterable[Step]) -> Iterator[Story]:
    """The story after every step, the beginning first."""
    story = begin
    yield story
    for step in steps:
        story = story.when(step)
        yield story


@untimed
@given(beginnings, programs, acts)
def test_1_everything_adds_up(begin, rules, history):
    for story in played(begin.under(rules), steps_of(history)):
        account = story.account
        if account is None:
            continue
        lots, debits = account.lots.values(), account.debits.values()
        for lot in lots:
            assert lot.original == lot.free + lot.used + lot.expired + lot.clawed
        for debit in debits:
            assert debit.amount == debit.covered + debit.due + debit.waived
            assert debit.covered == sum(points for _, points in debit.allocation)
        for lot in lots:
            held = [n for debit in debits for lot_id, n in debit.allocation if lot_id == lot.lot_id]
            assert lot.used == sum(held)
        assert account.earned == sum(lot.original for lot in lots)
        assert account.free == sum(lot.free for lot in lots)
        assert account.used == sum(lot.used for lot in lots)
        assert account.expired == sum(lot.expired for lot in lots)
        assert account.clawed_back == sum(lot.clawed for lot in lots)
        assert account.redeemed == sum(debit.amount for debit in debits)
        assert account.due == sum(debit.due for debit in debits)
        assert account.balance == account.free + account.held - account.due


@untimed
@given(beginnings, programs, acts)
def test_2_nothing_is_negative_and_nothing_free_while_something_is_due(begin, rules, history):
    for story in played(begin.under(rules), steps_of(history)):
        if story.account is not None:
            assert story.account.available(story.now) >= 0
            assert min(story.reading()) >= 0
            for lot in story.account.lots.values():
                assert min(lot.free, lot.used, lot.expired, lot.clawed) >= 0
                assert not (lot.free and lot.is_past(story.now))
            assert not (story.account.due and story.account.free)


@untimed
@given(beginnings, programs, acts)
def test_3_balances_can_be_computed_without_lots(begin, rules, history):
    for story in played(begin.under(rules), steps_of(history)):
        account = story.account
        if account is not None:
            seen = story.reading()
            debits = sum(debit.amount for debit in account.debits.values())
            expected = seen.earned - seen.clawed_back - seen.expired - debits + seen.written_off
            assert seen.available + seen.pending - seen.deficit == expected
            assert seen.balance == expected


@untimed
@given(beginnings, programs, acts)
def test_4_the_records_alone_give_the_same_account(begin, rules, history):
    *_, story = played(begin.under(rules), steps_of(history))
    assert fold(story.history, begin.account) == story.account


@untimed
@given(beginnings, programs, acts, st.none() | st.lists(st.integers(0, DAYS)))
def test_5_extra_settles_change_no_later_decision(begin, rules, history, sweeps):
    steps = steps_of(history)
    end = tick(max([at(DAYS), *[step.instant for step in steps]]))
    days = range((end.instant - START).days) if sweeps is None else sweeps
    swept = sorted([*steps, *[tick(day) for day in days]], key=lambda step: step.instant)
    plain = begin.under(rules).given(*steps, end)
    other = begin.under(rules).given(*swept, end)
    assert [record[1:] for record in other.history] == [record[1:] for record in plain.history]
    assert other.causes == plain.causes
    if plain.account is not None and other.account is not None:
        assert plain.account._replace(last_at=START) == other.account._replace(last_at=START)


@untimed
@given(beginnings, programs, acts)
def test_5_a_reading_is_the_same_with_and_without_a_sweep(begin, rules, history):
    story = begin.under(rules).given(*steps_of(history))
    if story.account is not None:
        for days in range(12):
            later = story.now + timedelta(days=days)
            assert story.reading(later) == story.when(tick(later)).reading(later)


@dataclass
class Shelf:
    """Rows as a store keeps them, and the part of them that a batch needs."""

    row: Account | None = None
    lots: dict[UUID, Lot] = field(default_factory=dict)
    debits: dict[UUID, Debit] = field(default_factory=dict)

    def load(self, batch: Sequence[Step]) -> Account | None:
        """All open lots if something is to be spent, else only those past their date."""
        if self.row is None:
            return None
        spends = any(isinstance(step.message, RedeemPoints) for step in batch)
        last = batch[-1].instant
        return self.row._replace(
            lots={
                k: lot for k, lot in self.lots.items() if lot.free and (spends or lot.is_past(last))
            },
            debits={k: debit for k, debit in self.debits.items() if debit.due},
        )

    def write(self, before: Account | None, after: Account | None) -> None:
        """The rows that changed."""
        if after is not None:
            lots, debits = changes(before, after)
            self.lots |= {lot.lot_id: lot for lot in lots}
            self.debits |= {debit.debit_id: debit for debit in debits}
            self.row = after._replace(lots={}, debits={})


@untimed
@given(beginnings, programs, acts, st.lists(st.integers(1, 6), min_size=1))
def test_6_an_account_loaded_in_part_becomes_the_same(begin, rules, history, sizes):
    steps = steps_of(history)
    whole = begin.under(rules).given(*steps).account
    shelf = Shelf()
    shelf.write(None, begin.account)
    taken = 0
    while taken < len(steps):
        batch = steps[taken : taken + sizes[taken % len(sizes)]]
        taken += len(batch)
        before = shelf.load(batch)
        account: Account | None = before
        for step in batch:
            for decision in decide(
                account, step.message, lambda *_: rules, step.cause, step.instant
            ):
                account = evolve(account, decision.fact, step.instant)
        shelf.write(before, account)
    if whole is None:
        assert shelf.row is None
    else:
        assert shelf.row == whole._replace(lots={}, debits={})
        assert shelf.lots == whole.lots
        assert shelf.debits == whole.debits


class Coin(NamedTuple):
    """One point."""

    expires_at: datetime
    number: int
    lot_id: UUID
    active_from: datetime


class Purse:
    """The simplest account: a heap of single points, spent one at a time."""

    def __init__(self, due: int) -> None:
        self.coins: list[Coin] = []
        self.due = due
        self.lots = 0

    def put(self, award: PointsEarned, now: datetime) -> None:
        self.lots += 1
        gone = award.expires_at or NEVER
        for _ in range(award.points):
            if gone > now and gone > award.active_from:
                if self.due:
                    self.due -= 1
                else:
                    coin = Coin(gone, self.lots, award.award_id, award.active_from)
                    self.coins.append(coin)

    def spendable(self, now: datetime) -> list[Coin]:
        return sorted(c for c in self.coins if c.active_from <= now < c.expires_at)

    def take(self, points: int, now: datetime) -> list[UUID]:
        taken = self.spendable(now)[:points]
        for coin in taken:
            self.coins.remove(coin)
        return [coin.lot_id for coin in taken]


@settings(untimed, max_examples=50)
@given(beginnings, programs, acts)
def test_7_points_are_spent_one_by_one_in_order(begin, rules, history):
    story = begin.under(rules)
    purse = Purse(story.account.due if story.account else 0)
    for step in steps_of(history):
        story = story.when(step)
        if isinstance(step.message, PointsEarned):
            purse.put(step.message, story.now)
        for fact in story.last:
            if isinstance(fact, PointsRedeemed):
                each = [share.lot_id for share in fact.allocation for _ in range(share.points)]
                assert each == purse.take(fact.points, story.now)
        if story.account is not None:
            assert story.account.available(story.now) == len(purse.spendable(story.now))
            assert story.account.due == purse.due


@untimed
@given(beginnings, programs, acts)
def test_8_what_is_redeemed_is_what_its_lots_give(begin, rules, history):
    for before, after in pairwise(played(begin.under(rules), steps_of(history))):
        for fact in after.last:
            if isinstance(fact, PointsRedeemed):
                assert fact.points == sum(share.points for share in fact.allocation) > 0
                assert fact.points <= fact.asked
                for share in fact.allocation[:-1]:
                    assert before.open_account.lots[share.lot_id].free == share.points
                assert after.reading().redeemed == before.reading().redeemed + fact.points


def is_justified(fact: RedemptionRefused, before: Account | None, now: datetime) -> bool:
    """Whether the numbers of a refusal are those of the account, and explain it."""
    available = before.available(now) if before is not None else 0
    match fact.reason:
        case RefusalReason.ACCOUNT_UNKNOWN:
            return before is None
        case RefusalReason.BELOW_MINIMUM:
            most = fact.asked if fact.limit is None else min(fact.asked, fact.limit)
            return fact.minimum is not None and most < fact.minimum
        case RefusalReason.NOT_A_MULTIPLE:
            return fact.multiple is not None and fact.asked % fact.multiple > 0
        case RefusalReason.INSUFFICIENT_POINTS:
            needed = available + (fact.missing or 0)
            return fact.available == available < needed <= fact.asked
        case RefusalReason.LIMIT_REACHED:
            return fact.limit is not None and fact.limit < fact.asked <= available
        case _:
            return False


@untimed
@given(beginnings, programs, acts)
def test_9_every_refusal_is_justified_by_what_was_there(begin, rules, history):
    for before, after in pairwise(played(begin.under(rules), steps_of(history))):
        settled = before.account
        for fact in after.last:
            if isinstance(fact, RedemptionRefused):
                assert is_justified(fact, settled, after.now)
            else:
                settled = evolve(settled, fact, after.now)


@untimed
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=10),
    st.integers(1, 60),
    st.integers(1, 20),
)
def test_9_of_equal_redemptions_exactly_as_many_as_fit_are_accepted(lots, each, callers):
    story = Story().given(*[earned(points, f"lot {i}") for i, points in enumerate(lots)])
    accepted = 0
    for caller in range(callers):
        story = story.when(redeem(each, f"caller {caller}"))
        accepted += isinstance(story.last[0], PointsRedeemed)
    assert accepted == min(callers, sum(lots) // each)


@untimed
@given(beginnings, programs, acts)
def test_10_the_same_input_gives_the_same_bytes(begin, rules, history):
    steps = steps_of(history)
    for story, step in zip(played(begin.under(rules), steps), steps, strict=False):
        assert body_hash(story.when(step).last) == body_hash(story.when(step).last)
        # as it comes out of a store: nothing but values, no identity
        stored = story.account and fold(story.history, begin.account)
        again = decide(stored, step.message, lambda *_: rules, step.cause, step.instant)
        facts = tuple(over_the_wire(decision.fact) for decision in again)
        assert body_hash(facts) == body_hash(story.when(step).last)


@untimed
@given(debits_owing(), programs, acts)
def test_11_what_becomes_free_covers_what_is_due_oldest_first(begin, rules, history):
    for before, after in pairwise(played(begin.under(rules), steps_of(history))):
        debits = sorted(before.open_account.debits.values(), key=lambda debit: debit.order)
        for fact in after.last:
            if isinstance(fact, PointsCredited) and fact.covers:
                owing_before = [debit for debit in debits if debit.due]
                covered = [share.debit_id for share in fact.covers]
                assert covered == [debit.debit_id for debit in owing_before][: len(covered)]
                drained = [after.open_account.debits[debit_id].due == 0 for debit_id in covered]
                assert all(drained[:-1])
                given_out = sum(share.points for share in fact.covers)
                assert given_out == min(fact.points, before.open_account.due)
            elif isinstance(fact, PointsCredited) and not fact.expired:
                assert not (fact.points and before.open_account.due)
