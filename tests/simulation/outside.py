"""What is outside of the system: how much happens there, and what is remembered of it."""

from collections.abc import Mapping, Sequence
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
        """A short history's: a few of everything, or more of one thing; at once, or by and by."""
        [(_, shape)] = random.choices(SHAPES, [weight for weight, _ in SHAPES])
        return replace(
            NOTHING,
            accounts=random.randint(1, 2),
            is_welcomed=random.random() < WELCOMED,
            seconds=random.choice((1.0, 15.0)),
            together=random.random() < TOGETHER,
            **{name: random.choice(counts) for name, counts in shape.items()},
        )


NOTHING = Load(
    accounts=1,
    purchases=0,
    returns=0,
    redemptions=0,
    checkouts=0,
    adjustments=0,
    amendments=0,
    rewards=0,
    deliveries=0,
    transfers=0,
    readers=0,
    ticks=0,
)
WELCOMED, TOGETHER = 0.8, 0.5


Shape = Mapping[str, Sequence[int]]
"""What happens in a history: of each kind of clients one of these numbers."""
MIXED: Shape = {
    "purchases": (0, 1, 1),
    "returns": (0, 1),
    "redemptions": (0, 1, 2),
    "checkouts": (0, 1),
    "adjustments": (0, 1),
    "amendments": (0, 0, 1),
    "transfers": (0, 0, 1),
    "merges": (0, 0, 0, 1),
    "readers": (0, 0, 1, 2),
    "ticks": (0, 1),
}
REWARDS: Shape = {"rewards": (1, 2, 3), "deliveries": (0, 1, 2)}
SHAPES: tuple[tuple[int, Shape], ...] = (
    (3, MIXED),
    (3, {**MIXED, **REWARDS, "rewards": (1, 2)}),
    (2, {"purchases": (2, 3, 4), "returns": (0, 1, 2), "ticks": (0, 1)}),
    (3, {"redemptions": (3, 4, 5, 6), "purchases": (0, 1)}),
    (2, {"checkouts": (1, 2), "adjustments": (0, 1, 2), "amendments": (0, 1), "ticks": (0, 1)}),
    (2, {"readers": (2, 3, 4), "purchases": (1, 2), "redemptions": (0, 1)}),
    (1, REWARDS),
    (1, {"transfers": (2, 3, 4)}),
    (1, {"merges": (1, 2), "purchases": (1, 2), "redemptions": (0, 1)}),
)
"""How often each is drawn. What disturbs each other is often alike: more of it, and nothing else,
shows that at less cost."""


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
