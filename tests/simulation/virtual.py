"""What a history replaces in the product besides servers: clocks that are read, logs that are told.

Reading, hashing and naming are remembered: the same bytes give the same message, hash and id,
however many processes look at them. What is decided, folded and answered is worked out each time.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from services.earn.service import Earn
from services.intake import decide as incoming
from services.intake import positions as upstream
from services.intake import service as intake
from services.query import arrivals, redemptions
from services.redeem import courier
from services.redeem.service import Redeem
from shared.chain import link
from shared.chain.link import Header
from shared.events import ids, registry
from shared.stream import opening, planning, positions, records, runner, turn
from tests.simulation import checks, history
from tests.simulation.carrying import hints_of
from tests.simulation.loop import running_loop
from tests.simulation.network import EPOCH_MS
from tests.simulation.replacing import replaced

MESSAGES_REMEMBERED = 1_000
"""What comes again comes within a history, or is from where it begins: 20,000 take longer."""
LOOK_SECONDS = 2.0
"""Longer than the product's: each look costs steps, and hints arrive."""
CARRY_SECONDS = 20.0
"""As above, of the courier."""


class Quiet:
    """A logger that says nothing: histories are full of failures, all of them wanted."""

    def msg(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    debug = info = warning = error = exception = critical = msg


@contextmanager
def virtual() -> Iterator[None]:
    """Histories run inside of this; many in one are quicker, and inside of itself it is nothing."""
    if hasattr(registry.decode, "cache_info"):
        yield
        return
    with ExitStack() as names:
        for where, name, other in (*REPLACED, *_remembered()):
            names.enter_context(replaced(where, name, other))
        yield


def _now() -> float:
    return running_loop().now


def _now_ns() -> int:
    return (EPOCH_MS + int(_now() * 1_000)) * 1_000_000


def _remembered() -> Iterator[tuple[object, str, object]]:
    """What remembers whatever stands there now, be it what takes a guard away."""
    remembered = lru_cache(maxsize=MESSAGES_REMEMBERED)
    digest, fingerprint = remembered(link.digest), remembered(link.fingerprint)
    recorded, source_of = remembered(records.recorded), remembered(records.source_of)
    first_position = remembered(positions.first_position)

    def digest_of(prev: bytes, headers: Iterable[Header], value: bytes) -> bytes:
        return digest(prev, tuple(headers), value)

    def fingerprint_of(key: bytes | None, value: bytes | None, headers: Iterable[Header]) -> bytes:
        return fingerprint(key, value, tuple(headers))

    yield link, "digest", digest_of
    for where in (turn, planning, opening, positions, upstream):
        yield where, "fingerprint", fingerprint_of
    for where in (history, checks):
        yield where, "recorded", recorded
    yield history, "source_of", source_of
    for where in (opening, checks):
        yield where, "first_position", first_position
    yield opening, "decoded", lambda record, _named: recorded(record)
    for service in (Earn, Redeem):
        yield service, "read", staticmethod(remembered(service().read))
    for where, name in REMEMBERED:
        yield where, name, remembered(vars(where)[name])


REMEMBERED = (
    (registry, "decode"),
    (ids, "named"),
    (ids, "cause"),
    (link, "follow"),
    (planning, "follow"),
    (checks, "genesis"),
    (incoming, "_activity"),
    (incoming, "_recognised"),
)
"""The same bytes, or names, give the same again."""
REPLACED = (
    (asyncio, "get_running_loop", running_loop),
    (asyncio.events, "get_running_loop", running_loop),
    (asyncio.events, "_get_running_loop", running_loop),
    (arrivals, "monotonic", _now),
    (arrivals, "LOOK_SECONDS", LOOK_SECONDS),
    (courier, "LOOK_SECONDS", CARRY_SECONDS),
    (courier, "_hints", hints_of),
    *((where, "logger", Quiet()) for where in (turn, planning, runner, courier, intake)),
    *((where, "time", SimpleNamespace(time_ns=_now_ns)) for where in (redemptions, courier)),
)
"""What stands where, while histories run."""
