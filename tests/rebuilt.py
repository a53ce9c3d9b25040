"""Tables in memory that take rows as those of a rebuild do: what a fold has not loaded is new."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.stream.memory import MemoryStore
from shared.stream.store import Loaded, Lookup, Need, Position, Table, Writes


class RebuiltStore(MemoryStore):
    """See `shared.postgres.bulk.BulkStore`, whose COPY fails where a row is there already."""

    def __init__(self, tables: Sequence[Table], lookups: Sequence[Lookup]) -> None:
        super().__init__(tables, lookups)
        self._found: set[tuple[Table, Any]] = set()

    def snapshot(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `MemoryStore.snapshot`."""
        loaded = super().snapshot(topic, partitions, needs)
        self._found = {
            (lookup.table, _named(lookup.table, row))
            for lookup, rows in loaded.rows.items()
            for row in rows
        }
        return loaded

    def commit(self, old: Position, new: Position, writes: Writes, *, notify: bool) -> bool:
        """See `MemoryStore.commit`."""
        self.check(writes)
        return super().commit(old, new, writes, notify=notify)

    def check(self, writes: Writes) -> None:
        """Raises AssertionError where a row is there and was not loaded."""
        for table, rows in writes.items():
            kept = self.tables[table]
            for row in rows:
                is_new = (table, _named(table, row)) not in self._found
                assert not is_new or kept.key_of(row) not in kept.rows, f"not loaded: {row}"


def _named(table: Table, row: Any) -> Any:
    """What lookups find it by."""
    return row[table.columns.index(table.key)]
