"""`tessera member adjust | extend | reinstate`: an operator's corrections, through the API.

Guarantees: the API decides, with the operator's limits; the same key is done once. Who and why are
kept in the ledger with what was done.
"""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from cli.operation import console
from cli.refusals import Refused, WronglySetUp

TIMEOUT_SECONDS = 10.0
NUMBERS = ("available", "missing", "limit")


class Correction(NamedTuple):
    """What is asked of the API: a path below the member's, and a body."""

    path: str
    body: dict[str, Any]


def adjustment(points: int, *, actor: str, reason: str, below_zero: bool) -> Correction:
    """Points that are added, or deducted if they are negative."""
    direction = "add" if points >= 0 else "deduct"
    body = {"direction": direction, "points": abs(points), "actor": actor, "reason": reason}
    return Correction("adjustments", {**body, "below_zero": below_zero})


def date(kind: str, lot: str, until: str, *, actor: str, reason: str) -> Correction:
    """A lot whose date is moved."""
    body = {"expires_at": until, "actor": actor, "reason": reason}
    return Correction(f"lots/{quote(lot, safe='')}/{kind}", body)


async def correct(api: str, program: str, member: str, asked: Correction, key: str) -> int:
    """Ask the API and print what was done; the exit code."""
    # no proxy from the environment: the API is named by the settings
    async with httpx.AsyncClient(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        return await ask(client, program, member, asked, key)


async def ask(
    client: httpx.AsyncClient, program: str, member: str, asked: Correction, key: str
) -> int:
    """The same by a client of the API. Raises Refused, WronglySetUp."""
    key = key or f"tessera {uuid.uuid4()}"
    path = f"/v1/programs/{quote(program, safe='')}/members/{quote(member, safe='')}/{asked.path}"
    try:
        answer = await client.post(path, json=asked.body, headers={"Idempotency-Key": key})
    except httpx.TransportError as error:
        raise WronglySetUp(
            f"the API at {client.base_url} cannot be reached ({type(error).__name__}): start it "
            "with `tessera up`, or set TESSERA_API_HOST and TESSERA_API_PORT"
        ) from error
    said = answer.json()
    if answer.status_code == HTTPStatus.ACCEPTED:
        console().print(f"accepted, not decided yet: {said['status_url']}")
        return 0
    if answer.status_code != HTTPStatus.OK:
        raise Refused(_refused(said))
    console().print(f"{said['status']}; the balance is {said['balance']:,} (key: {key})")
    return 0


def _refused(said: Mapping[str, Any]) -> str:
    """A refusal with the numbers that explain it."""
    numbers = [f"{name} {said[name]}" for name in NUMBERS if name in said]
    return ", ".join([f"{said['code']}: {said.get('detail') or said['title']}", *numbers])
