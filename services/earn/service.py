"""The shell of earn: activity in, awards out.

Guarantees: an activity has one award, whatever its repeats, from whichever topic and in any order;
an award of nothing says why. Does not touch accounts: what an award does to one is redeem's to
decide.
"""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from services.earn.decide import decide
from services.earn.projection import KNOWN, LOOKUPS, TABLES, Decided
from shared.events import registry
from shared.events.activity import ActivityRecorded
from shared.events.base import split_account
from shared.events.ids import activity_cause
from shared.events.quarantine import Reason
from shared.events.topics import ACTIVITY, AWARDS
from shared.program.catalogue import Catalogue
from shared.stream.log import Record
from shared.stream.service import Decision, Input, Recorded, Unreadable
from shared.stream.store import Need, Rows


class Earn:
    """See `shared.stream.service.Service`."""

    name = "earn"
    output = AWARDS
    inputs = (ACTIVITY,)
    tables = TABLES
    lookups = LOOKUPS
    fold_version = 1

    def __init__(self) -> None:
        self.catalogue = Catalogue()

    def read(self, record: Record) -> Input | Unreadable | None:
        """An activity that intake forwarded."""
        named = dict(record.headers)
        wire_type = named.get("ce_type", b"").decode("utf-8", "replace")
        model = registry.ACTIVITY.get(wire_type)
        if model is None:
            return Unreadable(Reason.UNKNOWN_TYPE, f"{wire_type!r} is no activity")
        body = named.get("body")
        if body is None:
            return Unreadable(Reason.INVALID, "the header `body` is missing")
        try:
            recorded = model.model_validate_json(record.value or b"")
        except ValidationError as error:
            return Unreadable(Reason.INVALID, str(error))
        cause = activity_cause(recorded.account, recorded.activity)
        return Input(record, recorded.account, recorded, cause, body)

    def needs(self, inputs: Sequence[Input], horizon_ms: int) -> Sequence[Need]:
        """Which of these activities are decided already."""
        return [Need(KNOWN, [input.cause.id for input in inputs])]

    def replay_needs(self, facts: Sequence[Recorded]) -> Sequence[Need]:
        """Nothing: an award stands for itself."""
        return []

    def state(self, rows: Rows) -> Decided:
        """The activities that are decided."""
        return Decided(rows)

    def decide(self, state: Decided, input: Input, time_ms: int) -> Iterable[Decision]:
        """One award, or a refusal, for each activity."""
        recorded = input.message
        assert isinstance(recorded, ActivityRecorded)
        program, _ = split_account(recorded.account)
        version = self.catalogue.version_at(program, recorded.activity.occurred_at)
        yield Decision(input.cause, input.body, decide(recorded, version, input.cause))
