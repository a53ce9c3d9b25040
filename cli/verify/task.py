"""What is handed to a process that verifies one partition, and what it gives back. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cli.verify.bits import Offsets
from cli.verify.merges import Merges
from cli.verify.report import Report
from cli.verify.tables import Tables
from cli.verify.transfers import Transfers
from cli.where import Installation
from shared.events.wire import Source
from shared.stream.log import Bounds, Place


class Quarantine(NamedTuple):
    """What stands in quarantine, and from which time on it is kept whole."""

    sources: frozenset[Source]
    since_ms: int


class Task(NamedTuple):
    """What a process needs to verify one partition.

    `early` is an end of its ledger, read before those of `bounds`: see `cli.verify.transfers`.
    `upstream` is how far intake has read.
    """

    installation: Installation
    partition: int
    snapshot: str
    tables: Mapping[str, Tables]
    bounds: Mapping[str, Bounds]
    early: int
    quarantine: Quarantine
    upstream: Mapping[Place, int]
    programs: Sequence[bytes]


class Outcome(NamedTuple):
    """What was found, which upstream records were forwarded here, what went between accounts."""

    report: Report
    upstream: Mapping[Place, Offsets]
    transfers: Transfers
    merges: Merges
