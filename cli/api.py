"""The API as the command line asks it: what it refuses, or that it is away, ends in a message."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from cli.operation import console
from cli.refusals import Refused, WronglySetUp
from cli.writes import Write

TIMEOUT_SECONDS = 10.0
NUMBERS = ("available", "missing", "minimum", "limit")
"""What explains a refusal."""


@asynccontextmanager
async def client_of(api: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of this address; no proxy from the environment: the settings name the API."""
    async with httpx.AsyncClient(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield client


def path_of(*parts: str) -> str:
    """The path of a program, and of what is below it; names may hold any character."""
    return "/".join(["/v1/programs", *[quote(part, safe="") for part in parts]])


async def read(
    client: httpx.AsyncClient, path: str, query: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The body of a read. Raises Refused, WronglySetUp."""
    return _body(await _answered(client, "GET", path, params=query))


async def carry_out(api: str, program: str, asked: Write, key: str) -> int:
    """A write, asked of the API at this address; prints what was done."""
    async with client_of(api) as client:
        return await ask(client, program, asked, key)


async def ask(client: httpx.AsyncClient, program: str, asked: Write, key: str = "") -> int:
    """The same by a client of the API, once for each key. Raises Refused, WronglySetUp."""
    key = key or f"tessera {uuid.uuid4()}"
    headers = {"Idempotency-Key": key}
    path = path_of(program, *asked.path)
    answer = await _answered(client, "POST", path, json=asked.body, headers=headers)
    said = _body(answer)
    if answer.status_code == HTTPStatus.ACCEPTED:
        console().print(f"accepted, not decided yet: {said['status_url']}")
        return 0
    code = f" with the code {said['code']}" if said.get("code") else ""
    console().print(f"{said['status']}{code}; the balance is {said['balance']:,} (key: {key})")
    return 0


async def _answered(
    client: httpx.AsyncClient, method: str, path: str, **options: Any
) -> httpx.Response:
    try:
        return await client.request(method, path, **options)
    except httpx.TransportError as error:
        raise WronglySetUp(
            f"the API at {client.base_url} cannot be reached ({type(error).__name__}): start it "
            "with `tessera up`, or set TESSERA_API_HOST and TESSERA_API_PORT"
        ) from error


def _body(answer: httpx.Response) -> dict[str, Any]:
    said: dict[str, Any] = answer.json()
    if not answer.is_success:
        raise Refused(_refused(said))
    return said


def _refused(said: Mapping[str, Any]) -> str:
    """A refusal with the numbers that explain it, and the fields that are wrong."""
    numbers = [f"{name} {said[name]}" for name in NUMBERS if said.get(name) is not None]
    faults = [f"{each['field']}: {each['message']}" for each in said.get("errors", ())]
    return ", ".join([f"{said['code']}: {said.get('detail') or said['title']}", *numbers, *faults])
