"""What is outside of the system: how much happens there, and what is remembered of it."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple, Protocol

from services.query.tokens import Token
from shared.events.ids import Cause
from tests.simulation.nodes import ApiNode, World

BRAND = "shop"


class Violation(AssertionError):
    """Something that must always hold does not."""


class Answer(NamedTuple):
    """What a caller was told about a key and a body."""

    status: int
    body: bytes
    token: str


class Seen(NamedTuple):
    """What a read showed of an account at a position."""

    account: str
    token: Token
    row: dict[str, Any]


@dataclass(frozen=True)
class Load:
    """How much happens in a history."""

    accounts: int = 2
    is_welcomed: bool = True
    """Whether members have points before anything can go wrong."""
    purchases: int = 3
    returns: int = 1
    redemptions: int = 3
    checkouts: int = 1
    adjustments: int = 1
    amendments: int = 1
    rewards: int = 2
    deliveries: int = 1
    transfers: int = 1
    merges: int = 0
    readers: int = 1
    ticks: int = 1
    seconds: float = 15.0
    together: bool = False
    """Whether all redemptions, checkouts and rewards come at once."""

    @staticmethod
    def drawn(random: Random) -> "Load":
        """A short history's: a few of each, or none, all at once or one after the other.

        Half of the histories have rewards, and these have some units in stock, or none. Those with
        two readers have a merge: nothing more is drawn for it, so other seeds stay what they are.
        """
        rewards = random.choice((0, 0, 1, 2))
        drawn = Load(
            accounts=random.randint(1, 2),
            is_welcomed=random.random() < 0.8,
            purchases=random.choice((0, 1, 1)),
            returns=random.randint(0, 1),
            redemptions=random.randint(0, 2),
            checkouts=random.randint(0, 1),
            adjustments=random.randint(0, 1),
            amendments=random.choice((0, 0, 1)),
            rewards=rewards,
            deliveries=random.randint(0, 2) if rewards else 0,
            transfers=random.choice((0, 0, 1)),
            readers=random.choice((0, 0, 1, 2)),
            ticks=random.randint(0, 1),
            seconds=random.choice((1.0, 15.0)),
            together=random.random() < 0.5,
        )
        return replace(drawn, merges=int(drawn.readers == 2))


@dataclass
class Journal:
    """What the outside world knows: inputs that were acknowledged, answers that were seen."""

    purchases: dict[str, set[int]] = field(default_factory=dict)
    """Amounts that were acknowledged, by receipt."""
    answers: dict[tuple[Cause, bytes], Answer] = field(default_factory=dict)
    """By key and body."""
    conflicts: list[tuple[Cause, bytes]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


class Outside(World, Protocol):
    """What clients see of the world."""

    load: Load
    journal: Journal

    def note(self, what: str) -> None:
        """A line of the trace."""

    def apis(self) -> list[ApiNode]:
        """The processes of the API that a balancer knows."""
