"""`tessera reward list`: a program's rewards and their stock, as the API says them."""

import httpx
from rich.box import SIMPLE_HEAD
from rich.table import Table

from cli.api import client_of, path_of, read
from cli.operation import console


async def show(api: str, program: str) -> int:
    """Print the catalogue; the exit code."""
    async with client_of(api) as client:
        return await listed(client, program)


async def listed(client: httpx.AsyncClient, program: str) -> int:
    """The same by a client of the API. Raises Refused, WronglySetUp."""
    told = await read(client, path_of(program, "rewards"))
    if not told["rewards"]:
        console().print(f"{program} version {told['version']} offers no rewards")
        return 0
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("reward", "name", "points", "in stock", "offered"):
        is_number = column in {"points", "in stock"}
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for offer in told["rewards"]:
        units = "any" if offer["in_stock"] is None else f"{offer['in_stock']:,}"
        is_offered = "yes" if offer["offered"] else "no"
        table.add_row(offer["reward"], offer["name"], f"{offer['points']:,}", units, is_offered)
    console().print(f"{program} version {told['version']}")
    console().print(table)
    return 0
