"""What is outside of the system: how much happens there, and what is remembered of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


class Load(NamedTuple):
    """How much happens in a history."""

    accounts: int = 2
    is_welcomed: bool = True
    """Whether members have points before anything can go wrong."""
    is_opened: bool = True
    """Whether owners go on where those have stopped who gave them, without opening anything."""
    is_founded: bool = False
    """Whether owners run already when the program's first version is published."""
    versions: int = 0
    """Further ones."""
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

    @property
    def is_bought(self) -> bool:
        """Whether shops have anything to tell."""
        return self.purchases + self.returns > 0

    @staticmethod
    def drawn(random: Random, shapes: "Shapes") -> "Load":
        """A short history's: a few of everything, or more of one thing; at once, or by and by."""
        [(_, shape)] = random.choices(shapes, [weight for weight, _ in shapes])
        is_welcomed = random.random() < WELCOMED
        return NOTHING._replace(
            accounts=random.randint(1, 2),
            is_welcomed=is_welcomed,
            is_founded=not is_welcomed and random.random() < FOUNDED,
            is_opened=random.random() < OPENED,
            seconds=random.choice((1.0, 6.0)),
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
WELCOMED, FOUNDED, OPENED, TOGETHER = 0.9, 0.5, 0.85, 0.6


Shape = Mapping[str, Sequence[int]]
"""What happens in a history: of each kind of clients one of these numbers."""
Shapes = Sequence[tuple[int, Shape]]
RARELY = (0, 0, 0, 0, 0, 0, 0, 1)
MIXED: Shape = {
    "versions": RARELY,
    "purchases": (0, 0, 0, 1),
    "returns": RARELY,
    "redemptions": (0, 1),
    "checkouts": RARELY,
    "adjustments": RARELY,
    "amendments": RARELY,
    "transfers": RARELY,
    "readers": (0, 0, 0, 1),
    "ticks": (0, 0, 0, 1),
}
SHAPES: Shapes = (
    (5, MIXED),
    (6, {"redemptions": (1, 2, 2, 2, 3)}),
    (3, {"purchases": (1, 1, 2, 3), "returns": (0, 0, 0, 1), "ticks": (0, 0, 0, 1)}),
    (2, {"checkouts": (1,), "adjustments": (0, 0, 1), "amendments": (0, 0, 1), "ticks": (0, 0, 1)}),
    (3, {"readers": (1, 2, 3), "redemptions": (0, 1, 1, 2)}),
    (1, {"rewards": (1, 2), "deliveries": (0, 1)}),
    (1, {"transfers": (1, 2)}),
    (2, {"versions": (1, 1, 2), "purchases": (0, 1, 2), "redemptions": (0, 1, 2)}),
    (1, {"merges": (1,), "purchases": (0, 0, 1), "redemptions": (0, 0, 1)}),
)
"""How often each is drawn. What disturbs each other is often alike: more of it, and nothing else,
shows that at less cost."""
LITTLE: Shapes = ((1, {"purchases": (0, 1), "redemptions": (0, 1)}),)
"""Where something else is looked for."""


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
    is_over: bool
    """Whether the load is: nobody asks for anything new, and soon nothing goes wrong any more."""

    def note(self, what: str) -> None:
        """A line of the trace."""

    def publish(self) -> None:
        """The next version of the program, if there is one."""

    def apis(self) -> list[ApiNode]:
        """The processes of the API that a balancer knows."""
