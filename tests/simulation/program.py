"""The programs of the simulated shop: a point a dollar, gone after a month or so.

They differ in what becomes of points that a return takes after they were spent, in when points can
be spent, and in what a member gets with a reward.
"""

from typing import Any

from shared.program.catalogue import Catalogue
from shared.program.model import Program

LAPSE_SECONDS = 3
"""How long a hold lives."""
MUG, TICKET = "mug", "ticket"
"""A reward with stock, and one without."""
SHOP = {
    "program": "shop",
    "version": 1,
    "name": "Shop",
    "effective_from": "2000-01-01",
    "timezone": "UTC",
    "money": "USD",
    "brands": ["shop"],
    "earn": {
        "rules": [{"rule": "base", "kind": "per_amount", "points": 1, "per_minor": 100}],
    },
    "expiry": {"after": "30D"},
    "redemption": {
        "cash_off": {"points": 1, "minor": 1, "minimum": 1},
        "holds": {"lapse_after": f"{LAPSE_SECONDS}s", "longest": "60s"},
    },
}
VARIANTS: tuple[dict[str, Any], ...] = (
    {"returns": {"deficit": "carried"}, "mug": {"codes": "pool"}},
    {"returns": {"deficit": "carried"}, "mug": {}, "activation": {"after": "2D"}},
    {"returns": {"deficit": "unspent_only"}, "mug": {"codes": "made"}},
    {
        "returns": {"deficit": "written_off", "write_off_after": "1D", "grace": "1D"},
        "mug": {"codes": "pool", "when_cancelled": "written_off"},
    },
)


def catalogues() -> tuple[Catalogue, ...]:
    """One program each, in force for ever."""
    return tuple(Catalogue().with_version(_shop(**variant)) for variant in VARIANTS)


def _shop(mug: dict[str, str], **further: Any) -> Program:
    rewards = [
        {"reward": MUG, "name": "A mug", "price": {"points": 3}, "stock": "counted", **mug},
        {"reward": TICKET, "name": "A ticket", "price": {"points": 2}, "codes": "made"},
    ]
    redemption: Any = SHOP["redemption"]
    told = {**SHOP, "transfers": {}, **further, "redemption": {**redemption, "rewards": rewards}}
    return Program.model_validate(told)
