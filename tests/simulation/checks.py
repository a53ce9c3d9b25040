"""What must hold at the end of a history: read from the logs alone, then held against the tables.

I1 every input is decided once or stands in quarantine; I2 one effect per cause; I3, I4 the sums of
each account after each fact; I5 every amount and every refusal justified; I6 answers are those of
the log; I7 one chain; I8 rebuilt state equals live state; I9 the same state and input give the same
bytes; I10, I11 every read showed a state of the log, that of its token. While the history runs,
clients hold I6, I10 and I11 against what they were told before, and the drain checks I12.
"""

from collections import Counter
from typing import Any
from uuid import UUID

from fastapi import Response

from cli.verify.report import Report
from cli.verify.sums import check_sums
from services.query.carried_requests import told
from services.query.courses import MERGES_MADE, REWARDS, TRANSFERS_MADE
from services.query.decisions import Decided
from services.query.forwarded import followed
from services.query.tokens import Token
from services.redeem.decide import decide
from services.redeem.projection import ACCOUNT, DEBIT, DECISION, LOT
from shared.chain.link import Head, genesis
from shared.events import registry
from shared.events.awards import PointsEarned
from shared.events.base import instant
from shared.events.commands import Tick
from shared.events.facts import InputRejected, Opened
from shared.events.points import PointsCredited
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, Topic
from shared.ledger.account import Account
from shared.ledger.evolve import evolve
from shared.ledger.shelf import Shelf
from shared.stream.log import Bounds, Place, Record
from shared.stream.memory import MemoryStore
from shared.stream.opening import fold_records
from shared.stream.positions import first_position
from shared.stream.records import recorded
from shared.stream.service import Input, Recorded
from tests.rebuilt import RebuiltStore
from tests.simulation.freeing import freed
from tests.simulation.history import History, set_aside, unforwarded
from tests.simulation.merge_checks import merges_hold
from tests.simulation.network import done
from tests.simulation.nodes import FOLD_VERSION, LEDGER_ID, REDEEM, SERVICES
from tests.simulation.outside import Seen, Violation
from tests.simulation.program import POINTS_A_DOLLAR
from tests.simulation.reward_checks import rewards_hold
from tests.simulation.rule import follow
from tests.simulation.statements import decided_of
from tests.simulation.transfer_checks import transfers_hold
from tests.simulation.version_checks import versions_hold

Facts = dict[UUID, Recorded]
"""Valid facts by cause."""


def check(history: History) -> None:
    """Raise Violation for whatever does not hold."""
    earned = _chain(history, AWARDS, "earn")
    awards = _by_cause(earned)
    chain = _chain(history, LEDGER, "redeem")
    ledger = _by_cause(chain)
    _upstream_is_taken(history)
    _decided(history, "earn", ACTIVITY, awards)
    _receipts_count_once(history, awards)
    versions_hold(history, earned)
    _decided(history, "redeem", COMMANDS, ledger)
    _awards_are_credited(awards, ledger)
    _Ledger(history).walk(chain)
    rewards_hold(ledger.values(), history.databases[REDEEM].rows)
    transfers_hold(ledger.values(), history.databases[REDEEM].rows)
    merges_hold(ledger.values(), history.databases[REDEEM].rows)
    for name in SERVICES:
        if name in history.owners:
            _rebuilt_equals_live(history, name)
    _answers_stand(history, ledger)


# the logs


def _chain(history: History, topic: Topic, writer: str) -> list[tuple[Record, Recorded]]:
    """All valid facts of a topic. I7."""
    chain: list[tuple[Record, Recorded]] = []
    for partition in range(history.partitions):
        head: Head = genesis(LEDGER_ID, topic.name, partition, history.partitions, writer)
        for record in history.broker.records[Place(topic.name, partition)]:
            after = follow(head, record)
            if after is None:
                if history.is_undisturbed:
                    raise Violation(f"I12: {topic.name} {record.offset} is void without a rival")
                continue
            if after.seq != head.seq + 1 or after.time_ms < head.time_ms:
                raise Violation(f"I7: {topic.name}/{partition} {record.offset}: {head} to {after}")
            head = after
            fact = recorded(record)
            if isinstance(fact.fact, InputRejected):
                raise Violation(f"an input could not be decided: {fact.fact}")
            if not isinstance(fact.fact, Opened):
                chain.append((record, fact))
    return chain


def _by_cause(chain: list[tuple[Record, Recorded]]) -> Facts:
    """I2."""
    facts: Facts = {}
    for _, fact in chain:
        if fact.cause_id in facts:
            raise Violation(f"I2: {fact.type} twice for one cause: {fact.value!r}")
        facts[fact.cause_id] = fact
    return facts


# I1


def _upstream_is_taken(history: History) -> None:
    if lost := unforwarded(history):
        raise Violation(f"I1: {lost} are neither forwarded nor set aside")


def _decided(history: History, name: str, topic: Topic, facts: Facts) -> None:
    """Each input has a decision on the very content, or stands in quarantine."""
    service, aside = SERVICES[name](), set_aside(history)
    for record in history.records(topic):
        said = service.read(record)
        if isinstance(said, Input) and isinstance(said.message, Tick):
            continue
        if isinstance(said, Input):
            fact = facts.get(said.cause.id)
            if fact is not None and fact.body == said.body and fact.fact.account == said.account:
                continue
        if (record.topic, record.partition, record.offset) not in aside:
            raise Violation(f"I1: {said} is neither decided nor set aside")


def _receipts_count_once(history: History, awards: Facts) -> None:
    """Each receipt that a shop knows to be taken has one award, for one of the amounts sent."""
    found: Counter[str] = Counter()
    for fact in awards.values():
        if isinstance(fact.fact, PointsEarned):
            found[fact.fact.receipt_id or ""] += 1
            amounts = history.journal.purchases.get(fact.fact.receipt_id or "", set())
            a_dollar = POINTS_A_DOLLAR[fact.fact.program_version or 0]
            if fact.fact.points not in {a_dollar * amount // 100 for amount in amounts}:
                raise Violation(f"I1: {fact.fact} for a receipt of {amounts}")
    for receipt in history.journal.purchases:
        if found[receipt] != 1:
            raise Violation(f"I1, I2: receipt {receipt} has {found[receipt]} awards")


def _awards_are_credited(awards: Facts, ledger: Facts) -> None:
    earned = {
        fact.fact.award_id: fact.fact.points
        for fact in awards.values()
        if isinstance(fact.fact, PointsEarned)
    }
    credited = {
        fact.fact.lot_id: fact.fact.points
        for fact in ledger.values()
        if isinstance(fact.fact, PointsCredited)
    }
    if earned != credited:
        raise Violation(f"I1: awards {earned} are not credits {credited}")


# the ledger, fact by fact


class _Ledger:
    """Walks the ledger: sums, justification, and what reads showed on the way."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.accounts: dict[str, Account | None] = {}
        self.free: dict[str, dict[UUID, int]] = {}
        self.shelves = [Shelf() for _ in range(history.partitions)]
        self.known: set[UUID] = set()
        self.begun = {
            position.partition: position.next_offset
            for position in history.begun[REDEEM].positions.values()
        }
        """Behind which facts are those of this history."""
        self.redeem = SERVICES["redeem"]()
        self.seen: dict[Token, list[Seen]] = {}
        for seen in history.journal.seen:
            self.seen.setdefault(seen.token, []).append(seen)

    def walk(self, chain: list[tuple[Record, Recorded]]) -> None:
        """All partitions, in order."""
        at: dict[int, int] = {}
        for record, fact in chain:
            self._reads(record.partition, at.get(record.partition, 0), fact.seq)
            at[record.partition] = fact.seq
            shelf = self.shelves[record.partition]
            if record.offset >= self.begun.get(record.partition, 0):
                self._justified(record, fact, shelf)
            self.known.add(fact.cause_id)
            key = fact.fact.account
            at_time = instant(fact.time_ms)
            after = evolve(self.accounts.get(key), fact.fact, at_time)
            self.accounts[key] = after
            if after is not None:
                shelf.evolve(fact.fact, after.version, at_time)
            self._adds_up(key, fact)
        for partition in range(self.history.partitions):
            self._reads(partition, at.get(partition, 0), None)
        if self.seen:
            raise Violation(f"I11: reads of positions that the log does not have: {self.seen}")

    def _reads(self, partition: int, seq: int, until: int | None) -> None:
        """Reads from a position on, up to that of the next fact, showed the state there."""
        for token in [token for token in self.seen if token.partition == partition]:
            if token.position >= seq and (until is None or token.position < until):
                for seen in self.seen.pop(token):
                    self._shown(seen)

    def _shown(self, seen: Seen) -> None:
        account = self.accounts.get(seen.account)
        for name, value in seen.row.items():
            if name != "position" and value != getattr(account, name, None):
                raise Violation(f"I10, I11: {seen} showed {name}, the log says {account}")

    def _justified(self, record: Record, fact: Recorded, shelf: Shelf) -> None:
        """I5, I9: decided again on the state that it met, the input gives the same bytes."""
        input = self.history.input_of(record)
        said, first = self.redeem.read(input), None
        for programs in self.history.known_at(input):
            decisions = decide(
                self.accounts.get(said.account),
                said.message,
                programs.version_at,
                said.cause,
                instant(fact.time_ms),
                shelf,
                self.known,
            )
            first = decisions[0] if decisions else None
            if (
                first is not None
                and first.cause.id == fact.cause_id
                and registry.encode(first.fact) == fact.value
            ):
                return
        raise Violation(f"I5, I9: {fact.value!r} is decided again as {first}")

    def _adds_up(self, key: str, fact: Recorded) -> None:
        """I3, I4: from the facts alone, whatever the ledger's own code asserts."""
        free = self.free.setdefault(key, {})
        for lot, points in freed(fact.fact):
            free[lot] = free.get(lot, 0) + points
            if free[lot] < 0:
                raise Violation(f"I3: {key} is overdrawn by {fact.value!r}")
        account = self.accounts[key]
        if sum(free.values()) != (account.free if account else 0):
            raise Violation(f"I4: {account} has {free}")
        if account is not None and account.due and account.free:
            raise Violation(f"I3: {account.due} are due while {account.free} are free")


# the tables


def _rebuilt_equals_live(history: History, name: str) -> None:
    """I8, in batches of a seeded size, from where the history begins."""
    service = SERVICES[name]()
    rebuilt = RebuiltStore((), ())
    rebuilt.take(history.begun[name])
    size = history.random.choice((3, 40, 40))
    done(_rebuild(history, service, rebuilt, size))
    live = history.databases[name].rows
    if name == "redeem":
        _sums_hold(live)
    for table in service.tables:
        if rebuilt.tables[table].rows != live.tables[table].rows:
            raise Violation(f"I8: {name}.{table.name} is not what a rebuild gives")


def _sums_hold(store: MemoryStore) -> None:
    """I4, as `tessera verify` adds up."""
    report = Report()
    accounts, lots, debits = (store.tables[table].rows.values() for table in (ACCOUNT, LOT, DEBIT))
    check_sums(accounts, lots, debits, report)
    if not report.is_clean:
        raise Violation(f"I4: {report.findings}")


async def _rebuild(history: History, service: Any, store: MemoryStore, size: int) -> None:
    for partition in range(history.partitions):
        place = Place(service.output.name, partition)
        first = first_position(
            place,
            ledger_id=LEDGER_ID,
            partitions=history.partitions,
            writer=service.name,
            fold_version=FOLD_VERSION,
        )
        await store.begin(first)
        position = store.positions[place]
        end = len(history.broker.records[place])
        while position.next_offset < end:
            until = min(end, position.next_offset + size)
            read = await history.broker.read({place: Bounds(position.next_offset, until)})
            position = await fold_records(service, store, position, read[place])


def _answers_stand(history: History, ledger: Facts) -> None:
    """I6: what was told is what the rows, which equal the log, would tell again."""
    rows = history.databases["redeem"].rows.tables[DECISION].rows
    for (cause, body), first in history.journal.answers.items():
        if ledger[cause.id].body != body:
            raise Violation(f"I6: {cause.text} was answered for another body: {first}")
        again = _told_again(rows, cause.id, Token.read(first.token))
        if (again.status_code, bytes(again.body)) != (first.status, first.body):
            raise Violation(f"I6: {cause.text} was answered {first}, now {again.body!r}")
    for cause, body in history.journal.conflicts:
        if ledger[cause.id].body == body:
            raise Violation(f"I6: {cause.text} was refused its own answer")


def _told_again(rows: dict[UUID, Any], request: UUID, token: Token) -> Response:
    """The last word on a request, from the rows."""
    decided, course = Decided(*decided_of(rows[request])), REWARDS

    async def look(_account: str, cause: UUID) -> Decided:
        return Decided(*decided_of(rows[cause]))

    last = done(followed(decided, look))
    assert last is not None, "what was answered was decided"
    for carried in (REWARDS, TRANSFERS_MADE, MERGES_MADE):
        if last.type == registry.TYPE_OF[carried.begun]:
            row, course = rows[carried.concluded(last.account, request).id], carried
            last = Decided(*decided_of(row))
    return told(course, last, token)
