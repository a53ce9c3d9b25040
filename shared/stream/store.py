"""What the loop needs of its store: one snapshot to decide on, one guarded write to fold with.

A service describes its tables and how it looks rows up; two adapters read that description and pass
one contract suite: `shared.postgres.rows` and `shared.stream.memory`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of a projection: `row` is a NamedTuple whose fields are the columns, in order.

    Its rows are told apart by `key`, within the same value of `scope` if there is such a column.
    """

    name: str
    row: type[Any]
    types: tuple[str, ...]
    key: str
    scope: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell rows apart."""
        return (self.key,) if self.scope is None else (self.key, self.scope)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.row._fields)


def _any_row(_row: Any, _horizon: datetime | None) -> bool:
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Rows of `table` whose column `by` is one of the values asked for.

    `where` narrows it in SQL (`$2` is the horizon), `test` says the same in Python; the contract
    suite holds them against each other. With `through`, the values are those that other rows name,
    and what is asked for are values of those other rows' look-up.
    """

    table: Table
    by: str
    where: str = ""
    test: Callable[[Any, datetime | None], bool] = field(default=_any_row)
    through: "Through | None" = None

    @property
    def asked(self) -> "Lookup":
        """The look-up whose values and horizon are asked for: its own, unless it goes through."""
        return self if self.through is None else self.through.lookup


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """Rows that name those that are looked up: `sql` is what one names, `names` says the same."""

    lookup: Lookup
    sql: str
    names: Callable[[Any], Iterable[Any]]


class Need(NamedTuple):
    """One lookup with its values; `horizon` for lookups that ask for what is due by an instant."""

    lookup: Lookup
    values: Sequence[Any]
    horizon: datetime | None = None


Rows = Mapping[Lookup, Sequence[Any]]
Writes = Mapping[Table, Sequence[Row]]
"""Whole rows to insert or to replace, by table; at most one for each key."""


class InputMark(NamedTuple):
    """How far an input was read: its next offset, and what is known of the record before it.

    `mark` is that record's fingerprint; `head` the head of the input's own chain there, where the
    input is a fact topic, whose void records count for nothing. None where it has to be read first.
    """

    next: int
    mark: bytes | None = None
    head: bytes | None = None


class Position(NamedTuple):
    """Where the fold of one fact partition stands; moves only by compare-and-swap.

    `next_offset`: the first offset not folded yet. `head`, `seq`, `time_ms`: the last valid record.
    `mark`: fingerprint of the record at `next_offset - 1`, valid or void. `inputs`: by topic.
    """

    topic: str
    partition: int
    next_offset: int
    head: bytes
    seq: int
    time_ms: int
    mark: bytes | None
    inputs: Mapping[str, InputMark]
    ledger_id: str
    fold_version: str


class Loaded(NamedTuple):
    """One snapshot: the positions asked for (absent ones are left out) and the rows."""

    positions: Mapping[int, Position]
    rows: Rows


class StoreUnavailable(Exception):
    """The store did not answer; a write that was under way may or may not have happened."""


class Unstorable(ValueError):
    """Rows that no store can keep: a NUL or half a surrogate pair in a text, a number past 64 bits.

    Contracts refuse all of it before it is decided on: whoever meets this has met a bug.
    """


class Store(Protocol):
    """The tables of one service, with the positions of its fact topic."""

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """Positions and rows as of one instant. Raises StoreUnavailable."""
        ...

    async def begin(self, position: Position) -> None:
        """Write a first position unless there is one. Raises StoreUnavailable."""
        ...

    async def fold(
        self,
        old: Position,
        new: Position,
        writes: Writes,
        notify: bool,  # noqa: FBT001  (callers name it)
    ) -> bool:
        """Write the rows and move the position from `old` to `new`, all or nothing.

        False, and nothing written, if the position is not at `old`'s offset, head and fold version.
        With `notify`, those who listen are told once the write is visible. Raises StoreUnavailable,
        and Unstorable with nothing written.
        """
        ...
