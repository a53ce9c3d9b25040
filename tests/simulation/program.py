"""The programs of the simulated shop: a point a dollar, gone after a month or so.

They differ in what becomes of points that a return takes after they were spent.
"""

from shared.program.catalogue import Catalogue
from shared.program.model import Program

LAPSE_SECONDS = 3
"""How long a hold lives."""
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
RETURNS: tuple[dict[str, str], ...] = (
    {"deficit": "carried"},
    {"deficit": "unspent_only"},
    {"deficit": "written_off", "write_off_after": "1D", "grace": "1D"},
)


def catalogues() -> tuple[Catalogue, ...]:
    """One program each, in force for ever."""
    programs = (Program.model_validate({**SHOP, "returns": returns}) for returns in RETURNS)
    return tuple(Catalogue().with_version(program) for program in programs)
