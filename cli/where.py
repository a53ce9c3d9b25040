"""Where an operation works: what its processes are told."""

from typing import NamedTuple


class Installation(NamedTuple):
    """Addresses, and what the chains of the ledger begin with."""

    kafka: str
    postgres: str
    ledger_id: str
    partitions: int
