"""The catalogue against its definition, for versions that were published in any order.

At each instant that version of a program counts which started last by then (of two that started at
once the higher number); a brand is of two programs at no instant, and what would make it so is all
that is refused.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.model import Program
from tests.receipts import BASE, program

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, NAMES, BRANDS = 6, ("shop", "mall"), ("shop", "mall", "bar")


def version(name: str, number: int, day: int, brands: frozenset[str]) -> Program:
    start = str((FIRST + timedelta(days=day)).date())
    named = sorted(brands)
    return program(BASE, program=name, version=number, effective_from=start, brands=named)


VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from(NAMES),
        st.integers(1, 9),
        st.integers(0, DAYS - 1),
        st.frozensets(st.sampled_from(BRANDS), min_size=1),
    ),
    max_size=8,
    unique_by=lambda each: (each.program, each.version),
)
INSTANTS = [FIRST + timedelta(days=day, hours=hours) for day in range(-1, DAYS) for hours in (0, 9)]


def counting(published: list[Program], name: str, at: datetime) -> Program | None:
    started = [each for each in published if each.program == name and each.starts_at <= at]
    return max(started, key=lambda each: (each.starts_at, each.version), default=None)


def owners(published: list[Program], brand: str, at: datetime) -> list[str]:
    found = (counting(published, name, at) for name in NAMES)
    return [each.program for each in found if each is not None and brand in each.brands]


@given(VERSIONS)
def test_what_is_published_is_what_contradicts_nothing(offered):
    published: list[Program] = []
    catalogue = Catalogue()
    for each in offered:
        everywhere = product(BRANDS, INSTANTS)
        shared = any(len(owners([*published, each], brand, at)) > 1 for brand, at in everywhere)
        try:
            catalogue = catalogue.with_version(each)
        except CatalogueError:
            assert shared
        else:
            assert not shared
            published.append(each)
    for at in INSTANTS:
        for name in NAMES:
            assert catalogue.version_at(name, at) == counting(published, name, at)
        for brand in BRANDS:
            owner = catalogue.program_of_brand(brand, at)
            assert ([owner.program] if owner else []) == owners(published, brand, at)
    for name in NAMES:
        versions = sorted((each for each in published if each.program == name), key=_number)
        assert list(catalogue.versions(name)) == versions
        found = [catalogue.version(name, number) for number in range(1, 10)]
        assert [each for each in found if each is not None] == versions


def _number(each: Program) -> int:
    return each.version
