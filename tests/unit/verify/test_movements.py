"""Holds, returns, refunds and adjustments are verified as all else: damage to them is found."""

from collections.abc import Callable
from typing import Any

import pytest

from cli.verify import partition
from cli.verify.report import Check
from services.redeem.service import cause_of
from shared.events import registry
from shared.events.commands import (
    AdjustPoints,
    CancelRedemption,
    CapturePoints,
    Direction,
    HoldPoints,
    ReleasePoints,
)
from shared.events.ids import command_cause, digest
from shared.events.topics import COMMANDS, LEDGER
from shared.stream.memory import MemoryRecord
from tests.ledgers import MemoryLedger, message, with_fact
from tests.unit.verify.test_partition import found
from tests.verified import verified

ANN = "shop:ann"
HELD = "loyalty.points.held.v1"
CAPTURED = "loyalty.hold.captured.v1"
RELEASED = "loyalty.hold.released.v1"
LAPSED = "loyalty.hold.lapsed.v1"
CANCELLED = "loyalty.redemption.cancelled.v1"
CLAWED_BACK = "loyalty.points.clawed-back.v1"
DEDUCTED = "loyalty.points.deducted.v1"


def ask(ledger: MemoryLedger, command: Any) -> None:
    """Put a command on its topic, as the API does."""
    body = digest(registry.encode(command))
    outgoing = message(command, cause_of(command), command.account, body)
    ledger.put(COMMANDS.name, command.account, outgoing)


@pytest.fixture
def ledger() -> MemoryLedger:
    """A life with everything: held, captured, released, lapsed, cancelled, returned, adjusted."""
    made = MemoryLedger()
    for number in range(4):
        made.buy(ANN, f"r{number}", 100, days_ago=3)
    made.run()
    for key in ("a", "b", "c"):
        ask(made, HoldPoints(account=ANN, idempotency_key=key, points=90, hold_seconds=60))
    first, second = (command_cause(ANN, key).id for key in ("a", "b"))
    made.run()
    ask(made, CapturePoints(account=ANN, idempotency_key="paid", hold_id=first, points=70))
    ask(made, ReleasePoints(account=ANN, hold_id=second))
    made.give_back(ANN, "r0", "returned", 10_000)
    made.run()
    ask(made, CancelRedemption(account=ANN, idempotency_key="back", redemption_id=first, points=30))
    deduct = {"direction": Direction.DEDUCT, "points": 500, "below_zero": True}
    who = {"actor": "ann", "reason": "goodwill"}
    made.pass_time(minutes=11)
    ask(
        made, AdjustPoints.model_validate({"account": ANN, "idempotency_key": "x", **deduct, **who})
    )
    made.run()
    return made


def test_a_life_with_everything_is_clean(ledger: MemoryLedger):
    report = verified(ledger)
    assert report.findings == []
    written = {dict(r.headers)["ce_type"].decode() for r in ledger.records(LEDGER.name, ANN)}
    wanted = {HELD, CAPTURED, RELEASED, LAPSED, CANCELLED, CLAWED_BACK, DEDUCTED}
    assert wanted <= written


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_a_decision_may_rest_on_any_earlier_fact(
    ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    """A return on the award of its purchase, however long ago that was walked past."""
    monkeypatch.setattr(partition, "RECORDS_AT_ONCE", at_once)
    assert verified(ledger).findings == []


DAMAGE: list[tuple[str, dict[str, Any], Check]] = [
    (HELD, {"value_minor": 1}, Check.DECISIONS),
    (CAPTURED, {"points": 71}, Check.ACCOUNTS),
    (CAPTURED, {"value_minor": 1}, Check.DECISIONS),
    (RELEASED, {"points": 1}, Check.ACCOUNTS),
    (LAPSED, {"points": 1}, Check.ACCOUNTS),
    (CANCELLED, {"points": 29}, Check.ACCOUNTS),
    (CLAWED_BACK, {"points": 99}, Check.ACCOUNTS),
    (CLAWED_BACK, {"program_version": 7}, Check.DECISIONS),
    (DEDUCTED, {"actor": "eve"}, Check.DECISIONS),
]


@pytest.mark.parametrize(("wire_type", "changed", "check"), DAMAGE)
def test_what_its_writer_changed_is_found(ledger: MemoryLedger, wire_type, changed, check):
    offset = ledger.find(LEDGER.name, ANN, wire_type)

    def change(records: list[MemoryRecord]) -> None:
        records[offset] = with_fact(records[offset], **changed)

    alter: Callable[[list[MemoryRecord]], object] = change
    ledger.forge(LEDGER.name, ANN, alter)
    assert check in found(verified(ledger))
