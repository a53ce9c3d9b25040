"""I4 over all accounts: what is received was sent, once, and what is settled was received."""

from typing import Any
from uuid import UUID

import pytest

from cli.verify.report import Check, Report
from cli.verify.transfers import Transfers
from shared.events.movements import GivenBack
from shared.events.points import RefusalReason
from shared.events.transfers import (
    PointsReceived,
    PointsSent,
    ReceivedLot,
    SentLot,
    TransferReturned,
    TransferSettled,
)
from tests.stories.setting import START

JO, FLO, T = "shop:jo", "shop:flo", UUID(int=7)
LOT: dict[str, Any] = {"points": 50, "brand": "shop", "occurred_at": START, "active_from": START}
SENT = PointsSent(
    account=JO,
    transfer_id=T,
    to=FLO,
    points=50,
    program_version=1,
    lots=(SentLot(lot_id=UUID(int=1), **LOT),),
)
RECEIVED = PointsReceived(
    account=FLO,
    transfer_id=T,
    sender=JO,
    points=50,
    lots=(ReceivedLot(lot_id=UUID(int=2), sent_lot_id=UUID(int=1), **LOT),),
)
SETTLED = TransferSettled(account=JO, transfer_id=T, to=FLO, points=50)
RETURNED = TransferReturned(
    account=JO,
    transfer_id=T,
    to=FLO,
    points=50,
    reason=RefusalReason.ACCOUNT_UNKNOWN,
    back=GivenBack(),
)


def found(facts: list[object], late: list[object]) -> list[str]:
    """What is told of facts, each from a partition of its own; `late` ones come after the ends."""
    transfers = Transfers()
    for fact, early in [*((fact, True) for fact in facts), *((fact, False) for fact in late)]:
        partition = Transfers()
        partition.note(fact, early=early)
        transfers.add(partition)
    report = Report()
    transfers.check(report)
    assert all(finding.check is Check.TRANSFERS for finding in report.findings)
    return [finding.what for finding in report.findings]


@pytest.mark.parametrize(
    ("facts", "late"),
    [
        ([SENT], []),
        ([SENT, RECEIVED], []),
        ([SENT, RECEIVED, SETTLED], []),
        ([SENT, RETURNED], []),
        ([], [RECEIVED]),
        ([SENT], [SETTLED]),
    ],
)
def test_what_is_in_order(facts, late):
    assert found(facts, late) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([RECEIVED], "was never sent"),
        ([SENT, RECEIVED.model_copy(update={"points": 51})], "was sent as 50"),
        ([SENT, RECEIVED.model_copy(update={"account": "shop:max"})], "was sent as 50"),
        ([SENT, RECEIVED, RETURNED], "was given back too"),
        ([SENT, SETTLED], "was never received"),
    ],
)
def test_what_is_not(facts, said):
    assert said in found(facts, [])[0]
