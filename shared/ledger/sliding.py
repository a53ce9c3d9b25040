"""Dates that slide: what a member does makes points good for longer.

Guarantees: only lots that were credited as sliding, have free points, wait for no event and are not
past their date; a date only ever becomes a later one, so that deciding an act again changes
nothing. Pure.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from shared.events.awards import Extension
from shared.events.movements import ExpiryExtended, LotSlid
from shared.ledger.account import Account, InvariantError, in_utc
from shared.ledger.draft import Draft
from shared.program.model import Program
from shared.program.terms import Act
from shared.program.validity import Validity

LOTS_PER_FACT_MAX = 4_000
"""Lots that one fact may date: each takes some 150 bytes, and all fit one record."""


def slide(
    account: Account, extends: Extension, by: UUID, program_version: int, t: datetime
) -> Iterator[ExpiryExtended]:
    """What an act does to dates, those that come soonest first.

    `by` is the award or the request. Needs all lots with free points.
    """
    dated = [
        (lot.expires_at, lot.order, lot.lot_id)
        for lot in account.free_lots()
        if lot.sliding and lot.awaits is None and lot.expires_at is not None and not lot.is_past(t)
    ]
    dated.sort()
    slid = [
        LotSlid(lot_id=lot_id, expired_at=date, expires_at=extends.until)
        for date, _, lot_id in dated
        if date < extends.until
    ]
    for start in range(0, len(slid), LOTS_PER_FACT_MAX):
        yield ExpiryExtended(
            account=account.key,
            act=extends.act,
            by=by,
            program_version=program_version,
            lots=tuple(slid[start : start + LOTS_PER_FACT_MAX]),
        )


def by_spending(program: Program | None, t: datetime) -> Extension | None:
    """What points that are spent at t do to dates under this program, if anything."""
    if program is None or Act.REDEMPTION not in program.expiry.extended_by:
        return None
    until = Validity(program).after_act(t)
    return Extension(act=Act.REDEMPTION.value, until=until) if until is not None else None


def slid(account: Account, fact: ExpiryExtended, t: datetime) -> Account:
    """The lots have their later dates."""
    draft = Draft(account)
    for change in fact.lots:
        lot = draft.lot(change.lot_id)
        if lot.expires_at != change.expired_at or not change.expired_at < change.expires_at:
            raise InvariantError(f"{account.key}: {change} does not fit {lot}")
        if not lot.sliding or lot.is_past(t):
            raise InvariantError(f"{account.key}: lot {lot.lot_id} does not slide")
        draft.put_lot(lot._replace(expires_at=in_utc(change.expires_at)))
    return draft.account(t)
