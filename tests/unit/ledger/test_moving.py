"""How an account moves, part by part: what is in a part, what is lost on the way, what fits."""

from typing import Any

import pytest

from shared.events import registry
from shared.events.merges import MergeAccepted, Part, PartMoved, PartTaken
from shared.events.topics import RECORD_BYTES_MAX
from shared.ledger import moving
from shared.ledger.account import InvariantError
from shared.ledger.evolve import evolve
from shared.ledger.moving import UNITS_PER_PART
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
