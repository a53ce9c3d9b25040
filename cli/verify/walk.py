"""One fact partition folded from nothing in memory, and held against the rules on the way.

Guarantees: the validity rule, the `evolve` and the lookups of every reader. What is kept in memory
is the state of the partition's accounts and a cause for each decision; facts pass through.
"""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from cli.verify.inputs import InputReader
from cli.verify.justify import Justifier, Walked
from cli.verify.report import Check, Report
from shared.chain.link import Head, fingerprint, follow
from shared.events.facts import Opened
from shared.events.wire import Source
from shared.ledger.account import InvariantError
from shared.stream.log import Place, Record
from shared.stream.memory import MemoryStore, MemoryTable
from shared.stream.records import decoded, partition_of_account
from shared.stream.service import Input, Service
from shared.stream.store import Lookup, Need, Row, Rows, Table

RESTORE = "restore the topic from a backup; a writer other than the service's own was there"
VOID = "void records: appended on an older state, they count for nothing"


class Walk:
    """The fold of one partition of a service's fact topic."""

    def __init__(
        self,
        service: Service[Any],
        place: Place,
        head: Head,
        earlier: InputReader,
        partitions: int,
        justifier: Justifier,
        report: Report,
    ) -> None:
        self.service = service
        self.place = place
        self.head = head
        self.earlier = earlier
        self.partitions = partitions
        self.justifier = justifier
        self.report = report
        self.next = 0
        self.mark: bytes | None = None
        self.store = MemoryStore(service.tables, service.lookups)
        self.bodies: dict[UUID, bytes] = {}
        self.offsets: dict[UUID, int] = {}
        """Where the fact of each cause stands."""
        self.watched: int | None = None
        """The offset before which the head is asked for: where a reader of the topic goes on."""
        self._head_there: bytes | None = None
        self.furthest: dict[str, int] = {}
        """By input topic, the furthest offset that a fact names."""
        kept = {need.lookup.table for need in service.replay_needs(())}
        self.passing = tuple(table for table in service.tables if table not in kept)
        """Tables of which no fact needs an earlier row: their rows pass through."""

    async def fold(self, records: Sequence[Record]) -> tuple[list[Walked], dict[Table, list[Row]]]:
        """The valid facts of the next records, and the rows that pass through."""
        batch = self._valid(records)
        inputs = await self.justifier.inputs(batch)
        state = await self._state(batch, list(inputs.values()))
        for walked in batch:
            self.justifier.judge(walked, inputs, state)
            try:
                state.evolve(walked.fact)
            except InvariantError as error:
                where = f"{self.place} offset {walked.offset}"
                what = f"{where}, {walked.fact.type}: {error}"
                self.report.find(Check.ACCOUNTS, walked.fact.fact.account, what, RESTORE)
        passed: dict[Table, list[Row]] = {}
        for table, rows in state.writes().items():
            if table in self.passing:
                passed[table] = list(rows)
            else:
                kept: MemoryTable = self.store.tables[table]
                for row in rows:
                    kept.put(row)
        return batch, passed

    def _valid(self, records: Sequence[Record]) -> list[Walked]:
        batch: list[Walked] = []
        for record in records:
            if record.offset == self.watched:
                self._head_there = self.head.hash
            after = follow(self.head, record)
            if after is None:
                self.report.note(VOID)
                continue
            self._check_link(record, after)
            before, self.head = self.head, after
            named = dict(record.headers)
            fact = decoded(record, named)
            if isinstance(fact.fact, Opened):
                continue
            src = Source.decode(named["src"]) if "src" in named else None
            if src is not None:
                self.furthest[src.topic] = max(self.furthest.get(src.topic, 0), src.offset)
            walked = Walked(record.offset, fact, before.time_ms, src)
            self._check_cause(walked)
            batch.append(walked)
        last = records[-1]
        self.next = last.offset + 1
        self.mark = fingerprint(last.key, last.value, last.headers)
        self.report.count(Check.CHAINS, len(records))
        self.report.count(Check.CAUSES, len(batch))
        return batch

    def _check_link(self, record: Record, after: Head) -> None:
        where = f"{self.place} offset {record.offset}"
        if after.seq != self.head.seq + 1:
            what = f"{where} has seq {after.seq} behind {self.head.seq}"
            self.report.find(Check.CHAINS, str(self.place), what, RESTORE)
        if after.time_ms < self.head.time_ms:
            what = f"{where} is of {after.time_ms}, before {self.head.time_ms}"
            self.report.find(Check.CHAINS, str(self.place), what, RESTORE)

    def _check_cause(self, walked: Walked) -> None:
        fact, where = walked.fact, f"{self.place} offset {walked.offset}, {walked.fact.type}"
        account: str = fact.fact.account
        if fact.cause_id in self.bodies:
            what = f"{where}: its cause {fact.cause_id} was decided before"
            self.report.find(Check.CAUSES, account, what, RESTORE)
        if partition_of_account(account, self.partitions) != self.place.partition:
            what = f"{where}: the account belongs to another partition"
            self.report.find(Check.CHAINS, account, what, RESTORE)
        self.bodies[fact.cause_id] = fact.body
        self.offsets.setdefault(fact.cause_id, walked.offset)

    async def _state(self, batch: Sequence[Walked], inputs: Sequence[Input]) -> Any:
        """All that the service needs to decide these inputs and to fold these facts."""
        horizon_ms = max((walked.fact.time_ms for walked in batch), default=0)
        facts = [walked.fact for walked in batch]
        needs: dict[Lookup, Need] = {}
        for need in (*self.service.needs(inputs, horizon_ms), *self.service.replay_needs(facts)):
            known = needs.get(need.lookup)
            if known is not None:
                need = need._replace(values=[*known.values, *need.values])  # noqa: PLW2901
            needs[need.lookup] = need
        loaded = await self.store.load(self.place.topic, [], list(needs.values()))
        passed = await self._passed(batch, needs.values())
        return self.service.state({**loaded.rows, **passed})

    async def _passed(self, batch: Sequence[Walked], needs: Iterable[Need]) -> Rows:
        """The rows that deciding takes and that have passed: made again from the facts themselves.

        A return, say, is decided on the award of its purchase, which may stand anywhere before it.
        """
        now = {walked.fact.cause_id for walked in batch}
        rows: dict[Lookup, Sequence[Row]] = {}
        for lookup, values, _ in needs:
            if lookup.table in self.passing and lookup.by == lookup.table.key:
                wanted = [
                    self.offsets[key] for key in values if key in self.offsets and key not in now
                ]
                if wanted:
                    rows[lookup] = await self._made_again(lookup.table, wanted)
        return rows

    async def _made_again(self, table: Table, offsets: Iterable[int]) -> Sequence[Row]:
        state = self.service.state({})
        for record in (await self.earlier.at(offsets)).values():
            with contextlib.suppress(InvariantError):  # told when the fact itself was folded
                state.evolve(decoded(record, dict(record.headers)))
        return list(state.writes().get(table, ()))

    @property
    def head_there(self) -> bytes:
        """The hash of the head before the offset that was watched, or at the end."""
        return self._head_there or self.head.hash

    def rows(self, table: Table) -> dict[Any, Any]:
        """The rows of a table that is kept, by key."""
        return self.store.tables[table].rows
