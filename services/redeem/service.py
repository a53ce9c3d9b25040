"""The shell of redeem: awards and commands in, the ledger out.

Guarantees: the only writer of the ledger; an award becomes one credit, a key one debit or one
refusal, a date one expiry. Commands are read before awards, so a backlog of purchases delays a
redemption by one turn at most, and redemptions go on while earn is down.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ValidationError

from services.redeem.decide import decide
from services.redeem.projection import (
    ACCOUNTS,
    DUE_DEBITS,
    KNOWN,
    LOOKUPS,
    NAMED_DEBITS,
    NAMED_LOTS,
    OPEN_LOTS,
    PAST_LOTS,
    TABLES,
    Accounts,
    named_debits,
    named_lots,
)
from shared.events import registry
from shared.events.base import instant
from shared.events.commands import RedeemPoints, Tick
from shared.events.facts import PointsEarned
from shared.events.ids import award_cause, command_cause, digest, tick_cause
from shared.events.quarantine import Reason
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.log import Record
from shared.stream.service import Decision, Input, Recorded, Unreadable
from shared.stream.store import Need, Rows

EARNED = "loyalty.points.earned.v1"
NO_INPUT = b""
"""The body digest of what dates brought about: no input was its cause."""


class Redeem:
    """See `shared.stream.service.Service`."""

    name = "redeem"
    output = LEDGER
    inputs = (COMMANDS, AWARDS)
    tables = TABLES
    lookups = LOOKUPS
    fold_version = 1

    def __init__(self) -> None:
        self.catalogue = Catalogue()

    def read(self, record: Record) -> Input | Unreadable | None:
        """A command, or an award that moves points; other facts of earn are not its business."""
        wire_type = dict(record.headers).get("ce_type", b"").decode("utf-8", "replace")
        value = record.value or b""
        if record.topic == AWARDS.name and wire_type != EARNED:
            return None
        if record.topic == COMMANDS.name and wire_type not in registry.COMMANDS:
            return Unreadable(Reason.UNKNOWN_TYPE, f"{wire_type!r} is no command")
        try:
            return self._input(record, registry.decode(wire_type, value), value)
        except ValidationError as error:
            return Unreadable(Reason.INVALID, str(error))

    def _input(self, record: Record, message: BaseModel, value: bytes) -> Input:
        match message:
            case PointsEarned():
                cause = award_cause(message.account, message.award_id)
                return Input(record, message.account, message, cause, digest(value))
            case RedeemPoints():
                cause = command_cause(message.account, message.idempotency_key)
                return Input(record, message.account, message, cause, digest(value))
            case Tick():
                return Input(record, message.account, message, tick_cause(message), digest(value))
            case _:
                raise AssertionError(f"{type(message).__name__} is no input of redeem")

    def needs(self, inputs: Sequence[Input], horizon_ms: int) -> Sequence[Need]:
        """Accounts and what is due on them; all open lots only of those that are asked to spend."""
        accounts = {input.account for input in inputs}
        spending = {input.account for input in inputs if isinstance(input.message, RedeemPoints)}
        causes = [input.cause.id for input in inputs]
        needs = [
            Need(KNOWN, causes),
            Need(ACCOUNTS, list(accounts)),
            Need(DUE_DEBITS, list(accounts)),
        ]
        if spending:
            needs.append(Need(OPEN_LOTS, list(spending)))
        if crediting := accounts - spending:
            needs.append(Need(PAST_LOTS, list(crediting), instant(horizon_ms)))
        return needs

    def replay_needs(self, facts: Sequence[Recorded]) -> Sequence[Need]:
        """Accounts, and the lots and debits that the facts name."""
        return [
            Need(ACCOUNTS, list({recorded.fact.account for recorded in facts})),
            Need(NAMED_LOTS, named_lots(facts)),
            Need(NAMED_DEBITS, named_debits(facts)),
        ]

    def state(self, rows: Rows) -> Accounts:
        """The accounts of a batch."""
        return Accounts(rows)

    def decide(self, state: Accounts, input: Input, time_ms: int) -> Iterable[Decision]:
        """What dates have brought about on the account, then what the input does to it."""
        message = input.message
        assert isinstance(message, PointsEarned | RedeemPoints | Tick)
        account = state.accounts.get(input.account)
        decided = decide(account, message, self._program_at, input.cause, instant(time_ms))
        for cause, fact in decided:
            yield Decision(cause, input.body if cause == input.cause else NO_INPUT, fact)

    def _program_at(self, program: str, at: datetime) -> Program | None:
        return self.catalogue.version_at(program, at)
