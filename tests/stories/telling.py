"""A story: given inputs, when one comes, then facts, and what the account reads like."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self, cast

from services.redeem.decide import Decision, decide
from shared.events import registry
from shared.events.ids import digest
from shared.events.movements import RequestRefused
from shared.events.points import RefusalReason
from shared.ledger.account import Account, Debit, DebitKind, Due, Lot, Status
from shared.ledger.evolve import LEDGER_FACTS, LedgerFact, evolve
from shared.ledger.reading import Balances, balances
from shared.ledger.settle import settled
from shared.ledger.shelf import Shelf
from shared.ledger.transfers import Transfer
from shared.program.model import Program
from tests.stories.setting import ACCOUNT, PLAIN, START, at, evolved, named, redemption
from tests.stories.steps import Step


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
