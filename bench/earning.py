"""How many decisions a second the pure function of earning makes, by rules, lines and conditions.

The rules are offers on single products, for shops, hours and days; a receipt meets the same few of
them however many there are, so the figure for more rules shows what the others cost.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from bench.report import Figure
from shared.events.upstream import Purchase
from shared.program.earning import Award, award
from shared.program.model import Program

RULES = (5, 50, 500)
LINES = (3, 30)
PRODUCTS_BOUGHT = 4
WHEN = "purchase.total_minor >= 500 && time.hour < 20"
ROUNDS = 5


def program(rules: int, *, conditions: bool = False) -> Program:
    """A base rule and offers; with conditions, each offer that a receipt meets has one."""
    written: list[dict[str, Any]] = [
        {"rule": "base", "kind": "per_amount", "points": 1, "per_minor": 100}
    ]
    for number in range(rules - 1):
        match: dict[str, Any] = {"sku": [f"sku-{number}"]}
        if number >= PRODUCTS_BOUGHT:
            match |= (
                {"store": [f"store-{number % 7}"]} if number % 3 else {"hours": ["08:00-20:00"]}
            )
        if conditions:
            match["when"] = WHEN
        kind = (
            {"kind": "multiplier", "factor": 2}
            if number % 4 == 0
            else {
                "kind": "fixed",
                "points": number + 1,
            }
        )
        written.append({"rule": f"offer-{number}", "match": match, **kind})
    return Program.model_validate(
        {
            "program": "bench",
            "version": 1,
            "name": "Bench",
            "effective_from": "2000-01-01",
            "timezone": "America/New_York",
            "money": "USD",
            "brands": ["shop"],
            "earn": {"rules": written},
            "expiry": {"after": "6M_U"},
        }
    )


def receipt(lines: int) -> Purchase:
    """A receipt of a few products."""
    return Purchase.model_validate(
        {
            "event_id": "1",
            "source": "till",
            "brand": "shop",
            "store": "store-1",
            "receipt_id": "1",
            "member": "jo",
            "occurred_at": "2026-03-03T12:00:00-05:00",
            "currency": "USD",
            "lines": [
                {
                    "line_id": str(number),
                    "sku": f"sku-{number % PRODUCTS_BOUGHT}",
                    "department": "GROCERY",
                    "amount_minor": 199,
                }
                for number in range(lines)
            ],
        }
    )


def a_second(work: Callable[[], object], count: int) -> float:
    """How often a second, in the quickest of some rounds."""
    quickest = min(_seconds(work, count) for _ in range(ROUNDS))
    return count / quickest


def _seconds(work: Callable[[], object], count: int) -> float:
    started = perf_counter()
    for _ in range(count):
        work()
    return perf_counter() - started


def earning(count: int) -> list[Figure]:
    """Decisions a second by rules and lines; the baseline is that of the fewest rules."""
    figures = []
    for lines in LINES:
        bought, fewest = receipt(lines), 0.0
        for rules in RULES:
            plain, asking = program(rules), program(rules, conditions=True)
            assert isinstance(award(plain, bought), Award)
            rate = a_second(partial(award, plain, bought), count)
            slower = a_second(partial(award, asking, bought), count)
            fewest = fewest or rate
            figures.append(
                Figure(
                    f"earning, {rules} rules, {lines} lines",
                    rate,
                    "decisions/s",
                    fewest,
                    ">= 0.5",
                    {"µs": 10**6 / rate, "share of CEL": 1 - slower / rate},
                )
            )
    return figures
