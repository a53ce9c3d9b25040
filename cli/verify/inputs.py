"""Inputs of one partition as verification reads them: where a fact says that its input stands.

Guarantees: reads forwards, in large ranges, each record about once; keeps for every offset whether
it was decided. Records that are no longer kept are not there.
"""

from collections.abc import AsyncIterator, Callable, Iterable

from cli.verify.bits import Offsets, runs
from shared.stream.log import Bounds, Log, Place, Record

GAP_RECORDS = 500
RANGE_RECORDS = 4_000
Note = Callable[[Record], None]


class InputReader:
    """One partition of an input topic."""

    def __init__(self, log: Log, place: Place, kept: Bounds, note: Note | None = None) -> None:
        self.place = place
        self.kept = kept
        self.decided = Offsets()
        self._log = log
        self._note = note

    async def at(self, offsets: Iterable[int]) -> dict[int, Record]:
        """The records at these offsets, as far as they are kept."""
        wanted = {offset for offset in offsets if self.kept.first <= offset < self.kept.end}
        found: dict[int, Record] = {}
        for first, end in runs(sorted(wanted), GAP_RECORDS, RANGE_RECORDS):
            for record in await self._read(first, end):
                if record.offset in wanted:
                    found[record.offset] = record
        return found

    async def undecided(self, end: int) -> AsyncIterator[Record]:
        """The records before `end` that no fact names as its input."""
        first, end = self.kept.first, min(end, self.kept.end)
        for start in range(first, end, RANGE_RECORDS):
            missing = set(self.decided.missing(start, min(end, start + RANGE_RECORDS)))
            for run_first, run_end in runs(sorted(missing), GAP_RECORDS, RANGE_RECORDS):
                for record in await self._read(run_first, run_end):
                    if record.offset in missing:
                        yield record

    async def note_rest(self, first: int) -> None:
        """Read what stands from `first` on, only to note it."""
        for start in range(max(first, self.kept.first), self.kept.end, RANGE_RECORDS):
            await self._read(start, min(self.kept.end, start + RANGE_RECORDS))

    async def _read(self, first: int, end: int) -> list[Record]:
        records = (await self._log.read({self.place: Bounds(first, end)}))[self.place]
        if self._note is not None:
            for record in records:
                self._note(record)
        return records
