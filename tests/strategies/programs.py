"""Programs and receipts that fit each other: few values, so that rules and lines meet.

Everything is drawn from tables made once, since drawing is what costs time.
"""

from itertools import combinations, product
from typing import Any

from hypothesis import strategies as st

from shared.events.base import LineKind
from shared.events.upstream import Purchase
from shared.program.model import Program
from shared.program.rules import Selection
from tests.receipts import line, program, receipt

VALUES: dict[str, list[str]] = {
    "brand": ["shop", "cafe"],
    "store": ["1", "2"],
    "department": ["FUEL", "SHOES"],
    "category": ["A", "B"],
    "product_type": ["T", "U"],
    "product_brand": ["Private", "National"],
    "sku": ["sku-1", "sku-2"],
    "kind": [kind.value for kind in LineKind],
}
CIRCUMSTANCES = {"weekday", "hours", "dates", "tier", "segment", "channel", "payment_method"}
"""Fields of a selection that are drawn by tests of their own."""
assert set(VALUES) | CIRCUMSTANCES == set(Selection.model_fields)
ONE_FIELD = [{field: [value]} for field, values in VALUES.items() for value in values[:2]]
SELECTIONS: list[dict[str, Any]] = [
    *([{}] * 150),
    *(ONE_FIELD * 4),
    *({field: values} for field, values in VALUES.items()),
    *({**one, **other} for one, other in combinations(ONE_FIELD[4:], 2)),
]
NUMBERS = [1, 2, 10, "1/3", "3/2", "0.07"]
RATES = [
    {"from_minor": 500, "points": 1, "per_minor": 100},
    {"from_minor": 2_000, "points": "3/2", "per_minor": 99},
]
KINDS: list[dict[str, Any]] = [
    *(
        {"kind": "per_amount", "points": points, "per_minor": step, "steps": steps, "tax": tax}
        for points, step, steps, tax in product(
            NUMBERS, [1, 7, 100, 1000], ["linear", "whole_steps"], ["in", "out"]
        )
    ),
    *(
        {"kind": "per_item", "points": points, "items": items, "steps": steps}
        for points, items, steps in product(NUMBERS, [1, 2, 3], ["linear", "whole_steps"])
    ),
    *([{"kind": "cash_back", "share": share} for share in ("2%", "1/3", "0.07%")] * 6),
    *([{"kind": "tiered", "rates": RATES, "steps": steps} for steps in ("linear", "whole_steps")])
    * 8,
    *([{"kind": "per_visit", "points": points} for points in NUMBERS] * 4),
    *([{"kind": "multiplier", "factor": factor} for factor in (2, 3, "3/2", "1.1")] * 10),
    *([{"kind": "fixed", "points": points} for points in NUMBERS] * 4),
]
LINES: list[dict[str, Any]] = [
    {field: value for field, value in zip(fields, values, strict=True) if value is not None}
    for fields in [("department", "category", "product_type", "product_brand", "sku", "kind")]
    for values in product(
        [None, "FUEL", "SHOES"],
        [None, "A"],
        [None, "T"],
        [None, "Private", "National"],
        ["sku-1", "sku-2"],
        [*(["product"] * 6), "gift_card", "shipping"],
    )
]

rules = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(SELECTIONS),
    st.sampled_from([*([{}] * 60), *ONE_FIELD]),
    st.booleans(),
)
lines = st.builds(
    lambda amount, tax, pieces, fields: line(amount, tax_minor=tax, quantity=pieces, **fields),
    st.integers(0, 5_000),
    st.integers(0, 300),
    st.integers(0, 5),
    st.sampled_from(LINES),
)
receipts: st.SearchStrategy[Purchase] = st.builds(
    lambda of, brand, store, paid: receipt(
        *of, brand=brand, store=store, payments=[{"method": "points", "amount_minor": paid}]
    ),
    st.lists(lines, min_size=1, max_size=6),
    st.sampled_from(VALUES["brand"]),
    st.sampled_from([None, *VALUES["store"]]),
    st.sampled_from([0, 0, 0, 700, 3_001, 10**6]),
)


def _program(drawn: list[tuple[dict[str, Any], ...]], rounding: str) -> Program:
    """A program of these rules; some of its multipliers name the first base rule (twice)."""
    written: list[dict[str, Any]] = []
    for number, (kind, match, exclude, narrow) in enumerate(drawn):
        rule = {"rule": f"rule-{number}", "match": match, "exclude": exclude, **kind}
        base = [each["rule"] for each in written if each["kind"] not in {"multiplier", "fixed"}]
        if narrow and base and rule["kind"] == "multiplier":
            rule["rules"] = base[:1] * 2
        written.append(rule)
    return program(*written, brands=["shop", "cafe"], rounding=rounding)


programs: st.SearchStrategy[Program] = st.builds(
    _program, st.lists(rules, min_size=2, max_size=7), st.sampled_from(["floor", "half_up", "ceil"])
)
