"""Which rules read what of an activity, for all rules at once.

Every rule is one bit. For each field that some rule names there is a table from its values to the
rules that admit them, so lines of one kind cost one lookup per field whatever the number of rules.
Two sets of bits are kept apart, so that "nothing matched" and "what matched is excluded" can be
told: the lower half says that the lists of a rule match, the upper that no exclusion does.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.events.base import LineKind
from shared.events.bought import Line, read
from shared.program.circumstances import EVERY, Circumstance, tests
from shared.program.rules import PurchaseRule, Rule

LINE_FIELDS = ("kind", "department", "category", "product_type", "product_brand", "sku")
LOOKS_REMEMBERED_MAX = 4_096
"""How many different products, as lines describe them, are remembered with the rules that match."""


class Table(NamedTuple):
    """For one field: the bits that each value named somewhere leaves, and those of any other."""

    field: str
    bits: Mapping[Hashable, int]
    otherwise: int


class Group(NamedTuple):
    """Lines that the same rules read: those rules, and the lines' money, tax and pieces."""

    rules: int
    amount: int
    tax: int
    items: int


class Found(NamedTuple):
    """What the rules read of an activity, and the bits from which a rule's miss is explained."""

    groups: list[Group]
    circumstances: dict[str, int]
    lines: list[int]


class Matching:
    """The selections of a list of rules, as tables."""

    def __init__(self, rules: Sequence[Rule], *, taxed: bool, counted: bool) -> None:
        """Tax and pieces are summed only if some rule reads them."""
        self._size = len(rules)
        self._taxed = taxed
        self._counted = counted
        self._tests = tests(rules)
        tables = [_table(rules, field) for field in LINE_FIELDS]
        self._lines = [table for table in tables if table.bits]
        self._by_sku = any(table.field == "sku" for table in self._lines)
        self._remembered: dict[str, int] = {}

    def purchase(self, at: Circumstance, lines: Iterable[str], rules: int) -> Found:
        """What those of `rules` (bits) read that admit the circumstances of the purchase.

        `lines` are texts; see `shared.events.bought`.
        """
        circumstances, rules = self._admitted(at, rules)
        found = Found([], circumstances, [])
        size = self._size
        money, taxes, items = self._sums(lines)
        for bits, amount in money.items():
            found.lines.append(bits)
            if read := bits & (bits >> size) & rules:
                group = Group(
                    read, amount, taxes[bits] if taxes else 0, items[bits] if items else 0
                )
                found.groups.append(group)
        return found

    def action(self, at: Circumstance, rules: int) -> Found:
        """The same of something that has no lines."""
        circumstances, rules = self._admitted(at, rules)
        return Found([Group(rules, 0, 0, 0)] if rules else [], circumstances, [])

    def _admitted(self, at: Circumstance, rules: int) -> tuple[dict[str, int], int]:
        circumstances: dict[str, int] = {}
        size = self._size
        for field, test in self._tests:
            circumstances[field] = bits = test(at)
            rules &= bits & (bits >> size)
        return circumstances, rules

    def _sums(self, lines: Iterable[str]) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
        """Money, tax and pieces of lines that look the same to every rule."""
        remembered, by_sku = self._remembered, self._by_sku
        taxed, counted = self._taxed, self._counted
        money: dict[int, int] = {}
        taxes: dict[int, int] = {}
        items: dict[int, int] = {}
        for text in lines:
            _, sku, quantity, amount, *others = text.split("\t", 4)
            look = others[0] if others else ""
            if by_sku:
                look = f"{sku}\t{look}"
            bits = remembered.get(look)
            if bits is None:
                bits = self._remember(look, read(text))
            money[bits] = money.get(bits, 0) + int(amount)
            if taxed:
                taxes[bits] = taxes.get(bits, 0) + read(text).tax_minor
            if counted:
                items[bits] = items.get(bits, 0) + int(quantity)
        return money, taxes, items

    def _remember(self, look: str, line: Line) -> int:
        """The bits of lines that look like this one."""
        if len(self._remembered) >= LOOKS_REMEMBERED_MAX:
            self._remembered.clear()
        bits = EVERY
        for field, table, otherwise in self._lines:
            bits &= table.get(getattr(line, field), otherwise)
        self._remembered[look] = bits
        return bits


def _values(rule: Rule, field: str) -> tuple[Sequence[str] | None, Sequence[str]]:
    """The values of a field that a rule matches (None: all), and those that it excludes."""
    if not isinstance(rule, PurchaseRule):
        return None, ()
    matched: Sequence[str] | None = getattr(rule.match, field)
    if field == "kind" and matched is None:
        matched = (LineKind.PRODUCT,)
    return matched, getattr(rule.exclude, field) or ()


def _table(rules: Sequence[Rule], field: str) -> Table:
    selections = [_values(rule, field) for rule in rules]
    otherwise = 0
    for number, (matched, _) in enumerate(selections):
        otherwise |= (matched is None) << number | 1 << number + len(rules)
    bits: dict[Hashable, int] = {}
    for number, (matched, excluded) in enumerate(selections):
        for value in matched or ():
            bits[value] = bits.get(value, otherwise) | 1 << number
        for value in excluded:
            bits[value] = bits.get(value, otherwise) & ~(1 << number + len(rules))
    return Table(field, bits, otherwise)
