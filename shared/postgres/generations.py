"""Fold versions as they are stored: the service's own number, then a generation, as in ``1.4``.

A fold is refused under any other version than the one it was decided under. So whoever changes
positions behind the back of living owners raises the generation: what they have under way is not
folded, and they open afresh. Pure.
"""

from collections.abc import Iterable

FIRST = 0


def version(fold_version: int, generation: int = FIRST) -> str:
    """As it is stored."""
    return f"{fold_version}.{generation}"


def of_service(stored: str) -> str:
    """The service's own number."""
    return stored.partition(".")[0]


def following(stored: str) -> str:
    """The same fold, in the next generation."""
    return f"{of_service(stored)}.{_generation(stored) + 1}"


def after(fold_version: int, stored: Iterable[str]) -> str:
    """A fold version in a generation after all of these."""
    return version(fold_version, max(map(_generation, stored), default=FIRST) + 1)


def _generation(stored: str) -> int:
    number = stored.partition(".")[2]
    return int(number) if number.isdecimal() else FIRST
