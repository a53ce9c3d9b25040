"""Holds: points set aside for a checkout, then captured, released, or lapsed by date.

Guarantees: a hold protects its points until it lapses, also past the date of their lots; a captured
amount never exceeds the hold; a hold is closed once. Each decision stands above the fold of its
fact. Pure: `t` and the program are arguments.
"""

from datetime import datetime, timedelta
from math import gcd
from uuid import UUID

from shared.events.commands import CapturePoints, HoldPoints, ReleasePoints
from shared.events.movements import (
    HoldCaptured,
    HoldLapsed,
    HoldReleased,
    PointsHeld,
    RequestRefused,
)
from shared.events.points import RefusalReason
from shared.ledger.account import Account, Debit, DebitKind, HoldState, InvariantError, in_utc
from shared.ledger.cash_off import grant
from shared.ledger.draft import Draft, new_debit
from shared.ledger.giving_back import give_back, take_back
from shared.ledger.refusing import CORRECTING, GIVING_BACK, Refusing
from shared.program.model import Program
from shared.program.policies import Holds
from shared.program.redemption import Refused

Closing = CapturePoints | ReleasePoints


def hold(
    account: Account | None,
    command: HoldPoints,
    program: Program | None,
    hold_id: UUID,
    t: datetime,
) -> PointsHeld | RequestRefused:
    """Points set aside as a redemption would spend them, or why not.

    Needs all lots with free points and all open holds.
    """
    refusing = Refusing(command, hold_id, command.points)
    granted = grant(account, command, program, t)
    if isinstance(granted, Refused):
        return refusing.offered(granted)
    assert account is not None
    assert program is not None
    if limited := _limited(refusing, account, command, program.redemption.holds):
        return limited
    return PointsHeld(
        account=command.account,
        hold_id=hold_id,
        asked=command.points,
        points=granted.points,
        value_minor=granted.value_minor,
        money=program.money,
        order_minor=command.order_minor,
        program_version=program.version,
        lapses_at=t + _time_to_live(command, program.redemption.holds),
        allocation=granted.allocation,
    )


def _time_to_live(command: HoldPoints, rules: Holds) -> timedelta:
    if command.hold_seconds is None:
        return rules.lapse_time
    return timedelta(seconds=command.hold_seconds)


def _limited(
    refusing: Refusing, account: Account, command: HoldPoints, rules: Holds
) -> RequestRefused | None:
    """Why the program allows no such hold, if it does not."""
    holds = [debit for debit in account.open_holds() if debit.kind is DebitKind.HOLD]
    if len(holds) >= rules.open_most:
        return refusing.because(
            RefusalReason.LIMIT_REACHED, limit=rules.open_most, limit_of="open_holds"
        )
    if _time_to_live(command, rules) > rules.longest_time:
        seconds = rules.longest_time // timedelta(seconds=1)
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=seconds, limit_of="hold_seconds")
    return None


def held(account: Account, fact: PointsHeld, t: datetime) -> Account:
    """A debit that is an open hold, covered whole by the lots that the decision names."""
    lapses_at = in_utc(fact.lapses_at)
    if lapses_at <= t:
        raise InvariantError(f"{account.key}: hold {fact.hold_id} is made too late")
    debit = new_debit(account, fact.hold_id, DebitKind.HOLD, fact.points, fact.allocation, t)
    debit = debit._replace(value_minor=fact.value_minor, money=fact.money)
    draft = Draft(account)
    draft.add_debit(debit._replace(state=HoldState.OPEN, lapses_at=lapses_at), active_at=t)
    return draft.account(t)


def capture(
    account: Account | None, command: CapturePoints, t: datetime
) -> HoldCaptured | RequestRefused:
    """Points of a hold that stay spent; the rest is given back at once. Or why not.

    All of it is always worth whole money; a part has to be, too. Needs the hold and its lots.
    """
    refusing = Refusing(command, command.hold_id, command.points)
    if blocked := refusing.unless_open(account, CORRECTING):
        return blocked
    assert account is not None
    debit = _hold(account, command)
    if command.points == 0:
        return refusing.nothing()
    if refused := _unfit(refusing, debit, command.points) or _not_open(refusing, debit):
        return refused
    assert debit is not None
    points = debit.amount if command.points is None else command.points
    return HoldCaptured(
        account=account.key,
        hold_id=debit.debit_id,
        points=points,
        value_minor=points * (debit.value_minor or 0) // debit.original,
        money=debit.money or "",
        back=give_back(account, debit, debit.amount - points, t),
    )


def _hold(account: Account, command: Closing) -> Debit | None:
    """The hold that a command names; a debit that never was one is none."""
    debit = account.debits.get(command.hold_id)
    if debit is None or debit.state is None or debit.kind is DebitKind.REWARD:
        return None
    return debit


def _unfit(refusing: Refusing, debit: Debit | None, points: int | None) -> RequestRefused | None:
    """Why so many points of a hold cannot be captured, whether or not it is open."""
    if debit is None or points is None:
        return None
    multiple = debit.original // gcd(debit.original, debit.value_minor or 0)
    if points % multiple:
        return refusing.because(RefusalReason.NOT_A_MULTIPLE, multiple=multiple)
    if points > debit.original:
        return refusing.because(RefusalReason.LIMIT_REACHED, limit=debit.original)
    return None


def _not_open(refusing: Refusing, debit: Debit | None) -> RequestRefused | None:
    """Why a hold cannot be closed: there is none, it has lapsed, it was closed before."""
    if debit is None:
        return refusing.because(RefusalReason.HOLD_UNKNOWN)
    if debit.state is HoldState.LAPSED:
        return refusing.because(RefusalReason.HOLD_EXPIRED)
    if debit.state is not HoldState.OPEN:
        return refusing.because(RefusalReason.HOLD_NOT_OPEN)
    return None


def captured(account: Account, fact: HoldCaptured, t: datetime) -> Account:
    """The hold is a redemption from now on, in its place among the debits."""
    draft = Draft(account)
    debit = _open(draft, fact.hold_id)
    if fact.points > debit.amount:
        raise InvariantError(f"{account.key}: more is captured than hold {fact.hold_id} has")
    debit = take_back(draft, debit, fact.back)
    _check_amount(debit, fact.points)
    draft.put_debit(debit._replace(kind=DebitKind.REDEMPTION, state=HoldState.CAPTURED))
    return draft.account(t)


def release(
    account: Account | None, command: ReleasePoints, t: datetime
) -> HoldReleased | RequestRefused:
    """All of a hold comes back, or why not. Needs the hold and its lots."""
    refusing = Refusing(command, command.hold_id)
    if blocked := refusing.unless_open(account, GIVING_BACK):
        return blocked
    assert account is not None
    debit = _hold(account, command)
    if refused := _not_open(refusing, debit):
        return refused
    assert debit is not None
    return HoldReleased(
        account=account.key,
        hold_id=debit.debit_id,
        points=debit.amount,
        back=give_back(account, debit, debit.amount, t),
    )


def lapse(account: Account, debit: Debit) -> HoldLapsed:
    """All of an open hold comes back at the instant at which it lapses. Needs its lots."""
    assert debit.lapses_at is not None
    return HoldLapsed(
        account=account.key,
        hold_id=debit.debit_id,
        points=debit.amount,
        lapses_at=debit.lapses_at,
        back=give_back(account, debit, debit.amount, debit.lapses_at),
    )


def let_go(account: Account, fact: HoldReleased | HoldLapsed, t: datetime) -> Account:
    """The hold is closed and has nothing any more."""
    draft = Draft(account)
    debit = _open(draft, fact.hold_id)
    state = HoldState.RELEASED
    if isinstance(fact, HoldLapsed):
        state = HoldState.LAPSED
        if debit.lapses_at != fact.lapses_at or fact.lapses_at > t:
            raise InvariantError(f"{account.key}: hold {fact.hold_id} lapses at another time")
    if fact.points != debit.amount:
        raise InvariantError(f"{account.key}: hold {fact.hold_id} has not {fact.points} points")
    debit = take_back(draft, debit, fact.back)
    _check_amount(debit, 0)
    draft.put_debit(debit._replace(state=state))
    return draft.account(t)


def _open(draft: Draft, hold_id: UUID) -> Debit:
    debit = draft.debit(hold_id)
    if not debit.is_open_hold:
        raise InvariantError(f"{draft.before.key}: {hold_id} is no open hold")
    return debit


def _check_amount(debit: Debit, points: int) -> None:
    if debit.amount != points:
        raise InvariantError(f"debit {debit.debit_id} has {debit.amount} points, not {points}")
