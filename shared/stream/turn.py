"""The turn: poll → load → decide → append → read_back → fold → answer, for all deciding services.

Guarantees, with `shared.stream.opening`: each input has one effect, each fact is decided on exactly
the state that it is chained to, callers learn only what is folded. Any failure ends the turn with
nothing remembered; the owner opens the partition afresh. Does not retry, does not assign
partitions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import structlog

from shared.chain.link import Head, fingerprint, follow
from shared.events import quarantine
from shared.events.base import instant, split_account
from shared.events.facts import InputRejected
from shared.events.quarantine import Quarantined, Reason
from shared.events.topics import COMMANDS, QUARANTINE, RECORD_BYTES_MAX
from shared.events.wire import Source
from shared.stream.gaps import check_whole
from shared.stream.limits import Limits
from shared.stream.log import Bounds, Inputs, Log, LogUnavailable, Outgoing, Place, Record
from shared.stream.positions import Outpaced, same_log
from shared.stream.records import chained, partition_of_account
from shared.stream.service import Decision, Input, Service, State, Unreadable
from shared.stream.store import InputMark, Loaded, Lookup, Need, Position, Rows, Store

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


@dataclass(slots=True)
class Plan(Generic[S]):
    """What a turn is about to do to one partition."""

    position: Position
    state: S
    head: Head
    inputs: dict[str, InputMark]
    notify: bool = False
    outgoing: list[Outgoing] = field(default_factory=list)
    quarantined: list[Outgoing] = field(default_factory=list)
    after: Position | None = None


class Turn(Generic[S]):
    """The loop's body over the partitions that are open, whose positions are in `positions`."""

    def __init__(
        self,
        service: Service[S],
        log: Log,
        inputs: Inputs,
        store: Store,
        clock: Clock,
        meter: Meter,
        *,
        partitions: int,
        quarantine_partitions: int,
        limits: Limits,
        look_again: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`look_again` reads all programs that are published by then."""
        self.service = service
        self.log = log
        self.inputs = inputs
        self.store = store
        self.clock = clock
        self.meter = meter
        self.partitions = partitions
        self.quarantine_partitions = quarantine_partitions
        self.limits = limits
        self.look_again = look_again
        self.positions: dict[int, Position] = {}
        self.void = 0

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
            head = self.positions[place.partition].inputs[place.topic].head
            read = batch.setdefault(place.partition, [])
            for record in records:
                if record.timestamp > latest:
                    raise InputAhead(place, record, self.limits.input_ahead_ms)
                if head is not None:
                    after = follow(Head(head, 0, 0), record)
                    if after is None:
                        continue
                    head = after.hash
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
        """An input may come at once behind its program, which another service has read already."""
        said = [said for read in batch.values() for _, said in read]
        accounts = {input.account for input in said if isinstance(input, Input)}
        programs = {split_account(account)[0] for account in accounts}
        if self.look_again and not all(map(self.service.catalogue.versions, programs)):
            await self.look_again()

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
            plan = plans[partition] = Plan(
                position=position,
                state=self.service.state(rows.get(partition, {})),
                head=Head(position.head, position.seq, position.time_ms),
                inputs=dict(position.inputs),
            )
            for record, said in read:
                if isinstance(said, Unreadable):
                    self._quarantine(plan, record, said)
                else:
                    self._decide_one(plan, said)
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

    def _decide_one(self, plan: Plan[S], input: Input) -> None:
        """One input: known, in conflict, or decided. Never raises for what the input says."""
        plan.notify = plan.notify or input.record.topic == COMMANDS.name
        known = plan.state.body_of(input.cause)
        if known is not None:
            if known != input.body:
                detail = f"{input.cause.text} was decided with another content"
                self._quarantine(plan, input.record, Unreadable(Reason.CONFLICT, detail))
            return
        time_ms = max(input.record.timestamp, plan.head.time_ms)
        try:
            for decision in self.service.decide(plan.state, input, time_ms):
                self._write(plan, input, decision, time_ms)
        except Exception as error:  # a bug: the input is set aside with its reason, others go on
            logger.exception("an input could not be decided", service=self.service.name)
            self._write(plan, input, _rejected(input, error), time_ms)

    def _write(self, plan: Plan[S], input: Input, decision: Decision, time_ms: int) -> None:
        record = input.record
        outgoing, head, recorded = chained(
            decision,
            plan.head,
            writer=self.service.name,
            key=input.account,
            src=Source(record.topic, record.partition, record.offset),
            time_ms=time_ms,
        )
        if len(recorded.value) > RECORD_BYTES_MAX:
            raise ValueError(f"the decision has {len(recorded.value)} bytes, over the limit")
        plan.state.evolve(recorded)
        plan.head = head
        plan.outgoing.append(outgoing)

    def _quarantine(self, plan: Plan[S], record: Record, why: Unreadable) -> None:
        item = Quarantined(
            source=Source(record.topic, record.partition, record.offset),
            reason=why.reason,
            detail=why.detail,
            by=self.service.name,
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
        )
        plan.quarantined.append(Outgoing(record.key, record.value, quarantine.encode(item)))

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
        async with asyncio.timeout(self.limits.read_back_seconds):
            found = await self.log.read(ranges) if ranges else {}
        for partition, plan in plans.items():
            records = found.get(Place(self.service.output.name, partition), [])
            if void := self._confirm(plan, records):
                self.void += void
                await same_log(self.log, plan.position)

    def _confirm(self, plan: Plan[S], records: Sequence[Record]) -> int:
        """Walk what was read by the validity rule: how many records are void.

        Own records are known byte for byte, which is cheaper than hashing them once more. A valid
        record that is not the next own one means that another owner appended first.
        """
        head = Head(plan.position.head, plan.position.seq, plan.position.time_ms)
        confirmed = 0
        for record in records:
            own = plan.outgoing[confirmed] if confirmed < len(plan.outgoing) else None
            if (
                own is not None
                and record.value == own.value
                and tuple(record.headers) == tuple(own.headers)
            ):
                confirmed += 1
                head = Head(own.headers[-1][1], 0, 0)
            elif follow(head, record) is not None:
                break
        if confirmed < len(plan.outgoing):
            raise Outpaced(
                f"an own record of {plan.position.topic} is void: another owner appended"
            )
        last = records[-1] if records else None
        plan.after = plan.position._replace(
            next_offset=plan.position.next_offset + len(records),
            head=plan.head.hash,
            seq=plan.head.seq,
            time_ms=plan.head.time_ms,
            mark=plan.position.mark
            if last is None
            else fingerprint(last.key, last.value, last.headers),
            inputs=plan.inputs,
        )
        return len(records) - confirmed

    # fold

    async def _fold(self, plans: Mapping[int, Plan[S]]) -> None:
        """Wait for all, also where one fails: no write of this turn may outlive it."""
        folded = await asyncio.gather(
            *(self._fold_one(plan) for plan in plans.values()), return_exceptions=True
        )
        for outcome in folded:
            if isinstance(outcome, BaseException):
                raise outcome
        if not all(folded):
            raise Outpaced(f"{self.service.output.name}: a position was moved by another owner")

    async def _fold_one(self, plan: Plan[S]) -> bool:
        assert plan.after is not None
        return await self.store.fold(
            plan.position, plan.after, plan.state.writes(), notify=plan.notify
        )

    # answer

    def _answer(self, plans: Mapping[int, Plan[S]]) -> None:
        """Who listens was told by the commit itself; the owner goes on from the new positions."""
        for partition, plan in plans.items():
            assert plan.after is not None
            self.positions[partition] = plan.after


def _merged(one: Need, other: Need) -> Need:
    horizons = [need.horizon for need in (one, other) if need.horizon is not None]
    return Need(one.lookup, [*one.values, *other.values], max(horizons, default=None))


def _rejected(input: Input, error: Exception) -> Decision:
    record = input.record
    named = dict(record.headers)
    return Decision(
        cause=input.cause,
        body=input.body,
        fact=InputRejected(
            account=input.account,
            input_type=named.get("ce_type", b"").decode("utf-8", "replace"),
            reason="undecidable",
            detail=f"{type(error).__name__}: {error}"[:1_000],
        ),
    )
