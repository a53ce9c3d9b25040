"""What a history replaces in the product besides servers: clocks that are read, logs that are told.

Decoding is remembered: the same bytes are the same immutable message, whoever reads them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import structlog

from services.query import arrivals, redemptions
from shared.events import registry
from tests.simulation.network import EPOCH_MS
from tests.simulation.replacing import replaced

MESSAGES_REMEMBERED = 20_000
LOOK_SECONDS = 2.0
"""Longer than the product's: each look costs steps, and hints arrive."""
_decode = lru_cache(maxsize=MESSAGES_REMEMBERED)(registry.decode)


class Quiet(structlog.BoundLoggerBase):
    """A logger that says nothing: histories are full of failures, all of them wanted."""

    def msg(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    debug = info = warning = error = exception = critical = msg


@contextmanager
def virtual() -> Iterator[None]:
    """Histories run inside of this."""
    told = structlog.get_config()
    structlog.configure(wrapper_class=Quiet)
    with (
        replaced(registry, "decode", _decode),
        replaced(arrivals, "monotonic", _now),
        replaced(arrivals, "LOOK_SECONDS", LOOK_SECONDS),
        replaced(redemptions, "time", SimpleNamespace(time_ns=_now_ns)),
    ):
        try:
            yield
        finally:
            structlog.configure(**told)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _now_ns() -> int:
    return (EPOCH_MS + int(_now() * 1_000)) * 1_000_000
