"""The log, the inputs and the store in memory: for tests, the simulator, and `tessera verify`.

Passes the contract suite of the real adapters. Deterministic: no clock, no random, no tasks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from shared.chain.link import Header
from shared.stream.log import Bounds, LogUnavailable, Outgoing, Place, Record
from shared.stream.store import Loaded, Lookup, Need, Position, Row, Table, Unstorable, Writes

UNTIMED = 0
BIGINT_LEAST, BIGINT_MOST = -(2**63), 2**63 - 1


class MemoryRecord(NamedTuple):
    """A record of the in-memory log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class MemoryLog:
    """Lists of records by place; `now_ms` stamps what is appended."""

    def __init__(
        self, topics: Mapping[str, int], now_ms: Callable[[], int] = lambda: UNTIMED
    ) -> None:
        self.counts: dict[str, int] = {}
        self.now_ms = now_ms
        self.records: dict[Place, list[MemoryRecord]] = {}
        self.firsts: dict[Place, int] = {}
        for topic, count in topics.items():
            self.make(topic, count)

    def make(self, topic: str, partitions: int) -> None:
        """Make a topic, or make it anew: empty."""
        self.counts[topic] = partitions
        for partition in range(partitions):
            self.records[Place(topic, partition)] = []
            self.firsts[Place(topic, partition)] = 0

    def put(self, place: Place, outgoing: Outgoing) -> int:
        """Append one record at once; its offset."""
        records = self.records[place]
        stamped = max(self.now_ms(), records[-1].timestamp if records else UNTIMED)
        records.append(
            MemoryRecord(
                place.topic,
                place.partition,
                len(records),
                stamped,
                outgoing.key,
                outgoing.value,
                tuple(outgoing.headers),
            )
        )
        return len(records) - 1

    def delete_before(self, place: Place, offset: int) -> None:
        """Forget the records before `offset`, as retention does."""
        self.firsts[place] = offset

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`."""
        return {
            place: [self.put(place, record) for record in records][-1]
            for place, records in batches.items()
            if records
        }

    async def read(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """See `Log.read`."""
        found: dict[Place, list[Record]] = {}
        for place, (first, end) in ends.items():
            records = self.records[place]
            if first < end and not self.firsts[place] <= first < end <= len(records):
                held = f"{self.firsts[place]} to {len(records)}"
                raise LogUnavailable(f"{place} holds {held}, but not {first} to {end}")
            found[place] = list(records[first:end]) if first < end else []
        return found

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        return {place: Bounds(self.firsts[place], len(self.records[place])) for place in places}

    async def partitions(self, topic: str) -> int:
        """See `Log.partitions`."""
        return self.counts.get(topic, 0)


class MemoryInputs:
    """Polls a MemoryLog; earlier topics come first, the places of a topic in turn."""

    def __init__(self, log: MemoryLog, topics: Sequence[str]) -> None:
        self.log = log
        self.order = {topic: number for number, topic in enumerate(topics)}
        self.positions: dict[Place, int] = {}

    def assign(self, positions: Mapping[Place, int]) -> None:
        """See `Inputs.assign`."""
        self.positions = dict(positions)

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`; never waits."""
        found: dict[Place, list[Record]] = {}
        for place in sorted(self.positions, key=lambda place: self.order[place.topic]):
            records = self.log.records[place]
            position = self.positions[place]
            if not self.log.firsts[place] <= position <= len(records):
                held = f"{self.log.firsts[place]} to {len(records)}"
                raise LogUnavailable(f"{place} holds {held}, but not offset {position}")
            taken: list[Record] = list(records[position : position + limit])
            if taken:
                found[place] = taken
                del self.positions[place]  # goes behind the other places of its topic
                self.positions[place] = position + len(taken)
                limit -= len(taken)
        return found


class MemoryTable:
    """Rows of one table by key, with an index for each column by which rows are looked up."""

    def __init__(self, table: Table, columns: Iterable[str]) -> None:
        names = table.columns
        self.key_of: Callable[[Row], Any] = itemgetter(*map(names.index, table.keys))
        """Of a row, the cell or the cells that tell it apart."""
        self._sole = names.index(table.key) if table.scope is None else None
        self.indexed = {names.index(column): dict[Any, dict[Any, None]]() for column in columns}
        self.rows: dict[Any, Any] = {}

    def copy(self) -> "MemoryTable":
        """A table with the same rows, which go their own way."""
        other = MemoryTable.__new__(MemoryTable)
        vars(other).update(vars(self))
        other.rows = dict(self.rows)
        other.indexed = {
            column: {value: dict(keys) for value, keys in index.items()}
            for column, index in self.indexed.items()
        }
        return other

    def put(self, row: Row) -> None:
        """Insert a row or replace the one with its key."""
        key = self.key_of(row)
        known = self.rows.get(key)
        self.rows[key] = row
        for column, index in self.indexed.items():
            if known is not None and known[column] != row[column]:
                del index[known[column]][key]
            index.setdefault(row[column], {})[key] = None

    def find(self, column: int, value: Any) -> list[Any]:
        """All rows whose column has this value."""
        if column == self._sole:
            return [self.rows[value]] if value in self.rows else []
        return [self.rows[key] for key in self.indexed[column].get(value, ())]


class MemoryStore:
    """The tables of one service."""

    def __init__(self, tables: Sequence[Table], lookups: Sequence[Lookup]) -> None:
        self.positions: dict[tuple[str, int], Position] = {}
        looked_up = {(each.table, each.by) for look in lookups for each in (look, look.asked)}
        self.tables = {
            table: MemoryTable(table, [by for of, by in looked_up if of is table])
            for table in tables
        }
        self.notified = 0

    def take(self, other: "MemoryStore") -> None:
        """All rows and positions of another store, which go their own way from here on."""
        self.positions = dict(other.positions)
        self.tables = {table: kept.copy() for table, kept in other.tables.items()}

    def copy(self) -> "MemoryStore":
        """A store with the same rows and positions."""
        other = MemoryStore((), ())
        other.take(self)
        return other

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`."""
        rows: dict[Lookup, Sequence[Any]] = {}
        for lookup, values, horizon in needs:
            named: Iterable[Any] = values
            if lookup.through is not None:
                naming = self._find(lookup.asked, values, horizon)
                named = [value for row in naming for value in lookup.through.names(row)]
            rows[lookup] = self._find(lookup, named, horizon)
        positions = {
            partition: self.positions[topic, partition]
            for partition in partitions
            if (topic, partition) in self.positions
        }
        return Loaded(positions, rows)

    def _find(self, lookup: Lookup, values: Iterable[Any], horizon: datetime | None) -> list[Any]:
        if not values:
            return []
        table = self.tables[lookup.table]
        column = lookup.table.columns.index(lookup.by)
        return [
            row
            for value in dict.fromkeys(values)
            for row in table.find(column, value)
            if lookup.test(row, horizon)
        ]

    async def begin(self, position: Position) -> None:
        """See `Store.begin`."""
        self.positions.setdefault((position.topic, position.partition), position)

    async def fold(
        self,
        old: Position,
        new: Position,
        writes: Writes,
        notify: bool,  # noqa: FBT001  (callers name it)
    ) -> bool:
        """See `Store.fold`."""
        for rows in writes.values():
            for row in rows:
                _check(row)
        place = (old.topic, old.partition)
        if not self.at(self.positions.get(place), old):
            return False
        self.positions[place] = new
        for table, rows in writes.items():
            kept = self.tables[table]
            for row in rows:
                kept.put(row)
        self.notified += notify
        return True

    @staticmethod
    def at(stored: Position | None, old: Position) -> bool:
        """The swap's condition."""
        return (
            stored is not None
            and stored.next_offset == old.next_offset
            and stored.head == old.head
            and stored.fold_version == old.fold_version
        )


def _check(row: Row) -> None:
    """Refuse what Postgres would refuse. Raises Unstorable."""
    for cell in row:
        if isinstance(cell, int):
            if not BIGINT_LEAST <= cell <= BIGINT_MOST:
                raise Unstorable(f"{cell} does not fit into 64 bits")
        elif isinstance(cell, str):
            if not cell.isascii():
                _check_surrogates(cell)
            if "\0" in cell:
                raise Unstorable(f"{cell!r} holds a NUL")


def _check_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unstorable(f"{text!r} holds half a surrogate pair") from error
