"""What the outside world was told: acknowledged events, answers, reads. The checks begin from it.

Events are named by where they come from and a number, from which everything else about them
follows; so the journal of a million events is a few counters.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

PROGRAM = "bank"
SHOPPERS = 1_500
SAVERS = 40
"""Members that are given points once and only spend: what they have is known."""
GIVERS_FROM = 30
"""Savers from this number on give points away, and are given some; what the others have only goes
down."""
MERGED_FROM, MERGED, INTO = 700, 400, 100
"""So many shoppers from the first number on may be merged, the first into the last number's."""
GRANTS = 4
GRANT_DOLLARS = 250_000
DOLLARS_MAX = 37
RETURNED_EVERY, RETURNED = 40, 7
"""Of so many purchases over Kafka one is returned whole: the one with this remainder."""
STOCK_DELIVERIES, UNITS = 10, 10
"""Units of the reward that are there, all in all: fewer than are wanted."""
REWARD = "mug"
LATE_EVERY = 50
LATE = timedelta(days=200)
FINDINGS_MAX = 50


class Channel(StrEnum):
    """How an event comes in; also the first letter of its receipt."""

    KAFKA = "k"
    HTTP = "h"
    GRANT = "g"


class Event(NamedTuple):
    """A purchase of whole dollars."""

    channel: Channel
    number: int

    @property
    def receipt(self) -> str:
        """Its receipt id."""
        return f"{self.channel}{self.number}"

    @property
    def member(self) -> str:
        """Who bought."""
        if self.channel is Channel.GRANT:
            return f"saver{self.number % SAVERS}"
        return f"m{self.number * 7919 % SHOPPERS}"

    @property
    def dollars(self) -> int:
        """For how much, which is what it is worth in points."""
        return GRANT_DOLLARS if self.channel is Channel.GRANT else 1 + self.number % DOLLARS_MAX

    @property
    def is_returned(self) -> bool:
        """Whether it is taken back, all of it."""
        return self.channel is Channel.KAFKA and self.number % RETURNED_EVERY == RETURNED

    @staticmethod
    def of(receipt: str) -> "Event":
        """The event of a receipt. Raises ValueError."""
        return Event(Channel(receipt[0]), int(receipt[1:]))


def purchase(event: Event, began: datetime, *, copy: int = 0, extra_dollars: int = 0) -> bytes:
    """As it is published; a copy has an event id of its own, and may differ in its amount."""
    is_late = event.number % LATE_EVERY == 0
    at = began - (LATE if is_late else timedelta(seconds=event.number % 600))
    cents = 100 * (event.dollars + extra_dollars)
    return (
        f'{{"event_id":"{event.receipt}-{copy}","source":"till","brand":"{PROGRAM}",'
        f'"member":"{event.member}","receipt_id":"{event.receipt}","occurred_at":"'
        f'{at:%Y-%m-%dT%H:%M:%SZ}","currency":"USD",'
        f'"lines":[{{"line_id":"1","sku":"s","amount_minor":{cents}}}]}}'
    ).encode()


def returned(event: Event, began: datetime) -> bytes:
    """The return of a whole purchase, as it is published."""
    return (
        f'{{"event_id":"{event.receipt}-back","source":"till","brand":"{PROGRAM}",'
        f'"member":"{event.member}","receipt_id":"{event.receipt}","occurred_at":"'
        f'{began:%Y-%m-%dT%H:%M:%SZ}","currency":"USD",'
        f'"lines":[{{"line_id":"1","quantity":1,"amount_minor":{100 * event.dollars}}}]}}'
    ).encode()


class Answer(NamedTuple):
    """The final answer to a redemption: 200, 409 or 422."""

    status: int
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """What it says."""
        said: dict[str, Any] = json.loads(self.body)
        return said


@dataclass
class Journal:
    """What is known to be so, as seen from outside."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    events: Counter[Channel] = field(default_factory=Counter)
    """Acknowledged events."""
    upcoming: dict[int, int] = field(default_factory=dict)
    """Of each partition's sender the number that it draws next; the numbers differ by how many
    senders there are. Once nothing is under way, all before it are acknowledged."""
    records: Counter[str] = field(default_factory=Counter)
    """Records that were sent, by kind: also repeats, conflicts, poison."""
    poison: set[tuple[int, int]] = field(default_factory=set)
    """Where acknowledged records stand that must be set aside: partition and offset."""
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    """By member and idempotency key."""
    points: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many points each key asked for."""
    gifts: dict[tuple[str, str], str] = field(default_factory=dict)
    """Keys that give points away, and the member to whom."""
    merges: dict[str, str] = field(default_factory=dict)
    """Members whose account went to another one's, and whose."""
    holds: set[tuple[str, str]] = field(default_factory=set)
    """Keys that set points aside: what they ask for is not spent by them."""
    releases: dict[UUID, Answer] = field(default_factory=dict)
    """By the identity of the release, which has no key."""
    published: dict[int, datetime] = field(default_factory=dict)
    """When each version of the program was acknowledged, but for the first."""
    counts: Counter[str] = field(default_factory=Counter)
    """What callers and readers have done."""
    findings: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)

    def acknowledged(self) -> Iterator[Event]:
        """Every acknowledged event, once nothing is under way."""
        for channel in (Channel.GRANT, Channel.HTTP):
            yield from (Event(channel, number) for number in range(self.events[channel]))
        for first, end in self.upcoming.items():
            numbers = range(first, end, len(self.upcoming))
            yield from (Event(Channel.KAFKA, number) for number in numbers)

    def spent(self) -> Counter[str]:
        """By who has the account now, the points of all answers that spent some."""
        spent: Counter[str] = Counter()
        for (member, key), answer in self.answers.items():
            is_spent = (member, key) not in self.holds and (member, key) not in self.gifts
            if answer.status == HTTPStatus.OK and is_spent:
                spent[self.owner(member)] += answer.told.get("points", 0)
        return spent

    def given(self) -> tuple[Counter[str], Counter[str]]:
        """By who has the account now, the points of all answered transfers: sent, and received."""
        sent: Counter[str] = Counter()
        received: Counter[str] = Counter()
        for (member, key), to in self.gifts.items():
            answer = self.answers[member, key]
            if answer.status == HTTPStatus.OK:
                sent[self.owner(member)] += answer.told["points"]
                received[self.owner(to)] += answer.told["points"]
        return sent, received

    def owner(self, member: str) -> str:
        """Who has what the member has."""
        return self.merges.get(member, member)

    def find(self, what: str, detail: str) -> None:
        """Something was seen that must not be."""
        self.found[what] += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(f"{what}: {detail}")

    def answered(self, member: str, key: str, answer: Answer) -> None:
        """A final answer; the same key has the same one for ever (I6)."""
        known = self.answers.setdefault((member, key), answer)
        if known != answer:
            self.find("a key was answered in two ways", f"{member} {key}: {known} and {answer}")
