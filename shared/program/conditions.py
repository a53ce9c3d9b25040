"""The conditions of rules on an activity: evaluated for those rules alone that all else admits.

Guarantees: a condition that several rules share is evaluated once; of the activity only what it
names is computed. All numbers are whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from shared.events.bought import Bought
from shared.events.upstream import CustomAction, Review
from shared.program.actions import name_of
from shared.program.cel import Condition, condition
from shared.program.circumstances import Circumstance
from shared.program.past import VISITS
from shared.program.rules import Action, Rule

NO_RATING = -1


class Conditions:
    """The conditions of a program's rules; a rule is a bit, its place in the document."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: dict[Condition, int] = {}
        for number, rule in enumerate(rules):
            if rule.match.when is not None:
                about = "action" if isinstance(rule, Action) else "purchase"
                read = condition(rule.match.when, about)
                self._rules[read] = self._rules.get(read, 0) | 1 << number
        self.all = sum(self._rules.values())

    def unmet(self, at: Circumstance, among: int) -> int:
        """Those of the rules whose condition does not hold."""
        unmet = 0
        known: dict[str, object] = {}
        for each, rules in self._rules.items():
            if not rules & among:
                continue
            for name in each.names:
                if name not in known:
                    known[name] = VALUES[name](at)
            if not each.holds({name: known[name] for name in each.names}):
                unmet |= rules
        return unmet


def asks_for_visits(rule: Rule) -> bool:
    """Whether a rule's condition reads how often the member came."""
    if rule.match.when is None:
        return False
    about = "action" if isinstance(rule, Action) else "purchase"
    return "member.visits" in condition(rule.match.when, about).names


def _sum(field: str, at: Circumstance) -> int:
    return sum(getattr(line, field) for line in at.lines)


def _all(field: str, at: Circumstance) -> list[str]:
    return sorted({value for line in at.lines if (value := getattr(line, field)) is not None})


def _by(field: str, at: Circumstance) -> dict[str, int]:
    return _added((getattr(line, field), line.amount_minor) for line in at.lines)


def _by_payment_method(at: Circumstance) -> dict[str, int]:
    payments = at.activity.payments if isinstance(at.activity, Bought) else ()
    return _added((payment.method, payment.amount_minor) for payment in payments)


def _added(parts: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, amount in parts:
        if name is not None:
            sums[name] = sums.get(name, 0) + amount
    return sums


def _attributes(kind: type, at: Circumstance) -> dict[str, object]:
    attributes = at.activity.attributes if isinstance(at.activity, CustomAction) else {}
    return {name: value for name, value in attributes.items() if type(value) is kind}


def _sku(at: Circumstance) -> str:
    return (at.activity.sku if isinstance(at.activity, Review) else None) or ""


def _rating(at: Circumstance) -> int:
    rating = at.activity.rating if isinstance(at.activity, Review) else None
    return NO_RATING if rating is None else rating


VALUES: Mapping[str, Callable[[Circumstance], object]] = {
    "member.tier": lambda at: at.tier or "",
    "member.segments": lambda at: sorted(at.segment),
    "member.visits": lambda at: int(at.past[VISITS]),
    "time.date": lambda at: at.day.isoformat(),
    "time.weekday": lambda at: at.weekday,
    "time.month": lambda at: at.local.month,
    "time.day": lambda at: at.local.day,
    "time.hour": lambda at: at.local.hour,
    "time.minute": lambda at: at.local.minute,
    "purchase.brand": lambda at: at.brand,
    "purchase.store": lambda at: at.store or "",
    "purchase.channel": lambda at: at.channel or "",
    "purchase.total_minor": partial(_sum, "amount_minor"),
    "purchase.tax_minor": partial(_sum, "tax_minor"),
    "purchase.discount_minor": partial(_sum, "discount_minor"),
    "purchase.items": partial(_sum, "quantity"),
    "purchase.skus": partial(_all, "sku"),
    "purchase.departments": partial(_all, "department"),
    "purchase.categories": partial(_all, "category"),
    "purchase.product_types": partial(_all, "product_type"),
    "purchase.product_brands": partial(_all, "product_brand"),
    "purchase.minor_by_sku": partial(_by, "sku"),
    "purchase.minor_by_department": partial(_by, "department"),
    "purchase.minor_by_category": partial(_by, "category"),
    "purchase.minor_by_product_type": partial(_by, "product_type"),
    "purchase.minor_by_product_brand": partial(_by, "product_brand"),
    "purchase.minor_by_payment_method": _by_payment_method,
    "action.name": lambda at: name_of(at.activity) or "",
    "action.brand": lambda at: at.brand,
    "action.text": partial(_attributes, str),
    "action.number": partial(_attributes, int),
    "action.flag": partial(_attributes, bool),
    "review.sku": _sku,
    "review.rating": _rating,
}
"""What each name that conditions know stands for."""
