"""What a history replaces in the product besides servers: clocks that are read, logs that are told.

Decoding, hashing and naming are remembered: the same bytes give the same message, hash and id,
however many processes look at them.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import structlog

from services.intake import positions as upstream
from services.query import arrivals, redemptions
from services.redeem import courier
from shared.chain import link
from shared.chain.link import Header
from shared.events import ids, registry
from shared.stream import opening, planning, positions, turn
from tests.simulation.carrying import hints_of
from tests.simulation.network import EPOCH_MS
from tests.simulation.replacing import replaced

MESSAGES_REMEMBERED = 20_000
LOOK_SECONDS = 2.0
"""Longer than the product's: each look costs steps, and hints arrive."""
CARRY_SECONDS = 20.0
"""As above, of the courier."""
_decode = lru_cache(maxsize=MESSAGES_REMEMBERED)(registry.decode)
_digest = lru_cache(maxsize=MESSAGES_REMEMBERED)(link.digest)
_fingerprint = lru_cache(maxsize=MESSAGES_REMEMBERED)(link.fingerprint)
_named = lru_cache(maxsize=MESSAGES_REMEMBERED)(ids.named)


class Quiet(structlog.BoundLoggerBase):
    """A logger that says nothing: histories are full of failures, all of them wanted."""

    def msg(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    debug = info = warning = error = exception = critical = msg


@contextmanager
def virtual() -> Iterator[None]:
    """Histories run inside of this; many in one are quicker, and inside of itself it is nothing."""
    if registry.decode is _decode:
        yield
        return
    told = structlog.get_config()
    structlog.configure(wrapper_class=Quiet)
    with ExitStack() as names:
        for where, name, other in REPLACED:
            names.enter_context(replaced(where, name, other))
        try:
            yield
        finally:
            structlog.configure(**told)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _now_ns() -> int:
    return (EPOCH_MS + int(_now() * 1_000)) * 1_000_000


def _digest_of(prev: bytes, headers: Iterable[Header], value: bytes) -> bytes:
    return _digest(prev, tuple(headers), value)


def _fingerprint_of(key: bytes | None, value: bytes | None, headers: Iterable[Header]) -> bytes:
    return _fingerprint(key, value, tuple(headers))


REPLACED = (
    (registry, "decode", _decode),
    (ids, "named", _named),
    (link, "digest", _digest_of),
    *(
        (where, "fingerprint", _fingerprint_of)
        for where in (turn, planning, opening, positions, upstream)
    ),
    (arrivals, "monotonic", _now),
    (arrivals, "LOOK_SECONDS", LOOK_SECONDS),
    (courier, "LOOK_SECONDS", CARRY_SECONDS),
    (courier, "_hints", hints_of),
    *((where, "time", SimpleNamespace(time_ns=_now_ns)) for where in (redemptions, courier)),
)
"""What stands where, while histories run."""
