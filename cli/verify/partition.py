"""One partition of the whole ledger: awards, points, their inputs and their rows.

All keyed topics have the same partitions, so what belongs together is in one place, and partitions
are verified apart, in any order, in as many processes as there are processors.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from cli.deciding import SERVICES
from cli.verify.bits import Offsets
from cli.verify.inputs import InputReader
from cli.verify.justify import Justifier
from cli.verify.marks import check_mark
from cli.verify.merges import Merges, lots_sent_on
from cli.verify.report import Check, Report
from cli.verify.resolutions import Resolutions
from cli.verify.sums import check_sums
from cli.verify.tables import RowCheck, Tables, connected, snapshot
from cli.verify.task import Outcome, Task
from cli.verify.transfers import Transfers
from cli.verify.walk import RESTORE, Walk
from services.redeem.projection import ACCOUNT, DEBIT, LOT
from shared.chain.link import Head
from shared.events import registry
from shared.events.awards import PointsEarned
from shared.events.commands import Tick
from shared.events.facts import ProgramPublished
from shared.events.merges import InputForwarded
from shared.events.points import PointsCredited
from shared.events.topics import AWARDS, BY_NAME, LEDGER, Kind
from shared.events.wire import Source
from shared.postgres.generations import of_service
from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.model import Program
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Log, Place, Record
from shared.stream.positions import first_position, same_log
from shared.stream.records import standing
from shared.stream.service import Input, Service, Unreadable
from shared.stream.store import InputMark, Position

RECORDS_AT_ONCE = 4_000
WAITING = "inputs that wait to be decided"
REPEATED = "inputs that repeat what was decided before"
FORGOTTEN = "inputs that may have been set aside longer ago than the quarantine is kept"


class Award(NamedTuple):
    """An award of earn, or a part of one, that no credit was found for yet."""

    offset: int
    account: str
    points: int


async def verify_partition(task: Task) -> Outcome:
    """Verify one partition: the work of one process."""
    log = KafkaLog(task.installation.kafka)
    try:
        await log.start()
        async with (
            connected(task.installation.postgres) as connection,
            snapshot(connection, task.snapshot),
        ):
            verification = Verification(task, log, connection)
            await verification.run()
            return verification.outcome
    finally:
        await log.close()


def catalogues(programs: Sequence[bytes]) -> list[Catalogue]:
    """The catalogue before anything was published, and after each publication."""
    states = [Catalogue()]
    for value in programs:
        try:
            published = registry.decode(registry.TYPE_OF[ProgramPublished], value)
            assert isinstance(published, ProgramPublished)
            states.append(states[-1].with_version(Program.model_validate(published.document)))
        except (ValueError, CatalogueError):  # left out by every reader
            continue
    return states


class Verification:
    """The verification of one partition."""

    def __init__(self, task: Task, log: Log, connection: Any) -> None:
        self.task = task
        self.log = log
        self.connection = connection
        self.report = Report()
        self.upstream: dict[Place, Offsets] = {}
        self.awards: dict[UUID, Award] = {}
        self.transfers = Transfers()
        self.merges = Merges()
        self.catalogues = catalogues(task.programs)
        self.resolutions = Resolutions(connection, task.upstream, self.report)
        self.void_awards: set[int] = set()
        self.heads: dict[str, bytes] = {}
        """By fact topic, the head of its chain where its reader goes on."""

    @property
    def outcome(self) -> Outcome:
        """What was found so far."""
        return Outcome(self.report, self.upstream, self.transfers, self.merges)

    async def run(self) -> None:
        """Earn first: what it awarded is what redeem has to credit."""
        for name, make in SERVICES.items():
            service = make()
            readers = {topic.name: self._reader(topic.name) for topic in service.inputs}
            await self._service(service, self.task.tables[name], readers)
        self._uncredited()

    def _reader(self, topic: str) -> InputReader:
        place = Place(topic, self.task.partition)
        note = self._note_upstream if BY_NAME[topic].kind is Kind.INPUT else None
        return InputReader(self.log, place, self.task.bounds[topic], note)

    def _note_upstream(self, record: Record) -> None:
        self.resolutions.note(record)
        for name, content in record.headers:
            if name == "src":
                topic, partition, offset = Source.decode(content)
                self.upstream.setdefault(Place(topic, partition), Offsets()).add(offset)

    async def _service(
        self, service: Service[Any], tables: Tables, readers: Mapping[str, InputReader]
    ) -> None:
        where = self.task.installation
        place = Place(service.output.name, self.task.partition)
        position, version = tables.positions.get(place.partition), str(service.fold_version)
        justifier = Justifier(service, place, readers, self.catalogues, self.report)
        first = first_position(
            place,
            ledger_id=where.ledger_id,
            partitions=where.partitions,
            writer=service.name,
            fold_version=version,
        )
        await same_log(self.log, first)
        head = Head(first.head, first.seq, first.time_ms)
        earlier = InputReader(self.log, place, self.task.bounds[place.topic])
        walk = Walk(service, place, head, earlier, where.partitions, justifier, self.report)
        if place.topic == AWARDS.name:
            walk.watched = self._mark("redeem", place.topic).next
        end = self.task.bounds[place.topic].end
        stored = min(position.next_offset, end) if position is not None else 0
        rows = None
        if tables.exist and (position is None or of_service(position.fold_version) == version):
            rows = RowCheck(self.connection, service, place, where.partitions, self.report)
        await self._fold(walk, stored, rows)
        if tables.exist:
            self._check_position(walk, position, end)
        if rows is not None:
            await self._compare(walk, rows, tables)
        await self._fold(walk, end, None)
        self.heads[place.topic] = walk.head_there
        justifier.end()
        if place.topic == LEDGER.name:
            accounts, lots, debits = (walk.rows(table).values() for table in (ACCOUNT, LOT, DEBIT))
            check_sums(accounts, lots, debits, self.report)
        for topic, reader in readers.items():
            mark = self._mark(service.name, topic)
            await check_mark(reader, mark, self.heads.get(topic), self.report)
            await self._inputs(walk, reader, mark.next)
            if BY_NAME[topic].kind is Kind.INPUT:
                await reader.note_rest(mark.next)
        await self.resolutions.check()

    def _mark(self, service: str, topic: str) -> InputMark:
        """How far a service has read a topic."""
        position = self.task.tables[service].positions.get(self.task.partition)
        inputs = position.inputs if position is not None else {}
        return inputs.get(topic, InputMark(0))

    # the fold

    async def _fold(self, walk: Walk, end: int, rows: RowCheck | None) -> None:
        while walk.next < end:
            until = min(end, walk.next + RECORDS_AT_ONCE)
            records = (await self.log.read({walk.place: Bounds(walk.next, until)}))[walk.place]
            batch, passed = await walk.fold(records)
            if walk.place.topic == AWARDS.name:
                valid = {walked.offset for walked in batch}
                self.void_awards.update(r.offset for r in records if r.offset not in valid)
            for walked in batch:
                fact, early = walked.fact.fact, walked.offset < self.task.early
                self._credit(walk.place, walked.offset, fact, early=early)
                self.transfers.note(fact, early=early)
                self.merges.note(fact, early=early)
            await self.resolutions.check()
            if rows is not None:
                for table, made in passed.items():
                    await rows.compare(table, made)

    def _credit(self, place: Place, offset: int, fact: object, *, early: bool) -> None:
        match fact:
            case PointsEarned():
                self.report.count(Check.CREDITS)
                points = fact.points
                for part in fact.parts:
                    self.awards[part.lot_id] = Award(offset, fact.account, part.points)
                    points -= part.points
                self.awards[fact.award_id] = Award(offset, fact.account, points)
            case PointsCredited():
                award = self.awards.pop(fact.lot_id, None)
                where = f"{place} offset {offset}"
                if award is None:
                    self.merges.credit(fact, where, early=early)
                    return
                desired = fact.points if fact.desired is None else fact.desired
                if (award.account, award.points) != (fact.account, desired):
                    what = f"{where} credits {desired} points, awarded were {award.points}"
                    self.report.find(Check.CREDITS, fact.account, what, RESTORE)
            case InputForwarded():
                lots = lots_sent_on(fact)
                for lot_id in lots:
                    self.awards.pop(lot_id, None)
                self.merges.send_on(lots)
            case _:
                pass

    def _uncredited(self) -> None:
        """Awards that redeem has read, and not credited."""
        read = self._mark("redeem", AWARDS.name).next
        for award_id, award in self.awards.items():
            if award.offset < read:
                place = Place(AWARDS.name, self.task.partition)
                what = f"{place} offset {award.offset}: award {award_id} of {award.points} points"
                remedy = f"tessera positions reset {AWARDS.name}: it is read again, and credited"
                self.report.find(
                    Check.CREDITS, award.account, f"{what} was read, not credited", remedy
                )

    # the tables

    def _check_position(self, walk: Walk, position: Position | None, end: int) -> None:
        where, service = str(walk.place), walk.service.name
        remedy = f"tessera rebuild {service}"
        self.report.count(Check.POSITIONS)
        if position is None:
            counted = self.task.tables[service].counts.values()
            if end and any(counts[self.task.partition] for counts in counted):
                what = f"{service} has rows of {where}, but no position in it"
                self.report.find(Check.POSITIONS, where, what, remedy)
            return
        for name, found, expected in (
            ("ledger_id", position.ledger_id, self.task.installation.ledger_id),
            (
                "fold version",
                of_service(position.fold_version),
                str(walk.service.fold_version),
            ),
            ("offset", position.next_offset, walk.next),
            ("seq", position.seq, walk.head.seq),
            ("time", position.time_ms, walk.head.time_ms),
            ("head", position.head.hex(), walk.head.hash.hex()),
            ("mark", position.mark, walk.mark),
        ):
            if found != expected:
                what = f"the stored {name} of {where} is {found!r}, the log says {expected!r}"
                self.report.find(Check.POSITIONS, where, what, remedy)

    async def _compare(self, walk: Walk, rows: RowCheck, tables: Tables) -> None:
        """The rows as of the stored position; those that pass through were compared on the way."""
        for table in walk.service.tables:
            if table in walk.passing:
                known: Any = walk.bodies
            else:
                known = walk.rows(table)
                await rows.compare(table, known.values())
            await rows.surplus(table, known, tables.counts)

    # the inputs

    async def _inputs(self, walk: Walk, reader: InputReader, read: int) -> None:
        """What the service has read, and no fact names, must be told by something else."""
        kept = reader.kept
        self.report.count(Check.INPUTS, max(0, min(read, kept.end) - kept.first))
        self.report.note(WAITING, max(0, kept.end - max(read, kept.first)))
        async for record in reader.undecided(read):
            if reader.place.topic == AWARDS.name and record.offset in self.void_awards:
                continue
            what = self._undecided(walk, record)
            if what is None:
                continue
            source = standing(record)
            if source in self.task.quarantine.sources:
                continue
            if record.timestamp < self.task.quarantine.since_ms:
                self.report.note(FORGOTTEN)
                continue
            account = (record.key or b"").decode("utf-8", "backslashreplace")
            told = f"{reader.place} offset {record.offset}: {what}"
            remedy = f"tessera positions reset {reader.place.topic}: it is read again"
            self.report.find(Check.INPUTS, account, told, remedy)

    def _undecided(self, walk: Walk, record: Record) -> str | None:
        """Why an input that no fact names should stand in quarantine; None if it need not."""
        said = walk.service.read(record)
        match said:
            case None:
                return None
            case Unreadable(reason, _):
                return f"it cannot be taken ({reason}), and is not in quarantine"
            case Input(message=Tick()):
                return None  # leaves a trace only where dates had brought something about
            case Input():
                known = walk.bodies.get(said.cause.id)
                if known == said.body:
                    self.report.note(REPEATED)
                    return None
                if known is not None:
                    return f"{said.cause.text} was decided with another content; not in quarantine"
                return f"{said.cause.text} was read, but neither decided nor set aside"
        raise AssertionError(said)
