"""Where stories take place: one program, an account and its friend's, numbered days, names."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from shared.events.ids import NAMESPACE, command_cause
from shared.ledger.account import Account
from shared.ledger.evolve import LedgerFact, evolve
from shared.program.model import Program

PROGRAM = "shop"

ACCOUNT = "shop:jo"

FRIEND = "shop:flo"

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(when: "str | int | datetime") -> datetime:
    """A day by its number from the start, a date, or an instant."""
    if isinstance(when, datetime):
        return when
    if isinstance(when, int):
        return START + timedelta(days=when)
    read = datetime.fromisoformat(when)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def named(name: str) -> UUID:
    """The id of the lot of this name."""
    return uuid5(NAMESPACE, name)


def redemption(key: str = "r") -> UUID:
    """The id of the redemption with this key."""
    return command_cause(ACCOUNT, key).id


def program(
    *,
    holds: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    adjustments: Mapping[str, Any] | None = None,
    expiry: Mapping[str, Any] | None = None,
    transfers: Mapping[str, Any] | None = None,
    **rules: object,
) -> Program:
    """A program with plain cash off, one point for one minor unit, and what else `rules` say."""
    terms = {"points": 1, "minor": 1, "above_limit": "refuse", **rules}
    redemption = {"cash_off": terms, "holds": {"longest": "8760h", **(holds or {})}}
    return Program.model_validate(
        {
            "program": PROGRAM,
            "version": 3,
            "name": "Shop",
            "effective_from": "2000-01-01",
            "timezone": "UTC",
            "money": "USD",
            "brands": ["shop"],
            "earn": {"rules": []},
            "redemption": redemption,
            "returns": returns or {},
            "adjustments": adjustments or {},
            "expiry": expiry or {},
            "transfers": transfers or {},
        }
    )


PLAIN = program()


def evolved(account: Account | None, fact: LedgerFact, now: datetime) -> Account | None:
    """The account after a fact, which is one version of it, of that time."""
    folded = evolve(account, fact, now)
    if folded is not None:
        assert folded.version == (account.version if account is not None else 0) + 1
        assert folded.last_at == now
    return folded
