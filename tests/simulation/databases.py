"""Databases that may lose their last commits, be restored from a backup or be dropped.

The rows are those of the in-memory store that passes the contract suite of the real one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from services.intake.decide import Known
from services.intake.store import Position as UpstreamPosition
from shared.stream.log import Place
from shared.stream.memory import MemoryStore
from shared.stream.store import Loaded, Need, Position, StoreUnavailable, Writes
from tests.simulation.network import Network, done

REPLICA_READS = 0.3
"""Share of reads that a lagging replica answers while there is one."""
LAG_MAX = 3
"""Commits that a replica has not heard of."""


class Undo:
    """What a commit replaced, so that a database can lose it."""

    def __init__(self, store: MemoryStore, old: Position, writes: Writes) -> None:
        self.place = (old.topic, old.partition)
        self.position = store.positions[self.place]
        self.rows = [
            (table, row, store.tables[table].rows.get(store.tables[table].key_of(row)))
            for table, rows in writes.items()
            for row in rows
        ]

    def undo(self, store: MemoryStore) -> None:
        """Take the commit back."""
        store.positions[self.place] = self.position
        for table, row, replaced in reversed(self.rows):
            kept = store.tables[table]
            if replaced is None:
                kept.drop(kept.key_of(row))
            else:
                kept.put(replaced)


class Database:
    """The server side of a deciding service's store."""

    def __init__(self, network: Network, empty: MemoryStore, rows: MemoryStore) -> None:
        self.network = network
        self.empty = empty
        self.rows = rows.copy()
        self.commits: list[Undo] = []
        self.lags_until = 0.0
        """Until then some reads are answered by a replica that is behind."""

    @property
    def seen(self) -> MemoryStore:
        """What a read is answered from."""
        if self.network.loop.now >= self.lags_until or not self.network.chance(REPLICA_READS):
            return self.rows
        replica = self.rows.copy()
        missing = self.network.random.randint(0, min(LAG_MAX, len(self.commits)))
        for undo in self.commits[len(self.commits) - missing :][::-1]:
            undo.undo(replica)
        return replica

    def copy(self, network: Network) -> "Database":
        """Another one with the same rows, which may lose the same commits."""
        other = Database(network, self.empty, self.rows)
        other.commits = list(self.commits)
        return other

    def fold(self, old: Position, new: Position, writes: Writes, *, notify: bool) -> bool:
        """A commit."""
        if (old.topic, old.partition) not in self.rows.positions:
            return False
        undo = Undo(self.rows, old, writes)
        if not self.rows.commit(old, new, writes, notify=notify):
            return False
        self.commits.append(undo)
        return True

    def lose(self, count: int) -> int:
        """The last commits are gone, by a crash or because a backup is restored; how many were."""
        lost = [self.commits.pop() for _ in range(min(count, len(self.commits)))]
        for undo in lost:
            undo.undo(self.rows)
        return len(lost)

    def drop(self) -> None:
        """Somebody drops the schema."""
        self.rows = self.empty.copy()
        self.commits.clear()


class SimulatedStore:
    """A client's view of a database; see `shared.stream.store.Store`."""

    def __init__(
        self, network: Network, database: Database, notified: Callable[[int], None]
    ) -> None:
        self.network = network
        self.database = database
        self.notified = notified

    async def load(self, topic: str, partitions: Iterable[int], needs: Sequence[Need]) -> Loaded:
        """See `Store.load`."""
        asked = list(partitions)
        return await self.network.request(
            lambda: self.database.seen.snapshot(topic, asked, needs), StoreUnavailable
        )

    async def begin(self, position: Position) -> None:
        """See `Store.begin`."""
        await self.network.request(
            lambda: done(self.database.rows.begin(position)), StoreUnavailable
        )

    async def fold(self, old: Position, new: Position, writes: Writes, notify: bool) -> bool:
        """See `Store.fold`."""
        kept: dict[Any, Any] = {table: list(rows) for table, rows in writes.items() if rows}

        def serve() -> bool:
            if not self.database.fold(old, new, kept, notify=notify):
                return False
            if notify:
                self.notified(old.partition)
            return True

        return await self.network.request(serve, StoreUnavailable)


class IntakeDatabase:
    """The server side of intake's store. Its commits are synchronous: only a restore loses any."""

    def __init__(self) -> None:
        self.known: dict[bytes, Any] = {}
        self.positions: dict[Place, UpstreamPosition] = {}
        self.backup: tuple[dict[bytes, Any], dict[Place, UpstreamPosition]] = ({}, {})

    def back_up(self) -> None:
        """A copy that may be restored later."""
        self.backup = (dict(self.known), dict(self.positions))

    def restore(self) -> None:
        """What was written down since the backup is gone."""
        known, positions = self.backup
        self.known, self.positions = dict(known), dict(positions)

    def copy(self, other: "IntakeDatabase") -> None:
        """All that another one has."""
        self.known, self.positions = dict(other.known), dict(other.positions)

    def drop(self) -> None:
        """Somebody drops the schema."""
        self.known.clear()
        self.positions.clear()

    def write_down(self, found: Known) -> bool:
        """The first resolution stands."""
        written = [identity for identity in found if identity not in self.known]
        self.known.update((identity, found[identity]) for identity in written)
        return len(written) == len(found)

    def swap(self, moves: Mapping[Place, tuple[UpstreamPosition, UpstreamPosition]]) -> bool:
        """Each position that stands where it should moves."""
        moved = 0
        for place, (old, new) in moves.items():
            stored = self.positions.get(place)
            if stored is not None and stored.next_offset == old.next_offset:
                self.positions[place] = new
                moved += 1
        return moved == len(moves)


class SimulatedIntakeStore:
    """A client's view of intake's database; see `services.intake.store.Store`."""

    def __init__(self, network: Network, database: IntakeDatabase) -> None:
        self.network = network
        self.database = database

    async def known(self, identities: Collection[bytes]) -> Known:
        """See `Store.known`."""
        asked = sorted(identities)
        return await self.network.request(
            lambda: {
                identity: self.database.known[identity]
                for identity in asked
                if identity in self.database.known
            },
            StoreUnavailable,
        )

    async def write_down(self, found: Known) -> bool:
        """See `Store.write_down`."""
        written = dict(found)
        return await self.network.request(
            lambda: self.database.write_down(written), StoreUnavailable
        )

    async def positions(self, places: Iterable[Place]) -> Mapping[Place, UpstreamPosition]:
        """See `Store.positions`."""
        asked = list(places)
        return await self.network.request(
            lambda: {
                place: self.database.positions[place]
                for place in asked
                if place in self.database.positions
            },
            StoreUnavailable,
        )

    async def begin(self, positions: Mapping[Place, UpstreamPosition]) -> None:
        """See `Store.begin`."""
        begun = dict(positions)

        def serve() -> None:
            for place, position in begun.items():
                self.database.positions.setdefault(place, position)

        await self.network.request(serve, StoreUnavailable)

    async def swap(self, moves: Mapping[Place, tuple[UpstreamPosition, UpstreamPosition]]) -> bool:
        """See `Store.swap`."""
        asked = dict(moves)
        return await self.network.request(lambda: self.database.swap(asked), StoreUnavailable)
