"""The courier: carries what the accounts of members and the stocks of rewards want of each other.

A chore beside the loop. Guarantees: every errand that is folded is carried on until its outcome is,
at least once; the receiver's cause check makes it exactly once. What there is to carry is found in
the rows, so nothing is lost when it is killed. It decides nothing. NOTIFY wakes it; a hint that is
lost costs `LOOK_SECONDS`.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from services.redeem.errands import Letter, letter, stock_cause
from services.redeem.rewards import CLAIM, claim_of
from shared.events import registry
from shared.events.ids import digest
from shared.events.topics import COMMANDS
from shared.events.wire import context
from shared.ledger.claims import Claim
from shared.postgres.pool import available
from shared.stream.log import LogUnavailable, Outgoing, Place
from shared.stream.process import Shell
from shared.stream.records import partition_of_account
from shared.stream.store import StoreUnavailable

ERRANDS_AT_ONCE = 1_000
LOOK_SECONDS = 0.5
"""How often rows are looked at without a hint."""
PAUSE_SECONDS = 0.005
"""At least so long between two looks: hints of many turns are one look."""
AGAIN_SECONDS = 2.0
"""After this time without an outcome a command is sent again."""
REMEMBERED_MAX = 10_000
CONNECT_SECONDS = 5.0
CHANNEL = "redeem"
"""Where redeem tells of folds that took commands; those of other processes, too."""

_COLUMNS = ", ".join(f'"{column}"' for column in CLAIM.columns)
OPEN = f"""
SELECT {_COLUMNS} FROM claim WHERE errand IS NOT NULL ORDER BY made_at LIMIT $1
"""  # noqa: S608
DECIDED = "SELECT cause, type, fact FROM decision WHERE cause = ANY($1::uuid[])"
logger = structlog.get_logger()


async def courier(shell: Shell) -> None:
    """For ever: carry what is open, as soon as it is."""
    sent = Sent()
    while True:
        try:
            async with _hints(shell) as hints:
                while not hints.connection.is_closed():
                    hints.came.clear()
                    await carry(shell, sent)
                    await asyncio.sleep(PAUSE_SECONDS)
                    await _hint(hints)
        except (LogUnavailable, StoreUnavailable) as error:
            logger.warning("the courier waits", why=str(error))
            await asyncio.sleep(LOOK_SECONDS)


class Sent:
    """What was sent lately, so that it is not sent again at every look; forgetting is harmless."""

    def __init__(self) -> None:
        self._at: OrderedDict[UUID, float] = OrderedDict()

    def is_recent(self, cause: UUID, now: float) -> bool:
        """Whether there is no reason yet to send it again."""
        at = self._at.get(cause)
        return at is not None and now - at < AGAIN_SECONDS

    def note(self, causes: list[UUID], now: float) -> None:
        """These were sent just now."""
        for cause in causes:
            self._at[cause] = now
            self._at.move_to_end(cause)
        while len(self._at) > REMEMBERED_MAX:
            self._at.popitem(last=False)


async def carry(shell: Shell, sent: Sent) -> int:
    """Send what comes next of each open errand of this process's accounts; how many commands."""
    letters = await open_letters(shell)
    now = asyncio.get_running_loop().time()
    waiting = [found for found in letters if not sent.is_recent(found.cause.id, now)]
    batches: dict[Place, list[Outgoing]] = {}
    for found in waiting:
        partition = partition_of_account(found.command.account, shell.settings.partitions)
        batches.setdefault(Place(COMMANDS.name, partition), []).append(_outgoing(found))
    if batches:
        await shell.log.append(batches)
        sent.note([found.cause.id for found in waiting], now)
    return len(waiting)


async def open_letters(shell: Shell) -> list[Letter]:
    """What the rows say is to be carried for the accounts of this process's partitions."""
    async with available(), shell.pool.acquire() as connection:
        rows = await connection.fetch(OPEN, ERRANDS_AT_ONCE)
        claims = [claim for row in rows if _is_ours(shell, claim := claim_of(Claim(*row)))]
        causes = [stock_cause(claim).id for claim in claims]
        found = await connection.fetch(DECIDED, causes) if causes else []
    decided = {cause: registry.decode(type, fact.encode()) for cause, type, fact in found}
    return [letter(claim, decided.get(cause)) for claim, cause in zip(claims, causes, strict=True)]


def _is_ours(shell: Shell, claim: Claim) -> bool:
    partition = partition_of_account(claim.account, shell.settings.partitions)
    return partition in shell.runner.partitions


def _outgoing(found: Letter) -> Outgoing:
    command, cause = found
    value, wire_type = registry.encode(command), registry.TYPE_OF[type(command)]
    headers = context(
        id=cause.id,
        source="courier",
        type=wire_type,
        subject=command.account,
        time_ms=time.time_ns() // 1_000_000,
    )
    headers += [("cause", cause.text.encode()), ("body", digest(value))]
    return Outgoing(command.account.encode(), value, headers)


class Hints(NamedTuple):
    """Told whenever something was folded, as long as the connection lives."""

    connection: asyncpg.Connection
    came: asyncio.Event


@asynccontextmanager
async def _hints(shell: Shell) -> AsyncIterator[Hints]:
    """A connection that listens. Raises StoreUnavailable."""
    came = asyncio.Event()
    async with available():
        connection = await asyncpg.connect(
            shell.settings.postgres,
            timeout=CONNECT_SECONDS,
            server_settings={"application_name": "tessera-courier"},
        )
    try:
        async with available():
            await connection.add_listener(CHANNEL, lambda *_: came.set())
        yield Hints(connection, came)
    finally:
        connection.terminate()


async def _hint(hints: Hints) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await hints.came.wait()
