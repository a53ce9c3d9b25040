"""I3, I4: the totals of an account against its lots and debits."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from cli.verify.report import Report
from cli.verify.sums import check_sums
from shared.ledger.account import Lot
from shared.ledger.stored import AccountRow, DebitRow

T = datetime(2026, 1, 1, tzinfo=UTC)
ONE = UUID(int=1)
ACCOUNT = AccountRow("shop:ann", "active", 3, T, 100, 30, 10, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0)
LOT = Lot("shop:ann", ONE, "shop", None, 100, 60, 30, 10, 0, T, T, None, 1)
COVER = f'[["{ONE}", 30]]'
PLAIN = (30, None, None, None, None, None)
DEBIT = DebitRow("shop:ann", ONE, "redemption", 30, 30, 0, 0, "[]", COVER, T, 2, *PLAIN)


def found(accounts, lots, debits) -> list[str]:
    report = Report()
    check_sums(accounts, lots, debits, report)
    assert all(finding.where == "shop:ann" for finding in report.findings)
    return [finding.what for finding in report.findings]


def test_an_account_that_adds_up():
    assert found([ACCOUNT], [LOT], [DEBIT]) == []


@pytest.mark.parametrize(
    ("accounts", "lots", "debits", "said"),
    [
        ([ACCOUNT._replace(earned=101)], [LOT], [DEBIT], "101 are earned"),
        ([ACCOUNT._replace(free=61)], [LOT], [DEBIT], "61 are free"),
        ([ACCOUNT._replace(expired=9)], [LOT], [DEBIT], "9 are expired"),
        ([ACCOUNT._replace(clawed_back=1)], [LOT], [DEBIT], "1 are clawed back"),
        ([ACCOUNT._replace(added=1)], [LOT], [DEBIT], "101 are earned"),
        ([ACCOUNT._replace(redeemed=31)], [LOT], [DEBIT], "31 are redeemed"),
        ([ACCOUNT._replace(deducted=1)], [LOT], [DEBIT], "1 are deducted"),
        ([ACCOUNT._replace(received=1)], [LOT], [DEBIT], "101 are earned"),
        ([ACCOUNT._replace(sent=1)], [LOT], [DEBIT], "1 are sent"),
        ([ACCOUNT._replace(held=1)], [LOT], [DEBIT], "1 are held"),
        ([ACCOUNT._replace(held_waived=1)], [LOT], [DEBIT], "1 are waived of open holds"),
        ([ACCOUNT], [LOT], [DEBIT._replace(state="open")], "by its open holds 30"),
        ([ACCOUNT], [LOT], [DEBIT._replace(kind="adjustment")], "its debits name 30"),
        ([ACCOUNT], [LOT], [DEBIT._replace(kind="transfer")], "0 are sent, its debits name 30"),
        ([ACCOUNT], [LOT], [DEBIT._replace(allocation="[]")], "are used, debits hold 0"),
        ([ACCOUNT._replace(due=2)], [LOT], [DEBIT], "2 are due while 60 are free"),
        ([ACCOUNT._replace(written_off=2)], [LOT], [DEBIT], "2 are written off"),
        ([ACCOUNT], [LOT._replace(used=31)], [DEBIT], "31 of its lots are used"),
        ([ACCOUNT], [LOT, LOT._replace(lot_id=UUID(int=2))], [DEBIT], "hold 200 in all"),
        ([ACCOUNT], [LOT], [], "its debits name 0"),
        ([ACCOUNT._replace(free=-1)], [LOT], [DEBIT], "a sum is negative"),
        ([], [LOT], [], "never opened"),
    ],
)
def test_what_does_not_add_up(accounts, lots, debits, said: str):
    assert any(said in what for what in found(accounts, lots, debits))
