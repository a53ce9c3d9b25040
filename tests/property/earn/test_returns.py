"""What must hold for returns, whatever is bought and however it comes back.

1. For every receipt earned - clawed = earn(kept), whatever the split and order of returns, and
   whether they come before or after the purchase, in one turn or in several.
2. Buying and returning nets zero, a thousand times, in every policy (C9).
3. No return gives points, and no more is clawed than was earned.
4. What comes again changes nothing; what is refused changes nothing.
5. The rows that the facts alone make are the rows that were written.
6. A later version, or one without rules, changes nothing.
7. What returns have left of all awards is never more than a cap on all points, in every policy;
   once all came back, none of the cap is used.
"""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.earn.counters import COUNTER, CounterRow
from shared.events.awards import ReturnRefused
from shared.events.upstream import Activity, Purchase
from shared.program.model import Program
from tests.earnings import Earnings, returned, void
from tests.receipts import BASE, earned, line, program, receipt
from tests.strategies.programs import lines, programs

POLICIES = ["re_earn", "refunded", "proportional"]


class Story(NamedTuple):
    """A purchase, what was kept of it (None: nothing), and all of it in the order of arrival."""

    purchase: Purchase
    kept: Purchase | None
    turns: list[list[Activity]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Lines of several pieces, some of which come back, in steps, before or after the purchase."""
    drawn = draw(st.lists(lines, min_size=1, max_size=4))
    bought, left, steps = [], [], []
    for number, fields in enumerate(drawn):
        quantity, amount = draw(st.integers(1, 3)), fields["amount_minor"]
        bought.append({**fields, "line_id": str(number), "quantity": quantity, "tax_minor": 0})
        is_back = draw(st.booleans())
        kept = (0, 0) if is_back else (draw(st.integers(0, quantity)), draw(st.integers(0, amount)))
        if kept != (0, 0):
            left.append({**bought[-1], "quantity": kept[0], "amount_minor": kept[1]})
        steps += _steps(draw, str(number), quantity - kept[0], amount - kept[1])
    if not steps:
        steps = [("0", 0, 0)]
    returns = [
        returned(*part, event=f"return-{n}")
        for n, part in enumerate(_split(draw, draw(st.permutations(steps))))
    ]
    purchase = receipt(*bought, brand="shop")
    arriving: list[Activity] = [*returns]
    arriving.insert(draw(st.integers(0, len(returns))), purchase)
    kept_purchase = receipt(*left, brand="shop") if left else None
    return Story(purchase, kept_purchase, _split(draw, arriving))


def _steps(draw: st.DrawFn, line_id: str, quantity: int, amount: int) -> list[tuple[str, int, int]]:
    """A part of a line comes back at once, or in two steps."""
    if not quantity and not amount:
        return []
    first = draw(st.integers(0, quantity)), draw(st.integers(0, amount))
    steps = [first, (quantity - first[0], amount - first[1])]
    return [(line_id, *step) for step in steps if step != (0, 0)]


def _split(draw: st.DrawFn, items: list[Any]) -> list[list[Any]]:
    """Consecutive groups."""
    groups: list[list[Any]] = [[]]
    for item in items:
        begins = draw(st.booleans())
        if groups[-1] and begins:
            groups.append([])
        groups[-1].append(item)
    return groups


def worth(rules: Program, purchase: Purchase | None) -> int:
    return 0 if purchase is None else earned(rules, purchase).points


@settings(max_examples=150)
@given(rules=programs, story=stories())
def test_what_is_not_clawed_is_what_was_kept(rules: Program, story: Story):
    shop = Earnings(rules)
    for turn in story.turns:
        shop.take(*turn)
    assert shop.earned - shop.clawed == worth(rules, story.kept)
    assert not [each for each in shop.records if isinstance(each.fact, ReturnRefused)]


@settings(max_examples=60)
@given(
    rules=programs,
    policy=st.sampled_from(POLICIES),
    story=stories(),
    again=st.booleans(),
    later=st.booleans(),
)
def test_returns_are_decided_once_and_never_give(
    rules: Program, policy: str, story: Story, again: bool, later: bool
):
    rules = rules.model_copy(update={"returns": rules.returns.model_validate({"policy": policy})})
    shop = Earnings(rules)
    for turn in story.turns:
        shop.take(*turn)
        if again:
            assert shop.take(*turn) == []
        if later and len(shop.service.catalogue.versions("shop")) == 1:
            shop.publish(program(version=2, effective_from="2026-03-04", brands=["shop", "cafe"]))
    assert 0 <= shop.clawed <= shop.earned
    excessive = returned(*((str(n), 0, 5_001) for n in range(4)), event="excessive")
    before = shop.clawed
    assert all(isinstance(fact, ReturnRefused) for fact in shop.take(excessive))
    shop.take(void())
    assert shop.clawed - before >= 0
    assert shop.clawed == shop.earned
    assert shop.folded(shop.records) == shop.tables


CAP = 40
bought_and_back = st.tuples(lines, st.integers(0, 3), st.integers(0, 5_000))


@settings(max_examples=100)
@given(
    rules=programs,
    policy=st.sampled_from(POLICIES),
    purchases=st.lists(bought_and_back, min_size=2, max_size=6),
)
def test_what_returns_have_left_is_within_the_cap(rules: Program, policy: str, purchases: Any):
    document = rules.model_dump(mode="json", exclude_none=True) | {"returns": {"policy": policy}}
    document["earn"]["caps"] = [{"per": "lifetime", "points": CAP}]
    shop = Earnings(Program.model_validate(document))
    for number, (fields, quantity, amount) in enumerate(purchases):
        bought = [{**fields, "line_id": "1", "tax_minor": 0}, line(700, line_id="2")]
        pieces, money = fields["quantity"], fields["amount_minor"]
        back = returned(
            ("1", min(quantity, pieces), min(amount, money)),
            event=f"return-{number}",
            receipt=f"receipt-{number}",
        )
        shop.take(receipt(*bought, receipt_id=f"receipt-{number}"), back)
        assert shop.earned - shop.clawed <= CAP
    shop.take(*(void(f"void-{n}", f"receipt-{n}") for n in range(len(purchases))))
    assert shop.earned == shop.clawed
    assert {CounterRow(*row).value for row in shop.tables[COUNTER].values()} <= {"0"}


@pytest.mark.parametrize("policy", POLICIES)
def test_buying_and_returning_a_thousand_times_nets_zero(policy: str):
    shop = Earnings(program(BASE, returns={"policy": policy}))
    for number in range(1_000):
        name = f"receipt-{number}"
        parts = [line(1_050, line_id="1"), line(2_049 + number, line_id="2")]
        buys = receipt(*parts, receipt_id=name, event_id=f"buy-{number}")
        back = returned(("2", 1, 2_049 + number), event=f"return-{number}", receipt=name)
        activities: list[Activity] = [buys, back, void(event=f"void-{number}", receipt=name)]
        if number % 3 == 1:
            activities = activities[1:] + activities[:1]
        shop.take(*activities)
    assert shop.earned > 30_000
    assert shop.clawed == shop.earned
