"""A retailer who runs one of the presets: what the shop publishes, and what the API then says.

Upstream events are the bytes that a shop publishes: intake's own reading finds their account, the
real loop of earn and redeem decides them, in memory. What is said of a member are the numbers that
the query API answers with, computed by the same function.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from services.earn.counters import COUNTER
from services.earn.projection import DECISION
from services.intake.decide import Recognised, read
from services.intake.records import activity
from services.redeem.decide import Input as Message
from services.redeem.projection import ACCOUNT, LOT
from services.redeem.projection import DECISION as LEDGER_DECISION
from services.redeem.service import cause_of
from shared.events.awards import ActivityRefused, PointsEarned, ReturnRefused
from shared.events.base import account_key, millis
from shared.events.commands import RedeemPoints
from shared.events.ids import digest
from shared.events.movements import RequestRefused
from shared.events.points import RedemptionRefused
from shared.events.registry import decode, encode
from shared.events.topics import ACTIVITY, COMMANDS
from shared.events.wire import Source
from shared.ledger.reading import Balances, balances
from shared.ledger.stored import account_of
from shared.program.document import published, read_program
from shared.program.model import Program
from shared.stream.log import Outgoing
from tests.ledgers import MemoryLedger, message
from tests.receipts import BASE, program

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
CASH_OFF = {"points": 1, "minor": 1}
TOPIC = "retail.events.v1"
"""Any upstream topic: the types stand in the events."""
Said = PointsEarned | ActivityRefused | ReturnRefused
"""What earn says of an event."""


def preset(name: str) -> Program:
    """The program that a retailer copies."""
    reading = read_program((PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert reading.program is not None, reading.problems
    return reading.program


def under(*rules: dict[str, Any], cash_off: dict[str, Any] = CASH_OFF, **sections: Any) -> Program:
    """A program of its own, whose points are money off; without rules a dollar is a point."""
    redemption = {"cash_off": cash_off, **sections.pop("redemption", {})}
    brand = {"program": "own", "brands": ["own"]}
    return program(*(rules or (BASE,)), redemption=redemption, **brand, **sections)


class Retailer:
    """A retailer with one program: what its shops publish."""

    def __init__(self, program: str | Program) -> None:
        """The name of a preset, or a program."""
        self.program = preset(program) if isinstance(program, str) else program
        self._events = 0

    def now(self) -> datetime:
        """When it happens."""
        raise NotImplementedError

    def publish(self, event: dict[str, Any]) -> None:
        """An upstream event, out of the shop's hands."""
        raise NotImplementedError

    def sells(self, member: str, *amounts: int | dict[str, Any], **fields: Any) -> Self:
        """A closed receipt; a number is a line of so many minor units."""
        lines = [{"amount_minor": each} if isinstance(each, int) else each for each in amounts]
        return self.happens(
            "retail.purchase.v1",
            member,
            receipt_id=f"receipt-{self._events + 1}",
            currency=self.program.money,
            lines=[
                {"line_id": str(number), "sku": f"sku-{number}", **line}
                for number, line in enumerate(lines)
            ],
            **fields,
        )

    def returns(self, member: str, receipt: str, **line: Any) -> Self:
        """A line of a receipt comes back."""
        return self.happens(
            "retail.return.v1",
            member,
            receipt_id=receipt,
            currency=self.program.money,
            lines=[line],
        )

    def does(self, member: str, action: str, **attributes: Any) -> Self:
        """A member does something that is no purchase."""
        return self.happens("retail.custom-action.v1", member, action=action, attributes=attributes)

    def happens(self, wire_type: str, member: str, **fields: Any) -> Self:
        """An upstream event, now."""
        self._events += 1
        self.publish(
            {
                "type": wire_type,
                "event_id": f"event-{self._events}",
                "source": "shop",
                "brand": self.program.brands[0],
                "member": member,
                "occurred_at": self.now().isoformat(),
                **fields,
            }
        )
        return self

    def receipt(self) -> str:
        """The number of the last receipt."""
        return f"receipt-{self._events}"


class Shop(Retailer):
    """One in memory, and time that passes as the story says."""

    def __init__(self, program: str | Program) -> None:
        super().__init__(program)
        self.ledger = MemoryLedger(now=datetime(2026, 1, 1, 12, tzinfo=UTC))
        self.ledger.publish(published(self.program).document)
        self._last_record: tuple[str, Outgoing] | None = None
        self._asked: list[UUID] = []
        self._waits = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What happens meanwhile is decided in one batch."""
        self._waits = True
        yield
        self._waits = False
        self.ledger.run()

    def publishes(self, program: Program) -> Self:
        """Another version of the program."""
        self.ledger.publish(published(program).document)
        return self

    def on(self, when: str) -> Self:
        """It is then: a day (its noon, in the program's zone) or a local time."""
        local = datetime.fromisoformat(when if "T" in when else f"{when}T12:00")
        self.ledger.now = local.replace(tzinfo=self.program.zone).astimezone(UTC)
        return self

    def now(self) -> datetime:
        """When it is in the story."""
        return self.ledger.now

    def publish(self, event: dict[str, Any]) -> None:
        """The event as intake reads it, forwards it, and as it is decided."""
        said = read(TOPIC, json.dumps(event).encode(), (), millis(self.ledger.now))
        assert isinstance(said, Recognised), said
        program = self.ledger.catalogue.program_of_brand(event["brand"], self.ledger.now)
        assert program is not None
        account = account_key(program.program, event["member"])
        record = activity(account, said, Source(TOPIC, 0, self._events))
        self._last_record = account, record
        self.repeats()

    def repeats(self) -> Self:
        """The last event arrives (once more)."""
        assert self._last_record is not None
        self.ledger.put(ACTIVITY.name, *self._last_record)
        if not self._waits:
            self.ledger.run()
        return self

    def redeems(self, member: str, points: int, **fields: Any) -> Self:
        """A member spends points at the till."""
        return self.asks(member, RedeemPoints, points=points, **fields)

    def asks(self, member: str, command: type[Message], **fields: Any) -> Self:
        """A till or an operator wants something of a member's account."""
        self._events += 1
        account = account_key(self.program.program, member)
        if "idempotency_key" in command.model_fields:
            fields["idempotency_key"] = f"key-{self._events}"
        asked = command.model_validate({"account": account, **fields})
        cause = cause_of(asked)
        self._asked.append(cause.id)
        body = digest(encode(asked))
        self.ledger.put(COMMANDS.name, account, message(asked, cause, account, body))
        if not self._waits:
            self.ledger.run()
        return self

    def asked(self, number: int = -1) -> UUID:
        """The id of what was asked (last): that of its hold, or of its redemption."""
        return self._asked[number]

    # what the API says

    def has(self, member: str, *, on: str | None = None, **numbers: int) -> Self:
        """The member's balances, now or on another day."""
        if on is not None:
            self.on(on)
        seen = self.balances(member)
        assert {name: getattr(seen, name) for name in numbers} == numbers
        return self

    def balances(self, member: str) -> Balances:
        """What the member has now."""
        key = account_key(self.program.program, member)
        tables = self.ledger.stores["redeem"].tables
        lots = {lot.lot_id: lot for lot in tables[LOT].rows.values() if lot.account == key}
        account = account_of(tables[ACCOUNT].rows[key], lots, {})
        return balances(account, lots.values(), self.ledger.now)

    def says(self, **expected: Any) -> Self:
        """What the last event was worth: fields of its award."""
        award = self.award()
        assert {name: getattr(award, name) for name in expected} == expected
        return self

    def tells(self, rule: str, why: str) -> Self:
        """Why a rule gave nothing for the last event."""
        assert (rule, why) in [(missed.rule, missed.reason) for missed in self.award().why_not]
        return self

    def told(self, number: int = -1) -> BaseModel:
        """What became of what was asked (last)."""
        row = self.ledger.stores["redeem"].tables[LEDGER_DECISION].rows[self._asked[number]]
        return decode(row.type, row.fact.encode())

    def declines(self, reason: str, **numbers: int) -> Self:
        """What was asked last is refused, with these numbers."""
        fact = self.told()
        assert isinstance(fact, RedemptionRefused | RequestRefused), fact
        assert fact.reason == reason
        assert {name: getattr(fact, name) for name in numbers} == numbers
        return self

    def in_all(self, member: str, currency: str) -> int:
        """What all awards of a member come to in another currency."""
        key = account_key(self.program.program, member)
        awards = [award for award in self._decided() if award.account == key]
        return sum(
            each.points
            for award in awards
            if isinstance(award, PointsEarned)
            for each in award.also
            if each.currency == currency
        )

    def counter(self, member: str, name: str) -> Fraction:
        """What a counter of a member stands at, over all periods."""
        key = account_key(self.program.program, member)
        rows = self.ledger.stores["earn"].tables[COUNTER].rows.values()
        found = (row.value for row in rows if (row.account, row.counter) == (key, name))
        return sum(map(Fraction, found), Fraction(0))

    def points(self, member: str) -> list[int]:
        """What the purchases of a member have earned, in their order."""
        key = account_key(self.program.program, member)
        awards = [each for each in self._decided() if isinstance(each, PointsEarned)]
        return [award.points for award in awards if award.account == key]

    def award(self) -> PointsEarned:
        """The award of the last event."""
        last = self._last()
        assert isinstance(last, PointsEarned), last
        return last

    def refuses(self, reason: str) -> Self:
        """The last event is in no program, or a return that takes nothing."""
        last = self._last()
        assert isinstance(last, ActivityRefused | ReturnRefused), last
        assert last.reason == reason
        return self

    def _last(self) -> Said:
        [last] = [fact for fact in self._decided() if fact.event_id == f"event-{self._events}"]
        return last

    def _decided(self) -> list[Said]:
        """Everything that earn said."""
        rows = self.ledger.stores["earn"].tables[DECISION].rows.values()
        facts = [decode(row.type, row.fact.encode()) for row in rows]
        return [fact for fact in facts if isinstance(fact, Said)]
