"""Reads of one member's account: balances, entries, open lots, what expires when."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.query.answers.accounts import Balances, Entries, Expiries, Lots, LotState
from services.query.context import (
    MemberId,
    Parts,
    ProgramName,
    account_of,
    context_of,
    token_header,
    token_parameters,
)
from services.query.limits import PAGE_DEFAULT
from services.query.pages import (
    PAGE_PROBLEMS,
    READ_PROBLEMS,
    Cursor,
    Limit,
    cursor_of,
    number_of,
    order_of,
)
from services.query.problems import Code, Problem
from services.query.reading import ENTRIES, EXPIRIES, LOTS
from services.query.settling import NEVER, Place, expiry_rows, lot_rows
from services.query.told import of_member
from shared.events.base import EPOCH, split_account

router = APIRouter(prefix="/programs/{program}/members/{member}", tags=["members"])

MICROSECOND = timedelta(microseconds=1)
BEFORE_ALL: Place = (EPOCH, 0, UUID(int=0))
PART_LISTS = ("lots", "debits", "claims", "transfers")


@router.get(
    "",
    summary="Balances of a member",
    response_model=Balances,
    responses={200: token_header(), **READ_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def balances(request: Request, program: ProgramName, member: MemberId) -> Response:
    """What the member has now, what comes next, and the totals of the account's life."""
    parts = context_of(request)
    account = account_of(program, member)
    snapshot, row = await parts.balances(request, account)
    available, pending, held, deficit = (
        row["available"],
        row["pending"],
        row["held"],
        row["deficit"],
    )
    next_at, merged_into = row["next_at"], row["merged_into"]
    return of_member(
        account,
        snapshot,
        {
            "available": available,
            "held": held,
            "pending": pending,
            "deficit": deficit,
            "balance": available + held + pending - deficit,
            "earned": row["earned"],
            "redeemed": row["redeemed"],
            "expired": row["expired"],
            "clawed_back": row["clawed_back"],
            "written_off": row["written_off"],
            "added": row["added"],
            "deducted": row["deducted"],
            "received": row["received"],
            "sent": row["sent"],
            "next_expiry": next_at and {"at": next_at, "points": row["next_points"]},
            "merged_into": merged_into and split_account(merged_into)[1],
        },
    )


@router.get(
    "/entries",
    summary="History of a member, newest first",
    response_model=Entries,
    responses={200: token_header(), **PAGE_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def entries(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Every fact of the account, with what it did to the balance and why."""
    account = account_of(program, member)
    snapshot = await parts.read(request, ENTRIES, account, number_of(cursor), limit + 1)
    rows = [row for row in snapshot.rows if row["entry"] is not None]
    shown = [_entry(row) for row in rows[:limit]]
    following = str(shown[-1]["version"]) if len(rows) > limit else None
    return of_member(account, snapshot, {"entries": shown, "next": following})


@router.get(
    "/lots",
    summary="Open lots of a member",
    response_model=Lots,
    responses={200: token_header(), **PAGE_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def lots(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Lots with points left, soonest expiry first, then oldest, never-expiring last."""
    after = _place(cursor) if cursor is not None else BEFORE_ALL
    account = account_of(program, member)
    snapshot = await parts.read(request, LOTS, account, *after, limit + 1)
    rows: list[Mapping[str, Any]] = [row for row in snapshot.rows if row["lot_id"] is not None]
    if snapshot.rows[0]["unsettled"]:
        snapshot, settled = await parts.settled(request, account)
        rows = list(lot_rows(settled, snapshot.rows[0]["as_of"], after))[: limit + 1]
    shown = [_lot(row) for row in rows[:limit]]
    following = _lot_cursor(rows[limit - 1]) if len(rows) > limit else None
    return of_member(account, snapshot, {"lots": shown, "next": following})


@router.get(
    "/expiries",
    summary="What expires when",
    response_model=Expiries,
    responses={200: token_header(), **PAGE_PROBLEMS},
    openapi_extra=token_parameters(),
)
async def expiries(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Points that are gone unless they are spent, by date, soonest first."""
    after = _instant(cursor) if cursor is not None else EPOCH
    account = account_of(program, member)
    snapshot = await parts.read(request, EXPIRIES, account, after, limit + 1)
    rows: list[Mapping[str, Any]] = [row for row in snapshot.rows if row["expires_at"] is not None]
    if snapshot.rows[0]["unsettled"]:
        snapshot, settled = await parts.settled(request, account)
        rows = list(expiry_rows(settled, snapshot.rows[0]["as_of"], after))[: limit + 1]
    shown = [
        {
            "at": row["expires_at"],
            "points": row["points"],
            "pending": row["pending"],
            "total": row["total"],
        }
        for row in rows[:limit]
    ]
    following = str(_micros(shown[-1]["at"])) if len(rows) > limit else None
    return of_member(account, snapshot, {"expiries": shown, "next": following})


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": row["entry"],
        "type": row["type"],
        "at": row["decided_at"],
        "points": row["points"],
        "balance": row["balance"],
        "cause": row["cause"],
        "detail": _detail(row["fact"]),
    }


def _detail(text: str) -> dict[str, Any]:
    """A fact; of a part of a merged account how much is in it, since that may be half a record."""
    fact: dict[str, Any] = json.loads(text)
    if (part := fact.get("part")) is not None:
        fact["part"] = {name: len(in_it) for name, in_it in part.items() if name in PART_LISTS}
    return fact


def _lot(row: Mapping[str, Any]) -> dict[str, Any]:
    pending = row["active_from"] > row["as_of"]
    return {
        "lot_id": row["lot_id"],
        "brand": row["brand"],
        "receipt_id": row["receipt_id"],
        "state": LotState.PENDING if pending else LotState.ACTIVE,
        "original": row["original"],
        "free": row["free"],
        "used": row["used"],
        "expired": row["expired"],
        "clawed": row["clawed"],
        "occurred_at": row["occurred_at"],
        "active_from": row["active_from"],
        "expires_at": row["expires_at"],
        "sliding": row["sliding"],
        "awaits": row["awaits"],
    }


def _lot_cursor(row: Mapping[str, Any]) -> str:
    return f"{_micros(row['expires_at'] or NEVER)}-{cursor_of(row['order'], row['lot_id'])}"


def _place(cursor: str) -> Place:
    at, _, rest = cursor.partition("-")
    return _instant(at), *order_of(rest)


def _instant(cursor: str) -> datetime:
    try:
        return EPOCH + number_of(cursor) * MICROSECOND
    except OverflowError:
        raise Problem(Code.CURSOR_MALFORMED) from None


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
