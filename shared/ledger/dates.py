"""Dates that an operator moves: a lot extended or reinstated, a pending award confirmed.

Guarantees: a date only ever moves to where it gives the member more time, and never brings back
what was clawed. Each move is a fact with who and why. Pure.
"""

from datetime import datetime
from uuid import UUID

from shared.events.awards import ActivatedLot, AwardActivated
from shared.events.commands import ConfirmAward, ExtendLot, ReinstateLot
from shared.events.movements import AwardConfirmed, LotExtended, LotReinstated, RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, InvariantError, in_utc
from shared.ledger.covering import coverings
from shared.ledger.draft import Draft
from shared.ledger.refusing import Refusing


def extend(
    account: Account | None, command: ExtendLot, t: datetime
) -> LotExtended | RequestRefused:
    """A later date for a lot that is not past it, or why not. Needs the lot.

    What waits for an event has no later date: it can be confirmed, or reinstated.
    """
    refusing = Refusing(command, command.lot_id)
    found = refusing.lot_of(account)
    if isinstance(found, RequestRefused):
        return found
    account, lot = found
    if lot.is_past(t):
        return refusing.because(RefusalReason.LOT_EXPIRED)
    if lot.awaits or lot.expires_at is None or command.expires_at <= lot.expires_at:
        return refusing.because(RefusalReason.DATE_NOT_LATER)
    return LotExtended(
        account=account.key,
        lot_id=lot.lot_id,
        expired_at=lot.expires_at,
        expires_at=command.expires_at,
        actor=command.actor,
        reason=command.reason,
    )


def extended(account: Account, fact: LotExtended, t: datetime) -> Account:
    """The lot has its later date."""
    draft = Draft(account)
    lot = draft.lot(fact.lot_id)
    if lot.expires_at != fact.expired_at or fact.expires_at <= fact.expired_at:
        raise InvariantError(f"{account.key}: {fact} does not fit {lot}")
    draft.put_lot(lot._replace(expires_at=in_utc(fact.expires_at)))
    return draft.account(t)


def reinstate(
    account: Account | None, command: ReinstateLot, t: datetime
) -> LotReinstated | RequestRefused:
    """A new date for a lot that is past its own, whose expired points are free again, or why not.

    Needs the lot.
    """
    refusing = Refusing(command, command.lot_id)
    found = refusing.lot_of(account)
    if isinstance(found, RequestRefused):
        return found
    account, lot = found
    if lot.expires_at is None or not lot.is_past(t) or not lot.expired:
        return refusing.because(RefusalReason.LOT_NOT_EXPIRED)
    if command.expires_at <= max(t, lot.active_from):
        return refusing.because(RefusalReason.DATE_NOT_LATER)
    draft = Draft(account)
    _bring_back(draft, lot.lot_id, lot.expired, command.expires_at)
    return LotReinstated(
        account=account.key,
        lot_id=lot.lot_id,
        points=lot.expired,
        expired_at=lot.expires_at,
        expires_at=command.expires_at,
        covers=coverings(draft.account(account.last_at), t),
        actor=command.actor,
        reason=command.reason,
    )


def _bring_back(draft: Draft, lot_id: UUID, points: int, expires_at: datetime) -> None:
    lot = draft.lot(lot_id)._replace(expires_at=in_utc(expires_at), awaits=None, promised=None)
    draft.put_lot(lot.moved(free=points, expired=-points))


def reinstated(account: Account, fact: LotReinstated, t: datetime) -> Account:
    """What had expired is free, or covers what was due."""
    draft = Draft(account)
    lot = draft.lot(fact.lot_id)
    if lot.expires_at != fact.expired_at or lot.expired != fact.points or not lot.is_past(t):
        raise InvariantError(f"{account.key}: {fact} does not fit {lot}")
    _bring_back(draft, fact.lot_id, fact.points, fact.expires_at)
    draft.cover(fact.covers)
    return draft.account(t)


def confirm(
    account: Account | None, command: ConfirmAward, t: datetime
) -> AwardConfirmed | RequestRefused:
    """A pending lot that is active from now on, or why not. Needs the lot."""
    found = Refusing(command, command.lot_id).pending_lot_of(account, t)
    if isinstance(found, RequestRefused):
        return found
    account, lot = found
    return AwardConfirmed(
        account=account.key,
        lot_id=lot.lot_id,
        active_from=t,
        actor=command.actor,
        reason=command.reason,
        dated=lot.awaits is not None,
        expires_at=lot.promised,
    )


def activate(
    account: Account | None, event: AwardActivated, of: ActivatedLot, t: datetime
) -> AwardConfirmed | RequestRefused:
    """A lot that is active since its event came, or why not. Needs the lot.

    It is refused if it is active, or gone, already: an event that comes too late brings nothing
    back.
    """
    found = Refusing(event, of.lot_id).pending_lot_of(account, t)
    if isinstance(found, RequestRefused):
        return found
    account, lot = found
    return AwardConfirmed(
        account=account.key,
        lot_id=lot.lot_id,
        active_from=t,
        actor=event.source,
        reason=f"{event.event} {event.event_id}",
        dated=True,
        expires_at=of.expires_at,
    )


def confirmed(account: Account, fact: AwardConfirmed, t: datetime) -> Account:
    """The lot is active, and waits for nothing."""
    draft = Draft(account)
    lot = draft.lot(fact.lot_id)
    if lot.active_from <= t or fact.active_from > t or (lot.awaits and not fact.dated):
        raise InvariantError(f"{account.key}: {fact} does not fit {lot}")
    lot = lot._replace(active_from=in_utc(fact.active_from), awaits=None, promised=None)
    if fact.dated:
        lot = lot._replace(expires_at=in_utc(fact.expires_at) if fact.expires_at else None)
    draft.put_lot(lot)
    return draft.account(t)
