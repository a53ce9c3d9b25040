"""A world of accounts in memory: redeem's own decisions and folds, carried by hand.

Facts go over the wire. What is sent twice is decided once, as the loop does it; letters are what
the courier would carry, and lie there until somebody delivers them.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.redeem.decide import Input, decide
from services.redeem.deliveries import delivery, outcome_of_parcel
from services.redeem.errands import Letter, letter, outcome_letter, receipt_letter, stock_cause
from services.redeem.service import cause_of
from shared.events import registry
from shared.events.awards import DatedPoints, PointsEarned, ReturnAssessed
from shared.events.base import account_key
from shared.events.commands import CancelRedemption, RedeemPoints
from shared.events.ids import Cause, delivery_cause, digest, receive_cause
from shared.events.merges import InputForwarded, MergeAccount
from shared.events.transfers import TransferPoints
from shared.ledger.account import Account
from shared.ledger.evolve import evolve
from shared.ledger.parcels import ParcelState
from shared.ledger.shelf import Shelf
from shared.ledger.transfers import TransferState
from shared.program.model import Program
from tests.stories.setting import evolved, named

PROGRAM = "coffee"
START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LETTERS_MAX = 1_000


def coffee(**further: object) -> Program:
    """A program of two brands, with plain cash off unless it says otherwise."""
    return Program.model_validate(
        {
            "program": PROGRAM,
            "version": 2,
            "name": "Coffee",
            "effective_from": "2026-01-01",
            "timezone": "UTC",
            "money": "USD",
            "brands": ["north", "south"],
            "earn": {"rules": []},
            "redemption": {"cash_off": {"points": 1, "minor": 1}},
            **further,
        }
    )


class World:
    """Accounts of one program; `dated` is all that was decided, `said` all inputs, and when."""

    def __init__(self, program: Program | None) -> None:
        self.program = program
        self.accounts: dict[str, Account] = {}
        self.shelf = Shelf()
        self.decided: dict[UUID, tuple[bytes, Any]] = {}
        self.dated: list[tuple[Any, datetime]] = []
        self.said: list[tuple[Input, datetime]] = []
        self.now = START

    # what is asked

    def earn(
        self,
        member: str,
        points: int,
        name: str,
        *,
        brand: str = "north",
        active_from: datetime | None = None,
        expires_at: datetime | None = None,
        parts: Mapping[str, int] | None = None,
        lose_after: int | None = None,
    ) -> None:
        """Points of a lot of this name; of these, `parts` in lots of their own."""
        self.say(
            PointsEarned(
                account=account_key(PROGRAM, member),
                award_id=named(f"{member}/{name}"),
                activity_type="purchase",
                source="till",
                event_id=name,
                brand=brand,
                receipt_id=name,
                occurred_at=self.now,
                basis_minor=0,
                program_version=2,
                rounding="floor",
                points=points,
                active_from=active_from or self.now,
                expires_at=expires_at,
                parts=tuple(
                    DatedPoints(
                        lot_id=named(f"{member}/{part}"),
                        rules=("bonus",),
                        points=number,
                        active_from=START,
                    )
                    for part, number in (parts or {}).items()
                ),
            ),
            lose_after=lose_after,
        )

    def bring_back(self, member: str, points: int, name: str, times: int = 1) -> Any:
        """The purchase that made a lot is returned, for so many points; the n-th time."""
        event = f"return {times} of {name}"
        return self.say(
            ReturnAssessed(
                account=account_key(PROGRAM, member),
                reversal_id=named(f"{member}/{event}"),
                award_id=named(f"{member}/{name}"),
                source="till",
                event_id=event,
                brand="north",
                receipt_id=name,
                occurred_at=START,
                points=points,
            )
        )

    def spend(self, member: str, points: int, key: str = "s") -> Any:
        """Points as cash off."""
        account = account_key(PROGRAM, member)
        return self.say(RedeemPoints(account=account, idempotency_key=key, points=points))

    def refund(self, member: str, redemption_id: UUID, key: str = "c") -> Any:
        """All that is left of a redemption comes back."""
        account = account_key(PROGRAM, member)
        return self.say(
            CancelRedemption(account=account, idempotency_key=key, redemption_id=redemption_id)
        )

    def give(self, member: str, to: str, points: int, key: str = "g") -> Any:
        """Points for another member."""
        account, other = account_key(PROGRAM, member), account_key(PROGRAM, to)
        return self.say(
            TransferPoints(account=account, idempotency_key=key, to=other, points=points)
        )

    def merge(self, member: str, to: str, key: str = "m") -> Any:
        """All that a member has goes to another."""
        account, other = account_key(PROGRAM, member), account_key(PROGRAM, to)
        named = {"actor": "anna", "reason": "two cards of one member"}
        return self.say(MergeAccount(account=account, idempotency_key=key, to=other, **named))

    def say(self, message: Input, *, lose_after: int | None = None) -> Any:
        """The fact of an input: decided now, or before; or only its first facts, and none told."""
        cause, body = cause_of(message), digest(registry.encode(message))
        if cause.id in self.decided:
            known, fact = self.decided[cause.id]
            assert known == body, f"{cause.text} with another content"
            return fact
        self.now += timedelta(seconds=1)
        self.said.append((message, self.now))
        decisions = decide(
            self.accounts.get(message.account),
            message,
            lambda *_: self.program,
            cause,
            self.now,
            self.shelf,
            self.decided,
        )
        for decision in decisions[:lose_after]:
            self._fold(decision.cause, body, decision.fact)
        return self._fact_of(cause) if lose_after is None else None

    def _fold(self, cause: Cause, body: bytes, decided: Any) -> None:
        fact: Any = registry.decode(registry.TYPE_OF[type(decided)], registry.encode(decided))
        assert fact == decided
        after = evolved(self.accounts.get(fact.account), fact, self.now)
        if after is not None:
            self.accounts[fact.account] = after
            self.shelf.evolve(fact, after.version, self.now)
        self.decided[cause.id] = body, fact
        self.dated.append((fact, self.now))

    @property
    def facts(self) -> list[Any]:
        """All that was decided."""
        return [fact for fact, _ in self.dated]

    # the courier

    @property
    def letters(self) -> list[Letter]:
        """What there is to carry, as the rows say it."""
        claims = [
            letter(claim, self._fact_of(stock_cause(claim)))
            for claim in self.shelf.claims.values()
            if claim.errand is not None
        ]
        transfers = [
            outcome_letter(transfer, received) if received else receipt_letter(sent)
            for transfer in self.shelf.transfers.values()
            if transfer.state is TransferState.IN_TRANSIT
            for sent in [self.last_word(transfer.transfer_id)]
            for received in [self.last_word(receive_cause(transfer.to, transfer.transfer_id).id)]
            if not isinstance(received, InputForwarded)
        ]
        return claims + transfers + self._parcels()

    def _parcels(self) -> list[Letter]:
        """Of each merged account the oldest that is not settled."""
        parcels = [each for each in self.shelf.parcels.values() if each.state is ParcelState.OPEN]
        first = {each.account: each for each in sorted(parcels, key=lambda each: -each.order)}
        letters = [
            outcome_of_parcel(parcel, decided)
            if decided
            else delivery(self.decided[parcel.parcel_id][1])
            for parcel in first.values()
            for decided in [self._fact_of(delivery_cause(parcel.to, parcel.parcel_id))]
        ]
        return [found for found in letters if found is not None]

    def last_word(self, cause: UUID) -> Any:
        """What was decided on a cause, also where it was sent on to; None: nothing yet."""
        fact = self.decided.get(cause, (b"", None))[1]
        if isinstance(fact, InputForwarded):
            return self.last_word(delivery_cause(fact.to, fact.input_id).id) or fact
        return fact

    def _fact_of(self, cause: Cause) -> Any:
        return self.decided.get(cause.id, (b"", None))[1]

    def carry(self, choose: Callable[[list[Letter]], Letter] = lambda letters: letters[0]) -> None:
        """Deliver until nothing is left to carry."""
        for _ in range(LETTERS_MAX):
            if not (letters := self.letters):
                return
            self.say(choose(letters).command)
        raise AssertionError(f"more than {LETTERS_MAX} letters: they go round")

    # what there is

    def folded(self, size: int) -> tuple[dict[str, Account], Shelf]:
        """Accounts and shelf from the records alone, so many at a time."""
        accounts: dict[str, Account] = {}
        shelf = Shelf()
        for start in range(0, len(self.dated), size):
            shelf = Shelf(
                *(shelf.claims.values(), shelf.codes.values(), shelf.transfers.values()),
                shelf.parcels.values(),
            )
            for fact, at in self.dated[start : start + size]:
                after = evolve(accounts.get(fact.account), fact, at)
                if after is not None:
                    accounts[fact.account] = after
                    shelf.evolve(fact, after.version, at)
        return accounts, shelf

    def first(self, kind: type[Any]) -> tuple[Account | None, Any, datetime]:
        """The first fact of a kind, behind the account as it was before, and when it was decided.

        From the records alone.
        """
        accounts: dict[str, Account | None] = {}
        for fact, at in self.dated:
            before = accounts.get(fact.account)
            if isinstance(fact, kind):
                return before, fact, at
            accounts[fact.account] = evolve(before, fact, at)
        raise AssertionError(f"no {kind.__name__}")

    def member(self, member: str) -> Account:
        """A member's account."""
        return self.accounts[account_key(PROGRAM, member)]
