"""`tessera member show`: what a member has, as the API says it."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.table import Table

from cli.api import client_of, path_of, read
from cli.operation import console

LOTS_MAX = 20
ENTRIES_MAX = 10
BALANCES = ("available", "pending", "held", "deficit", "balance")
TOTALS = (
    *("earned", "added", "received", "redeemed", "deducted", "sent"),
    *("expired", "clawed_back", "written_off"),
)


async def show(api: str, program: str, member: str) -> int:
    """Print balances, open lots by date and the last entries; the exit code."""
    async with client_of(api) as client:
        return await ask(client, program, member)


async def ask(client: httpx.AsyncClient, program: str, member: str) -> int:
    """The same by a client of the API. Raises Refused, WronglySetUp."""
    path = path_of(program, "members", member)
    balances = await read(client, path)
    seen = {"token": balances["token"]}
    lots = await read(client, f"{path}/lots", {**seen, "limit": str(LOTS_MAX)})
    entries = await read(client, f"{path}/entries", {**seen, "limit": str(ENTRIES_MAX)})
    told = console()
    told.print(f"{program} {member}, as of {balances['as_of']}")
    if (into := balances["merged_into"]) is not None:
        told.print(f"merged into {into}, who has the points: tessera member show {program} {into}")
    told.print(_balances(balances))
    told.print(_lots(lots))
    told.print(_entries(entries))
    return 0


def _table(*columns: str, numbers: Sequence[str] = (), title: str = "") -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _balances(found: Mapping[str, Any]) -> Table:
    table = _table("now", "points", "ever", "points ", numbers=("points", "points "))
    for now, ever in zip_longest(BALANCES, TOTALS):
        has = (now, f"{found[now]:,}") if now is not None else ("", "")
        table.add_row(*has, ever, f"{found[ever]:,}")
    return table


def _lots(found: Mapping[str, Any]) -> Table:
    title = "open lots, soonest expiry first"
    if found["next"] is not None:
        title += f"; the first {LOTS_MAX}"
    columns = ("expires (UTC)", "free", "of", "state", "earned (UTC)", "brand", "receipt")
    table = _table(*columns, numbers=("free", "of"), title=title)
    for lot in found["lots"]:
        table.add_row(
            _short(lot["expires_at"]) if lot["expires_at"] else "never",
            f"{lot['free']:,}",
            f"{lot['original']:,}",
            lot["state"],
            _short(lot["occurred_at"]),
            lot["brand"],
            lot["receipt_id"] or "",
        )
    return table


def _entries(found: Mapping[str, Any]) -> Table:
    columns = ("entry", "at (UTC)", "what", "points", "balance")
    title = "last entries, newest first"
    table = _table(*columns, numbers=("entry", "points", "balance"), title=title)
    for entry in found["entries"]:
        what = entry["type"].removeprefix("loyalty.").rpartition(".v")[0]
        reason = entry["detail"].get("reason", "")
        table.add_row(
            str(entry["version"]),
            _short(entry["at"]),
            f"{what} {reason}".strip(),
            f"{entry['points']:+,}",
            f"{entry['balance']:,}",
        )
    return table


def _short(instant: str) -> str:
    """An instant to the minute, in UTC as the API says it."""
    return f"{instant[:10]} {instant[11:16]}"
