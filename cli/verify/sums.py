"""The points of accounts against their lots and debits, once all facts are folded. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cli.verify.report import Check, Report

REMEDY = "the facts of this account contradict each other: keep the topics, and report it"


def check_sums(
    accounts: Iterable[Any], lots: Iterable[Any], debits: Iterable[Any], report: Report
) -> None:
    """Totals are those of lots and debits, nothing is negative, nothing is free while any is due.

    Rows are those of redeem's projection.
    """
    of_lots: dict[str, Counter[str]] = {}
    of_debits: dict[str, Counter[str]] = {}
    for lot in lots:
        sums = of_lots.setdefault(lot.account, Counter())
        for name in ("original", "free", "used", "expired", "clawed"):
            sums[name] += getattr(lot, name)
    for debit in debits:
        sums = of_debits.setdefault(debit.account, Counter())
        for name in ("amount", "covered", "due", "waived"):
            sums[name] += getattr(debit, name)
    for account in accounts:
        report.count(Check.ACCOUNTS)
        lot, debit = of_lots.pop(account.key, Counter()), of_debits.pop(account.key, Counter())
        for what in contradictions(account, lot, debit):
            report.find(Check.ACCOUNTS, account.key, what, REMEDY)
    for key in (*of_lots, *of_debits):
        report.find(Check.ACCOUNTS, key, "it has lots or debits, but was never opened", REMEDY)


def contradictions(
    account: Any, lots: Mapping[str, int], debits: Mapping[str, int]
) -> Iterable[str]:
    """What does not add up, in words."""
    for told, one, other in (
        ("earned is {}, its lots hold {} in all", account.earned, lots["original"]),
        ("{} are free, in its lots {}", account.free, lots["free"]),
        ("{} are expired, in its lots {}", account.expired, lots["expired"]),
        ("{} are clawed back, in its lots {}", account.clawed_back, lots["clawed"]),
        (
            "{} are redeemed or held, its debits name {}",
            account.redeemed + account.held,
            debits["amount"],
        ),
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
