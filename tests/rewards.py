"""A world of members and stocks in memory: redeem's own decisions and folds, carried by hand.

Facts go over the wire. What is sent twice is decided once, as the loop does it; letters are what
the courier would carry, and lie there until somebody delivers them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.redeem.decide import Input, decide
from services.redeem.errands import Letter, letter, stock_cause
from services.redeem.service import cause_of
from shared.events import registry
from shared.events.base import account_key, stock_account
from shared.events.ids import Cause, digest
from shared.events.rewards import (
    CancelReward,
    FulfilReward,
    PutStock,
    RedeemReward,
)
from shared.ledger.account import Account
from shared.ledger.claims import Claim
from shared.ledger.evolve import evolve
from shared.ledger.shelf import Shelf
from shared.program.model import Program
from tests.stories import named

PROGRAM = "coffee"
START = datetime(2026, 6, 1, tzinfo=UTC)
WHO = {"actor": "ann", "reason": "as agreed"}


def coffee(*rewards: dict[str, object], **further: object) -> Program:
    """A program of two brands with these rewards."""
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
            "redemption": {"rewards": list(rewards)},
            **further,
        }
    )


def reward(name: str = "cup", points: int = 100, **further: object) -> dict[str, object]:
    """A reward as a document has it."""
    return {"reward": name, "name": name, "price": {"points": points}, **further}


class Rewards:
    """Accounts and stocks of one program; `dated` is all that was decided, and when."""

    def __init__(self, program: Program | None) -> None:
        self.program = program
        self.accounts: dict[str, Account] = {}
        self.shelf = Shelf()
        self.decided: dict[UUID, tuple[bytes, Any]] = {}
        self.dated: list[tuple[Any, datetime]] = []
        self.now = START

    # what is asked

    def earn(self, member: str, points: int, name: str) -> None:
        """Points of a lot of this name."""
        from_award = registry.WIRE["loyalty.points.earned.v1"]
        award = from_award.model_validate(
            {
                "account": account_key(PROGRAM, member),
                "award_id": named(f"{member}/{name}"),
                "activity_type": "purchase",
                "source": "till",
                "event_id": name,
                "brand": "north",
                "occurred_at": self.now,
                "basis_minor": 0,
                "program_version": 2,
                "rounding": "floor",
                "points": points,
                "active_from": self.now,
            }
        )
        self.say(award)  # type: ignore[arg-type]

    def stock(self, units: int, *codes: str, name: str = "cup", key: str = "put") -> Any:
        """Units put in stock by an operator."""
        account = stock_account(PROGRAM, name)
        return self.say(
            PutStock(account=account, idempotency_key=key, units=units, codes=codes, **WHO)
        )

    def redeem(self, member: str, name: str = "cup", key: str = "r") -> Any:
        """A reward asked for."""
        account = account_key(PROGRAM, member)
        return self.say(RedeemReward(account=account, idempotency_key=key, reward=name))

    def fulfil(self, claim: Claim, brand: str | None = None, key: str = "f") -> Any:
        """A reward handed over."""
        return self.say(
            FulfilReward(
                account=claim.account,
                idempotency_key=f"{key}-{claim.redemption_id}",
                redemption_id=claim.redemption_id,
                brand=brand,
                **WHO,
            )
        )

    def cancel(self, claim: Claim, key: str = "c") -> Any:
        """A reward cancelled."""
        return self.say(
            CancelReward(
                account=claim.account,
                idempotency_key=f"{key}-{claim.redemption_id}",
                redemption_id=claim.redemption_id,
                **WHO,
            )
        )

    def say(self, message: Input) -> Any:
        """The fact of an input: decided now, or before."""
        cause, body = cause_of(message), digest(registry.encode(message))
        if cause.id in self.decided:
            known, fact = self.decided[cause.id]
            assert known == body, f"{cause.text} with another content"
            return fact
        self.now += timedelta(seconds=1)
        decisions = decide(
            self.accounts.get(message.account),
            message,
            lambda *_: self.program,
            cause,
            self.now,
            self.shelf,
        )
        for decision in decisions:
            self._fold(decision.cause, body, decision.fact)
        return self.decided[cause.id][1]

    def _fold(self, cause: Cause, body: bytes, decided: Any) -> None:
        fact: Any = registry.decode(registry.TYPE_OF[type(decided)], registry.encode(decided))
        assert fact == decided
        after = evolve(self.accounts.get(fact.account), fact, self.now)
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
        return [
            letter(claim, self.decided.get(stock_cause(claim).id, (b"", None))[1])
            for claim in self.shelf.claims.values()
            if claim.errand is not None
        ]

    def carry(self) -> None:
        """Deliver until nothing is left to carry."""
        while letters := self.letters:
            for found in letters:
                self.say(found.command)

    # what there is

    def member(self, member: str) -> Account:
        """A member's account."""
        return self.accounts[account_key(PROGRAM, member)]

    def claim(self, redemption: Any) -> Claim:
        """How far the reward of a fact has come."""
        return self.shelf.claims[redemption.redemption_id]

    def units(self, name: str = "cup") -> tuple[int, int, int]:
        """Units in stock, taken, written off."""
        account = self.accounts.get(stock_account(PROGRAM, name))
        if account is None:
            return 0, 0, 0
        return account.free, account.redeemed, account.expired
