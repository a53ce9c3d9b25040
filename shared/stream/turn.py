"""The turn: poll → load → decide → append → read_back → fold → answer, for all deciding services.

Guarantees, with `shared.stream.opening`: each input has one effect, each fact is decided on exactly
the state that it is chained to, callers learn only what is folded. Any failure ends the turn with
nothing remembered; the owner opens the partition afresh. Does not retry, does not assign
partitions.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import structlog

from shared.chain.link import Head, fingerprint, valid
from shared.events.base import instant, split_account
from shared.events.quarantine import Reason
from shared.events.topics import QUARANTINE
from shared.stream.gaps import check_whole
from shared.stream.limits import Limits
from shared.stream.log import Bounds, Inputs, Log, LogUnavailable, Outgoing, Place, Record
from shared.stream.planning import Plan
from shared.stream.positions import Outpaced, same_log
from shared.stream.records import partition_of_account
from shared.stream.service import Input, Programs, Service, State, Unreadable
from shared.stream.store import InputMark, Loaded, Lookup, Need, Position, Rows, Store, Writes

S = TypeVar("S", bound=State)
logger = structlog.get_logger()

STEPS = ("poll", "load", "decide", "append", "read_back", "fold", "answer")


Batch = dict[int, list[tuple[Record, Input | Unreadable]]]
"""What a turn's inputs say, by partition."""
Marks = dict[Place, InputMark]
"""How far a turn has read each input."""


class InputAhead(LogUnavailable):
    """An input is stamped later than now: broker and service disagree on the time. Waits for it."""

    def __init__(self, place: Place, record: Record, tolerated_ms: int) -> None:
        super().__init__(
            f"{place} offset {record.offset} is stamped {instant(record.timestamp)}, more than "
            f"{tolerated_ms} ms ahead of this machine's clock; set the clocks of this machine and "
            "of the broker"
        )


class Clock(Protocol):
    """The local clock, only ever used to refuse inputs from the future."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class Meter(Protocol):
    """Where the loop counts."""

    def step(self, name: str, seconds: float) -> None:
        """A step of a turn took this long."""
        ...

    def turned(self, inputs: int, facts: int, void: int) -> None:
        """A turn is complete."""
        ...


class Turn(Generic[S]):
    """The loop's body over the partitions that are open, whose positions are in `positions`."""

    def __init__(
        self,
        service: Service[S],
        log: Log,
        inputs: Inputs,
        store: Store,
        programs: Programs,
        clock: Clock,
        meter: Meter,
        *,
        partitions: int,
        quarantine_partitions: int,
        limits: Limits,
    ) -> None:
        self.service = service
        self.log = log
        self.inputs = inputs
        self.store = store
        self.programs = programs
        self.clock = clock
        self.meter = meter
        self.partitions = partitions
        self.quarantine_partitions = quarantine_partitions
        self.limits = limits
        self.positions: dict[int, Position] = {}
        self.void = 0
        self.watchers: list[Callable[[Writes], object]] = []
        """Called with the rows of each fold that is committed."""

    async def run(self) -> int:
        """One turn; how many inputs it took.

        Raises Outpaced, Halted, LogUnavailable, StoreUnavailable.
        """
        void_before = self.void
        started = perf_counter()
        polled = await self.inputs.poll(self.limits.inputs_per_turn, self.limits.poll_wait_ms)
        await check_whole(self.log, self._nexts(polled), polled)
        batch, marks = self._read(polled)
        started = self._stepped("poll", started)
        if not polled:
            return 0
        await self._know_programs(batch)
        loaded = await self._load(batch)
        started = self._stepped("load", started)
        plans = self._decide(batch, marks, loaded)
        started = self._stepped("decide", started)
        ends = await self._append(plans)
        started = self._stepped("append", started)
        await self._read_back(plans, ends)
        started = self._stepped("read_back", started)
        await self._fold(plans)
        started = self._stepped("fold", started)
        self._answer(plans)
        self._stepped("answer", started)
        taken = sum(map(len, polled.values()))
        facts = sum(len(plan.outgoing) for plan in plans.values())
        self.meter.turned(taken, facts, self.void - void_before)
        return taken

    def _stepped(self, name: str, started: float) -> float:
        now = perf_counter()
        self.meter.step(name, now - started)
        return now

    # poll

    def _nexts(self, places: Iterable[Place]) -> dict[Place, int]:
        return {place: self.positions[place.partition].inputs[place.topic].next for place in places}

    def _read(self, polled: Mapping[Place, Sequence[Record]]) -> tuple[Batch, Marks]:
        """What the polled records say, by partition, in the order in which they were polled.

        Of an input that is a fact topic only valid records count, by the same rule as everywhere.
        """
        latest = self.clock.now_ms() + self.limits.input_ahead_ms
        batch: Batch = {}
        marks: Marks = {}
        for place, records in polled.items():
            for record in records:
                if record.timestamp > latest:
                    raise InputAhead(place, record, self.limits.input_ahead_ms)
            head = self.positions[place.partition].inputs[place.topic].head
            counted = records
            if head is not None:
                counted, (head, _, _) = valid(Head(head, 0, 0), records)
            read = batch.setdefault(place.partition, [])
            for record in counted:
                said = self._said(place, record)
                if said is not None:
                    read.append((record, said))
            last = records[-1]
            marks[place] = InputMark(
                last.offset + 1, fingerprint(last.key, last.value, last.headers), head
            )
        return batch, marks

    def _said(self, place: Place, record: Record) -> Input | Unreadable | None:
        said = self.service.read(record)
        if isinstance(said, Input):
            partition = partition_of_account(said.account, self.partitions)
            if partition != place.partition:
                detail = f"account {said.account!r} belongs to partition {partition}"
                return Unreadable(Reason.WRONG_KEY, detail)
        return said

    async def _know_programs(self, batch: Batch) -> None:
        """Take in what has arrived behind the poll, which may have waited.

        So an input counts under what was published before it was sent. Where a program is not known
        at all, all that is published by now is read.
        """
        await self.know_programs()
        said = [said for read in batch.values() for _, said in read]
        accounts = {input.account for input in said if isinstance(input, Input)}
        programs = {split_account(account)[0] for account in accounts}
        if not all(map(self.service.catalogue.versions, programs)):
            await self.know_programs(to_end=True)

    async def know_programs(self, *, to_end: bool = False) -> None:
        """Decide by what has arrived, or by all that is published by now. Raises LogUnavailable."""
        self.service.catalogue = await self.programs.refresh(to_end=to_end)

    # load

    async def _load(self, batch: Batch) -> Loaded:
        needs: dict[Lookup, Need] = {}
        for partition, read in batch.items():
            taken = [said for _, said in read if isinstance(said, Input)]
            horizon = max(
                self.positions[partition].time_ms, *(record.timestamp for record, _ in read), 0
            )
            for need in self.service.needs(taken, horizon):
                known = needs.get(need.lookup)
                needs[need.lookup] = need if known is None else _merged(known, need)
        return await self._loaded(list(batch), list(needs.values()))

    async def _loaded(self, partitions: Sequence[int], needs: Sequence[Need]) -> Loaded:
        loaded = await self.store.load(self.service.output.name, partitions, needs)
        for partition in partitions:
            if loaded.positions.get(partition) != self.positions[partition]:
                raise Outpaced(f"{self.service.output.name}/{partition} was moved by another owner")
        return loaded

    async def confirm(self) -> None:
        """Look whether the positions are where the last turn left them, although nothing came.

        A store that lost its last commits would else stay behind until the next input, and so would
        everybody who reads it. Raises Outpaced, StoreUnavailable.
        """
        if self.positions:
            await self._loaded(list(self.positions), [])

    # decide

    def _decide(self, batch: Batch, marks: Marks, loaded: Loaded) -> dict[int, Plan[S]]:
        rows = self._rows_by_partition(loaded.rows)
        plans: dict[int, Plan[S]] = {}
        for partition, read in batch.items():
            position = loaded.positions[partition]
            state = self.service.state(rows.get(partition, {}))
            plan = plans[partition] = Plan(self.service, position, state)
            for record, said in read:
                if isinstance(said, Unreadable):
                    plan.set_aside(record, said)
                else:
                    plan.decide(said)
            plan.chain()
        for place, mark in marks.items():
            plans[place.partition].inputs[place.topic] = mark
        return plans

    def _rows_by_partition(self, rows: Rows) -> dict[int, dict[Lookup, list[Any]]]:
        split: dict[int, dict[Lookup, list[Any]]] = {}
        for lookup, found in rows.items():
            for row in found:
                partition = partition_of_account(row.account, self.partitions)
                split.setdefault(partition, {}).setdefault(lookup, []).append(row)
        return split

    # append

    async def _append(self, plans: Mapping[int, Plan[S]]) -> dict[Place, int]:
        """What is set aside first: an opening goes on behind the inputs that facts tell of."""
        aside: dict[Place, list[Outgoing]] = {}
        facts: dict[Place, list[Outgoing]] = {}
        for partition, plan in plans.items():
            if plan.outgoing:
                facts[Place(self.service.output.name, partition)] = plan.outgoing
            if plan.quarantined:
                place = Place(QUARANTINE.name, partition % self.quarantine_partitions)
                aside.setdefault(place, []).extend(plan.quarantined)
        if aside:
            await self.log.append(aside)
        return await self.log.append(facts) if facts else {}

    # read back

    async def _read_back(self, plans: Mapping[int, Plan[S]], ends: Mapping[Place, int]) -> None:
        """Find every own record valid on the log; anything else ends the turn."""
        ranges: dict[Place, Bounds] = {}
        for partition, plan in plans.items():
            place = Place(self.service.output.name, partition)
            if place in ends:
                ranges[place] = Bounds(plan.position.next_offset, ends[place] + 1)
        found: Mapping[Place, Sequence[Record]] = {}
        if ranges:
            async with asyncio.timeout(self.limits.read_back_seconds):
                found = await self.log.read(ranges)
        for partition, plan in plans.items():
            records = found.get(Place(self.service.output.name, partition), [])
            if void := plan.confirm(records):
                self.void += void
                await same_log(self.log, plan.position)

    # fold

    async def _fold(self, plans: Mapping[int, Plan[S]]) -> None:
        if not all(await self._fold_all(list(plans.values()))):
            raise Outpaced(f"{self.service.output.name}: a position was moved by another owner")

    async def _fold_all(self, plans: Sequence[Plan[S]]) -> Sequence[bool]:
        """Wait for all, also where one fails: no write of this turn may outlive it."""
        if len(plans) == 1:  # of most turns: it needs no task of its own
            return [await self._fold_one(plans[0])]
        folded: list[bool] = []
        for outcome in await asyncio.gather(*map(self._fold_one, plans), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            folded.append(outcome)
        return folded

    async def _fold_one(self, plan: Plan[S]) -> bool:
        assert plan.after is not None
        writes = plan.state.writes()
        folded = await self.store.fold(plan.position, plan.after, writes, notify=plan.notify)
        for watch in self.watchers if folded else ():
            watch(writes)
        return folded

    # answer

    def _answer(self, plans: Mapping[int, Plan[S]]) -> None:
        """Who listens was told by the commit itself; the owner goes on from the new positions."""
        for partition, plan in plans.items():
            assert plan.after is not None
            self.positions[partition] = plan.after


def _merged(one: Need, other: Need) -> Need:
    horizons = [need.horizon for need in (one, other) if need.horizon is not None]
    return Need(one.lookup, [*one.values, *other.values], max(horizons, default=None))
