"""What another version of a program changes, in words.

Guarantees: two programs have the same meaning if and only if nothing is told, apart from their
names and versions; values are written as in the document. Lists whose order means nothing are told
by what is new and what is gone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.program.model import Program

NAMED = {"rules": "rule", "rewards": "reward", "currencies": "currency"}
"""Lists of named parts, by the field that names them."""
UNSAID = ("program", "version")
SHOWN_CHARACTERS_MAX = 200


def differences(before: Program, after: Program) -> list[str]:
    """Each change of `after` against `before`, in the order of the document."""
    was, is_now = (_written(program) for program in (before, after))
    return list(_of_fields(was, is_now, ""))


def _written(program: Program) -> dict[str, Any]:
    document = program.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in document.items() if name not in UNSAID}


def _of_fields(was: Mapping[str, Any], is_now: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in dict.fromkeys((*was, *is_now)):
        field = f"{where}{name}"
        old, new = was.get(name), is_now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _of_fields(old, new, f"{field}.")
        elif isinstance(old, list) and isinstance(new, list) and not _holds_parts(old + new):
            yield from _of_list(old, new, field)
        elif isinstance(old, list) and isinstance(new, list) and name in NAMED:
            yield from _of_named(old, new, NAMED[name], where)
        elif old is None:
            yield f"{field} is new: {_shown(new)}"
        elif new is None:
            yield f"{field} is gone: it was {_shown(old)}"
        else:
            yield f"{field} is {_shown(new)}; it was {_shown(old)}"


def _of_named(old: list[Any], new: list[Any], by: str, where: str) -> Iterator[str]:
    """Parts that have names: which are new, gone, changed, and whether their order is another."""
    before, after = ({part[by]: part for part in parts} for parts in (old, new))
    for name, part in before.items():
        if name not in after:
            yield f"{by} {name} is gone: it was {_shown(_unnamed(part, by))}"
    for name, part in after.items():
        if name not in before:
            yield f"{by} {name} is new: {_shown(_unnamed(part, by))}"
        else:
            yield from (f"{by} {name}: {said}" for said in _of_fields(before[name], part, ""))
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield f"{where or ''}{by}s stand in another order: {', '.join(after)}"


def _of_list(old: list[Any], new: list[Any], field: str) -> Iterator[str]:
    added = [value for value in new if value not in old]
    gone = [value for value in old if value not in new]
    if added:
        yield f"{field} has {_listed(added)} now"
    if gone:
        yield f"{field} has {_listed(gone)} no more"
    if not added and not gone:
        yield f"{field} is {_listed(new)}; it was {_listed(old)}"


def _holds_parts(values: list[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values)


def _unnamed(part: Mapping[str, Any], by: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != by}


def _listed(values: list[Any]) -> str:
    return _cut(", ".join(map(_shown, values)))


def _shown(value: Any) -> str:
    match value:
        case dict():
            said = ((name, inner) for name, inner in value.items() if inner not in ({}, []))
            parts = (f"{name} {_shown(inner)}" for name, inner in said)
            return _cut(", ".join(parts))
        case list():
            return _cut(f"[{', '.join(map(_shown, value))}]")
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
