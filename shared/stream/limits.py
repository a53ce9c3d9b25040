"""The limits of the loop, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a turn takes and how long it waits.

    Bounds on one turn: at 10 µs to 60 µs an event, 1,000 events keep a turn under 100 ms, so
    heartbeats, which share the event loop, are never late and a command behind a backlog waits one
    turn.
    """

    inputs_per_turn: int = 1_000
    poll_wait_ms: int = 100
    batch_bytes_max: int = 512 * 1024
    replay_records: int = 2_000
    read_back_seconds: float = 10.0
    input_ahead_ms: int = 60_000
    reopen_seconds: float = 0.05
    reopen_seconds_max: float = 2.0
