"""Refusals of what is asked of an account, as facts with their numbers."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from shared.events import registry
from shared.events.awards import AwardActivated, ReturnAssessed
from shared.events.base import POINTS_MAX
from shared.events.commands import Command
from shared.events.movements import RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, Lot, Status
from shared.ledger.covering import Short
from shared.program.redemption import Refused

Asked = Command | ReturnAssessed | AwardActivated
SPENDING = (Status.ACTIVE,)
"""Status in which an account takes on new debits."""
CORRECTING = (Status.ACTIVE, Status.EARN_ONLY, Status.MERGING)
"""In which holds are captured and operators adjust."""
GIVING_BACK = (Status.ACTIVE, Status.EARN_ONLY, Status.MERGING, Status.FROZEN)
"""In which points come back or are clawed back, and dates are moved."""


def by_guard(short: Short) -> Refused:
    """Why the guard of debits lets no such debit pass."""
    if short.limit is not None:
        return Refused(RefusalReason.LIMIT_REACHED, {"limit": short.limit})
    numbers = {"available": short.available, "missing": short.missing}
    return Refused(RefusalReason.INSUFFICIENT_POINTS, numbers)


class Refusing:
    """Refuses one request; `subject` is the hold, redemption or lot that it is about."""

    def __init__(self, asked: Asked, subject: UUID, points: int | None = None) -> None:
        self.asked = asked
        self.subject = subject
        self.points = points

    def because(
        self, reason: RefusalReason, *, limit_of: str | None = None, **numbers: int
    ) -> RequestRefused:
        """Refused, for this reason, with the numbers that explain it."""
        return self._refused(reason, numbers, limit_of)

    def _refused(
        self,
        reason: RefusalReason,
        numbers: Mapping[str, int],
        limit_of: str | None = None,
        merged_into: str | None = None,
    ) -> RequestRefused:
        return RequestRefused(
            account=self.asked.account,
            request=registry.TYPE_OF[type(self.asked)],
            subject=self.subject,
            asked=self.points,
            reason=reason,
            limit_of=limit_of,
            merged_into=merged_into,
            **{name: min(number, POINTS_MAX) for name, number in numbers.items()},
        )

    def offered(self, refused: Refused) -> RequestRefused:
        """Refused by the program's terms of cash off, or by the guard of debits."""
        return self._refused(refused.reason, refused.numbers)

    def merged(self, account: Account) -> RequestRefused:
        """Refused, since all of the account is in another one, or about to be."""
        return self._refused(RefusalReason.ACCOUNT_MERGED, {}, merged_into=account.merged_into)

    def nothing(self) -> RequestRefused:
        """Refused, since it is about no points at all."""
        return self.because(RefusalReason.BELOW_MINIMUM, minimum=1)

    def short(self, short: Short) -> RequestRefused:
        """Refused by the guard of debits."""
        return self.offered(by_guard(short))

    def unless_open(
        self, account: Account | None, allowed: Collection[Status]
    ) -> RequestRefused | None:
        """Refused if there is no account, or it may not do this."""
        if account is None:
            return self.because(RefusalReason.ACCOUNT_UNKNOWN)
        if account.status not in allowed:
            return self.because(RefusalReason.ACCOUNT_BLOCKED)
        return None

    def lot_of(self, account: Account | None) -> tuple[Account, Lot] | RequestRefused:
        """The account and its lot that the request is about; refused if there is none."""
        if blocked := self.unless_open(account, GIVING_BACK):
            return blocked
        assert account is not None
        lot = account.lots.get(self.subject)
        if lot is None:
            return self.because(RefusalReason.LOT_UNKNOWN)
        return account, lot

    def pending_lot_of(
        self, account: Account | None, t: datetime
    ) -> tuple[Account, Lot] | RequestRefused:
        """The same of a lot that is not active yet, and may be; refused if it is not pending."""
        found = self.lot_of(account)
        if isinstance(found, RequestRefused):
            return found
        _, lot = found
        if lot.active_from <= t or lot.is_past(t):
            return self.because(RefusalReason.LOT_NOT_PENDING)
        return found
