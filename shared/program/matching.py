"""Which rules read what of an activity, for all rules at once.

Every rule is one bit. For each field that some rule names there is a table from its values to the
rules that admit them, so lines of one kind cost one lookup per field whatever the number of rules.
Two sets of bits are kept apart, so that "nothing matched" and "what matched is excluded" can be
told: the lower half says that the lists of a rule match, the upper that no exclusion does.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from shared.events.base import LineKind
from shared.events.upstream import Purchase, PurchaseLine
from shared.program.circumstances import Circumstance, tests
from shared.program.rules import PurchaseRule, Rule

LINE_FIELDS = ("kind", "department", "category", "product_type", "product_brand", "sku")
SIGNATURES_REMEMBERED_MAX = 4_096
ALWAYS_READ = ("kind", "department")
"""Fields whose table is made even if no rule names them: `attrgetter` gives a tuple from two on."""


Signature = tuple[str | None, ...]
"""What a line says in the fields that rules name."""


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
        self._all = (1 << 2 * self._size) - 1
        self._taxed = taxed
        self._counted = counted
        self._tests = tests(rules)
        lines = [_table(rules, field) for field in LINE_FIELDS]
        self._lines = [t for t in lines if t.bits or t.field in ALWAYS_READ]
        self._signature = attrgetter(*(table.field for table in self._lines))
        self._bits = _Remembered(self._bits_of)

    def purchase(self, purchase: Purchase, at: Circumstance, rules: int) -> Found:
        """What those of `rules` (bits) read that admit the circumstances of the purchase."""
        circumstances, rules = self._admitted(at, rules)
        found = Found([], circumstances, [])
        size = self._size
        money, taxes, items = self._sums(purchase.lines)
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

    def _bits_of(self, signature: Signature) -> int:
        bits = self._all
        for value, (_, table, otherwise) in zip(signature, self._lines, strict=True):
            bits &= table.get(value, otherwise)
        return bits

    def _sums(
        self, lines: Iterable[PurchaseLine]
    ) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
        """Money, tax and pieces of lines that look the same to every rule."""
        bits_of, signature = self._bits, self._signature
        taxed, counted = self._taxed, self._counted
        money: dict[int, int] = {}
        taxes: dict[int, int] = {}
        items: dict[int, int] = {}
        for line in lines:
            bits = bits_of[signature(line)]
            money[bits] = money.get(bits, 0) + line.amount_minor
            if taxed:
                taxes[bits] = taxes.get(bits, 0) + line.tax_minor
            if counted:
                items[bits] = items.get(bits, 0) + line.quantity
        return money, taxes, items


class _Remembered(dict[Signature, int]):
    """The bits of the signatures that were seen, up to a limit; quicker than `lru_cache`."""

    def __init__(self, bits_of: Callable[[Signature], int]) -> None:
        super().__init__()
        self._bits_of = bits_of

    def __missing__(self, signature: Signature) -> int:
        if len(self) >= SIGNATURES_REMEMBERED_MAX:
            self.clear()
        self[signature] = bits = self._bits_of(signature)
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
