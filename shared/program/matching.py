"""Which rules read which lines of a purchase, for all rules at once.

Every rule is one bit. For each field that some rule names there is a table from its values to the
rules that admit them, so lines of one kind cost one lookup per field whatever the number of rules.
Two sets of bits are kept apart, so that "nothing matched" and "what matched is excluded" can be
told: the lower half says that the lists of a rule match, the upper that no exclusion does.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from shared.events.base import LineKind
from shared.events.upstream import Purchase, PurchaseLine
from shared.program.rules import EarnRule

PURCHASE_FIELDS = ("brand", "store")
LINE_FIELDS = ("kind", "department", "category", "product_type", "product_brand", "sku")
SIGNATURES_REMEMBERED_MAX = 4_096
ALWAYS_READ = ("kind", "department")
"""Fields whose table is made even if no rule names them: `attrgetter` gives a tuple from two on."""


class Table(NamedTuple):
    """For one field: the bits that each value named somewhere leaves, and those of any other."""

    field: str
    bits: Mapping[Hashable, int]
    otherwise: int


class Group(NamedTuple):
    """Lines that the same rules read: those rules, and the lines' money and tax."""

    rules: int
    amount: int
    tax: int


class Found(NamedTuple):
    """What the rules read of a purchase, and the bits from which a rule's miss is explained."""

    groups: list[Group]
    purchase: dict[str, int]
    lines: list[int]


class Matching:
    """The selections of a list of rules, as tables."""

    def __init__(self, rules: Sequence[EarnRule], *, taxed: bool) -> None:
        """Tax is summed only if some rule reads it."""
        self._size = len(rules)
        self._all = (1 << 2 * self._size) - 1
        self._taxed = taxed
        tables = [_table(rules, field) for field in (*PURCHASE_FIELDS, *LINE_FIELDS)]
        self._purchase = [t for t in tables if t.field in PURCHASE_FIELDS and t.bits]
        lines = [t for t in tables if t.field in LINE_FIELDS]
        self._lines = [t for t in lines if t.bits or t.field in ALWAYS_READ]
        self._signature = attrgetter(*(table.field for table in self._lines))
        self._bits = lru_cache(maxsize=SIGNATURES_REMEMBERED_MAX)(self._bits_of)

    def find(self, purchase: Purchase, rules: int) -> Found:
        """What those of `rules` (bits) read that admit the brand and store of the purchase."""
        found = Found([], {}, [])
        size = self._size
        for field, table, otherwise in self._purchase:
            found.purchase[field] = bits = table.get(getattr(purchase, field), otherwise)
            rules &= bits & (bits >> size)
        money, taxes = self._sums(purchase.lines)
        for bits, amount in money.items():
            found.lines.append(bits)
            if read := bits & (bits >> size) & rules:
                found.groups.append(Group(read, amount, taxes[bits] if taxes else 0))
        return found

    def _bits_of(self, signature: tuple[str, ...]) -> int:
        bits = self._all
        for value, (_, table, otherwise) in zip(signature, self._lines, strict=True):
            bits &= table.get(value, otherwise)
        return bits

    def _sums(self, lines: Iterable[PurchaseLine]) -> tuple[dict[int, int], dict[int, int]]:
        """Money and tax of lines that look the same to every rule."""
        bits_of, signature = self._bits, self._signature
        money: dict[int, int] = {}
        taxes: dict[int, int] = {}
        for line in lines:
            bits = bits_of(signature(line))
            money[bits] = money.get(bits, 0) + line.amount_minor
            if self._taxed:
                taxes[bits] = taxes.get(bits, 0) + line.tax_minor
        return money, taxes


def _values(rule: EarnRule, field: str) -> tuple[Sequence[str] | None, Sequence[str]]:
    """The values of a field that a rule matches (None: all), and those that it excludes."""
    matched: Sequence[str] | None = getattr(rule.match, field)
    if field == "kind" and matched is None:
        matched = (LineKind.PRODUCT,)
    return matched, getattr(rule.exclude, field) or ()


def _table(rules: Sequence[EarnRule], field: str) -> Table:
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
