"""Opening a partition: fold what is there, check that it is the same log, write `Opened`, go on.

Recovery, rebuild and normal operation are this one path: a dropped schema is a position of zero.
After a partition is open, its position row says exactly what the log's valid records say.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from shared.chain.link import fingerprint, valid
from shared.events.facts import Opened
from shared.events.ids import cause
from shared.events.wire import Source
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.positions import Halted, Outpaced, first_position, head_of, same_inputs, same_log
from shared.stream.records import decoded, linked, written
from shared.stream.service import Decision, Recorded, Service, State
from shared.stream.store import InputMark, Position, Rows, Store, Writes

S = TypeVar("S", bound=State)
Progress = Callable[[int], None]


class Owner(NamedTuple):
    """Who opens: a process, for the record's sake."""

    name: str
    code_version: str


class Ledger(NamedTuple):
    """What a chain's genesis is made of, beside topic, partition and writer."""

    id: str
    partitions: int


class Opening(Generic[S]):
    """Opens partitions of one service's fact topic."""

    def __init__(
        self,
        service: Service[S],
        log: Log,
        store: Store,
        ledger: Ledger,
        owner: Owner,
        *,
        replay_records: int,
        fold_version: str,
    ) -> None:
        self.service = service
        self.log = log
        self.store = store
        self.ledger = ledger
        self.owner = owner
        self.replay_records = replay_records
        self.fold_version = fold_version

    async def open(self, partition: int) -> Position:
        """The partition's position behind its own `Opened`; its inputs say where each goes on.

        Raises Halted, Outpaced, LogUnavailable, StoreUnavailable.
        """
        position = await self.catch_up(await self.stored(partition))
        inputs = await same_inputs(self.log, position, self.service.inputs, self.ledger.partitions)
        return await self._announce(position, inputs)

    async def stored(self, partition: int) -> Position:
        """The stored position, made if there is none.

        Raises Outpaced, and Halted if it is another ledger's.
        """
        place = Place(self.service.output.name, partition)
        first = first_position(
            place,
            ledger_id=self.ledger.id,
            partitions=self.ledger.partitions,
            writer=self.service.name,
            fold_version=self.fold_version,
        )
        await self.store.begin(first)
        loaded = await self.store.load(place.topic, [partition], [])
        if partition not in loaded.positions:
            raise Outpaced(f"{place}: the position went as soon as it was written")
        position = loaded.positions[partition]
        if position.ledger_id != self.ledger.id:
            raise Halted(
                f"{place} of ledger {self.ledger.id} meets a schema folded from ledger "
                f"{position.ledger_id}: two clusters are mixed up. Check the addresses of Kafka "
                "and Postgres"
            )
        if position.fold_version.split(".")[0] != self.fold_version.split(".")[0]:
            raise Halted(
                f"the schema of {self.service.name} was folded by version "
                f"{position.fold_version}, this code folds version {self.fold_version}: run "
                f"`tessera rebuild {self.service.name}`"
            )
        return position

    async def catch_up(self, position: Position, progress: Progress | None = None) -> Position:
        """Fold the partition from `position` to its end."""
        place = Place(position.topic, position.partition)
        end = (await same_log(self.log, position)).end
        while position.next_offset < end:
            until = min(end, position.next_offset + self.replay_records)
            records = (await self.log.read({place: Bounds(position.next_offset, until)}))[place]
            position = await fold_records(self.service, self.store, position, records)
            if progress is not None:
                progress(len(records))
            if position.next_offset == end:
                end = (await self.log.bounds([place]))[place].end
        return position

    async def _announce(self, position: Position, inputs: Mapping[str, InputMark]) -> Position:
        """Append `Opened` on the head; it is there and valid when this returns."""
        place = Place(position.topic, position.partition)
        head = head_of(position)
        named = cause("opened", str(place), position.head.hex())
        opened = Opened(owner=self.owner.name, code_version=self.owner.code_version)
        said = written(Decision(named, b"", opened), time_ms=position.time_ms, seq=head.seq + 1)
        outgoing, _ = linked(head, named, said, writer=self.service.name, key=str(place), src=None)
        last = (await self.log.append({place: [outgoing]}))[place]
        records = (await self.log.read({place: Bounds(position.next_offset, last + 1)}))[place]
        after = await fold_records(self.service, self.store, position, records, inputs)
        if after.head != outgoing.headers[-1][1]:
            raise Outpaced(f"{place} was opened by another owner")
        return after


async def fold_records(
    service: Service[S],
    store: Store,
    position: Position,
    records: Sequence[Record],
    inputs: Mapping[str, InputMark] | None = None,
) -> Position:
    """Fold records that begin at the position; the position behind them, with `inputs` if given.

    Raises Outpaced. The fold of opening, rebuild and verification; the turn's fold is the same
    `evolve` and `writes` on records that it has just written itself.
    """
    facts, after = replay(position, records)
    if inputs is not None:
        after = after._replace(inputs=inputs)
    needs = service.replay_needs(facts) if facts else ()
    loaded = await store.load(position.topic, [position.partition], needs)
    if loaded.positions.get(position.partition) != position:  # then the rows are of another state
        raise Outpaced(f"{position.topic}/{position.partition} is folded by another owner")
    writes = _folded(service, loaded.rows, facts) if facts else {}
    if not await store.fold(position, after, writes, notify=False):
        raise Outpaced(f"{position.topic}/{position.partition} is folded by another owner")
    return after


def _folded(service: Service[S], rows: Rows, facts: Sequence[Recorded]) -> Writes:
    """The rows that facts change."""
    state = service.state(rows)
    for fact in facts:
        state.evolve(fact)
    return state.writes()


def replay(position: Position, records: Sequence[Record]) -> tuple[list[Recorded], Position]:
    """The valid facts among records that begin at the position, and the position behind them.

    An input is behind it if a fact of a later one is there: of the last one's facts some may have
    been torn off. It is read again, and its cause says whether anything is left to decide.
    """
    counted, head = valid(head_of(position), records)
    facts: list[Recorded] = []
    last_sources: dict[bytes, int] = {}
    done: dict[bytes, int] = {}
    for record in counted:
        named = dict(record.headers)
        fact = decoded(record, named)
        if not isinstance(fact.fact, Opened):
            facts.append(fact)
        place, _, offset = named.get("src", b"").rpartition(b"/")
        if place:
            before = last_sources.get(place)
            last_sources[place] = max(before or 0, int(offset))
            if before is not None and before < int(offset):
                done[place] = before
    inputs = dict(position.inputs)
    for place, number in done.items():
        src = Source.decode(b"%b/%d" % (place, number))
        if src.offset >= inputs.get(src.topic, InputMark(0)).next:
            inputs[src.topic] = InputMark(src.offset + 1)
    last = records[-1]
    return facts, position._replace(
        next_offset=position.next_offset + len(records),
        head=head.hash,
        seq=head.seq,
        time_ms=head.time_ms,
        mark=fingerprint(last.key, last.value, last.headers),
        inputs=inputs,
    )
