"""Sets of offsets as bits say what sets of integers say."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cli.verify.bits import Offsets, runs

OFFSETS = st.sets(st.integers(0, 300))


def offsets(numbers: set[int]) -> Offsets:
    made = Offsets()
    for number in numbers:
        made.add(number)
    return made


@given(OFFSETS, OFFSETS, st.integers(0, 310), st.integers(0, 310))
def test_offsets_are_a_set(one: set[int], other: set[int], first: int, end: int):
    made = offsets(one)
    made.update(offsets(other))
    both = one | other
    assert {number for number in range(320) if number in made} == both
    assert list(made.missing(first, end)) == [n for n in range(first, end) if n not in both]


@given(OFFSETS, st.integers(1, 50), st.integers(1, 100))
def test_runs_cover_all_and_are_as_long_as_allowed(wanted: set[int], gap: int, size: int):
    ranges = list(runs(sorted(wanted), gap, size))
    covered = [number for first, end in ranges for number in range(first, end)]
    assert wanted <= set(covered)
    assert len(covered) == len(set(covered))
    assert all(end - first <= size for first, end in ranges)
    assert all(first in wanted and end - 1 in wanted for first, end in ranges)
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))


def test_what_is_near_is_read_together_and_what_is_far_apart():
    assert list(runs([1, 2, 5, 30, 31], gap=4, size=100)) == [(1, 6), (30, 32)]
