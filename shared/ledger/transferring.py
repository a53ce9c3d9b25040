"""Transfers on the two accounts: points sent, received, and given back if nobody takes them.

Guarantees: points leave only through the guard of every debit, and come in as lots with the dates,
brands and grace that they left with; an account that takes none loses the sender no point; what a
claw-back makes of a transfer is due for ever. Each decision stands above the fold of its fact.
Pure: `t` and the program are arguments. How far a transfer has come is kept in `transfers`.
"""

from datetime import datetime
from uuid import UUID

from shared.events.base import is_reserved, split_account
from shared.events.ids import received_lot_id
from shared.events.movements import RequestRefused
from shared.events.points import LotShare, RefusalReason
from shared.events.transfers import (
    LOTS_PER_TRANSFER_MAX,
    ConcludeTransfer,
    PointsReceived,
    PointsSent,
    ReceivedLot,
    ReceivePoints,
    SentLot,
    TransferPoints,
    TransferReturned,
    TransferSettled,
)
from shared.ledger.account import Account, DebitKind, InvariantError, Lot, in_utc
from shared.ledger.covering import Short, allocate, coverings
from shared.ledger.draft import Draft, new_debit, new_lot
from shared.ledger.giving_back import give_back, take_back
from shared.ledger.refusing import CORRECTING, SPENDING, Refusing
from shared.ledger.transfers import Transfer, TransferState
from shared.program.model import Program

OfTransfer = PointsSent | PointsReceived | TransferSettled | TransferReturned
"""What happens to points that go from one account to another."""


def send(
    account: Account | None,
    command: TransferPoints,
    program: Program | None,
    transfer_id: UUID,
    t: datetime,
) -> PointsSent | RequestRefused:
    """Points on their way to another account, or why not. Needs all lots with free points."""
    refusing = Refusing(command, transfer_id, command.points)
    if program is None:
        return refusing.because(RefusalReason.PROGRAM_UNKNOWN)
    if blocked := refusing.unless_open(account, SPENDING):
        return blocked
    assert account is not None
    rules = program.transfers
    if rules is None or not _is_to_another_member(command):
        return refusing.because(RefusalReason.TRANSFER_NOT_ALLOWED)
    if command.points < rules.minimum:
        return refusing.because(RefusalReason.BELOW_MINIMUM, minimum=rules.minimum)
    allocation = allocate(account.spendable(t), command.points, LOTS_PER_TRANSFER_MAX)
    if isinstance(allocation, Short):
        return refusing.short(allocation)
    if command.points > rules.most:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=rules.most, limit_of="transfer")
    return PointsSent(
        account=account.key,
        transfer_id=transfer_id,
        to=command.to,
        points=command.points,
        program_version=program.version,
        lots=tuple([_sent(account.lots[lot_id], points) for lot_id, points in allocation]),
    )


def _is_to_another_member(command: TransferPoints) -> bool:
    """Another one, of the same program; a program's own accounts are no member's."""
    program, member = split_account(command.to)
    same_program = program == split_account(command.account)[0]
    return same_program and command.to != command.account and not is_reserved(member)


def _sent(lot: Lot, points: int) -> SentLot:
    return SentLot(
        lot_id=lot.lot_id,
        points=points,
        brand=lot.brand,
        occurred_at=lot.occurred_at,
        active_from=lot.active_from,
        expires_at=lot.expires_at,
        graced=lot.graced,
        sliding=lot.sliding,
    )


def sent(account: Account, fact: PointsSent, t: datetime) -> Account:
    """A debit, covered whole by the lots that the decision names."""
    taken = [LotShare(lot_id=lot.lot_id, points=lot.points) for lot in fact.lots]
    made, kind = fact.transfer_id, DebitKind.TRANSFER
    draft = Draft(account)
    draft.add_debit(new_debit(account, made, kind, fact.points, taken, t), active_at=t)
    return draft.account(t)


def receive(
    account: Account | None, command: ReceivePoints, t: datetime
) -> PointsReceived | RequestRefused:
    """Points that were sent as lots of this account, or why it does not take them.

    Needs, besides debits with points due, no lots: while anything is due, none has free points.
    """
    points = sum(lot.points for lot in command.lots)
    refusing = Refusing(command, command.transfer_id, points)
    if blocked := refusing.unless_open(account, CORRECTING):
        return blocked
    assert account is not None
    received = PointsReceived(
        account=account.key,
        transfer_id=command.transfer_id,
        sender=command.sender,
        points=points,
        lots=tuple([_received(command, lot, t) for lot in command.lots]),
    )
    if not account.due:
        return received
    covers = coverings(_with_lots(account, received, t).account(account.last_at), t)
    return received.model_copy(update={"covers": covers})


def _received(command: ReceivePoints, lot: SentLot, t: datetime) -> ReceivedLot:
    """A lot with its dates; it is expired if its date has passed on the way."""
    return ReceivedLot(
        lot_id=received_lot_id(command.account, command.transfer_id, lot.lot_id),
        sent_lot_id=lot.lot_id,
        expired=lot.expires_at is not None and lot.expires_at <= t,
        **lot.model_dump(exclude={"lot_id"}),
    )


def _with_lots(account: Account, fact: PointsReceived, t: datetime) -> Draft:
    draft = Draft(account)
    for lot in fact.lots:
        made = new_lot(account, lot.lot_id, lot.brand, lot.points, t)._replace(
            occurred_at=in_utc(lot.occurred_at),
            active_from=in_utc(lot.active_from),
            expires_at=in_utc(lot.expires_at) if lot.expires_at else None,
            graced=lot.graced,
            sliding=lot.sliding,
        )
        if made.is_past(t) is not lot.expired:
            raise InvariantError(f"{account.key}: {lot} is expired too early, or too late")
        gone = lot.points if lot.expired else 0
        draft.add_lot(made.moved(free=-gone, expired=gone), received=True)
    return draft


def received(account: Account, fact: PointsReceived, t: datetime) -> Account:
    """New lots, of which some points cover what was due."""
    if sum(lot.points for lot in fact.lots) != fact.points:
        raise InvariantError(f"{account.key}: the lots of {fact.transfer_id} hold other points")
    draft = _with_lots(account, fact, t)
    draft.cover(fact.covers)
    return draft.account(t)


def conclude(
    account: Account | None, transfer: Transfer | None, command: ConcludeTransfer, t: datetime
) -> TransferSettled | TransferReturned | RequestRefused:
    """What came of a transfer: nothing more, or all is given back. Needs the debit and its lots.

    No status of the account is in its way: the points may be the other's already.
    """
    if account is None or transfer is None or transfer.state is not TransferState.IN_TRANSIT:
        refusing = Refusing(command, command.transfer_id)
        return refusing.because(RefusalReason.TRANSFER_UNKNOWN)
    if command.refused is None:
        return TransferSettled(
            account=account.key,
            transfer_id=transfer.transfer_id,
            to=transfer.to,
            points=transfer.points,
        )
    debit = account.debits[transfer.transfer_id]
    return TransferReturned(
        account=account.key,
        transfer_id=transfer.transfer_id,
        to=transfer.to,
        points=debit.amount,
        reason=command.refused,
        back=give_back(account, debit, debit.amount, t),
    )


def returned(account: Account, fact: TransferReturned, t: datetime) -> Account:
    """All of the transfer's points are where they came from."""
    draft = Draft(account)
    before = draft.debit(fact.transfer_id)
    after = take_back(draft, before, fact.back)
    if before.kind is not DebitKind.TRANSFER or before.amount != fact.points or after.amount:
        raise InvariantError(f"{account.key}: {fact} does not fit {before}")
    return draft.account(t)


def transferred(account: Account, fact: OfTransfer, t: datetime) -> Account:
    """Either account after a fact about a transfer; that it is settled moves nothing more."""
    match fact:
        case PointsSent():
            return sent(account, fact, t)
        case PointsReceived():
            return received(account, fact, t)
        case TransferReturned():
            return returned(account, fact, t)
        case TransferSettled():
            return Draft(account).account(t)
