"""What goes wrong when: rounds of faults drawn from a seed, rounds of peace between them. Pure.

The same seed gives the same faults in the same order; which bytes are under way when one strikes is
left to the machine.
"""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
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
COMPANY = (1, 1, 1, 2)
"""How many other faults come with the kills of a round."""
KILLS = (2, 2, 3, 4)
AT_A_POINT = 0.5
VICTIMS = ("intake", "intake", "earn", "earn", "earn", "redeem", "redeem", "redeem", "query")
OTHERS: dict[Kind, int] = {
    Kind.ZOMBIE: 42,
    Kind.BROKER: 13,
    Kind.DATABASE: 18,
    Kind.DATABASE_AT_ONCE: 14,
    Kind.BACKENDS: 7,
    Kind.CUT: 10,
    Kind.SILENT: 10,
    Kind.STORM: 5,
    Kind.LOGS_FULL: 4,
}
SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.BROKER: (0.0, 2.0),
    Kind.DATABASE: (0.0, 2.0),
    Kind.DATABASE_AT_ONCE: (0.0, 2.0),
    Kind.CUT: (0.2, 6.0),
    Kind.SILENT: (0.5, 9.0),
    Kind.STORM: (0.3, 1.5),
    Kind.LOGS_FULL: (2.0, 6.0),
}
ALONE = {Kind.DATABASE, Kind.DATABASE_AT_ONCE, Kind.BACKENDS, Kind.ZOMBIE, Kind.BROKER}
"""Faults that need the servers to themselves, or take them away."""
ROUND_SECONDS = 2.5
"""Within which the faults of a round begin."""


def rounds(seed: int, only: Collection[Kind] = ()) -> Iterator[Round]:
    """For ever; beside the kills only some kinds of faults, if they are named."""
    others = {kind: weight for kind, weight in OTHERS.items() if not only or kind in only}
    drawn = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
    while True:
        if drawn.random() < PEACE:
            yield ()
            continue
        faults = [_kill(drawn) for _ in range(drawn.choice(KILLS))]
        killed = {fault.service for fault in faults}
        faults += [
            _fault(drawn, k, drawn.choice(_subjects(k, killed))) for k in _company(drawn, others)
        ]
        yield tuple(faults)


def _company(drawn: random.Random, others: Mapping[Kind, int]) -> list[Kind]:
    """Other faults than kills: different ones, and no server is away twice at once."""
    drawn_kinds = drawn.choices(list(others), list(others.values()), k=drawn.choice(COMPANY))
    kinds = list(dict.fromkeys(drawn_kinds))
    alone = [kind for kind in kinds if kind in ALONE]
    return alone[:1] or kinds


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


def _subjects(kind: Kind, killed: set[str]) -> Sequence[str]:
    """Whom a fault may strike; a zombie lives longer where nobody is killed."""
    if kind is Kind.ZOMBIE:
        return [service for service in STREAMING if service not in killed] or STREAMING
    return SERVICES if kind in {Kind.CUT, Kind.SILENT} else STREAMING
