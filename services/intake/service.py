"""The shell of intake: upstream records in, activity of accounts and quarantine out.

Guarantees: every record of an upstream topic is forwarded or set aside at least once, before the
position moves past it; what is forwarded again has the account, the content and the cause of the
first time, so it counts once. Poison holds nothing up. Does not decide what an activity is worth.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from services.intake.decide import Recognised, Resolving, read
from services.intake.positions import Positions
from services.intake.records import SERVICE, activity
from services.intake.refusal import Refused
from services.intake.store import Store
from shared.events import quarantine
from shared.events.quarantine import Quarantined, Reason
from shared.events.topics import ACTIVITY, QUARANTINE, QUARANTINE_BYTES_MAX, RECORD_BYTES_MAX
from shared.events.upstream import Activity
from shared.metrics import QUARANTINED
from shared.program.catalogue import Catalogue
from shared.stream.gaps import check_whole
from shared.stream.limits import Limits
from shared.stream.log import AppendFailed, Inputs, Log, LogUnavailable, Outgoing, Place, Record
from shared.stream.pace import Pace
from shared.stream.positions import Halted, Outpaced
from shared.stream.records import partition_of_account, set_aside, standing
from shared.stream.runner import COMMIT_SECONDS, CONFIRM_SECONDS, Group
from shared.stream.service import Programs
from shared.stream.store import StoreUnavailable
from shared.stream.turn import Meter

logger = structlog.get_logger()


class Taken(NamedTuple):
    """A record and what it says."""

    record: Record
    event: Recognised


class Outputs(NamedTuple):
    """The topics that intake writes, and how many partitions they have."""

    activity_partitions: int
    quarantine_partitions: int
    activity: str = ACTIVITY.name
    quarantine: str = QUARANTINE.name


class Intake:
    """The loop over the upstream partitions that the group gives to this process."""

    def __init__(
        self,
        log: Log,
        inputs: Inputs,
        store: Store,
        programs: Programs,
        group: Group,
        meter: Meter,
        outputs: Outputs,
        limits: Limits,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.log = log
        self.inputs = inputs
        self.store = store
        self.programs = programs
        self.group = group
        self.meter = meter
        self.outputs = outputs
        self.limits = limits
        self.jitter = jitter
        self.catalogue = Catalogue()
        self.positions = Positions()
        self.failures = 0
        self.committing = Pace(COMMIT_SECONDS)
        self.confirming = Pace(CONFIRM_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises Halted."""
        while not stop.is_set():
            try:
                if self.group.changed.is_set():
                    await self._own()
                taken = await self.turn()
                await self._confirm(idle=not taken)
                self.failures = 0
                await self._tell_group()
            except (Outpaced, LogUnavailable, StoreUnavailable, TimeoutError) as error:
                logger.warning("starting over", why=str(error) or type(error).__name__)
                await self._start_over()

    async def turn(self) -> int:
        """One pass; how many records it took.

        Raises Halted, Outpaced, LogUnavailable, StoreUnavailable.
        """
        started = perf_counter()
        polled = self.positions.checked(
            await self.inputs.poll(self.limits.inputs_per_turn, self.limits.poll_wait_ms)
        )
        await check_whole(self.log, self.positions.nexts(polled), polled)
        started = self._stepped("poll", started)
        if not polled:
            return 0
        self.catalogue = await self.programs.refresh()  # behind the poll, which may have waited
        taken, refused = self._read(polled)
        started = self._stepped("read", started)
        accounts = await self._resolve(taken)
        started = self._stepped("resolve", started)
        forwarded = await self._forward(taken, accounts, refused)
        started = self._stepped("forward", started)
        await self._swap(polled)
        self._stepped("swap", started)
        records = sum(map(len, polled.values()))
        self.meter.turned(records, forwarded, 0)
        return records

    def _stepped(self, name: str, started: float) -> float:
        now = perf_counter()
        self.meter.step(name, now - started)
        return now

    # read

    def _read(
        self, polled: Mapping[Place, Sequence[Record]]
    ) -> tuple[list[Taken], list[Quarantined]]:
        """What the records say, and those that say nothing that can be taken."""
        taken: list[Taken] = []
        refused: list[Quarantined] = []
        for place, records in polled.items():
            for record in records:
                said = read(place.topic, record.value, record.headers, record.timestamp)
                if isinstance(said, Refused):
                    refused.append(set_aside(record, *said, by=SERVICE))
                else:
                    taken.append(Taken(record, said))
        return taken, refused

    # resolve

    async def _resolve(self, taken: Sequence[Taken]) -> list[str | Refused]:
        """The account of each event, written down before anything is forwarded.

        Looks again where a brand may have been published a moment ago, and where another process
        was faster with an event: its answer counts.
        """
        identities = {identity for _, event in taken for identity in event.looked_up}
        is_refreshed = False
        while identities:
            resolving = Resolving(await self.store.known(identities), self._account_of)
            accounts = [resolving.resolve(event) for _, event in taken]
            if not is_refreshed and any(map(_is_of_no_program, accounts)):
                self.catalogue = await self.programs.refresh(to_end=True)
                is_refreshed = True
            elif not resolving.found or await self.store.write_down(resolving.found):
                return accounts
        return []

    def _account_of(self, activity: Activity) -> str | None:
        program = self.catalogue.program_of_brand(activity.brand, activity.occurred_at)
        return None if program is None else f"{program.program}:{activity.member}"

    # forward

    async def _forward(
        self,
        taken: Sequence[Taken],
        accounts: Sequence[str | Refused],
        refused: list[Quarantined],
    ) -> int:
        """Append activities and quarantine; how many were activities. Returns after all acks."""
        batches: dict[Place, list[Outgoing]] = {}
        for (record, event), account in zip(taken, accounts, strict=True):
            if isinstance(account, Refused):
                refused.append(set_aside(record, *account, by=SERVICE))
            else:
                partition = partition_of_account(account, self.outputs.activity_partitions)
                outgoing = activity(account, event, standing(record))
                batches.setdefault(Place(self.outputs.activity, partition), []).append(outgoing)
        if batches:
            await self._append(batches)
        if refused:
            await self._set_aside(refused)
        return sum(map(len, batches.values()))

    async def _append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> None:
        try:
            await self.log.append(batches)
        except AppendFailed as failed:
            if _is_too_large(failed):
                raise _misfit(self.outputs.activity, RECORD_BYTES_MAX) from failed
            raise

    async def _set_aside(self, refused: Sequence[Quarantined]) -> None:
        """Append to quarantine; a record that the topic does not take whole keeps its beginning."""
        for bytes_max in (QUARANTINE_BYTES_MAX, RECORD_BYTES_MAX):
            try:
                await self.log.append(self._quarantine_batches(refused, bytes_max))
            except AppendFailed as failed:
                if not _is_too_large(failed):
                    raise
            else:
                break
        else:
            raise _misfit(self.outputs.quarantine, RECORD_BYTES_MAX)
        reasons = Counter(item.reason.value for item in refused)
        for reason, count in reasons.items():
            QUARANTINED.labels(SERVICE, reason).inc(count)
        logger.info("quarantined", first=refused[0].id, reasons=reasons)

    def _quarantine_batches(
        self, refused: Sequence[Quarantined], bytes_max: int
    ) -> dict[Place, list[Outgoing]]:
        batches: dict[Place, list[Outgoing]] = {}
        for whole in refused:
            item = quarantine.fitted(whole, bytes_max)
            partition = item.source.partition % self.outputs.quarantine_partitions
            batches.setdefault(Place(self.outputs.quarantine, partition), []).append(
                Outgoing(item.key, item.value, quarantine.encode(item))
            )
        return batches

    # swap

    async def _swap(self, polled: Mapping[Place, Sequence[Record]]) -> None:
        """Move the positions past what was taken."""
        moves = self.positions.after(polled)
        if not await self.store.swap(moves):
            raise Outpaced("an upstream position was moved by another process")
        self.positions.at.update({place: new for place, (_, new) in moves.items()})

    # owning

    async def _own(self) -> None:
        """Take up what the group gives and drop what it takes."""
        self.group.changed.clear()
        places = self.group.places()
        self.inputs.assign(await self.positions.own(places, self.log, self.store))
        logger.info("owns", places=sorted(map(str, places)))

    async def _start_over(self) -> None:
        """Forget everything, wait, and take up all places afresh from what is stored."""
        self.positions.forget()
        self.inputs.assign({})
        self.failures += 1
        pause = min(
            self.limits.reopen_seconds * 2 ** min(self.failures, 16),
            self.limits.reopen_seconds_max,
        )
        await asyncio.sleep(pause * (0.5 + self.jitter() / 2))
        self.group.changed.set()

    async def _confirm(self, *, idle: bool) -> None:
        """Now and then while nothing comes, look whether the positions are where they were left.

        Raises Outpaced where somebody has moved them: `tessera positions reset` does.
        """
        if not idle:
            self.confirming.begin()
        elif (
            self.confirming.is_due()
            and await self.store.positions(self.positions.at) != self.positions.at
        ):
            raise Outpaced("an upstream position is not where it was left")

    async def _tell_group(self) -> None:
        if self.committing.is_due():
            await self.group.committed(
                {place: position.next_offset for place, position in self.positions.at.items()}
            )


def _is_of_no_program(account: str | Refused) -> bool:
    return isinstance(account, Refused) and account.reason is Reason.UNKNOWN_BRAND


def _is_too_large(failed: AppendFailed) -> bool:
    return isinstance(failed.__cause__, MessageSizeTooLargeError | RecordListTooLargeError)


def _misfit(topic: str, needed: int) -> Halted:
    return Halted(
        f"{topic} does not take records of {needed} bytes: set its max.message.bytes, and the "
        "broker's limits above it, to the values in the table of topics"
    )
