"""Something else in the place of a name, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

ABSENT = object()


@contextmanager
def replaced(where: object, name: str, other: object) -> Iterator[None]:
    """`other` stands where `name` stood, or where nothing stood."""
    kept = vars(where).get(name, ABSENT)
    setattr(where, name, other)
    try:
        yield
    finally:
        if kept is ABSENT:
            delattr(where, name)
        else:
            setattr(where, name, kept)
