"""Stories of one account, told through the writer: given inputs, when one comes, then facts.

The account is folded from the facts as decided; what a story compares went over the wire, and
`fold` makes the account from that alone. Points are told apart by names: `earned(100, "L1")` makes
the lot that `redeemed(100, L1=100)` takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self, cast
from uuid import UUID, uuid5

from services.redeem.decide import Decision, Input, decide
from shared.events import registry
from shared.events.commands import (
    AdjustPoints,
    CancelAward,
    CancelRedemption,
    CapturePoints,
    ConfirmAward,
    Direction,
    ExtendLot,
    HoldPoints,
    RedeemPoints,
    ReinstateLot,
    ReleasePoints,
    Tick,
)
from shared.events.facts import (
    ActivatedLot,
    Awaits,
    AwardActivated,
    DatedPoints,
    DebitShare,
    Extension,
    LotShare,
    PointsCredited,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    RedemptionRefused,
    RefusalReason,
    ReturnAssessed,
)
from shared.events.ids import (
    NAMESPACE,
    Cause,
    activation_cause,
    award_cause,
    command_cause,
    digest,
    receive_cause,
    release_cause,
    return_cause,
    transferred_cause,
)
from shared.events.movements import RequestRefused
from shared.events.transfers import ConcludeTransfer, ReceivePoints, SentLot, TransferPoints
from shared.ledger.account import Account, Debit, DebitKind, Due, Lot, Status
from shared.ledger.evolve import LEDGER_FACTS, LedgerFact, evolve
from shared.ledger.reading import Balances, balances
from shared.ledger.settle import settled
from shared.ledger.shelf import Shelf
from shared.ledger.transfers import Transfer
from shared.program.model import Program

PROGRAM = "shop"
ACCOUNT = "shop:jo"
FRIEND = "shop:flo"
START = datetime(2026, 1, 1, tzinfo=UTC)


def at(when: "str | int | datetime") -> datetime:
    """A day by its number from the start, a date, or an instant."""
    if isinstance(when, datetime):
        return when
    if isinstance(when, int):
        return START + timedelta(days=when)
    read = datetime.fromisoformat(when)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def named(name: str) -> UUID:
    """The id of the lot of this name."""
    return uuid5(NAMESPACE, name)


def redemption(key: str = "r") -> UUID:
    """The id of the redemption with this key."""
    return command_cause(ACCOUNT, key).id


def program(
    *,
    holds: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    adjustments: Mapping[str, Any] | None = None,
    expiry: Mapping[str, Any] | None = None,
    transfers: Mapping[str, Any] | None = None,
    **rules: object,
) -> Program:
    """A program with plain cash off, one point for one minor unit, and what else `rules` say."""
    terms = {"points": 1, "minor": 1, "above_limit": "refuse", **rules}
    redemption = {"cash_off": terms, "holds": {"longest": "8760h", **(holds or {})}}
    return Program.model_validate(
        {
            "program": PROGRAM,
            "version": 3,
            "name": "Shop",
            "effective_from": "2000-01-01",
            "timezone": "UTC",
            "money": "USD",
            "brands": ["shop"],
            "earn": {"rules": []},
            "redemption": redemption,
            "returns": returns or {},
            "adjustments": adjustments or {},
            "expiry": expiry or {},
            "transfers": transfers or {},
        }
    )


PLAIN = program()


class Step(NamedTuple):
    """An input, its business identity, and when it is decided (None: when the last one was)."""

    message: Input
    cause: Cause
    on: datetime | None

    @property
    def instant(self) -> datetime:
        """When it is decided, for steps that say so."""
        assert self.on is not None
        return self.on


def earned(
    points: int,
    name: str = "L1",
    *,
    expires: "str | int | datetime | None" = None,
    active: "str | int | datetime | None" = None,
    sliding: bool = False,
    extends: "str | int | datetime | None" = None,
    parts: Mapping[str, tuple[int, int]] | None = None,
    cap: int | None = None,
    awaits: bool = False,
    on: "str | int | datetime | None" = None,
) -> Step:
    """An award of earn; active and made at the start unless it says when.

    `extends` is until when it extends what slides; `parts` are, by name, those of its points with a
    day of their own; `cap` is that on the balance. What `awaits`
    an event is gone, without it, when it would be active.
    """
    award = PointsEarned(
        account=ACCOUNT,
        award_id=named(name),
        activity_type="purchase",
        source="till",
        event_id=name,
        brand="shop",
        receipt_id=name,
        occurred_at=START,
        basis_minor=0,
        program_version=3,
        rounding="floor",
        points=points,
        active_from=START if active is None else at(active),
        expires_at=None if expires is None else at(expires),
        sliding=sliding,
        balance_cap=cap,
        awaits=Awaits(event="delivered", otherwise="cancelled") if awaits else None,
        extends=None if extends is None else Extension(act="purchase", until=at(extends)),
        parts=tuple(_part(part, n, at(day)) for part, (n, day) in (parts or {}).items()),
    )
    return Step(award, award_cause(ACCOUNT, award.award_id), None if on is None else at(on))


def delivered(
    *lots: str,
    until: "str | int | datetime | None" = None,
    times: int = 1,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The event for which these lots have waited; they are good until a day from then on."""
    expires_at = None if until is None else at(until)
    event = AwardActivated(
        account=ACCOUNT,
        activation_id=named(f"delivery {times} of {lots[-1]}"),
        award_id=named(lots[-1]),
        event="delivered",
        source="till",
        event_id=f"delivery {times}",
        brand="shop",
        occurred_at=START,
        program_version=3,
        lots=tuple(ActivatedLot(lot_id=named(name), expires_at=expires_at) for name in lots),
    )
    cause = activation_cause(ACCOUNT, event.activation_id, event.award_id)
    return Step(event, cause, None if on is None else at(on))


def _part(name: str, points: int, until: datetime) -> DatedPoints:
    return DatedPoints(
        lot_id=named(name), rules=("bonus",), points=points, active_from=START, expires_at=until
    )


def redeem(
    points: int,
    key: str = "r",
    *,
    order_minor: int | None = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """A caller wants to spend points."""
    command = RedeemPoints(
        account=ACCOUNT, idempotency_key=key, points=points, order_minor=order_minor
    )
    return Step(command, command_cause(ACCOUNT, key), None if on is None else at(on))


def _step(message: Any, key: str, on: "str | int | datetime | None") -> Step:
    return Step(message, command_cause(ACCOUNT, key), None if on is None else at(on))


def hold(
    points: int,
    key: str = "h",
    *,
    until: "str | int | datetime | None" = None,
    order_minor: int | None = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """A checkout sets points aside, at the start unless it says when."""
    seconds = None
    if until is not None:
        seconds = (at(until) - at(on or 0)) // timedelta(seconds=1)
    command = HoldPoints(
        account=ACCOUNT,
        idempotency_key=key,
        points=points,
        order_minor=order_minor,
        hold_seconds=seconds,
    )
    return _step(command, key, on)


def capture(
    points: int | None = None,
    key: str = "h",
    *,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The checkout with this key is paid."""
    command = CapturePoints(
        account=ACCOUNT,
        idempotency_key=f"capture {key} {points}",
        hold_id=redemption(key),
        points=points,
    )
    return _step(command, command.idempotency_key, on)


def release(key: str = "h", *, on: "str | int | datetime | None" = None) -> Step:
    """The checkout with this key is left."""
    command = ReleasePoints(account=ACCOUNT, hold_id=redemption(key))
    cause = release_cause(ACCOUNT, command.hold_id)
    return Step(command, cause, None if on is None else at(on))


def cancel(
    points: int | None = None,
    key: str = "r",
    *,
    times: int = 1,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The redemption with this key is cancelled, in part if it says how much; the n-th time."""
    command = CancelRedemption(
        account=ACCOUNT,
        idempotency_key=f"cancel {key} {points} {times}",
        redemption_id=redemption(key),
        points=points,
    )
    return _step(command, command.idempotency_key, on)


def returned(
    points: int,
    name: str = "L1",
    *,
    times: int = 1,
    of: int = 0,
    before: int = 0,
    on: "str | int | datetime | None" = None,
) -> Step:
    """The purchase that made this lot is returned, for so many points; the n-th time.

    It had earned `of` points, of which `before` were taken already.
    """
    assessed = ReturnAssessed(
        account=ACCOUNT,
        reversal_id=named(f"return {times} of {name}"),
        award_id=named(name),
        source="till",
        event_id=f"return {times} of {name}",
        brand="shop",
        receipt_id=name,
        occurred_at=START,
        earned=of,
        clawed_before=before,
        points=points,
    )
    cause = return_cause(ACCOUNT, assessed.reversal_id)
    return Step(assessed, cause, None if on is None else at(on))


WHO = {"actor": "ann", "reason": "goodwill"}


def adjust(
    points: int,
    key: str = "a",
    *,
    below_zero: bool = False,
    expires: "str | int | datetime | None" = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """An operator adds points, or deducts them if they are negative."""
    command = AdjustPoints(
        account=ACCOUNT,
        idempotency_key=key,
        actor="ann",
        reason="goodwill",
        direction=Direction.ADD if points >= 0 else Direction.DEDUCT,
        points=abs(points),
        expires_at=None if expires is None else at(expires),
        below_zero=below_zero,
    )
    return _step(command, key, on)


def extend(
    name: str, until: "str | int | datetime", *, on: "str | int | datetime | None" = None
) -> Step:
    """An operator gives a lot a later date."""
    key = f"extend {name} until {until}"
    command = ExtendLot(
        account=ACCOUNT, idempotency_key=key, lot_id=named(name), expires_at=at(until), **WHO
    )
    return _step(command, key, on)


def reinstate(
    name: str, until: "str | int | datetime", *, on: "str | int | datetime | None" = None
) -> Step:
    """An operator gives a lot that is past its date a new one."""
    key = f"reinstate {name} until {until}"
    command = ReinstateLot(
        account=ACCOUNT, idempotency_key=key, lot_id=named(name), expires_at=at(until), **WHO
    )
    return _step(command, key, on)


def confirm(name: str = "L1", *, on: "str | int | datetime | None" = None) -> Step:
    """A pending award becomes active."""
    key = f"confirm {name}"
    command = ConfirmAward(account=ACCOUNT, idempotency_key=key, lot_id=named(name), **WHO)
    return _step(command, key, on)


def cancel_award(name: str = "L1", *, on: "str | int | datetime | None" = None) -> Step:
    """A pending award is taken back."""
    key = f"cancel {name}"
    command = CancelAward(account=ACCOUNT, idempotency_key=key, lot_id=named(name), **WHO)
    return _step(command, key, on)


def give(
    points: int, key: str = "g", *, to: str = FRIEND, on: "str | int | datetime | None" = None
) -> Step:
    """The member gives points to another."""
    command = TransferPoints(account=ACCOUNT, idempotency_key=key, to=to, points=points)
    return _step(command, key, on)


def given_by_friend(
    points: int,
    name: str = "gift",
    *,
    expires: "str | int | datetime | None" = None,
    on: "str | int | datetime | None" = None,
) -> Step:
    """Points of a lot of another member come in."""
    lot = SentLot(
        lot_id=named(name),
        points=points,
        brand="shop",
        occurred_at=START,
        active_from=START,
        expires_at=None if expires is None else at(expires),
    )
    command = ReceivePoints(
        account=ACCOUNT, transfer_id=named(f"{name} of a friend"), sender=FRIEND, lots=(lot,)
    )
    cause = receive_cause(ACCOUNT, command.transfer_id)
    return Step(command, cause, None if on is None else at(on))


def not_taken(key: str = "g", *, on: "str | int | datetime | None" = None) -> Step:
    """The other's account does not take the points that were given with this key."""
    command = ConcludeTransfer(
        account=ACCOUNT, transfer_id=redemption(key), refused=RefusalReason.ACCOUNT_BLOCKED
    )
    cause = transferred_cause(ACCOUNT, command.transfer_id)
    return Step(command, cause, None if on is None else at(on))


def tick(on: "str | int | datetime") -> Step:
    """The sweep comes by."""
    instant = at(on)
    cause = Cause(f"tick at {instant}", uuid5(NAMESPACE, f"tick at {instant}"))
    return Step(Tick(account=ACCOUNT, due_at=instant), cause, instant)


@dataclass(frozen=True)
class Story:
    """An account, what happened to it, and what the last input brought about."""

    account: Account | None = None
    program: Program | None = PLAIN
    now: datetime = START
    history: tuple[tuple[datetime, bytes, str], ...] = ()
    last: tuple[LedgerFact, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    causes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def open_account(self) -> Account:
        """The account, which is open."""
        assert self.account is not None
        return self.account

    def under(self, rules: Program | None) -> Self:
        """The same story in another program."""
        return replace(self, program=rules)

    def given(self, *steps: Step) -> Self:
        """What went before."""
        story = self
        for step in steps:
            story = story.when(step)
        return story

    def when(self, step: Step) -> Self:
        """One more input: decided and folded; `last` and `history` went over the wire."""
        now = step.on or self.now
        shelf = Shelf(transfers=self.transfers)
        decided = decide(
            self.account, step.message, lambda *_: self.program, step.cause, now, shelf
        )
        account, facts = self.account, []
        for decision in decided:
            account = evolved(account, decision.fact, now)
            facts.append(over_the_wire(decision.fact))
            if account is not None:
                shelf.evolve(decision.fact, account.version, now)
        causes = (*self.causes, *[decision.cause.text for decision in decided])
        assert len(set(causes)) == len(causes), "two facts have one cause"
        return replace(
            self,
            account=account,
            transfers=tuple(shelf.transfers.values()),
            now=now,
            history=(*self.history, *[_record(now, decision) for decision in decided]),
            last=tuple(facts),
            causes=causes,
        )

    def then(self, *facts: LedgerFact) -> Self:
        """Exactly these facts came of the last input."""
        assert self.last == facts
        return self

    def then_lots(self, **free: int) -> Self:
        """The lots' free points, by name."""
        assert {name: self.lot(name).free for name in free} == free
        return self

    def then_refused(self, reason: RefusalReason, **numbers: Any) -> Self:
        """The last input was refused for this reason, with these numbers."""
        fact = self.last[-1]
        assert isinstance(fact, RequestRefused), fact
        assert fact.reason is reason
        assert {name: getattr(fact, name) for name in numbers} == numbers
        return self

    def then_reads(self, *, on: "str | int | datetime | None" = None, **numbers: int) -> Self:
        """A reader sees these numbers."""
        seen = self.reading(on)
        found = {name: getattr(seen, name) for name in numbers}
        assert found == numbers
        return self

    def lot(self, name: str) -> Lot:
        """A lot by its name."""
        return self.open_account.lots[named(name)]

    def reading(self, on: "str | int | datetime | None" = None) -> Balances:
        """What the account holds now, or at another instant."""
        assert self.account is not None
        instant = self.now if on is None else at(on)
        account = settled(self.account, instant)
        return balances(account, account.lots.values(), instant)


def given(*steps: Step) -> Story:
    """A story of an account that is not open yet."""
    return Story().given(*steps)


def _record(now: datetime, decision: Decision) -> tuple[datetime, bytes, str]:
    return now, registry.encode(decision.fact), registry.TYPE_OF[type(decision.fact)]


def evolved(account: Account | None, fact: LedgerFact, now: datetime) -> Account | None:
    """The account after a fact, which is one version of it, of that time."""
    folded = evolve(account, fact, now)
    if folded is not None:
        assert folded.version == (account.version if account is not None else 0) + 1
        assert folded.last_at == now
    return folded


def loaded_otherwise(account: Account) -> Account:
    """The account as it may be loaded as well: rows come in any order."""
    lots, debits = list(account.lots.items()), list(account.debits.items())
    return account._replace(lots=dict(reversed(lots)), debits=dict(reversed(debits)))


def over_the_wire(fact: LedgerFact) -> LedgerFact:
    """The fact as a reader gets it."""
    value = registry.encode(fact)
    read = registry.decode(registry.TYPE_OF[type(fact)], value)
    assert isinstance(read, LEDGER_FACTS)
    assert registry.encode(read) == value
    return cast(LedgerFact, read)


def fold(
    history: tuple[tuple[datetime, bytes, str], ...], account: Account | None = None
) -> Account | None:
    """The account from its records alone."""
    for now, value, wire_type in history:
        fact = registry.decode(wire_type, value)
        assert isinstance(fact, LEDGER_FACTS)
        account = evolve(account, cast(LedgerFact, fact), now)
    return account


def credited(
    points: int,
    name: str = "L1",
    *,
    expires: "str | int | datetime | None" = None,
    active: "str | int | datetime | None" = None,
    expired: int = 0,
    covers: Mapping[str, int] | None = None,
) -> PointsCredited:
    """The credit of an award as `earned` makes them."""
    return PointsCredited(
        account=ACCOUNT,
        lot_id=named(name),
        brand="shop",
        receipt_id=name,
        points=points,
        occurred_at=START,
        active_from=START if active is None else at(active),
        expires_at=None if expires is None else at(expires),
        expired=expired,
        covers=tuple(
            DebitShare(debit_id=redemption(key), points=share)
            for key, share in (covers or {}).items()
        ),
    )


def redeemed(
    points: int,
    key: str = "r",
    *,
    asked: int | None = None,
    value_minor: int | None = None,
    order_minor: int | None = None,
    taken: Mapping[str, int] | None = None,
    **lots: int,
) -> PointsRedeemed:
    """A redemption that takes these points of these lots (by name, or `taken`), in this order."""
    return PointsRedeemed(
        account=ACCOUNT,
        redemption_id=redemption(key),
        asked=points if asked is None else asked,
        points=points,
        value_minor=points if value_minor is None else value_minor,
        money="USD",
        order_minor=order_minor,
        program_version=3,
        allocation=tuple(
            LotShare(lot_id=named(name), points=share) for name, share in (taken or lots).items()
        ),
    )


def refused(reason: RefusalReason, asked: int, key: str = "r", **numbers: int) -> RedemptionRefused:
    """A redemption that was not made."""
    return RedemptionRefused(
        account=ACCOUNT, redemption_id=redemption(key), asked=asked, reason=reason, **numbers
    )


def expired(points: int, name: str = "L1", *, on: "str | int | datetime") -> PointsExpired:
    """Points of a lot are gone."""
    return PointsExpired(account=ACCOUNT, lot_id=named(name), points=points, expires_at=at(on))


def owing(*debits: tuple[str, int, tuple[Due, ...]], status: Status = Status.ACTIVE) -> Story:
    """A story that begins with redemptions whose lots were clawed back: ``(key, amount, owed)``.

    What of an amount is not owed is covered by a lot named like the redemption's key.
    """
    lots, made = {}, {}
    earned_all = clawed = due = 0
    for order, (key, amount, owed) in enumerate(debits, start=1):
        missing = sum(part.points for part in owed)
        covered = amount - missing
        lot = Lot(
            *(ACCOUNT, named(key), "shop", key, amount, 0, covered, 0, missing),
            *(START, START, None, order),
        )
        debit = Debit(
            *(ACCOUNT, redemption(key), DebitKind.REDEMPTION, amount, covered, owed, 0),
            *(((lot.lot_id, covered),) if covered else (), START, len(debits) + order, amount),
        )
        lot.check()
        debit.check()
        lots[lot.lot_id], made[debit.debit_id] = lot, debit
        earned_all, clawed, due = earned_all + amount, clawed + missing, due + missing
    account = Account(
        key=ACCOUNT,
        status=status,
        version=3 * len(debits),
        last_at=START,
        earned=earned_all,
        redeemed=earned_all,
        clawed_back=clawed,
        due=due,
        lots=lots,
        debits=made,
    )
    account.check()
    return Story(account=account)


def body_hash(facts: tuple[LedgerFact, ...]) -> bytes:
    """One digest over the bytes of facts."""
    return digest(b"\n".join(registry.encode(fact) for fact in facts))
