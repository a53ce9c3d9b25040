"""What operators ask of the API: corrections of a member's account, rewards, stock.

Guarantees: the API decides, with the operator's limits; the same key is done once. Who and why are
kept in the ledger with what was done.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cli.refusals import WronglySetUp


class Who(NamedTuple):
    """Who does it, and why."""

    actor: str
    reason: str


class Write(NamedTuple):
    """What is asked: a path below the program's, and a body."""

    path: tuple[str, ...]
    body: dict[str, Any]


def adjustment(member: str, points: int, who: Who, *, below_zero: bool = False) -> Write:
    """Points that are added, or deducted if they are negative."""
    direction = "add" if points >= 0 else "deduct"
    body = {"direction": direction, "points": abs(points), "below_zero": below_zero}
    return Write(("members", member, "adjustments"), {**body, **who._asdict()})


def of_lot(member: str, lot: str, what: str, who: Who, *, until: str | None = None) -> Write:
    """A lot that is confirmed or cancelled, or whose date is moved."""
    dated = {} if until is None else {"expires_at": until}
    return Write(("members", member, "lots", lot, what), {**dated, **who._asdict()})


def refund(member: str, redemption: str, points: int | None) -> Write:
    """A redemption whose points come back, all or a part."""
    return Write(("members", member, "redemptions", redemption, "cancel"), {"points": points})


def transfer(member: str, to: str, points: int) -> Write:
    """Points that a member gives to another."""
    return Write(("members", member, "transfers"), {"to": to, "points": points})


def merge(member: str, into: str, who: Who) -> Write:
    """All that a member has, for another."""
    return Write(("members", member, "merges"), {"into": into, **who._asdict()})


def reward(member: str, name: str) -> Write:
    """Points that are spent on a reward."""
    return Write(("members", member, "rewards"), {"reward": name})


def of_reward(member: str, redemption: str, what: str, who: Who) -> Write:
    """A redeemed reward that was handed over, or is cancelled."""
    return Write(("members", member, "rewards", redemption, what), who._asdict())


def stock(reward: str, who: Who, *, units: int | None, codes: Sequence[str]) -> Write:
    """Units put in stock: a number, or the codes of a pool."""
    named = {"units": units, "codes": list(codes)}
    return Write(("rewards", reward, "stock"), {**named, **who._asdict()})


def codes_in(file: Path) -> list[str]:
    """The codes of a file, one a line. Raises WronglySetUp."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WronglySetUp(f"{file} cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip()]
