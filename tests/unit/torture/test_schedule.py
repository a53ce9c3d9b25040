"""The schedule of a campaign: the same for a seed, every fault in it, and peace between them."""

from itertools import islice

import pytest

from cli.torture.points import Point
from cli.torture.schedule import ALONE, OTHERS, Fault, Kind, Round, rounds

MANY = 2_000


def first(seed: int, count: int = MANY) -> list[Round]:
    return list(islice(rounds(seed), count))


def faults(seed: int) -> list[Fault]:
    return [fault for drawn in first(seed) for fault in drawn]


def test_a_seed_gives_the_same_rounds_and_another_one_others():
    assert first(7) == first(7)
    assert first(7) != first(8)


def test_every_fault_strikes_and_processes_die_at_every_point():
    struck = faults(1)
    assert {fault.kind for fault in struck} == set(Kind)
    assert {fault.point for fault in struck if fault.kind is Kind.KILL_AT} == set(Point)


@pytest.mark.parametrize("seed", range(5))
def test_there_is_peace_between_rounds_and_every_other_round_kills(seed: int):
    drawn = first(seed)
    peaceful = [one for one in drawn if not one]
    assert MANY / 5 < len(peaceful) < MANY / 2
    for one in drawn:
        assert not one or any(fault.kind in {Kind.KILL, Kind.KILL_AT} for fault in one)


@pytest.mark.parametrize("seed", range(5))
def test_what_needs_the_servers_to_itself_has_no_other_fault_beside_it(seed: int):
    for one in first(seed):
        company = [fault.kind for fault in one if fault.kind in OTHERS]
        assert len(company) == 1 or not set(company) & ALONE


def test_only_the_faults_that_are_named_come_with_the_kills():
    named = {Kind.BROKER, Kind.ZOMBIE}
    struck = {fault.kind for drawn in islice(rounds(1, named), MANY) for fault in drawn}
    assert struck == named | {Kind.KILL, Kind.KILL_AT}


def test_the_api_has_no_turn_to_die_in():
    assert "query" not in {fault.service for fault in faults(2) if fault.kind is Kind.KILL_AT}
