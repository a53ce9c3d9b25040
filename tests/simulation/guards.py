"""The guards of the protocol, each with what takes it away, and how many seeds that takes to show.

A guard is taken away by putting something else in its place (`removals`).
`python -m tests.simulation.guards` prints the table that stands in docs/reliability.md;
`python -m tests.simulation.guards 10` how often each is missed in 10 s of CPU time: the first seed
is chance, and a rate can be compared.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from time import process_time
from typing import NamedTuple

from tests.simulation import removals
from tests.simulation.beginnings import beginning
from tests.simulation.loop import Stuck
from tests.simulation.network import BAD, Faults
from tests.simulation.outside import NOTHING, Load, Violation
from tests.simulation.removals import Removal
from tests.simulation.run import outcomes

SEEDS_MAX = 20_000
MUCH_READ = Load(
    purchases=3, returns=0, redemptions=2, checkouts=0, rewards=0, transfers=0, readers=8
)
MUCH_REDEEMED = NOTHING._replace(redemptions=16, together=True, seconds=3.0)
"""Keys of one account are used with other bodies, and decided with others in one turn."""
WITH_REWARDS = Load(
    purchases=1, returns=0, redemptions=0, checkouts=0, rewards=4, transfers=0, readers=0
)
WITH_TRANSFERS = Load(purchases=1, returns=0, redemptions=0, checkouts=0, rewards=0, transfers=6)
WITH_MERGES = Load(purchases=4, returns=0, redemptions=2, checkouts=0, rewards=0, merges=2)
WITH_VERSIONS = Load(
    is_welcomed=False, is_founded=True, versions=2, purchases=4, returns=3, redemptions=2, rewards=0
)
BROKEN = (Violation, AssertionError, Stuck, LookupError, ValueError)
"""How a broken history shows: a check, an assertion of the ledger, no progress, a row not there."""


class Guard(NamedTuple):
    """A guard, what takes it away, and where it is missed (None: under each seed's own)."""

    name: str
    remove: Callable[[Removal], None]
    load: Load | None = None
    faults: Faults | None = None


class Found(NamedTuple):
    """The first history that breaks: how many it took, and how it showed."""

    seeds: int
    violation: str


class Rate(NamedTuple):
    """How many of the histories break that run in some time."""

    seeds: int
    broken: int
    cpu_seconds: float


@contextmanager
def without(guard: Guard) -> Iterator[None]:
    """The product without one guard."""
    with ExitStack() as stack:
        guard.remove(Removal(stack))
        beginning.cache_clear()
        stack.callback(beginning.cache_clear)
        yield


def hunt(guard: Guard, seeds_max: int = SEEDS_MAX) -> Found | None:
    """Run seeds from 0 on until one breaks; None if none does."""
    with without(guard):
        for seed, broken in enumerate(outcomes(range(seeds_max), guard.load, guard.faults, BROKEN)):
            if broken is not None:
                return Found(seed + 1, broken.violation)
    return None


def rate(guard: Guard, cpu_seconds: float) -> Rate:
    """Run seeds from 0 on for so long, and count those that break."""
    found = 0
    started = process_time()
    with without(guard):
        for seed, broken in enumerate(outcomes(count(), guard.load, guard.faults, BROKEN)):
            found += broken is not None
            spent = process_time() - started
            if spent >= cpu_seconds:
                return Rate(seed + 1, found, spent)
    raise AssertionError("seeds do not end")


GUARDS = (
    Guard("whole polls", removals.whole_polls),
    Guard("programs taken in behind the poll", removals.programs_behind_the_poll),
    Guard("programs read to their end", removals.programs_to_the_end, WITH_VERSIONS),
    Guard("hash link", removals.hash_link),
    Guard("head loaded with the state", removals.loaded_head),
    Guard("quarantine before facts", removals.aside_first, MUCH_REDEEMED, BAD),
    Guard("read-back before the answer", removals.read_back),
    Guard("position compare-and-swap", removals.swap),
    Guard("cause dedupe", removals.causes),
    Guard("account in the cause", removals.account_in_cause),
    Guard("body hash, in the turn", removals.body_in_turn),
    Guard("body hash, in the answer", removals.body_in_answer),
    Guard("fold to the end before `Opened`", removals.fold_to_end),
    Guard("one transaction", removals.one_transaction),
    Guard("one snapshot, of a turn", removals.one_snapshot),
    Guard("one snapshot, of a read", removals.one_snapshot_of_a_read),
    Guard("evolve within the turn", removals.evolve),
    Guard("time that never goes back", removals.time),
    Guard("token on reads", removals.tokens, MUCH_READ),
    Guard("highest position served", removals.served, MUCH_READ),
    Guard("halt on another record at position - 1", removals.another_log),
    Guard("account guard on cash off and holds", removals.cash_off_guard),
    Guard("account guard on rewards", removals.reward_guard, WITH_REWARDS),
    Guard("account guard on transfers", removals.transfer_guard, WITH_TRANSFERS),
    Guard("what is said to a merged account goes on", removals.sent_on, WITH_MERGES),
    Guard("points only for a unit", removals.unit_taken, WITH_REWARDS),
    Guard("state of a claim", removals.claim_is_open, WITH_REWARDS),
    Guard("errands found in the rows", removals.errand_in_rows, WITH_REWARDS),
)


def shown(violation: str) -> str:
    """How it shows, in few words: the invariants, or how the message begins."""
    kind, _, told = violation.partition(": ")
    if kind != Violation.__name__:
        return f"{kind}: {' '.join(told.split()[:6])}"
    invariants = re.match(r"I\d+(, I\d+)*", told)
    return invariants[0] if invariants else " ".join(told.split()[:6])


def first_seeds() -> Iterator[tuple[object, ...]]:
    """The lines of the table in docs/reliability.md."""
    yield "guard taken away", "seeds until it shows", "how it shows"
    yield "---", "---:", "---"
    for guard in GUARDS:
        found = hunt(guard)
        told = (found.seeds, shown(found.violation)) if found else (f"> {SEEDS_MAX}", "never")
        yield guard.name, *told


def rates(cpu_seconds: float) -> Iterator[tuple[object, ...]]:
    """A line for each guard: what so much time finds without it."""
    yield "guard taken away", "seeds", "broken", "broken in a second of CPU time"
    yield "---", "---:", "---:", "---:"
    for guard in GUARDS:
        seeds, broken, spent = rate(guard, cpu_seconds)
        yield guard.name, seeds, broken, f"{broken / spent:.2f}"


def main(*cpu_seconds: str) -> None:
    """Print one of the tables, guard by guard."""
    for cells in rates(float(cpu_seconds[0])) if cpu_seconds else first_seeds():
        sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
