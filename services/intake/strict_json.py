"""JSON as RFC 8259 has it and nothing beside: what it is not has a reason of its own.

The parser that reads events takes the last of two equal fields, and NaN where a field is not asked
for. Neither means the same to two readers, so neither is let in. Never raises for any bytes.
"""

import json
from itertools import chain
from typing import Any, NoReturn

from services.intake.refusal import FOUND_LENGTH_MAX, Refused
from shared.events.quarantine import Reason

NESTING_MAX = 32
"""Objects and arrays inside each other; an event of ours has three."""


class _Fault(Exception):
    """Found while parsing; carries the refusal out of the parser."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__()
        self.refused = Refused(reason, detail)


def load(value: bytes) -> Any | Refused:
    """The data that `value` says, or what is wrong with it as JSON."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        found = value[error.start : error.start + 4].hex(" ")
        return Refused(
            Reason.WRONG_ENCODING, f"not UTF-8: found {found} (hex) at byte {error.start}"
        )
    if (encoding := json.detect_encoding(value)) != "utf-8":
        return Refused(Reason.WRONG_ENCODING, f"looks like {encoding}; UTF-8 is expected, unmarked")
    try:
        data = _DECODER.decode(text)
    except _Fault as fault:
        return fault.refused
    except RecursionError:
        return _too_deep()
    except json.JSONDecodeError as error:
        found = text[error.pos : error.pos + FOUND_LENGTH_MAX]
        where = f"line {error.lineno} column {error.colno}"
        return Refused(Reason.NOT_JSON, f"{where}: {error.msg}, found {found!a}")
    if value.count(b"{") + value.count(b"[") > NESTING_MAX and _is_too_deep(data):
        return _too_deep()
    return data


def _is_too_deep(data: Any) -> bool:
    level = [data]
    for _ in range(NESTING_MAX):
        level = [
            *chain.from_iterable(node.values() for node in level if isinstance(node, dict)),
            *chain.from_iterable(node for node in level if isinstance(node, list)),
        ]
    return any(isinstance(node, dict | list) for node in level)


def _too_deep() -> Refused:
    return Refused(Reason.NESTED_TOO_DEEPLY, f"more than {NESTING_MAX} objects and arrays deep")


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in found if names.count(name) > 1)
        raise _Fault(
            Reason.DUPLICATE_FIELD, f"{ascii(twice)[:FOUND_LENGTH_MAX]} stands twice in one object"
        )
    return found


def _constant(found: str) -> NoReturn:
    raise _Fault(Reason.NOT_A_NUMBER, f"{found} is no number")


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise _Fault(Reason.OUT_OF_RANGE, f"a number of {len(digits)} digits") from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
