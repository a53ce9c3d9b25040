"""Why an input is not taken: the reason for machines, the detail for people."""

from typing import NamedTuple

from shared.events.quarantine import Reason


class Refused(NamedTuple):
    """An input that goes to quarantine."""

    reason: Reason
    detail: str
