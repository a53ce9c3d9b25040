"""The shell of earn: activity in, awards out.

Guarantees: an activity has one award, whatever its repeats, from whichever topic and in any order;
an award of nothing says why. A return is assessed once its purchase is known, in the same turn with
it if it had to wait. Does not touch accounts: what an award does to one is redeem's to decide.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from services.earn import enrolments
from services.earn.activations import about, activated, is_awaited
from services.earn.counters import COUNTED, OF_ACCOUNT, of_facts, of_inputs
from services.earn.decide import decide
from services.earn.projection import KNOWN, LOOKUPS, TABLES, Decided
from services.earn.receipts import RETURNED, as_waiting, receipt_of
from services.earn.returns import RETURNS_MAX, Refusal, assess, refused
from shared.events import registry
from shared.events.activity import (
    ActivityRecorded,
    CustomActionRecorded,
    PurchaseRecorded,
    ReturnRecorded,
    VoidRecorded,
)
from shared.events.awards import (
    ActivityRefused,
    AwardActivated,
    PointsEarned,
    ReturnAssessed,
    ReturnRefused,
    ReturnWaiting,
)
from shared.events.base import split_account
from shared.events.ids import Cause, activity_cause, waited_cause
from shared.events.quarantine import Reason
from shared.events.topics import ACTIVITY, AWARDS
from shared.program.catalogue import Catalogue
from shared.stream.log import Record
from shared.stream.service import Decision, Input, Recorded, Unreadable
from shared.stream.store import Need, Rows

NO_INPUT = b""
"""The body digest of an assessment that had to wait: the fact that waited has the return's."""


class Earn:
    """See `shared.stream.service.Service`."""

    name = "earn"
    output = AWARDS
    inputs = (ACTIVITY,)
    tables = TABLES
    lookups = LOOKUPS
    fold_version = 2

    def __init__(self) -> None:
        self.catalogue = Catalogue()

    def read(self, record: Record) -> Input | Unreadable | None:
        """An activity that intake forwarded."""
        named = dict(record.headers)
        wire_type = named.get("ce_type", b"").decode("utf-8", "replace")
        if registry.newest_type(wire_type) not in registry.ACTIVITY:
            return Unreadable(Reason.UNKNOWN_TYPE, f"{wire_type!r} is no activity")
        body = named.get("body")
        if body is None:
            return Unreadable(Reason.INVALID, "the header `body` is missing")
        try:
            recorded = registry.decode(wire_type, record.value or b"")
        except ValueError as error:
            return Unreadable(Reason.INVALID, str(error))
        assert isinstance(recorded, ActivityRecorded)
        cause = activity_cause(recorded.account, recorded.activity)
        return Input(record, recorded.account, recorded, cause, body)

    def needs(self, inputs: Sequence[Input], horizon_ms: int) -> Sequence[Need]:
        """Which of these activities are decided already, and the counters that they meet.

        Of returns, their purchases too, and all counters: those of the purchase's time go back. Of
        events that points may wait for, their awards. Enrolments, where some expiry counts by them.
        """
        recorded = [i.message for i in inputs if isinstance(i.message, ActivityRecorded)]
        bought, awaited, returned, accounts = [], list[UUID | None](), [], []
        for input in inputs:
            if isinstance(input.message, PurchaseRecorded):
                bought.append(input.cause.id)
            elif isinstance(input.message, CustomActionRecorded):
                awaited.append(about(input.message))
            elif isinstance(input.message, ReturnRecorded | VoidRecorded):
                returned.append(receipt_of(as_waiting(input.message)))
                accounts.append(input.account)
        enrolled = enrolments.of_inputs(recorded, self.catalogue)
        return [
            Need(KNOWN, [*(input.cause.id for input in inputs), *returned, *filter(None, awaited)]),
            Need(RETURNED, [*bought, *returned]),
            Need(COUNTED, of_inputs(recorded, self.catalogue)),
            Need(OF_ACCOUNT, accounts),
            *([Need(enrolments.ENROLLED, enrolled)] if enrolled else ()),
        ]

    def replay_needs(self, facts: Sequence[Recorded]) -> Sequence[Need]:
        """The receipts of returns, the counters that facts add to, enrolments that they tell."""
        returned = {
            receipt_of(recorded.fact)
            for recorded in facts
            if isinstance(recorded.fact, ReturnWaiting | ReturnAssessed | ReturnRefused)
        }
        told = [recorded.fact for recorded in facts]
        return [
            Need(RETURNED, list(returned)),
            Need(COUNTED, of_facts(told)),
            Need(enrolments.ENROLLED, enrolments.of_facts(told)),
        ]

    def state(self, rows: Rows) -> Decided:
        """The activities that are decided."""
        return Decided(rows)

    def decide(self, state: Decided, input: Input, time_ms: int) -> Iterable[Decision]:
        """One award, assessment or refusal for each activity.

        What waited for a purchase comes behind it, and before what comes back of it later.
        """
        recorded = input.message
        assert isinstance(recorded, ActivityRecorded)
        if isinstance(recorded, ReturnRecorded | VoidRecorded):
            back = as_waiting(recorded)
            yield from self._waited(state, receipt_of(back))
            yield Decision(input.cause, input.body, self._returned(state, back, input.cause.id))
            return
        if input.cause.id not in state.known:
            yield Decision(input.cause, input.body, self._concluded(state, recorded, input.cause))
        yield from self._waited(state, input.cause.id)

    def _concluded(
        self, state: Decided, recorded: ActivityRecorded, cause: Cause
    ) -> PointsEarned | AwardActivated | ActivityRefused:
        """What an activity is worth, or which points it makes active that have waited for it."""
        program, _ = split_account(recorded.account)
        if isinstance(recorded, CustomActionRecorded) and self._is_awaited(recorded):
            award_id = about(recorded)
            award = state.award(award_id) if award_id is not None else None
            number = award.program_version if award is not None else 0
            terms = self.catalogue.version(program, number)
            return activated(recorded, award, terms, cause)
        version = self.catalogue.version_at(program, recorded.activity.occurred_at)
        return decide(recorded, version, cause, partial(state.past, recorded.account))

    def _is_awaited(self, recorded: CustomActionRecorded) -> bool:
        """Whether points wait for such events, under some version of the program."""
        versions = self.catalogue.versions(split_account(recorded.account)[0])
        return any(is_awaited(version, recorded.activity.action) for version in versions)

    def _waited(self, state: Decided, receipt: UUID) -> Iterable[Decision]:
        """The returns that had to wait for this purchase, if it is known now."""
        if receipt not in state.known:
            return
        for back in state.receipts.waiting(receipt):
            cause = waited_cause(back.account, back.source, back.event_id)
            yield Decision(cause, NO_INPUT, self._assessed(state, back, cause.id))

    def _returned(
        self, state: Decided, back: ReturnWaiting, reversal_id: UUID
    ) -> ReturnWaiting | ReturnAssessed | ReturnRefused:
        """A return waits until its purchase is known."""
        receipt = receipt_of(back)
        if receipt in state.known:
            return self._assessed(state, back, reversal_id)
        if (waiting := len(state.receipts.waiting(receipt))) >= RETURNS_MAX:
            reason = Refusal.TOO_MANY_RETURNS
            return refused(back, reason, bought=RETURNS_MAX, returned=waiting + 1)
        return back

    def _assessed(
        self, state: Decided, back: ReturnWaiting, reversal_id: UUID
    ) -> ReturnAssessed | ReturnRefused:
        """What a return takes back of a purchase that is known."""
        receipt = receipt_of(back)
        award = state.award(receipt)
        if award is None:
            return refused(back, Refusal.PURCHASE_NOT_REWARDED)
        program, _ = split_account(back.account)
        version = self.catalogue.version(program, award.program_version)
        return assess(award, version, state.receipts.assessed(receipt), back, reversal_id)
