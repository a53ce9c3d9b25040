"""Which version counts when, and which publications contradict what is published."""

from datetime import UTC, datetime

import pytest

from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.model import Program
from tests.receipts import BASE, program


def version(number: int, start: str, *brands: str, of: str = "shop") -> Program:
    named = list(brands) or [of]
    return program(BASE, program=of, version=number, effective_from=start, brands=named)


def catalogue(*programs: Program) -> Catalogue:
    built = Catalogue()
    for each in programs:
        built = built.with_version(each)
    return built


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


FIRST = version(1, "2026-01-01")
SECOND = version(2, "2026-06-01")


@pytest.mark.parametrize(
    ("case", "published", "day", "number"),
    [
        ("before the first", [FIRST], "2025-12-31", None),
        ("from its first instant", [FIRST], "2026-01-01", 1),
        ("until the second", [FIRST, SECOND], "2026-05-31", 1),
        ("from the second on", [FIRST, SECOND], "2026-06-01", 2),
        ("in whatever order", [SECOND, FIRST], "2026-05-31", 1),
        ("with gaps", [FIRST, version(7, "2026-06-01")], "2026-06-01", 7),
        ("two at one instant", [FIRST, version(2, "2026-01-01")], "2026-01-01", 2),
        ("a later one that starts earlier", [SECOND, version(3, "2026-02-01")], "2026-03-01", 3),
        ("gives way to the later start", [SECOND, version(3, "2026-02-01")], "2026-06-01", 2),
        ("an unknown program", [version(1, "2026-01-01", of="other")], "2026-06-01", None),
    ],
)
def test_the_version_with_the_latest_start_counts(
    case: str, published: list[Program], day: str, number: int | None
):
    counts = catalogue(*published).version_at("shop", at(day))
    assert (counts.version if counts else None) == number


def test_a_catalogue_lists_what_is_published():
    built = catalogue(SECOND, FIRST, version(1, "2026-01-01", of="cafe"))
    assert built.programs == ("cafe", "shop")
    assert built.versions("shop") == (FIRST, SECOND)
    assert built.latest("shop") is SECOND
    assert built.version("shop", 1) is FIRST
    assert built.version("shop", 3) is None
    assert (built.latest("other"), built.versions("other")) == (None, ())


def test_of_several_versions_the_highest_number_is_the_latest():
    third = version(3, "2026-02-01")
    for published in ([FIRST, SECOND, third], [third, SECOND, FIRST], [FIRST]):
        assert catalogue(*published).latest("shop") is max(published, key=lambda one: one.version)


def test_an_empty_catalogue_knows_no_program_and_no_brand():
    assert Catalogue().programs == ()
    assert Catalogue().program_of_brand("shop", at("2026-01-01")) is None
    assert Catalogue().version_at("shop", at("2026-01-01")) is None


def test_a_program_that_has_given_a_brand_away_goes_on():
    built = catalogue(
        version(1, "2026-01-01", "a", "b", of="one"),
        version(2, "2026-06-01", "b", of="one"),
        version(1, "2026-06-01", "a", of="two"),
        version(3, "2026-07-01", "b", "c", of="one"),
    )
    found = built.program_of_brand("a", at("2026-07-01"))
    assert found is not None
    assert found.program == "two"


def test_publishing_leaves_the_catalogue_as_it_was():
    before = catalogue(FIRST)
    after = before.with_version(SECOND)
    assert (before.versions("shop"), after.versions("shop")) == ((FIRST,), (FIRST, SECOND))


def test_the_same_version_again_changes_nothing():
    built = catalogue(FIRST, SECOND)
    assert built.with_version(version(1, "2026-01-01")) is built


def test_a_version_never_changes():
    with pytest.raises(CatalogueError, match=r"version 1 of shop .* publish it as version 3"):
        catalogue(FIRST, SECOND).with_version(version(1, "2026-02-01"))


@pytest.mark.parametrize(
    ("brand", "day", "name"),
    [
        ("a", "2026-01-01", "one"),
        ("a", "2026-05-31", "one"),
        ("a", "2026-06-01", "two"),
        ("b", "2026-06-01", "one"),
        ("c", "2026-01-01", None),
        ("c", "2026-06-01", "two"),
        ("d", "2026-06-01", None),
    ],
)
def test_a_brand_belongs_to_the_program_that_names_it_then(brand: str, day: str, name: str | None):
    built = catalogue(
        version(1, "2026-01-01", "a", "b", of="one"),
        version(2, "2026-06-01", "b", of="one"),
        version(1, "2026-06-01", "a", "c", of="two"),
    )
    found = built.program_of_brand(brand, at(day))
    assert (found.program if found else None) == name


@pytest.mark.parametrize(
    ("case", "conflicting"),
    [
        ("from its own start", version(1, "2026-03-01", "x", "a", of="two")),
        ("from the other's start", version(1, "2000-01-01", "a", of="two")),
        ("for a while", version(1, "2026-05-31", "a", of="two")),
    ],
)
def test_a_brand_of_two_programs_is_refused(case: str, conflicting: Program):
    built = catalogue(
        version(1, "2026-01-01", "a", of="one"), version(2, "2026-06-01", "b", of="one")
    )
    with pytest.raises(CatalogueError, match=r"the brand a would belong to two .* and to one"):
        built.with_version(conflicting)


def test_a_version_that_never_counts_takes_no_brand():
    built = catalogue(
        version(1, "2026-01-01", "a", of="one"),
        version(2, "2026-01-01", "b", of="one"),
        version(1, "2026-01-01", "a", of="two"),
    )
    found = built.program_of_brand("a", at("2026-03-01"))
    assert found is not None
    assert found.program == "two"
