"""The program of the simulated shop: a point a dollar, gone after a month or so."""

from shared.program.catalogue import Catalogue
from shared.program.model import Program

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
    "redemption": {"cash_off": {"points": 1, "minor": 1, "minimum": 1}},
}


def catalogue() -> Catalogue:
    """One program, in force for ever."""
    return Catalogue().with_version(Program.model_validate(SHOP))
