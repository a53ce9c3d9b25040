"""How an account moves, part by part: what is in a part, what is lost on the way, what fits."""

from datetime import timedelta
from typing import Any

import pytest

from shared.events import registry
from shared.events.commands import AdjustPoints, CapturePoints, HoldPoints
from shared.events.merges import MergeAccepted, Part, PartMoved, PartTaken
from shared.events.topics import RECORD_BYTES_MAX
from shared.ledger import moving
from shared.ledger.account import Account, InvariantError
from shared.ledger.evolve import evolve
from shared.ledger.moving import UNITS_PER_PART, parts_of
from tests import rewards
from tests.rewards import Rewards, reward
from tests.stories.setting import named
from tests.stories.telling import loaded_otherwise
from tests.worlds import DAY, START, World, coffee

UNTIL = START + 30 * DAY


def world(**returns: str) -> World:
    """Jo with a lot of 100 and Flo with one of 200; `returns` is the program's policy."""
    made = World(coffee(returns=returns))
    made.earn("jo", 100, "first", brand="south", expires_at=UNTIL)
    made.earn("flo", 200, "own")
    return made


def merged(made: World) -> World:
    made.merge("jo", "flo")
    made.carry()
    return made


def parts_in(made: World) -> list[Part]:
    return [fact.part for fact in made.facts if isinstance(fact, PartMoved)]


def test_lots_and_debits_are_as_they_were():
    made = world()
    made.spend("jo", 30)
    made.earn("jo", 50, "late")
    made.bring_back("jo", 40, "first")
    jo = made.accounts["coffee:jo"]
    told: dict[str, Any] = {
        "graced": True,
        "sliding": True,
        "awaits": "delivered",
        "promised": UNTIL + DAY,
    }
    lots = {lot_id: lot._replace(**told) for lot_id, lot in jo.lots.items()}
    made.accounts["coffee:jo"] = jo._replace(lots=lots)
    merged(made)
    flo = made.member("flo")
    for lot in lots.values():
        assert flo.lots[lot.lot_id] == lot._replace(account=flo.key)
    for debit in jo.debits.values():
        assert flo.debits[debit.debit_id] == debit._replace(account=flo.key)
    assert flo.debits


def lived() -> Rewards:
    """Jo has held, captured, given and been given points, redeemed and lost some, and owes some."""
    terms = {"deficit": "written_off", "write_off_after": "30D"}
    made = Rewards(rewards.coffee(reward(points=3), transfers={}, returns=terms))
    jo: dict[str, Any] = {"account": "coffee:jo"}
    made.earn("jo", 10, "short", expires_at=START + DAY)
    made.now += DAY
    made.earn("jo", 100, "first", brand="south", expires_at=UNTIL)
    for member in ("max", "flo"):
        made.earn(member, 200, "own")
    held = made.say(HoldPoints(**jo, idempotency_key="h", points=40))
    made.say(CapturePoints(**jo, idempotency_key="c", hold_id=held.hold_id, points=30))
    for direction in ("add", "deduct"):
        adjusted = {**jo, "idempotency_key": direction, "direction": direction, "points": 7}
        made.say(AdjustPoints(**adjusted, actor="ann", reason="goodwill"))
    made.give("max", "jo", 50)
    for key in ("1", "2", "3"):
        made.give("jo", "max", 5, key=f"gift {key}")
        made.redeem("jo", key=f"cup {key}")
    made.carry()
    made.spend("jo", made.member("jo").free)
    made.bring_back("jo", 60, "first")
    return made


@pytest.mark.parametrize("units", [2, 3, UNITS_PER_PART])
def test_what_a_member_has_lived_through_is_the_other_accounts(
    units: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(moving, "UNITS_PER_PART", units)
    made = lived()
    jo, flo = made.member("jo"), made.member("flo")
    assert all((jo.earned, jo.redeemed, jo.expired, jo.clawed_back, jo.due))
    assert all((jo.added, jo.deducted, jo.received, jo.sent))
    merged(made)
    after = made.member("flo")
    names = set(Account._fields[4:17]) - {"free", "due"}
    assert {name: getattr(after, name) for name in names} == {
        name: getattr(jo, name) + getattr(flo, name) for name in names
    }
    assert after.balance == jo.balance + flo.balance
    assert all(debit.due == 0 for debit in after.debits.values())
    for debit in jo.debits.values():
        there = after.debits[debit.debit_id]
        assert there.allocation[: len(debit.allocation)] == debit.allocation
        untouched: dict[str, Any] = {"account": flo.key, "covered": 0, "owed": (), "allocation": ()}
        assert there._replace(**untouched) == debit._replace(**untouched)


def test_nothing_is_left_of_what_has_moved():
    jo = merged(lived()).member("jo")
    assert not any(jo.sums)
    for lot in jo.lots.values():
        assert (lot.original, lot.free, lot.used, lot.expired, lot.clawed, lot.order) == (0,) * 6
    for debit in jo.debits.values():
        assert (debit.amount, debit.allocation, debit.owed, debit.order) == (0, (), (), 0)


@pytest.mark.parametrize(("early", "written_off"), [(DAY, 0), (0 * DAY, 1)])
def test_what_is_due_there_too_is_due_until_its_date(early: timedelta, written_off: int):
    """Flo owes as much as she can, so nothing covers what Jo owes."""
    made = lived()
    made.spend("flo", 200, "all")
    made.bring_back("flo", 200, "own")
    owes = [debit for debit in made.member("jo").debits.values() if debit.settles_at is not None]
    [date] = {debit.settles_at for debit in owes}
    assert date is not None
    made.merge("jo", "flo")
    while not isinstance(made.facts[-1], PartMoved):
        made.say(made.letters[0].command)
    made.now = date - early - timedelta(seconds=1)  # what is said takes a second
    made.say(made.letters[0].command)
    for debit in owes:
        there = made.member("flo").debits[debit.debit_id]
        assert there.owed == (() if written_off else debit.owed)
        assert there.waived == written_off * debit.due


def test_in_which_order_rows_come_makes_no_difference_to_the_parts():
    made = lived()
    account, shelf = made.member("jo"), made.shelf
    claims, transfers = shelf.claims_of(account.key), shelf.transfers_of(account.key)
    assert len(claims) == len(transfers) == 3
    turned = loaded_otherwise(account)
    [part] = parts = parts_of(account, claims, transfers)
    for told in (part.claims, part.transfers):
        assert [item.order for item in told] == sorted(item.order for item in told)
    assert parts_of(turned, claims[::-1], transfers[::-1]) == parts


def test_a_large_account_moves_in_parts():
    made = world()
    for number in range(500):
        made.earn("jo", 2, f"lot {number}")
    made.spend("jo", 600, "many lots")
    made.spend("jo", 3, "few lots")
    merged(made)
    parts = [fact for fact in made.facts if isinstance(fact, PartMoved)]
    assert len(parts) > 2
    assert [fact.last for fact in parts] == [*[False] * (len(parts) - 1), True]
    flo = made.member("flo")
    assert (flo.earned, flo.redeemed, flo.free) == (1_300, 603, 697)
    assert len(flo.debits) == 2
    flo.check()


def test_a_part_fits_a_record_twice_over():
    made, widest = world(), "🛒" * 128
    for number in range(2 * UNITS_PER_PART):
        name = f"{number:04}{widest[4:]}"
        made.earn("jo", 1, name, brand=widest, expires_at=UNTIL)
    made.spend("jo", 2 * UNITS_PER_PART)
    merged(made)
    parts = [registry.encode(fact) for fact in made.facts if isinstance(fact, PartMoved)]
    assert len(parts) > 2
    assert max(map(len, parts)) < RECORD_BYTES_MAX / 2


def test_parts_with_debits_of_many_lots_and_claims_fit_a_record_twice_over():
    """Of debits the lots that they name count, of claims their codes."""
    made = lived()
    account = made.member("jo")
    [debit, *_] = (each for each in account.debits.values() if each.allocation)
    many = debit._replace(allocation=debit.allocation[:1] * 1_000)
    debits = {named(str(number)): many for number in range(40)}
    [claim, *_] = made.shelf.claims_of(account.key)
    reward, stock = "r" * 64, f"{'p' * 64}:~reward~{'r' * 64}"
    widest = claim._replace(code="🛒" * 128, brand="🛒" * 128, reward=reward, stock=stock)
    parts = parts_of(account._replace(debits=debits), [widest] * 400, [])
    fact = next(fact for fact in merged(made).facts if isinstance(fact, PartMoved))
    sizes = [len(registry.encode(fact.model_copy(update={"part": part}))) for part in parts]
    assert len(sizes) > 2
    assert max(sizes) < RECORD_BYTES_MAX / 2


def test_a_debit_of_many_lots_moves_in_pieces_in_its_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(moving, "ENTRIES_PER_PIECE", 10)
    monkeypatch.setattr(moving, "UNITS_PER_PART", 8)
    made = world()
    for number in range(35):
        made.earn("jo", 2, f"lot {number}", expires_at=UNTIL + number * DAY)
    made.spend("jo", 110)
    made.bring_back("jo", 100, "first")
    [before] = made.member("jo").debits.values()
    merged(made)
    [after] = made.member("flo").debits.values()
    covered = len(before.allocation)
    assert covered > 10
    assert after.allocation[:covered] == before.allocation
    assert (after.amount, after.due, made.member("flo").free) == (110, 0, 200 - before.due)


@pytest.mark.parametrize("kept", range(1, 9))
def test_what_has_moved_is_not_moved_again_if_the_other_parts_were_lost(
    kept: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(moving, "UNITS_PER_PART", 3)
    made, cut = world(), world()
    for each in (made, cut):
        for number in range(12):
            each.earn("jo", 2, f"lot {number}")
        for number in range(9):
            each.spend("jo", 12, f"spent {number}")
    merged(made)
    cut.merge("jo", "flo")
    while not isinstance(cut.facts[-1], MergeAccepted):
        cut.say(cut.letters[0].command)
    cut.say(cut.letters[0].command, lose_after=kept)
    cut.earn("jo", 5, "meanwhile")
    cut.carry()
    assert not any(cut.member("jo").sums)
    assert parts_in(cut) == parts_in(made)
    assert cut.member("flo").free == made.member("flo").free + 5
    assert cut.member("flo").debits == made.member("flo").debits


def test_what_is_waived_of_a_debit_in_pieces_comes_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(moving, "ENTRIES_PER_PIECE", 4)
    made = world(deficit="unspent_only")
    for number in range(9):
        made.earn("jo", 2, f"lot {number}")
    made.spend("jo", 118)
    made.bring_back("jo", 100, "first")
    merged(made)
    flo = made.member("flo")
    assert (flo.written_off, flo.redeemed, flo.free) == (100, 118, 200)


def test_lots_and_debits_move_in_the_order_of_their_age():
    made = world()
    for number in range(8):
        made.earn("jo", 2, f"lot {number}")
        made.spend("jo", 3, f"spent {number}")
    [part] = parts_in(merged(made))
    for items in (part.lots, part.debits):
        assert [item.order for item in items] == sorted(item.order for item in items)
    assert [debit.made_at for debit in part.debits] == sorted(d.made_at for d in part.debits)


def moved_of(made: World) -> PartMoved:
    """The only part of Jo's account, which has not moved yet."""
    made.spend("jo", 30)
    account, before = made.member("jo"), len(made.facts)
    merged(made)
    made.accounts["coffee:jo"] = account
    [fact] = [fact for fact in made.facts[before:] if isinstance(fact, PartMoved)]
    return fact


@pytest.mark.parametrize(
    "change",
    [
        lambda part: {"lots": (part.lots[0].model_copy(update={"free": 69}),)},
        lambda part: {"debits": (part.debits[0].model_copy(update={"waived": 1}),)},
        lambda part: {"debits": (), "earned": 70},
        lambda part: {"earned": part.earned - 1},
    ],
    ids=["another lot", "another debit", "something stays", "other totals"],
)
def test_a_part_that_does_not_fit_is_no_part_of_the_account(change: Any):
    made = world()
    fact = moved_of(made)
    account = made.member("jo")
    assert not any(evolve(account, fact, made.now).sums)
    wrong = fact.model_copy(update={"part": fact.part.model_copy(update=change(fact.part))})
    with pytest.raises(InvariantError):
        evolve(account, wrong, made.now)


def test_a_part_is_taken_in_once():
    made = merged(world())
    [taken] = [fact for fact in made.facts if isinstance(fact, PartTaken)]
    with pytest.raises(InvariantError):
        evolve(made.member("flo"), taken, made.now)
