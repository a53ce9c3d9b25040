"""What is told of another version, for any change of the presets that makes a program.

1. Something is told if and only if the other version means something else.
2. Nothing is told of what both have: each change is told once.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.program.differences import UNSAID, differences
from shared.program.document import read_program
from shared.program.model import Program

PRESETS = sorted((Path(__file__).parents[3] / "programs").glob("*.yaml"))
WORDS = st.sampled_from(["2M", "monday", "3/2", "12:00-13:00", "12-24", "base", "shop"])
Where = tuple[str | int, ...]


def document_of(preset: Path) -> dict[str, Any]:
    read = read_program(preset.read_text("utf-8")).program
    assert read is not None
    return read.model_dump(mode="json", exclude_defaults=True)


DOCUMENTS = [document_of(preset) for preset in PRESETS]


def places(value: Any, where: Where = ()) -> list[Where]:
    """Every field and element of a document."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found = [place for name, part in inner for place in places(part, (*where, name))]
    return [where, *found] if where and where[0] not in UNSAID else found


@st.composite
def changes(draw: st.DrawFn) -> tuple[Program, Program]:
    """A preset, and what one changed place makes of it."""
    before = draw(st.sampled_from(DOCUMENTS))
    after = deepcopy(before)
    *path, last = draw(st.sampled_from(places(before)))
    parent: Any = after
    for name in path:
        parent = parent[name]
    value = parent[last]
    others: list[st.SearchStrategy[Any]] = [WORDS, st.none()]
    if isinstance(value, bool):
        others = [st.just(not value)]
    elif isinstance(value, int):
        others = [st.integers(value - 2, value + 9)]
    elif isinstance(value, list):
        others = [st.permutations(value), st.lists(st.sampled_from(value or [1]), max_size=4)]
    if draw(st.booleans()):
        parent[last] = draw(st.one_of(others))
    else:
        del parent[last]
    try:
        return Program.model_validate(before), Program.model_validate(after)
    except ValidationError:
        assume(False)
        raise


@given(changes())
def test_1_and_2_each_change_of_meaning_is_told_once(programs):
    before, after = programs
    told = differences(before, after)
    assert bool(told) == (before != after)
    assert len(set(told)) == len(told)
    assert differences(after, after) == []
