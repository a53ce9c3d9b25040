"""Many seeds, one after the other or on several cores: what `tessera simulate` does."""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter, process_time
from typing import NamedTuple

from tests.simulation.run import outcomes, run_seed
from tests.simulation.virtual import virtual

BATCH = 100
FAILURES_TOLD = 3


class Batch(NamedTuple):
    """Some seeds in order: how many held, and the seeds that did not, with what they tell."""

    held: int
    failures: dict[int, str]
    cpu_seconds: float


def run_batch(seeds: range) -> Batch:
    """Run some seeds."""
    started = process_time()
    failures = {
        seed: broken.told
        for seed, broken in zip(seeds, outcomes(seeds), strict=True)
        if broken is not None
    }
    return Batch(len(seeds) - len(failures), failures, process_time() - started)


def simulate(seeds: int, first: int, processes: int) -> int:
    """Run `seeds` histories from `first` on, and tell of it; the exit code."""
    batches = [
        range(start, min(start + BATCH, first + seeds))
        for start in range(first, first + seeds, BATCH)
    ]
    started, held, cpu_seconds, failed = perf_counter(), 0, 0.0, list[int]()
    for batch in _done(batches, processes):
        held += batch.held
        cpu_seconds += batch.cpu_seconds
        for seed, told in batch.failures.items():
            failed.append(seed)
            if len(failed) <= FAILURES_TOLD:
                sys.stdout.write(f"\n{told}again: tessera simulate --seeds 1 --from {seed}\n")
        sys.stdout.write(f"\r{held + len(failed)} of {seeds} histories")
        sys.stdout.flush()
    sys.stdout.write(f" in {perf_counter() - started:.1f} s")
    sys.stdout.write(f", {seeds / cpu_seconds:.0f} a second of CPU time: {held} hold")
    sys.stdout.write(f", {len(failed)} do not: {failed[:20]}\n" if failed else "\n")
    if seeds == 1 and not failed:
        sys.stdout.write("\n".join([*run_seed(first).trace, ""]))
    return 1 if failed else 0


def _done(batches: list[range], processes: int) -> Iterator[Batch]:
    if processes == 1:
        with virtual():
            yield from map(run_batch, batches)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(run_batch, batches)
