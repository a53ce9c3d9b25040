"""A ledger in memory as `tessera verify` sees it."""

import asyncio

from cli.verify.merges import Merges
from cli.verify.partition import Verification
from cli.verify.report import Report, merged
from cli.verify.resolutions import Resolutions
from cli.verify.tables import Tables
from cli.verify.task import Outcome, Quarantine, Task
from cli.where import Installation
from shared.events import quarantine
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, QUARANTINE
from shared.stream.log import Bounds, Place
from tests.ledgers import LEDGER_ID, PARTITIONS, MemoryLedger


class WithoutRows(Resolutions):
    """Takes activity in; what intake has kept of it is held against that where there are tables."""

    async def check(self) -> None:
        """See `Resolutions.check`."""


def verified(ledger: MemoryLedger) -> Report:
    """The report of all partitions, without tables."""

    async def partition(number: int) -> Outcome:
        log = ledger.log
        tables = {
            name: Tables(
                exist=False,
                positions={p: at for (_, p), at in store.positions.items()},
                counts={},
            )
            for name, store in ledger.stores.items()
        }
        bounds = {
            topic.name: (await log.bounds([Place(topic.name, number)]))[Place(topic.name, number)]
            for topic in (LEDGER, AWARDS, COMMANDS, ACTIVITY)
        }
        set_aside = await log.read({Place(QUARANTINE.name, 0): await _whole(ledger)})
        sources = frozenset(
            quarantine.decode(r.key, r.value, r.headers).source
            for r in set_aside[Place(QUARANTINE.name, 0)]
        )
        task = Task(
            installation=Installation("", "", LEDGER_ID, PARTITIONS),
            partition=number,
            snapshot="",
            tables=tables,
            bounds=bounds,
            early=bounds[LEDGER.name].end,
            quarantine=Quarantine(sources, 0),
            upstream={},
            programs=ledger.programs,
        )
        verification = Verification(task, log, None)
        verification.resolutions = WithoutRows(None, task.upstream, verification.report)
        await verification.run()
        return verification.outcome

    async def all_partitions() -> list[Outcome]:
        return [await partition(number) for number in range(PARTITIONS)]

    outcomes = asyncio.run(all_partitions())
    report, merges = merged(outcome.report for outcome in outcomes), Merges()
    for outcome in outcomes:
        merges.add(outcome.merges)
    merges.check(report)
    return report


async def _whole(ledger: MemoryLedger) -> Bounds:
    """Everything that was set aside."""
    place = Place(QUARANTINE.name, 0)
    return (await ledger.log.bounds([place]))[place]
