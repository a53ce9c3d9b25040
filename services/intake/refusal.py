"""Why an input is not taken: the reason for machines, the detail for people."""

import math
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.events.base import in_words
from shared.events.quarantine import Reason

FAULTS_MAX = 5
"""How many faults of one body are told."""
FOUND_LENGTH_MAX = 80
"""How much of what was found is told."""


class Refused(NamedTuple):
    """An input that goes to quarantine."""

    reason: Reason
    detail: str


def of_faults(error: ValidationError) -> Refused:
    """The reason of the first fault, in the order of the contract's fields; the first few told."""
    faults = error.errors(include_url=False)
    told = "; ".join(map(_told, faults[:FAULTS_MAX]))
    more = f"; and {len(faults) - FAULTS_MAX} more" if len(faults) > FAULTS_MAX else ""
    return Refused(_reason(faults[0]), told + more)


def _reason(fault: ErrorDetails) -> Reason:
    kind, what = fault["type"], fault["input"]
    match kind:
        case "json_invalid":
            return Reason.NOT_JSON
        case "missing":
            return Reason.MISSING_FIELD
        case "timezone_aware":
            return Reason.NO_OFFSET
        case "less_than":  # only times have such a bound
            return Reason.IN_THE_FUTURE
        case "int_type" if isinstance(what, float):
            return Reason.FRACTIONAL if math.isfinite(what) else Reason.OUT_OF_RANGE
        case "less_than_equal" | "greater_than_equal" | "too_long":
            return Reason.OUT_OF_RANGE
        case _:
            return Reason.INVALID


def _told(fault: ErrorDetails) -> str:
    where = ".".join(map(str, fault["loc"])) or "body"
    found = (
        "" if fault["type"] in {"missing", "json_invalid"} else f", found {shown(fault['input'])}"
    )
    said = fault["msg"]
    if fault["type"] == "string_pattern_mismatch":
        said = f"Input should be {in_words(fault['ctx']['pattern'])}"
    return f"{where}: {said}{found}"


def shown(data: object) -> str:
    """What was found, in plain characters and not too long."""
    text = ascii(data)
    return text if len(text) <= FOUND_LENGTH_MAX else f"{text[:FOUND_LENGTH_MAX]}…"
