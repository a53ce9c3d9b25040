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
        records.append(
            MemoryRecord(
                place.topic,
                place.partition,
                len(records),
                self.stamp(records),
                outgoing.key,
                outgoing.value,
                tuple(outgoing.headers),
            )
        )
        return len(records) - 1

    def stamp(self, records: Sequence[MemoryRecord]) -> int:
        """The time of a record that comes behind these: no stamp is before the last one."""
        return max(self.now_ms(), records[-1].timestamp if records else UNTIMED)

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
        return self.held(ends)

    def held(self, ends: Mapping[Place, Bounds]) -> dict[Place, list[Record]]:
        """What stands there now."""
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
        return self.limits(places)

    def limits(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """Where they begin and end now."""
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
        return self.taken(limit)

    def taken(self, limit: int) -> dict[Place, list[Record]]:
        """What a poll hands out at once."""
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
        self.sole = table.key if table.scope is None else None
        self.numbers = {column: names.index(column) for column in columns}
        self.indexed = {column: dict[Any, dict[Any, None]]() for column in self.numbers}
        self.rows: dict[Any, Any] = {}
        self.is_shared = False

    def copy(self) -> "MemoryTable":
        """A table with the same rows, which go their own way: whichever changes takes its own."""
        self.is_shared = True
        other = MemoryTable.__new__(MemoryTable)
        other.key_of, other.sole, other.numbers = self.key_of, self.sole, self.numbers
        other.rows, other.indexed, other.is_shared = self.rows, self.indexed, True
        return other

    def _part(self) -> None:
        """Share nothing any more."""
        self.is_shared = False
        self.rows = dict(self.rows)
        self.indexed = {
            column: {value: dict(keys) for value, keys in index.items()}
            for column, index in self.indexed.items()
        }

    def put(self, row: Row) -> None:
        """Insert a row or replace the one with its key."""
        if self.is_shared:
            self._part()
        key = self.key_of(row)
        known = self.rows.get(key)
        self.rows[key] = row
        for column, number in self.numbers.items():
            index = self.indexed[column]
            if known is not None and known[number] != row[number]:
                del index[known[number]][key]
            index.setdefault(row[number], {})[key] = None

    def drop(self, key: Any) -> None:
        """Remove the row with a key, if there is one."""
        if self.is_shared:
            self._part()
        row = self.rows.pop(key, None)
        if row is not None:
            for column, number in self.numbers.items():
                del self.indexed[column][row[number]][key]

    def find(self, column: str, value: Any) -> list[Any]:
        """All rows whose column has this value."""
        if column == self.sole:
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
        return self.snapshot(topic, partitions, needs)

    def snapshot(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """What a load finds now."""
        rows = {
            lookup: self._asked(lookup, values, horizon) if values else ()
            for lookup, values, horizon in needs
        }
        positions = {
            partition: self.positions[topic, partition]
            for partition in partitions
            if (topic, partition) in self.positions
        }
        return Loaded(positions, rows)

    def _asked(
        self, lookup: Lookup, values: Iterable[Any], horizon: datetime | None
    ) -> Sequence[Any]:
        if lookup.through is None:
            return self._find(lookup, values, horizon)
        naming = self._find(lookup.asked, values, horizon)
        named = [value for row in naming for value in lookup.through.names(row)]
        return self._find(lookup, named, horizon)

    def _find(self, lookup: Lookup, values: Iterable[Any], horizon: datetime | None) -> list[Any]:
        table, column, test = self.tables[lookup.table], lookup.by, lookup.test
        return [
            row
            for value in dict.fromkeys(values)
            for row in table.find(column, value)
            if test(row, horizon)
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
        return self.commit(old, new, writes, notify=notify)

    def commit(self, old: Position, new: Position, writes: Writes, *, notify: bool) -> bool:
        """A fold, all or nothing of it."""
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
    """Refuse what Postgres would refuse; words of our own (enumerations) are fine.

    Raises Unstorable.
    """
    for cell in row:
        kind = type(cell)
        if kind is int:
            if not BIGINT_LEAST <= cell <= BIGINT_MOST:
                raise Unstorable(f"{cell} does not fit into 64 bits")
        elif kind is str:
            if not cell.isascii():
                _check_surrogates(cell)
            if "\0" in cell:
                raise Unstorable(f"{cell!r} holds a NUL")


def _check_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unstorable(f"{text!r} holds half a surrogate pair") from error
