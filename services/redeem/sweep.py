"""The sweep: asks for the facts that dates have brought about on accounts that nobody touches.

A chore beside the loop. It writes tick commands and decides nothing; when it runs changes no
balance, since reads and decisions settle by date themselves.
"""

import asyncio
import time

import structlog

from shared.events import registry
from shared.events.base import instant, millis
from shared.events.commands import Tick
from shared.events.ids import digest, tick_cause
from shared.events.topics import COMMANDS
from shared.events.wire import context
from shared.postgres.pool import available
from shared.stream.log import LogUnavailable, Outgoing, Place
from shared.stream.process import Shell
from shared.stream.records import partition_of_account
from shared.stream.store import StoreUnavailable

ACCOUNTS_PER_SWEEP = 5_000
DUE = """
    SELECT account, min(at) AS due_at
    FROM (
        SELECT account, expires_at AS at FROM lot WHERE free > 0 AND expires_at <= $1
        UNION ALL
        SELECT account, settles_at AS at FROM debit WHERE settles_at <= $1
    ) passed
    GROUP BY account ORDER BY due_at LIMIT $2
"""
logger = structlog.get_logger()


async def sweep(shell: Shell) -> None:
    """For ever: every so often, tick the accounts of this process's partitions that are due."""
    while True:
        await asyncio.sleep(shell.settings.sweep_seconds)
        try:
            ticked = await tick_due(shell)
        except (LogUnavailable, StoreUnavailable) as error:
            logger.warning("the sweep waits", why=str(error))
        else:
            if ticked:
                logger.info("swept", accounts=ticked)


async def tick_due(shell: Shell) -> int:
    """Tick every account that is due now; how many."""
    now_ms = time.time_ns() // 1_000_000
    async with available(), shell.pool.acquire() as connection:
        rows = await connection.fetch(DUE, instant(now_ms), ACCOUNTS_PER_SWEEP)
    batches: dict[Place, list[Outgoing]] = {}
    for account, due_at in rows:
        partition = partition_of_account(account, shell.settings.partitions)
        if partition in shell.runner.partitions:
            tick = tick_command(account, millis(due_at), now_ms)
            batches.setdefault(Place(COMMANDS.name, partition), []).append(tick)
    if batches:
        await shell.log.append(batches)
    return sum(map(len, batches.values()))


def tick_command(account: str, due_ms: int, now_ms: int) -> Outgoing:
    """The command to write down what is due on an account."""
    tick = Tick(account=account, due_at=instant(due_ms))
    value, named = registry.encode(tick), tick_cause(tick)
    wire_type = registry.TYPE_OF[Tick]
    headers = context(id=named.id, source="sweep", type=wire_type, subject=account, time_ms=now_ms)
    headers += [("cause", named.text.encode()), ("body", digest(value))]
    return Outgoing(account.encode(), value, headers)
