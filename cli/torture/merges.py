"""Accounts that were merged, and what is on its way from them to those that have them."""

from typing import Any
from uuid import UUID

import asyncpg

from cli.torture.found import Checked, Found
from cli.torture.journal import PROGRAM, Journal
from shared.events.base import account_key
from shared.events.ids import delivery_cause

OPEN = "SELECT count(*) FROM redeem.parcel WHERE state = 'open'"
MERGED = "SELECT key, merged_into, status FROM redeem.account WHERE merged_into IS NOT NULL"
FORWARDED = """
SELECT (fact::json ->> 'to'), (fact::json ->> 'input_id')::uuid, (fact::json ->> 'origin')::uuid
FROM redeem.decision WHERE type = 'loyalty.input.forwarded.v1'
"""
PART = "loyalty.merge.part-moved.v1"


async def open_parcels(dsn: str) -> int:
    """How much has not arrived yet of what accounts sent that were merged."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(OPEN))
    finally:
        await connection.close()


async def sent_on(connection: asyncpg.Connection) -> dict[UUID, UUID]:
    """Of what merged accounts sent on: the request, by the cause of the decision on it."""
    return {
        delivery_cause(to, input_id).id: origin
        for to, input_id, origin in await connection.fetch(FORWARDED)
    }


async def merges_done(connection: asyncpg.Connection, journal: Journal) -> Checked:
    """Who was told to be merged is; that nothing is left there, the sums of accounts say."""
    found = Found("accounts are merged as was answered, nothing of them is on its way", "I2 I4")
    due = {
        account_key(PROGRAM, member): account_key(PROGRAM, into)
        for member, into in journal.merges.items()
    }
    for account, into, status in await connection.fetch(MERGED):
        found.looked_at += 1
        if (into, status) != (due.pop(account, None), "closed"):
            found.find(f"{account} is {status}, merged into {into}")
    for account, into in due.items():
        found.find(f"{account} was to be merged into {into}")
    if count := await connection.fetchval(OPEN):
        found.find(f"{count} parcels are on their way")
    return found.checked


def is_last_word(kind: str, told: dict[str, Any]) -> bool:
    """Whether a fact may answer a request: of the parts of an account only the last one does."""
    return kind != PART or told.get("last", False)
