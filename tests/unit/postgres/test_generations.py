"""Stored fold versions: another generation for whoever must not fold any more."""

import pytest

from shared.postgres.generations import after, following, of_service, version


@pytest.mark.parametrize(
    ("stored", "next_one"), [("1.0", "1.1"), ("1.9", "1.10"), ("12.3", "12.4"), ("3", "3.1")]
)
def test_a_generation_follows(stored: str, next_one: str):
    assert following(stored) == next_one
    assert of_service(following(stored)) == of_service(stored)


@pytest.mark.parametrize(
    ("fold_version", "stored", "expected"),
    [
        (1, [], "1.1"),
        (1, ["1.0", "1.4", "1.2"], "1.5"),
        (2, ["1.3"], "2.4"),
        (1, ["replaced"], "1.1"),
    ],
)
def test_a_rebuild_comes_after_all_that_is_stored(
    fold_version: int, stored: list[str], expected: str
):
    assert after(fold_version, stored) == expected
    assert expected not in stored


def test_a_first_generation():
    assert version(3) == "3.0"
