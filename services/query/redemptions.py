"""Writes to an account: a command on the log, and the decision of redeem as the answer.

Guarantees: the same key and body get the same answer, byte for byte, for ever, from any process;
the same key with another body, or for a request of another kind, gets `idempotency_conflict`; a
decision is told only after it is folded. Decides nothing. A request whose decision takes longer
than `answer_seconds` gets a link that answers as the request would have: the link's ticket says
where the command stands on the log and what it said, so no process has to remember it.
"""

import asyncio
import contextlib
import json
import re
import time
from datetime import UTC
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel

from services.query.answers.spending import RedemptionStatus
from services.query.arrivals import Arrivals
from services.query.connections import Database
from services.query.decisions import Decided, Known
from services.query.forwarded import followed
from services.query.limits import RETRY_AFTER_SECONDS
from services.query.outcomes import STATUSES, is_answer_to, refused, told_of
from services.query.problems import Code, Problem
from services.query.publishing import Publisher
from services.query.reading import DECISION, Reader
from services.query.tokens import HEADER, Token
from services.query.told import as_json
from shared.events import registry
from shared.events.base import split_account, split_stock
from shared.events.commands import (
    CancelRedemption,
    CapturePoints,
    HoldPoints,
    OperatorCommand,
    RedeemPoints,
    ReleasePoints,
)
from shared.events.facts import InputRejected
from shared.events.ids import DIGEST_BYTES, Cause, command_cause, digest, release_cause
from shared.events.movements import RequestRefused
from shared.events.points import PointsRedeemed, RedemptionRefused
from shared.events.rewards import RedeemReward
from shared.events.topics import COMMANDS
from shared.events.transfers import TransferPoints
from shared.events.wire import context
from shared.stream.log import Outgoing, Place
from shared.stream.records import partition_of_account


class Kind(NamedTuple):
    """A kind of request: where its status is told, what answers it, what if nothing does."""

    path: str
    outcomes: frozenset[str]
    unknown: Code


def ending_in(*models: type[BaseModel]) -> frozenset[str]:
    """The wire types of decisions that answer a request."""
    return frozenset(registry.TYPE_OF[model] for model in models)


REDEMPTION = Kind(
    "redemptions",
    ending_in(PointsRedeemed, RedemptionRefused, InputRejected),
    Code.REDEMPTION_UNKNOWN,
)
REQUEST = Kind(
    "requests", ending_in(*STATUSES, RequestRefused, InputRejected), Code.REQUEST_UNKNOWN
)
Asked = (
    RedeemPoints
    | HoldPoints
    | CapturePoints
    | ReleasePoints
    | CancelRedemption
    | RedeemReward
    | TransferPoints
    | OperatorCommand
)
"""What a caller may want of an account."""
_TICKET = re.compile(rf"(0|[1-9][0-9]{{0,17}})-([0-9a-f]{{{2 * DIGEST_BYTES}}})")


BEHIND_ALL = 10**18 - 1
"""The offset of what is decided already: it is never unknown, also to tables that lost it again."""


class Ticket(NamedTuple):
    """An accepted command: its offset on its partition of the topic, and its body's digest."""

    offset: int
    body: bytes

    def __str__(self) -> str:
        return f"{self.offset}-{self.body.hex()}"

    @staticmethod
    def read(text: str) -> "Ticket":
        """Raises the problem `ticket_malformed` for what `str` did not write."""
        found = _TICKET.fullmatch(text)
        if found is None:
            raise Problem(Code.TICKET_MALFORMED)
        return Ticket(int(found[1]), bytes.fromhex(found[2]))


class Sent(NamedTuple):
    """A command that is on the log: `decided` is what it came to, `offset` where it stands.

    Of what was decided before it was asked for, `offset` is BEHIND_ALL.
    """

    id: UUID
    body: bytes
    decided: Decided | None
    offset: int = BEHIND_ALL

    @property
    def ticket(self) -> Ticket:
        """What its status link carries."""
        return Ticket(self.offset, self.body)


class Redemptions:
    """Asks redeem, and tells what it decided."""

    def __init__(
        self,
        database: Database,
        arrivals: Arrivals,
        publisher: Publisher,
        reader: Reader,
        *,
        partitions: int,
        answer_seconds: float,
    ) -> None:
        self._known = Known(database)
        self._arrivals = arrivals
        self._publisher = publisher
        self._reader = reader
        self._partitions = partitions
        self._answer_seconds = answer_seconds

    async def ask(self, command: Asked) -> Response:
        """The decision, or a status link. Raises Problem, AppendFailed, StoreUnavailable."""
        request = await self.sent(command)
        if request.decided is None:
            kind = REDEMPTION if isinstance(command, RedeemPoints) else REQUEST
            return pending(command.account, kind, request.id, request.ticket)
        return self._told(request.decided, request.body)

    async def sent(self, command: Asked) -> Sent:
        """The command on the log, with its decision if there is one in time.

        Raises AppendFailed, StoreUnavailable, and Problem.
        """
        value = registry.encode(command)
        cause = _cause(command)
        body = digest(value)
        partition = partition_of_account(command.account, self._partitions)
        known = await self._known.of(cause.id)
        if known is not None:
            return Sent(cause.id, body, await self._last_word(command, known))
        with self._arrivals.expected(partition, cause.id) as decision:
            place = Place(COMMANDS.name, partition)
            offset = await self._publisher.command(place, _outgoing(command, value, cause, body))
            decided = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._answer_seconds):
                    decided = await decision
        return Sent(cause.id, body, await self._last_word(command, decided), offset)

    async def _last_word(self, command: Asked, decided: Decided | None) -> Decided | None:
        """The decision of the account to which it was sent on, if there is one in time."""
        last = await followed(decided, self.awaited) if decided is not None else None
        if last is not None and not is_answer_to(last, command):
            raise Problem(Code.IDEMPOTENCY_CONFLICT)
        return last

    async def awaited(self, account: str, cause: UUID) -> Decided | None:
        """What an account decides on a cause, if it does in time."""
        partition = partition_of_account(account, self._partitions)
        with (
            self._arrivals.expected(partition, cause) as decision,
            contextlib.suppress(TimeoutError),
        ):
            async with asyncio.timeout(self._answer_seconds):
                return await decision
        return None

    async def followed(self, decided: Decided) -> Decided | None:
        """The decision of the account to which it was sent on, if there is one yet."""
        return await followed(decided, lambda _account, cause: self._known.of(cause))

    def token(self, decided: Decided) -> Token:
        """Where a decision stands."""
        return Token(partition_of_account(decided.account, self._partitions), decided.seq)

    async def status(
        self, account: str, request_id: UUID, ticket: Ticket | None, kind: Kind = REDEMPTION
    ) -> Response:
        """What became of a request: as `ask` would have answered. Raises Problem."""
        snapshot = await self._reader.read(DECISION, account, request_id)
        row = snapshot.rows[0] if snapshot.rows else None
        if row is not None and row["type"] is not None:
            decided = await self.followed(Decided(*(row[name] for name in Decided._fields)))
            if decided is None:
                return pending(account, kind, request_id, ticket)
            if decided.type in kind.outcomes:
                return self._told(decided, decided.body if ticket is None else ticket.body)
        if ticket is not None and (row is None or next_command(row["inputs"]) <= ticket.offset):
            return pending(account, kind, request_id, ticket)
        raise Problem(kind.unknown)

    def _told(self, decided: Decided, body: bytes) -> Response:
        """The answer of a decision; `body` is the digest of what this caller asked."""
        if decided.body != body:
            raise Problem(Code.IDEMPOTENCY_CONFLICT)
        token = self.token(decided)
        self._reader.served.note(token)
        return answer(decided, token)


def _cause(command: Asked) -> Cause:
    if isinstance(command, ReleasePoints):
        return release_cause(command.account, command.hold_id)
    return command_cause(command.account, command.idempotency_key)


def _outgoing(command: Asked, value: bytes, cause: Cause, body: bytes) -> Outgoing:
    headers = context(
        id=cause.id,
        source="query",
        type=registry.TYPE_OF[type(command)],
        subject=command.account,
        time_ms=time.time_ns() // 1_000_000,
    )
    headers.append(("cause", cause.text.encode()))
    headers.append(("body", body))
    return Outgoing(command.account.encode(), value, headers)


def answer(decided: Decided, token: Token) -> Response:
    """A decision as an answer; the same row gives the same bytes and headers."""
    fact = registry.decode(decided.type, decided.fact.encode())
    headers = {HEADER: str(token)}
    match fact:
        case PointsRedeemed():
            return as_json(_redeemed(decided, fact, token), headers=headers)
        case RedemptionRefused():
            return _refused(decided, fact, token).response()
        case RequestRefused():
            return refused(decided, fact, token).response()
        case InputRejected():
            return Problem(
                Code.UNDECIDABLE,
                fact.detail,
                headers=headers,
                redemption_id=decided.cause,
                token=str(token),
            ).response()
        case _:
            return as_json(told_of(decided, fact, token), headers=headers)


def _redeemed(decided: Decided, fact: PointsRedeemed, token: Token) -> dict[str, Any]:
    program, member = split_account(decided.account)
    return {
        "program": program,
        "member": member,
        "redemption_id": decided.cause,
        "status": RedemptionStatus.REDEEMED,
        "asked": fact.asked,
        "points": fact.points,
        "value_minor": fact.value_minor,
        "money": fact.money,
        "order_minor": fact.order_minor,
        "program_version": fact.program_version,
        "allocation": [
            {"lot_id": share.lot_id, "points": share.points} for share in fact.allocation
        ],
        "balance": decided.balance,
        "decided_at": decided.decided_at.astimezone(UTC),
        "token": str(token),
    }


def _refused(decided: Decided, fact: RedemptionRefused, token: Token) -> Problem:
    return Problem(
        Code(fact.reason.value),
        headers={HEADER: str(token)},
        status=HTTPStatus.CONFLICT,
        redemption_id=decided.cause,
        asked=fact.asked,
        available=fact.available,
        missing=fact.missing,
        minimum=fact.minimum,
        multiple=fact.multiple,
        limit=fact.limit,
        token=str(token),
    )


def pending(account: str, kind: Kind, request_id: UUID, ticket: Ticket | None) -> Response:
    """Accepted, not decided yet: where to ask again. What is known of needs no ticket."""
    program, member = split_account(account)
    whose = f"members/{quote(member, safe='')}"
    if (stock := split_stock(account)) is not None:
        whose = f"rewards/{stock[1]}"
    url = f"/v1/programs/{program}/{whose}/{kind.path}/{request_id}"
    if ticket is not None:
        url += f"?ticket={ticket}"
    told = {
        "redemption_id" if kind is REDEMPTION else "request_id": request_id,
        "status": RedemptionStatus.PENDING,
        "status_url": url,
    }
    headers = {"Location": url, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return as_json(told, HTTPStatus.ACCEPTED, headers=headers)


def next_command(inputs: str) -> int:
    """The first command that is not folded yet, from the inputs of a position row."""
    following: int = json.loads(inputs).get(COMMANDS.name, [0])[0]
    return following
