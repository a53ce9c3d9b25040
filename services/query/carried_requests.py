"""Requests that two accounts decide over the API: the last word of both as one answer.

The member's account sets points aside or sends them off, another account says what comes of that,
and the member's account hears of it. Guarantees: the caller is told the last decision, and the same
request gets the same bytes for ever. Whoever does not want to wait so long gets a link to how far
the request has come. Decides nothing.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel

from services.query.decisions import Decided
from services.query.outcomes import told_of
from services.query.problems import Code, Problem
from services.query.reading import DECISION, Reader
from services.query.redemptions import (
    Kind,
    Redemptions,
    Sent,
    Ticket,
    answer,
    ending_in,
    next_command,
    pending,
)
from services.query.tokens import HEADER, Token
from services.query.told import as_json, of_member
from shared.events import registry
from shared.events.ids import Cause
from shared.events.merges import MergeAccount
from shared.events.points import RefusalReason
from shared.events.rewards import RedeemReward
from shared.events.transfers import TransferPoints


class Course(NamedTuple):
    """What such a request goes through.

    `begun` is the first fact's model where another account has a say, `concluded` the cause of the
    last word, which is `done` or `refused`. Where `arrived` says so, `done` is told once that cause
    is decided too. `row` is the statement of how far a request has come, by the column `subject`;
    in the state `open` there is no last word yet.
    """

    kind: Kind
    subject: str
    begun: type[BaseModel]
    done: type[BaseModel]
    refused: type[BaseModel]
    concluded: Callable[[str, UUID], Cause]
    row: str
    open: str
    gone: str
    shown: Callable[[Any], Mapping[str, Any]]
    arrived: Callable[[str, UUID], Cause] | None = None


class CarriedRequests:
    """Asks redeem for what two accounts decide, and tells what became of it."""

    def __init__(
        self,
        course: Course,
        redemptions: Redemptions,
        reader: Reader,
    ) -> None:
        self._course = course
        self._redemptions = redemptions
        self._reader = reader

    async def ask(self, command: RedeemReward | TransferPoints | MergeAccount) -> Response:
        """The last word, or a status link. Raises Problem, AppendFailed, StoreUnavailable."""
        request = await self._redemptions.sent(command)
        last = request.decided
        if last is not None and last.body != request.body:
            raise Problem(Code.IDEMPOTENCY_CONFLICT)
        if last is not None and last.type == registry.TYPE_OF[self._course.begun]:
            last = await self._concluded(last.account, request)
        if last is None:
            return pending(command.account, self._course.kind, request.id, request.ticket)
        token = self._redemptions.token(last)
        self._reader.served.note(token)
        return told(self._course, last, token)

    async def _concluded(self, account: str, request: Sent) -> Decided | None:
        """The last word, if there is one in time."""
        course = self._course
        last = await self._redemptions.awaited(account, course.concluded(account, request.id).id)
        if last is None or course.arrived is None or last.type not in ending_in(course.done):
            return last
        arrived = await self._redemptions.awaited(account, course.arrived(account, request.id).id)
        return last if arrived is not None else None

    async def status(self, account: str, request_id: UUID, ticket: Ticket | None) -> Response:
        """How far a request has come; a ticket asks as its request did.

        The decision is read first: what has none has not begun. Raises Problem, StoreUnavailable.
        """
        kind = self._course.kind
        snapshot = await self._reader.read(DECISION, account, request_id)
        row = snapshot.rows[0] if snapshot.rows else None
        if row is None or row["type"] is None:
            if ticket is not None and (row is None or next_command(row["inputs"]) <= ticket.offset):
                return pending(account, kind, request_id, ticket)
            raise Problem(kind.unknown)
        decided = Decided(*(row[name] for name in Decided._fields))
        if ticket is not None and ticket.body != decided.body:
            raise Problem(Code.IDEMPOTENCY_CONFLICT)
        found = await self._redemptions.followed(decided)
        if found is None:
            return pending(account, kind, request_id, ticket)
        if found.type in ending_in(self._course.begun, self._course.done):
            return await self._so_far(found, request_id)
        if found.type not in kind.outcomes:
            raise Problem(kind.unknown)
        return told(self._course, found, self._redemptions.token(found))

    async def _so_far(self, begun: Decided, request_id: UUID) -> Response:
        """How far a request has come that has begun.

        An account that was merged since has it no more: the one that has everything tells it.
        """
        course, account = self._course, begun.account
        while True:
            snapshot = await self._reader.read(course.row, account, request_id)
            [row] = snapshot.rows
            if row["state"] is not None or row["merged_into"] is None:
                break
            account = row["merged_into"]
        if row["state"] in {None, course.open}:
            return pending(begun.account, course.kind, request_id, None)
        if row["state"] == course.gone:
            raise _refused(row["reason"], request_id, row["points"], snapshot.token)
        return of_member(account, snapshot, course.shown(row))


def told(course: Course, decided: Decided, token: Token) -> Response:
    """The last word; the same row gives the same bytes and headers."""
    fact = registry.decode(decided.type, decided.fact.encode())
    if isinstance(fact, course.done):
        made = {**told_of(decided, fact, token), "request_id": getattr(fact, course.subject)}
        return as_json(made, headers={HEADER: str(token)})
    if isinstance(fact, course.refused):
        named = fact.model_dump()
        asked = named.get("points")
        return _refused(named["reason"], named[course.subject], asked, token).response()
    return answer(decided, token)


def _refused(reason: str, request_id: UUID, points: int | None, token: Token) -> Problem:
    return Problem(
        Code(RefusalReason(reason).value),
        headers={HEADER: str(token)},
        status=HTTPStatus.CONFLICT,
        request_id=request_id,
        asked=points,
        token=str(token),
    )
