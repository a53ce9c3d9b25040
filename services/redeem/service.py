"""The shell of redeem: awards, assessed returns and commands in, the ledger out.

Guarantees: the only writer of the ledger; an award becomes one credit, an assessed return one
claw-back, a key one debit or one refusal, a date one expiry, lapse or write-off. Commands are read
before awards, so a backlog of purchases delays a redemption by one turn at most, and redemptions go
on while earn is down.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast, get_args
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.redeem.decide import Input as Message
from services.redeem.decide import decide
from services.redeem.errands import Carried, carried_cause
from services.redeem.merge_decisions import OfMerge
from services.redeem.merges import PARCELS, AskedOfMerges, parcels_named
from services.redeem.projection import (
    ACCOUNTS,
    ALL_DEBITS,
    CLOSED_LOTS,
    DUE_DEBITS,
    HOLDERS,
    KNOWN,
    LAPSED,
    LOOKUPS,
    LOTS_OF_DEBITS,
    LOTS_OF_LAPSED,
    NAMED_DEBITS,
    NAMED_LOTS,
    OPEN_HOLDS,
    OPEN_LOTS,
    PAST_LOTS,
    TABLES,
    Accounts,
    named,
    transfers_named,
)
from services.redeem.reward_decisions import OfReward
from services.redeem.rewards import CLAIMS_OF, AskedOfRewards, replay_needs
from services.redeem.transfers import TRANSFERS, TRANSFERS_OF
from shared.events import registry
from shared.events.awards import AwardActivated, PointsEarned, ReturnAssessed
from shared.events.base import instant, split_account
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    ConfirmAward,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
    Tick,
)
from shared.events.ids import (
    Cause,
    activation_cause,
    award_cause,
    command_cause,
    digest,
    release_cause,
    return_cause,
    tick_cause,
)
from shared.events.merges import TakeInput
from shared.events.quarantine import Reason
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.events.transfers import ConcludeTransfer, TransferPoints
from shared.ledger.merging import inner
from shared.program.catalogue import Catalogue
from shared.program.model import Program
from shared.stream.log import Record
from shared.stream.service import Decision, Input, Recorded, Unreadable
from shared.stream.store import Need, Rows

EARNED = registry.TYPE_OF[PointsEarned]
ACTIVATED = registry.TYPE_OF[AwardActivated]
ASSESSED = registry.TYPE_OF[ReturnAssessed]
NO_INPUT = b""
"""The body digest of what dates brought about: no input was its cause."""


def cause_of(message: Message) -> Cause:
    """The business identity of an input."""
    match message:
        case PointsEarned():
            return award_cause(message.account, message.award_id)
        case ReturnAssessed():
            return return_cause(message.account, message.reversal_id)
        case AwardActivated(activation_id=event, award_id=award):
            return activation_cause(message.account, event, award)
        case ReleasePoints():
            return release_cause(message.account, message.hold_id)
        case Tick():
            return tick_cause(message)
        case carried if isinstance(carried, Carried):
            return carried_cause(carried)
        case _:
            return command_cause(message.account, message.idempotency_key)


class Asked:
    """What inputs are about, by how it is looked up."""

    def __init__(self) -> None:
        self.spending: set[str] = set()
        self.holding: set[str] = set()
        self.lots: set[UUID] = set()
        self.clawed: set[UUID] = set()
        self.debits: set[UUID] = set()
        self.known: set[UUID] = set()
        self.transfers: set[UUID] = set()
        self.rewards = AskedOfRewards()
        self.merges = AskedOfMerges()

    def credits(self, award: PointsEarned | AwardActivated) -> None:
        """Points of an award become lots, or active; what it extends are lots that are there."""
        if isinstance(award, AwardActivated):
            self.lots.update(lot.lot_id for lot in award.lots)
            return
        self.known.update(award_cause(award.account, part.lot_id).id for part in award.parts)
        if award.extends is not None:
            self.spending.add(award.account)

    def claws(self, account: str, lots: Iterable[UUID]) -> None:
        """Points of these lots are taken back."""
        self.spending.add(account)
        self.lots.update(lots)
        self.clawed.update(lots)


def _said(input: Input) -> Message:
    """What an input says: of one that was sent on, what was said at first."""
    message = cast(Message, input.message)
    return inner(message) if isinstance(message, TakeInput) else message


def _asked(inputs: Sequence[Input]) -> Asked:
    asked = Asked()
    for input in inputs:
        match _said(input):
            case RedeemPoints() | AdjustPoints() | TransferPoints():
                asked.spending.add(input.account)
            case HoldPoints():
                asked.spending.add(input.account)
                asked.holding.add(input.account)
            case (
                CapturePoints(hold_id=debit)
                | ReleasePoints(hold_id=debit)
                | CancelRedemption(redemption_id=debit)
            ):
                asked.debits.add(debit)
            case ReturnAssessed(award_id=lot, lots=others):
                asked.claws(input.account, (lot, *others))
            case CancelAward(lot_id=lot):
                asked.claws(input.account, (lot,))
            case ExtendLot(lot_id=lot) | ReinstateLot(lot_id=lot) | ConfirmAward(lot_id=lot):
                asked.lots.add(lot)
            case PointsEarned() | AwardActivated() as fact:
                asked.credits(fact)
            case ConcludeTransfer(transfer_id=debit):
                asked.debits.add(debit)
                asked.transfers.add(debit)
            case message if isinstance(message, OfReward):
                asked.rewards.add(message)
            case message if isinstance(message, OfMerge):
                asked.merges.add(message)
    rewards, merges = asked.rewards, asked.merges
    asked.spending |= rewards.spending | merges.moving | merges.taking
    asked.holding |= merges.merging
    asked.debits |= rewards.debits | merges.debits
    asked.lots |= merges.lots
    return asked


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
        """A command, or a fact of earn that moves points; others of its are not its business."""
        wire_type = dict(record.headers).get("ce_type", b"").decode("utf-8", "replace")
        value = record.value or b""
        if record.topic == AWARDS.name and wire_type not in (EARNED, ACTIVATED, ASSESSED):
            return None
        if record.topic == COMMANDS.name and wire_type not in registry.COMMANDS:
            return Unreadable(Reason.UNKNOWN_TYPE, f"{wire_type!r} is no command")
        try:
            message = registry.decode(wire_type, value)
        except ValidationError as error:
            return Unreadable(Reason.INVALID, str(error))
        if isinstance(message, ReturnAssessed) and not message.points:
            return None
        return self._input(record, message, value)

    def _input(self, record: Record, message: BaseModel, value: bytes) -> Input:
        assert isinstance(message, get_args(Message)), f"{type(message)} is no input of redeem"
        said = cast(Message, message)
        return Input(record, said.account, said, cause_of(said), digest(value))

    def needs(self, inputs: Sequence[Input], horizon_ms: int) -> Sequence[Need]:
        """Accounts, what is due on them and what has lapsed; then what each input is about.

        All open lots are loaded only of accounts that spend or lose points, or whose dates slide.
        """
        accounts = list({input.account for input in inputs})
        horizon = instant(horizon_ms)
        asked = _asked(inputs)
        asked.spending |= {
            input.account
            for input in inputs
            if isinstance(_said(input), CapturePoints) and self._slides(input.account)
        }
        needs = [
            Need(KNOWN, [*(input.cause.id for input in inputs), *asked.known]),
            Need(ACCOUNTS, accounts),
            Need(DUE_DEBITS, accounts),
            Need(LAPSED, accounts, horizon),
            Need(LOTS_OF_LAPSED, accounts, horizon),
        ]
        wanted = (
            (OPEN_LOTS, asked.spending),
            (OPEN_HOLDS, asked.holding),
            (NAMED_LOTS, asked.lots),
            (HOLDERS, asked.clawed),
            (NAMED_DEBITS, asked.debits),
            (LOTS_OF_DEBITS, asked.debits),
            (TRANSFERS, asked.transfers),
            (CLOSED_LOTS, asked.merges.moving),
            (ALL_DEBITS, asked.merges.moving),
            (CLAIMS_OF, asked.merges.moving),
            (TRANSFERS_OF, asked.merges.moving | asked.merges.merging),
            (PARCELS, asked.merges.parcels),
        )
        needs.extend(Need(lookup, list(values)) for lookup, values in wanted if values)
        needs.extend(asked.rewards.needs())
        if others := [account for account in accounts if account not in asked.spending]:
            needs.append(Need(PAST_LOTS, others, horizon))
        return needs

    def _slides(self, account: str) -> bool:
        """Whether acts extend dates under some version of the account's program."""
        versions = self.catalogue.versions(split_account(account)[0])
        return any(version.expiry.extended_by for version in versions)

    def replay_needs(self, facts: Sequence[Recorded]) -> Sequence[Need]:
        """Accounts, and the lots and debits that the facts name."""
        lots, debits = named(facts)
        return [
            Need(ACCOUNTS, list({recorded.fact.account for recorded in facts})),
            Need(NAMED_LOTS, lots),
            Need(NAMED_DEBITS, debits),
            Need(TRANSFERS, transfers_named(facts)),
            Need(PARCELS, parcels_named(facts)),
            *replay_needs(facts),
        ]

    def state(self, rows: Rows) -> Accounts:
        """The accounts of a batch."""
        return Accounts(rows)

    def decide(self, state: Accounts, input: Input, time_ms: int) -> Iterable[Decision]:
        """What dates have brought about on the account, then what the input does to it."""
        message = cast(Message, input.message)
        account = state.accounts.get(input.account)
        decided = decide(
            account,
            message,
            self._program_at,
            input.cause,
            instant(time_ms),
            state.shelf,
            state.known,
        )
        for cause, fact in decided:
            yield Decision(cause, input.body if cause == input.cause else NO_INPUT, fact)

    def _program_at(self, program: str, at: datetime) -> Program | None:
        return self.catalogue.version_at(program, at)
