"""A ledger in memory is verified: clean as the loop leaves it, and every kind of damage is found.

I1, I2, I3, I4, I5, I7, I9.
"""

from collections.abc import Callable
from itertools import count
from uuid import uuid4

import pytest

from cli.verify.report import Check, Report
from services.earn.projection import DECISION as AWARDED
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, QUARANTINE, partition_of
from shared.stream.log import Outgoing, Place
from shared.stream.memory import MemoryRecord
from tests.ledgers import PARTITIONS, MemoryLedger, renumbered, with_fact, with_header
from tests.simulation.program import SHOP
from tests.verified import verified

ANN, BOB, EVE = "shop:ann", "shop:bob", "shop:eve"
ELSEWHERE = next(
    f"shop:{number}"
    for number in count()
    if partition_of(f"shop:{number}", PARTITIONS) != partition_of(ANN, PARTITIONS)
)
CREDITED = "loyalty.points.credited.v1"
REDEEMED = "loyalty.points.redeemed.v1"
REFUSED = "loyalty.redemption.refused.v1"
EXPIRED = "loyalty.points.expired.v1"
EARNED = "loyalty.points.earned.v1"


@pytest.fixture
def ledger() -> MemoryLedger:
    """Awards, expiries, redemptions, refusals, repeats, conflicts, and what could not be read."""
    made = MemoryLedger()
    for number, account in enumerate((ANN, BOB, EVE) * 4):
        made.buy(account, f"r{number}", 10 + number, days_ago=3 * number)
        made.pass_time(minutes=1)
    made.redeem(ANN, "k1", 20)
    made.redeem(ANN, "k1", 20)
    made.redeem(BOB, "k1", 10_000)
    made.redeem("shop:nobody", "k1", 5)
    made.run()
    made.buy(EVE, "r0-again", 7)
    made.buy(BOB, "r1", 11, days_ago=3)  # a repeat
    made.buy(BOB, "r1", 999)  # another content
    made.put(ACTIVITY.name, ANN, Outgoing(ANN.encode(), b"poison", []))
    made.pass_time(days=29)
    made.tick(EVE)
    made.redeem(ANN, "k2", 5)
    made.run()
    return made


def found(report: Report) -> set[Check]:
    return {finding.check for finding in report.findings}


# what is clean


def test_what_the_loop_leaves_is_clean(ledger: MemoryLedger):
    report = verified(ledger)
    assert report.findings == []
    looked_at = {check for check in Check if report.looked_at[check]}
    of_intake = {Check.UPSTREAM, Check.RESOLUTIONS}
    elsewhere = {*of_intake, Check.TRANSFERS, Check.MERGES, Check.ROWS}
    assert looked_at == set(Check) - elsewhere
    wire_types = {
        dict(record.headers)["ce_type"].decode()
        for place, records in ledger.log.records.items()
        if place.topic == LEDGER.name
        for record in records
    }
    assert {CREDITED, REDEEMED, REFUSED, EXPIRED} <= wire_types


def test_copies_and_late_appends_are_void_and_do_no_harm(ledger: MemoryLedger):
    records = ledger.records(LEDGER.name, ANN)
    copy = records[2]
    ledger.log.put(Place(LEDGER.name, copy.partition), Outgoing(copy.key, copy.value, copy.headers))
    report = verified(ledger)
    assert report.is_clean
    assert sum(number for what, number in report.notes.items() if "void" in what) == 1


def test_inputs_that_are_no_longer_kept_are_noted(ledger: MemoryLedger):
    for place, records in ledger.log.records.items():
        if place.topic in {ACTIVITY.name, COMMANDS.name}:
            ledger.log.delete_before(place, len(records))
    report = verified(ledger)
    assert report.is_clean
    assert any("no longer kept" in what for what in report.notes)


def test_a_topic_that_was_made_anew_is_noted(ledger: MemoryLedger):
    ledger.log.make(COMMANDS.name, PARTITIONS)
    for store in ledger.stores.values():
        for place, position in store.positions.items():
            inputs = {t: m for t, m in position.inputs.items() if t != COMMANDS.name}
            store.positions[place] = position._replace(inputs=inputs)
    for stranger in range(20):  # where the ticks of others stood
        ledger.redeem(f"shop:stranger {stranger}", "before", 1)
    for account in (ANN, BOB, EVE):
        ledger.redeem(account, "after", 1)
        ledger.redeem(account, "after that", 1)
    ledger.run()
    report = verified(ledger)
    assert report.findings == []
    assert any("an earlier topic of the same name" in what for what in report.notes)


def test_a_program_that_was_published_later_for_earlier_changes_nothing(ledger: MemoryLedger):
    rules = [{"rule": "base", "kind": "per_amount", "points": 5, "per_minor": 100}]
    ledger.publish({**SHOP, "version": 2, "effective_from": "2001-01-01", "earn": {"rules": rules}})
    ledger.buy(ANN, "r-later", 8, days_ago=2)
    ledger.run()
    assert verified(ledger).findings == []


def test_an_owner_that_has_read_fewer_programs_than_another_before_it_is_no_fault(
    ledger: MemoryLedger,
):
    knows_less = ledger.catalogue
    rules = [{"rule": "base", "kind": "per_amount", "points": 5, "per_minor": 100}]
    ledger.publish({**SHOP, "version": 2, "effective_from": "2001-01-01", "earn": {"rules": rules}})
    ledger.buy(ANN, "r-better", 8)
    ledger.run()
    ledger.arrived = knows_less
    ledger.buy(ANN, "r-after", 8)
    ledger.run()
    awarded = [row.points for row in ledger.stores["earn"].tables[AWARDED].rows.values()]
    assert awarded[-2:] == [40, 8]
    assert verified(ledger).findings == []


def test_inputs_that_wait_are_noted(ledger: MemoryLedger):
    ledger.buy(ANN, "r-waits", 8)
    report = verified(ledger)
    assert report.is_clean
    assert any("wait to be decided" in what for what in report.notes)


# damage to the log

Damage = Callable[[MemoryLedger], object]


def edited(ledger: MemoryLedger) -> None:
    """One byte of a fact, where it stands: all behind it hangs in the air."""
    records = ledger.records(LEDGER.name, ANN)
    offset = ledger.find(LEDGER.name, ANN, CREDITED)
    value = (records[offset].value or b"").replace(b'"points":', b'"points":1')
    records[offset] = records[offset]._replace(value=value)


def change(topic: str, account: str, wire_type: str, /, **fields: object) -> Damage:
    """Other fields of a fact, with a chain forged behind it."""

    def damage(ledger: MemoryLedger) -> None:
        offset = ledger.find(topic, account, wire_type)

        def forged(records: list[MemoryRecord]) -> None:
            records[offset] = with_fact(records[offset], **fields)

        ledger.forge(topic, account, forged)

    return damage


def remove(topic: str, account: str, wire_type: str) -> Damage:
    """A fact that is taken out, with a chain forged behind it."""

    def damage(ledger: MemoryLedger) -> None:
        offset = ledger.find(topic, account, wire_type)

        def forged(records: list[MemoryRecord]) -> None:
            del records[offset]
            renumbered(records)

        ledger.forge(topic, account, forged)

    return damage


def repeat(topic: str, account: str, wire_type: str, **headers: bytes) -> Damage:
    """A fact once more, at the end of its chain."""

    def damage(ledger: MemoryLedger) -> None:
        offset = ledger.find(topic, account, wire_type)

        def forged(records: list[MemoryRecord]) -> None:
            copy = records[offset]
            for name, content in {"time": dict(records[-1].headers)["time"], **headers}.items():
                copy = with_header(copy, name, content)
            records.append(copy)
            renumbered(records)

        ledger.forge(topic, account, forged)

    return damage


def header(topic: str, account: str, wire_type: str, name: str, content: bytes) -> Damage:
    """Another header of a fact, with a chain forged behind it."""

    def damage(ledger: MemoryLedger) -> None:
        offset = ledger.find(topic, account, wire_type)

        def forged(records: list[MemoryRecord]) -> None:
            records[offset] = with_header(records[offset], name, content)

        ledger.forge(topic, account, forged)

    return damage


def with_the_input_of_another(ledger: MemoryLedger) -> None:
    """A credit that names the award of the one before it as its input."""
    first, second = (ledger.find(LEDGER.name, ANN, CREDITED, number) for number in range(2))
    src = dict(ledger.records(LEDGER.name, ANN)[first].headers)["src"]

    def forged(records: list[MemoryRecord]) -> None:
        records[second] = with_header(records[second], "src", src)

    ledger.forge(LEDGER.name, ANN, forged)


def delayed(ledger: MemoryLedger) -> None:
    """A fact that says that it was decided a moment after its input came."""
    offset = ledger.find(LEDGER.name, ANN, REDEEMED, -1)
    time = dict(ledger.records(LEDGER.name, ANN)[offset].headers)["time"]

    def forged(records: list[MemoryRecord]) -> None:
        records[offset] = with_header(records[offset], "time", b"%d" % (int(time) + 1))

    ledger.forge(LEDGER.name, ANN, forged)


def empty_quarantine(ledger: MemoryLedger) -> None:
    ledger.log.make(QUARANTINE.name, 1)


DAMAGES: dict[str, tuple[Damage, Check]] = {
    "an edited record": (edited, Check.CREDITS),
    "a gap in the chain": (
        header(LEDGER.name, ANN, REDEEMED, "seq", b"900"),
        Check.CHAINS,
    ),
    "time that goes back": (header(LEDGER.name, ANN, REDEEMED, "time", b"1"), Check.CHAINS),
    "another time than its input's": (delayed, Check.DECISIONS),
    "a fact of another partition's account": (
        change(AWARDS.name, ANN, EARNED, account=ELSEWHERE),
        Check.CHAINS,
    ),
    "a doubled credit": (
        repeat(LEDGER.name, ANN, CREDITED, ce_id=str(uuid4()).encode()),
        Check.CREDITS,
    ),
    "a cause decided twice": (repeat(LEDGER.name, ANN, CREDITED), Check.CAUSES),
    "a doubled award": (repeat(AWARDS.name, ANN, EARNED), Check.CAUSES),
    "a credit of other points": (change(LEDGER.name, ANN, CREDITED, points=1), Check.CREDITS),
    "an award of other points": (change(AWARDS.name, ANN, EARNED, points=1), Check.DECISIONS),
    "a credit that is missing": (remove(LEDGER.name, BOB, CREDITED), Check.CREDITS),
    "an award that is missing": (remove(AWARDS.name, BOB, EARNED), Check.INPUTS),
    "a decision that is missing": (remove(LEDGER.name, BOB, REFUSED), Check.INPUTS),
    "an unjust refusal": (change(LEDGER.name, BOB, REFUSED, missing=1), Check.DECISIONS),
    "an expiry that is missing": (remove(LEDGER.name, EVE, EXPIRED), Check.DECISIONS),
    "other money for points": (change(LEDGER.name, ANN, REDEEMED, value_minor=1), Check.DECISIONS),
    "more points than there were": (
        change(LEDGER.name, ANN, REDEEMED, points=10**6),
        Check.ACCOUNTS,
    ),
    "another input of its account": (with_the_input_of_another, Check.DECISIONS),
    "an input of another partition": (
        header(LEDGER.name, BOB, CREDITED, "src", b"loyalty.commands.v1/0/0"),
        Check.DECISIONS,
    ),
    "no such input": (header(LEDGER.name, BOB, CREDITED, "src", b"elsewhere/0/0"), Check.DECISIONS),
    "a quarantine that was emptied": (empty_quarantine, Check.INPUTS),
}


@pytest.mark.parametrize(("damage", "check"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found(ledger: MemoryLedger, damage: Damage, check: Check):
    damage(ledger)
    report = verified(ledger)
    assert check in found(report), report.findings
    assert all(finding.where and finding.what and finding.remedy for finding in report.findings)
