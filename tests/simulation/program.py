"""The programs of the simulated shop: a point a dollar, gone after a month or so.

They differ in what becomes of points that a return takes after they were spent, in when points can
be spent, and in what a member gets with a reward. Of each there are three versions.
"""

from typing import Any

from shared.program.catalogue import Catalogue
from shared.program.model import Program

LAPSE_SECONDS = 3
"""How long a hold lives."""
MUG, TICKET = "mug", "ticket"
"""A reward with stock, and one without."""
SHOP: dict[str, Any] = {
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


POINTS_A_DOLLAR = {1: 1, 2: 2, 3: 1}
"""By version. A later one counts in the place of the one before it, whenever that began."""
Editions = tuple[Catalogue, ...]
"""What is published at first, nothing, and behind each further publication."""


def editions() -> tuple[Editions, ...]:
    """One program each, and how it changes."""
    return tuple(_published(**variant) for variant in VARIANTS)


def _published(**variant: Any) -> Editions:
    found = [Catalogue()]
    for version in POINTS_A_DOLLAR:
        found.append(found[-1].with_version(_shop(version, **variant)))
    return tuple(found)


def _shop(version: int, mug: dict[str, str], **further: Any) -> Program:
    """All that is counted in points costs a point more in each version."""
    rewards = [
        {
            "reward": MUG,
            "name": "A mug",
            "price": {"points": 2 + version},
            "stock": "counted",
            **mug,
        },
        {"reward": TICKET, "name": "A ticket", "price": {"points": 1 + version}, "codes": "made"},
    ]
    [rule] = SHOP["earn"]["rules"]
    cash_off = {**SHOP["redemption"]["cash_off"], "minimum": version}
    told = {
        **SHOP,
        "version": version,
        "earn": {"rules": [{**rule, "points": POINTS_A_DOLLAR[version]}]},
        "transfers": {},
        **further,
        "redemption": {**SHOP["redemption"], "cash_off": cash_off, "rewards": rewards},
    }
    return Program.model_validate(told)
