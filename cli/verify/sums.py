"""The points of accounts against their lots and debits, once all facts are folded. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cli.verify.report import Check, Report
from shared.ledger.account import DebitKind, HoldState

REMEDY = "the facts of this account contradict each other: keep the topics, and report it"


def check_sums(
    accounts: Iterable[Any], lots: Iterable[Any], debits: Iterable[Any], report: Report
) -> None:
    """Totals are those of lots and debits, nothing is negative, nothing is free while any is due.

    Rows are those of redeem's projection.
    """
    of_lots: dict[str, Counter[str]] = {}
    of_debits: dict[str, Counter[str]] = {}
    lots, debits = list(lots), list(debits)
    covers = _covers(debits)
    for lot in lots:
        if lot.used != (held := covers.pop((lot.account, str(lot.lot_id)), 0)):
            what = f"{lot.used} of lot {lot.lot_id} are used, debits hold {held}"
            report.find(Check.ACCOUNTS, lot.account, what, REMEDY)
        sums = of_lots.setdefault(lot.account, Counter())
        for name in ("original", "free", "used", "expired", "clawed"):
            sums[name] += getattr(lot, name)
    for debit in debits:
        sums = of_debits.setdefault(debit.account, Counter())
        for name in ("amount", "covered", "due", "waived"):
            sums[name] += getattr(debit, name)
        if debit.state == HoldState.OPEN:
            sums["held"] += debit.covered + debit.due
            sums["held_waived"] += debit.waived
        elif debit.kind == DebitKind.ADJUSTMENT:
            sums["deducted"] += debit.amount
        elif debit.kind == DebitKind.TRANSFER:
            sums["sent"] += debit.amount
        else:
            sums["redeemed"] += debit.amount
    for account in accounts:
        report.count(Check.ACCOUNTS)
        lot, debit = of_lots.pop(account.key, Counter()), of_debits.pop(account.key, Counter())
        for what in contradictions(account, lot, debit):
            report.find(Check.ACCOUNTS, account.key, what, REMEDY)
    for key in (*of_lots, *of_debits):
        report.find(Check.ACCOUNTS, key, "it has lots or debits, but was never opened", REMEDY)


def _covers(debits: Iterable[Any]) -> Counter[tuple[str, str]]:
    """By account and lot, what the debits hold of it."""
    covers: Counter[tuple[str, str]] = Counter()
    for debit in debits:
        for lot_id, points in json.loads(debit.allocation):
            covers[debit.account, lot_id] += points
    return covers


def contradictions(
    account: Any, lots: Mapping[str, int], debits: Mapping[str, int]
) -> Iterable[str]:
    """What does not add up, in words."""
    for told, one, other in (
        (
            "{} are earned, added or received, its lots hold {} in all",
            account.earned + account.added + account.received,
            lots["original"],
        ),
        ("{} are free, in its lots {}", account.free, lots["free"]),
        ("{} are expired, in its lots {}", account.expired, lots["expired"]),
        ("{} are clawed back, in its lots {}", account.clawed_back, lots["clawed"]),
        ("{} are redeemed, its debits name {}", account.redeemed, debits["redeemed"]),
        ("{} are deducted, its debits name {}", account.deducted, debits["deducted"]),
        ("{} are sent, its debits name {}", account.sent, debits["sent"]),
        ("{} are held, by its open holds {}", account.held, debits["held"]),
        ("{} are waived of open holds, in these {}", account.held_waived, debits["held_waived"]),
        ("{} are due, in its debits {}", account.due, debits["due"]),
        ("{} are written off, in its debits {}", account.written_off, debits["waived"]),
        ("{} of its lots are used, its debits cover {}", lots["used"], debits["covered"]),
    ):
        if one != other:
            yield told.format(one, other)
    if account.due and account.free:
        yield f"{account.due} are due while {account.free} are free"
    if min(account.free, account.due, account.held, account.earned, account.redeemed) < 0:
        yield "a sum is negative"
