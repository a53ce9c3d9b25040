"""What goes wrong when: rounds of faults drawn from a seed, rounds of peace between them. Pure.

The same seed gives the same faults in the same order; which bytes are under way when one strikes is
left to the machine.
"""

import random
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from cli.torture.machine import SERVICES, STREAMING
from cli.torture.points import Point


class Kind(StrEnum):
    """What can be done to an installation."""

    KILL = "kill -9 of a process"
    KILL_AT = "kill -9 at a point"
    ZOMBIE = "process stopped until another owner has decided"
    BROKER = "broker killed"
    DATABASE = "database killed"
    DATABASE_AT_ONCE = "database stopped at once"
    BACKENDS = "backends terminated"
    CUT = "network cut"
    SILENT = "connections half open"
    STORM = "processes added and removed"
    LOGS_FULL = "folder of the logs full"


class Fault(NamedTuple):
    """One fault: when in its round, to whom, how many of them, for how long."""

    kind: Kind
    after: float
    service: str
    number: int
    seconds: float
    point: Point


Round = tuple[Fault, ...]
"""Faults that overlap; an empty one is peace."""

PEACE = 0.3
"""Share of the rounds that are peace; how long each lasts is for the one who keeps the quarter."""
COMPANY = 0.8
"""Share of the other rounds that have more than kills."""
KILLS = (1, 2, 2, 3)
AT_A_POINT = 0.5
VICTIMS = ("intake", "intake", "earn", "earn", "earn", "redeem", "redeem", "redeem", "query")
OTHERS: dict[Kind, int] = {
    Kind.ZOMBIE: 20,
    Kind.BROKER: 14,
    Kind.DATABASE: 14,
    Kind.DATABASE_AT_ONCE: 8,
    Kind.BACKENDS: 8,
    Kind.CUT: 12,
    Kind.SILENT: 12,
    Kind.STORM: 7,
    Kind.LOGS_FULL: 5,
}
SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.BROKER: (0.0, 2.0),
    Kind.DATABASE: (0.0, 2.0),
    Kind.DATABASE_AT_ONCE: (0.0, 2.0),
    Kind.CUT: (0.2, 6.0),
    Kind.SILENT: (0.5, 9.0),
    Kind.STORM: (0.3, 1.5),
    Kind.LOGS_FULL: (1.0, 4.0),
}
ROUND_SECONDS = 2.5
"""Within which the faults of a round begin."""


def rounds(seed: int) -> Iterator[Round]:
    """For ever."""
    drawn = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
    while True:
        if drawn.random() < PEACE:
            yield ()
            continue
        faults = [_kill(drawn) for _ in range(drawn.choice(KILLS))]
        if drawn.random() < COMPANY:
            [kind] = drawn.choices(list(OTHERS), list(OTHERS.values()))
            faults.append(_fault(drawn, kind, drawn.choice(_subjects(kind))))
        yield tuple(faults)


def _kill(drawn: random.Random) -> Fault:
    service = drawn.choice(VICTIMS)
    at_a_point = service in STREAMING and drawn.random() < AT_A_POINT
    return _fault(drawn, Kind.KILL_AT if at_a_point else Kind.KILL, service)


def _fault(drawn: random.Random, kind: Kind, service: str) -> Fault:
    return Fault(
        kind=kind,
        after=drawn.uniform(0, ROUND_SECONDS),
        service=service,
        number=drawn.randrange(1, 4),
        seconds=drawn.uniform(*SECONDS.get(kind, (0.0, 0.0))),
        point=drawn.choice(list(Point)),
    )


def _subjects(kind: Kind) -> tuple[str, ...]:
    return SERVICES if kind in {Kind.CUT, Kind.SILENT} else STREAMING
