"""Positions in upstream topics against the topics: whether they are still the ones that were read.

Upstream topics are kept as their operator pleases, so offsets may be missing; but nothing may be
missing that was not taken yet, and what stands before the position must be what was read there.
Raises Halted with what was seen and what to do. Repairs nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from services.intake.store import Position, Store
from shared.chain.link import fingerprint
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.positions import Halted, Outpaced


class Positions:
    """The positions of the places that are owned, and which of them were not checked yet.

    A place is read from one record before its position; that one must be the one that was read.
    """

    def __init__(self) -> None:
        self.at: dict[Place, Position] = {}
        self._unchecked: set[Place] = set()

    async def own(self, places: Collection[Place], log: Log, store: Store) -> dict[Place, int]:
        """Take up new places and drop lost ones; from which offset to read each of them.

        A place that was never read begins at its first record. Raises Halted, Outpaced.
        """
        self.at = {place: position for place, position in self.at.items() if place in places}
        self._unchecked &= set(self.at)
        fresh = sorted(set(places) - set(self.at))
        if fresh:
            stored = await self._stored(fresh, log, store)
            bounds = await log.bounds(fresh)  # later: others may take more in the meantime
            for place in fresh:
                _is_within(place, stored[place], bounds[place])
                if (
                    stored[place].mark is not None
                    and stored[place].next_offset > bounds[place].first
                ):
                    self._unchecked.add(place)
            self.at.update(stored)
        return {
            place: position.next_offset - (place in self._unchecked)
            for place, position in self.at.items()
        }

    async def _stored(
        self, places: Collection[Place], log: Log, store: Store
    ) -> Mapping[Place, Position]:
        stored = await store.positions(places)
        unread = [place for place in places if place not in stored]
        if unread:
            bounds = await log.bounds(unread)
            await store.begin({place: Position(bounds[place].first, None) for place in unread})
            stored = await store.positions(places)
        if len(stored) < len(places):
            raise Outpaced("the position of an upstream partition went as soon as it was written")
        return stored

    def forget(self) -> None:
        """Drop all places: what is stored counts."""
        self.at.clear()
        self._unchecked.clear()

    def checked(self, polled: Mapping[Place, Sequence[Record]]) -> dict[Place, Sequence[Record]]:
        """What was polled without the records before the positions, which are looked at here.

        Raises Halted where such a record is another one. Where it is gone (compaction) nothing is
        said.
        """
        new: dict[Place, Sequence[Record]] = {}
        for place, records in polled.items():
            known = 0
            if place in self._unchecked and records[0].offset < self.at[place].next_offset:
                _is_the_same(place, self.at[place], records[0])
                known = 1
            self._unchecked.discard(place)
            if len(records) > known:
                new[place] = records[known:]
        return new

    def nexts(self, places: Iterable[Place]) -> dict[Place, int]:
        """The next offset to take of each place."""
        return {place: self.at[place].next_offset for place in places}

    def after(
        self, polled: Mapping[Place, Sequence[Record]]
    ) -> dict[Place, tuple[Position, Position]]:
        """The moves that taking these records means."""
        return {
            place: (self.at[place], Position(records[-1].offset + 1, mark_of(records[-1])))
            for place, records in polled.items()
        }


def _is_within(place: Place, position: Position, bounds: Bounds) -> None:
    if bounds.first <= position.next_offset <= bounds.end:
        return
    raise Halted(
        f"{place} holds offsets {bounds.first} to {bounds.end}, but the next one to take is "
        f"{position.next_offset}: records are missing. Restore the topic, or, {_remedy(place)}"
    )


def _is_the_same(place: Place, position: Position, found: Record) -> None:
    if mark_of(found) == position.mark:
        return
    raise Halted(
        f"{place} offset {found.offset} is not the record that was read there before: the topic "
        f"was made anew, edited, or belongs to another cluster. Restore it, or, {_remedy(place)}"
    )


def mark_of(record: Record) -> bytes:
    """The fingerprint of an upstream record.

    A header without a value reads as an empty one or as none, by the way it was fetched.
    """
    headers = [(name, value or b"") for name, value in record.headers]
    return fingerprint(record.key, record.value, headers)


def _remedy(place: Place) -> str:
    return (
        f"if {place.topic} was made anew on purpose, run `tessera positions reset {place.topic}`: "
        "known causes make reading it again harmless"
    )
