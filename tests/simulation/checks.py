"""What must hold at the end of a history: read from the logs alone, then held against the tables.

I1 one decision for every acknowledged input; I2 one effect per cause; I3, I4 sums and no negative
balance; I5 every refusal and every amount justified; I6 answers never change; I7 one chain; I8
rebuilt state equals live state; I9 the same state and input give the same bytes; and what earn
awarded is what redeem credited.
"""

from typing import Any

from services.redeem.decide import decide
from shared.chain.link import Head, genesis
from shared.events import registry
from shared.events.base import instant
from shared.events.facts import InputRejected, Opened, PointsCredited, PointsEarned
from shared.events.topics import AWARDS, LEDGER, Topic
from shared.ledger.account import Account
from shared.ledger.evolve import evolve
from shared.stream.log import Bounds, Place
from shared.stream.memory import MemoryStore
from shared.stream.opening import fold_records
from shared.stream.positions import first_position
from shared.stream.records import recorded, source_of
from shared.stream.service import Recorded
from tests.simulation.history import LEDGER_ID, PARTITIONS, SERVICES, History, Violation
from tests.simulation.rule import follow


def check(history: History) -> None:
    """Raise Violation for whatever does not hold."""
    awards = {fact.cause_id: fact for fact in valid_facts(history, AWARDS, "earn")}
    ledger = {fact.cause_id: fact for fact in valid_facts(history, LEDGER, "redeem")}
    _every_input_is_decided(history, awards, ledger)
    _awards_are_credited(awards, ledger)
    _answers_stand(history, ledger)
    _decisions_are_justified(history)
    _rebuilt_equals_live(history)


def valid_facts(history: History, topic: Topic, writer: str) -> list[Recorded]:
    """All valid facts of a topic; checks I2 and I7 on the way."""
    facts: list[Recorded] = []
    seen: set[Any] = set()
    for partition in range(PARTITIONS):
        head: Head = genesis(LEDGER_ID, topic.name, partition, PARTITIONS, writer)
        for record in history.broker.records[Place(topic.name, partition)]:
            after = follow(head, record)
            if after is None:
                continue
            if after.seq != head.seq + 1 or after.time_ms < head.time_ms:
                raise Violation(f"I7: {topic.name}/{partition} {record.offset}: {head} to {after}")
            head = after
            fact = recorded(record)
            if isinstance(fact.fact, Opened):
                continue
            if isinstance(fact.fact, InputRejected):
                raise Violation(f"an input could not be decided: {fact.fact}")
            if fact.cause_id in seen:
                raise Violation(f"I2: {fact.type} twice for one cause: {fact.value!r}")
            seen.add(fact.cause_id)
            facts.append(fact)
    return facts


def _every_input_is_decided(
    history: History, awards: dict[Any, Recorded], ledger: dict[Any, Recorded]
) -> None:
    for cause in history.journal.purchases:
        if cause.id not in awards:
            raise Violation(f"I1: {cause.text} has no award")
    for cause in history.journal.redemptions:
        if cause.id not in ledger:
            raise Violation(f"I1: {cause.text} has no decision")


def _awards_are_credited(awards: dict[Any, Recorded], ledger: dict[Any, Recorded]) -> None:
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
        raise Violation(f"awards {earned} are not credits {credited}")


def _answers_stand(history: History, ledger: dict[Any, Recorded]) -> None:
    for cause, answer in history.journal.answers.items():
        if ledger[cause.id].value.decode() != answer:
            raise Violation(f"I6: {cause.text} was answered {answer}")


def _decisions_are_justified(history: History) -> None:
    """Decide every input again on the state that it met: the same bytes must come out."""
    for partition in range(PARTITIONS):
        accounts: dict[str, Account | None] = {}
        head = genesis(LEDGER_ID, LEDGER.name, partition, PARTITIONS, "redeem")
        for record in history.broker.records[Place(LEDGER.name, partition)]:
            after = follow(head, record)
            if after is None:
                continue
            head = after
            fact = recorded(record)
            if isinstance(fact.fact, Opened):
                continue
            _justified(history, accounts, record, fact)
            key = fact.fact.account
            accounts[key] = evolve(accounts.get(key), fact.fact, instant(fact.time_ms))


def _justified(
    history: History, accounts: dict[str, Account | None], record: Any, fact: Recorded
) -> None:
    src = source_of(record)
    assert src is not None
    input_record = history.broker.records[Place(src.topic, src.partition)][src.offset]
    service = SERVICES["redeem"]()
    said = service.read(input_record)
    decisions = decide(
        accounts.get(said.account),
        said.message,
        history.catalogue.version_at,
        said.cause,
        instant(fact.time_ms),
    )
    first = decisions[0] if decisions else None
    if (
        first is None
        or first.cause.id != fact.cause_id
        or registry.encode(first.fact) != fact.value
    ):
        raise Violation(f"I5, I9: {fact.value!r} is decided again as {first}")


def _rebuilt_equals_live(history: History) -> None:
    for name, make in SERVICES.items():
        service = make()
        rebuilt = MemoryStore(service.tables, service.lookups)
        size = history.random.randint(1, 7)
        _drive(_rebuild(history, service, rebuilt, size))
        live = history.databases[name].rows
        for table in service.tables:
            if rebuilt.tables[table].rows != live.tables[table].rows:
                raise Violation(f"I8: {name}.{table.name} is not what a rebuild gives")


async def _rebuild(history: History, service: Any, store: MemoryStore, size: int) -> None:
    for partition in range(PARTITIONS):
        place = Place(service.output.name, partition)
        position = first_position(
            place,
            ledger_id=LEDGER_ID,
            partitions=PARTITIONS,
            writer=service.name,
            fold_version="1.0",
        )
        await store.begin(position)
        end = len(history.broker.records[place])
        while position.next_offset < end:
            until = min(end, position.next_offset + size)
            read = await history.broker.read({place: Bounds(position.next_offset, until)})
            position = await fold_records(service, store, position, read[place])


def _drive(coroutine: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")
