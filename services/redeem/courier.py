"""The courier: carries what accounts want of each other: of members, and of the stocks of rewards.

A chore beside the loop. Guarantees: every errand that is folded is carried on until its outcome is,
at least once; the receiver's cause check makes it exactly once. What there is to carry is found in
the rows, so nothing is lost when it is killed. It decides nothing. What wakes it is a hint: if that
is lost, it costs `LOOK_SECONDS`.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import structlog
from pydantic import BaseModel

from services.redeem.deliveries import InParcel, delivery, outcome_of_parcel
from services.redeem.errands import Letter, letter, outcome_letter, receipt_letter, stock_cause
from services.redeem.merges import PARCEL, parcel_of
from services.redeem.rewards import CLAIM, claim_of
from services.redeem.transfers import TRANSFER, transfer_of
from shared.events import registry
from shared.events.ids import Cause, delivery_cause, digest, receive_cause, transferred_cause
from shared.events.merges import InputForwarded
from shared.events.topics import COMMANDS
from shared.events.transfers import PointsSent
from shared.events.wire import context
from shared.ledger.claims import Claim
from shared.ledger.parcels import Parcel, ParcelState
from shared.ledger.transfers import Transfer, TransferState
from shared.postgres.pool import available
from shared.stream.log import LogUnavailable, Outgoing, Place
from shared.stream.process import Shell
from shared.stream.records import partition_of_account
from shared.stream.store import StoreUnavailable, Table, Writes

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
ERRANDS_AT_ONCE = 1_000
SENT_AT_ONCE = 100
"""Transfers that are told to the other account at once: what is told may fill half a record."""


ERRANDS = (CLAIM, TRANSFER, PARCEL)
"""Whose rows say what there is to carry."""


def _oldest(table: Table, condition: str) -> str:
    columns = ", ".join(f'"{column}"' for column in table.columns)
    what = f"SELECT {columns} FROM {table.name} WHERE {condition}"  # noqa: S608
    return f"{what} ORDER BY made_at LIMIT {ERRANDS_AT_ONCE}"


OPEN_CLAIM = "errand IS NOT NULL"
OPEN_TRANSFER = f"state = '{TransferState.IN_TRANSIT}'"
OPEN_PARCEL = f"state = '{ParcelState.OPEN}'"
IS_ANYTHING_OPEN = f"""
    SELECT EXISTS (SELECT FROM {CLAIM.name} WHERE {OPEN_CLAIM})
        OR EXISTS (SELECT FROM {TRANSFER.name} WHERE {OPEN_TRANSFER})
        OR EXISTS (SELECT FROM {PARCEL.name} WHERE {OPEN_PARCEL})
"""  # noqa: S608
"""Whether it is worth looking further; mostly it is not."""
OPEN_CLAIMS = _oldest(CLAIM, OPEN_CLAIM)
IN_TRANSIT = _oldest(TRANSFER, OPEN_TRANSFER)
NEXT_PARCELS = f"""
    SELECT * FROM (
        SELECT DISTINCT ON (account) {", ".join(f'"{column}"' for column in PARCEL.columns)}
        FROM parcel WHERE {OPEN_PARCEL} ORDER BY account, "order"
    ) first ORDER BY made_at LIMIT {ERRANDS_AT_ONCE}
"""  # noqa: S608
"""Of each account that is merged the first parcel that is not settled: the others wait for it."""
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
                    hints.is_anything_open = await _is_anything_open(shell)
                    if hints.is_anything_open:
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


async def _is_anything_open(shell: Shell) -> bool:
    async with available(), shell.pool.lent() as connection:
        [(found,)] = await connection.fetch(IS_ANYTHING_OPEN)
    return bool(found)


async def carry(shell: Shell, sent: Sent) -> int:
    """Send what comes next of each open errand of this process's accounts; how many commands."""
    now = asyncio.get_running_loop().time()
    waiting = await open_letters(shell, lambda cause: sent.is_recent(cause.id, now))
    batches: dict[Place, list[Outgoing]] = {}
    for found in waiting:
        partition = partition_of_account(found.command.account, shell.settings.partitions)
        batches.setdefault(Place(COMMANDS.name, partition), []).append(_outgoing(found))
    if batches:
        await shell.log.append(batches)
        sent.note([found.cause.id for found in waiting], now)
    return len(waiting)


async def open_letters(shell: Shell, is_recent: Callable[[Cause], bool]) -> list[Letter]:
    """What the rows say is to be carried for this process's accounts, but for what is recent."""
    async with available(), shell.pool.lent() as connection:
        letters = [
            *await _of_claims(shell, connection),
            *await _of_transfers(shell, connection, is_recent),
            *await _of_parcels(shell, connection, is_recent),
        ]
    return [found for found in letters if not is_recent(found.cause)]


async def _of_claims(shell: Shell, connection: asyncpg.Connection) -> list[Letter]:
    rows = await connection.fetch(OPEN_CLAIMS)
    claims = [claim_of(Claim(*row)) for row in rows if _is_ours(shell, row["account"])]
    causes = [stock_cause(claim).id for claim in claims]
    decided = await _decided(connection, causes)
    return [letter(claim, decided.get(cause)) for claim, cause in zip(claims, causes, strict=True)]


async def _of_transfers(
    shell: Shell, connection: asyncpg.Connection, is_recent: Callable[[Cause], bool]
) -> list[Letter]:
    """What was sent is looked up only where it is to be told: it may be large."""
    rows = await connection.fetch(IN_TRANSIT)
    ours = [transfer_of(Transfer(*row)) for row in rows if _is_ours(shell, row["account"])]
    transfers = [
        transfer
        for transfer in ours
        if not is_recent(transferred_cause(transfer.account, transfer.transfer_id))
    ]
    receipts = [receive_cause(transfer.to, transfer.transfer_id) for transfer in transfers]
    decided = await _said(connection, [receipt.id for receipt in receipts])
    pairs = list(zip(transfers, receipts, strict=True))
    untold = [
        transfer.transfer_id
        for transfer, receipt in pairs
        if receipt.id not in decided and not is_recent(receipt)
    ]
    sent = await _said(connection, untold[:SENT_AT_ONCE])
    return [
        *(receipt_letter(fact) for fact in sent.values() if isinstance(fact, PointsSent)),
        *(
            outcome_letter(transfer, decided[receipt.id])
            for transfer, receipt in pairs
            if receipt.id in decided
        ),
    ]


async def _of_parcels(
    shell: Shell, connection: asyncpg.Connection, is_recent: Callable[[Cause], bool]
) -> list[Letter]:
    """What is in a parcel is looked up only where it is to be delivered: it may be large."""
    rows = await connection.fetch(NEXT_PARCELS)
    parcels = [parcel_of(Parcel(*row)) for row in rows if _is_ours(shell, row["account"])]
    deliveries = [delivery_cause(parcel.to, parcel.parcel_id) for parcel in parcels]
    decided = await _decided(connection, [cause.id for cause in deliveries])
    pairs = list(zip(parcels, deliveries, strict=True))
    untold = [
        parcel.parcel_id
        for parcel, cause in pairs
        if cause.id not in decided and not is_recent(cause)
    ]
    facts = await _decided(connection, untold[:SENT_AT_ONCE])
    return [
        *(delivery(fact) for fact in facts.values() if isinstance(fact, InParcel)),
        *(
            outcome
            for parcel, cause in pairs
            if cause.id in decided
            and (outcome := outcome_of_parcel(parcel, decided[cause.id])) is not None
        ),
    ]


async def _decided(connection: asyncpg.Connection, causes: list[UUID]) -> dict[UUID, BaseModel]:
    rows = await connection.fetch(DECIDED, causes) if causes else []
    return {cause: registry.decode(type, fact.encode()) for cause, type, fact in rows}


async def _said(connection: asyncpg.Connection, causes: list[UUID]) -> dict[UUID, BaseModel]:
    """What was decided in the end: of what a merged account sent on, by the one that has all."""
    said: dict[UUID, BaseModel] = {}
    asked = {cause: cause for cause in causes}
    while asked:
        decided = await _decided(connection, list(asked))
        first, asked = asked, {}
        for cause, fact in decided.items():
            if isinstance(fact, InputForwarded):
                asked[delivery_cause(fact.to, fact.input_id).id] = first[cause]
            else:
                said[first[cause]] = fact
    return said


def _is_ours(shell: Shell, account: str) -> bool:
    return partition_of_account(account, shell.settings.partitions) in shell.runner.partitions


def _outgoing(found: Letter) -> Outgoing:
    command, cause = found.command, found.cause
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


class Hints:
    """Whether it is time to look, as long as the connection lives that listens.

    A fold of this process says so if it wrote an errand; those of others, if anything is open.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.came = asyncio.Event()
        self.is_anything_open = False
        """What the last look found."""

    def folded(self, writes: Writes) -> None:
        """These rows are committed."""
        if any(writes.get(table) for table in ERRANDS):
            self.came.set()

    def notified(self, *_: object) -> None:
        """A command was folded, somewhere."""
        if self.is_anything_open:
            self.came.set()


@asynccontextmanager
async def _hints(shell: Shell) -> AsyncIterator[Hints]:
    """With a connection that listens. Raises StoreUnavailable."""
    async with available():
        connection = await asyncpg.connect(
            shell.settings.postgres,
            timeout=CONNECT_SECONDS,
            server_settings={"application_name": "tessera-courier"},
        )
    hints = Hints(connection)
    shell.runner.turn.watchers.append(hints.folded)
    try:
        async with available():
            await connection.add_listener(CHANNEL, hints.notified)
        yield hints
    finally:
        shell.runner.turn.watchers.remove(hints.folded)
        connection.terminate()


async def _hint(hints: Hints) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await hints.came.wait()
