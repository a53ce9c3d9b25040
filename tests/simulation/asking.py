"""Calls of the API: repeated until they are answered, at whatever process, with the same key."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Response

from services.query.carried_requests import CarriedRequests
from services.query.problems import Code, Problem
from services.query.reading import BALANCES
from services.query.redemptions import REDEMPTION, REQUEST, Asked, Ticket
from services.query.tokens import HEADER, Token
from shared.events import registry
from shared.events.commands import RedeemPoints, ReleasePoints
from shared.events.ids import Cause, command_cause, digest, release_cause
from shared.events.merges import MergeAccount
from shared.events.rewards import RedeemReward
from shared.events.transfers import TransferPoints
from shared.stream.log import AppendFailed
from shared.stream.store import StoreUnavailable
from tests.simulation.nodes import ApiNode
from tests.simulation.outside import BRAND, Answer, Outside, Seen, Violation

T = TypeVar("T")
CALL_SECONDS = 8.0
PAUSE_SECONDS = 1.0
TICKET = "?ticket="
PASSING = (Code.NOT_CAUGHT_UP, Code.BUSY)


class Unanswered(Exception):
    """A call of the API had no answer in time, whatever became of it."""


class Caller:
    """Asks and reads on behalf of everybody outside, and writes down what is told."""

    def __init__(self, world: Outside) -> None:
        self.world = world
        self.random = world.loop.random

    def account(self) -> str:
        """One of few accounts."""
        return f"{BRAND}:{self.random.randrange(self.world.load.accounts)}"

    async def call(self, work: Callable[[ApiNode], Awaitable[T]], only: ApiNode | None = None) -> T:
        """What a process of the API answers. Raises Unanswered, and what the API raises."""
        node = only or self.random.choice(self.world.apis())
        reply: asyncio.Future[T] = self.world.loop.create_future()
        self.world.loop.create_task(_answered(work, node, reply), context=node.process.context)
        late = self.world.loop.call_later(CALL_SECONDS, _give_up, reply)
        try:
            return await reply
        finally:
            late.cancel()

    async def ask(self, command: Asked) -> Answer | None:
        """What is told in the end; None if the key belongs to another body, or the load is over.

        What was asked before that goes on until it is answered.
        """
        if self.world.is_over:
            return None
        value = registry.encode(command)
        self.world.note(f"ask {value.decode()}")
        cause = cause_of(command)
        asked = (cause, digest(value))
        ticket: Ticket | None = None
        while True:
            try:
                response = await self.call(_request(command, cause, ticket))
            except Problem as problem:
                if problem.code is Code.IDEMPOTENCY_CONFLICT:
                    self.world.journal.conflicts.append(asked)
                    self.world.note(f"conflict {cause.text}")
                    return None
                is_for_now(problem)
            except (Unanswered, AppendFailed, StoreUnavailable):
                ticket = None
            else:
                if response.status_code != HTTPStatus.ACCEPTED:
                    return self._told(asked, response)
                ticket = _ticket_of(response) or ticket
            await asyncio.sleep(PAUSE_SECONDS)

    def _told(self, asked: tuple[Cause, bytes], response: Response) -> Answer:
        answer = Answer(response.status_code, bytes(response.body), response.headers[HEADER])
        known = self.world.journal.answers.setdefault(asked, answer)
        if known != answer:
            raise Violation(f"I6: {asked} was answered {known}, now {answer}")
        self.world.note(f"answer {asked[0].text}: {answer.status} {answer.token}")
        return answer

    async def read(
        self, account: str, token: Token | None, only: ApiNode | None = None
    ) -> Seen | None:
        """What the API, or one process of it, shows of an account; None if nothing."""
        if self.world.is_over:
            return None
        tokens = [] if token is None else [token]
        try:
            snapshot = await self.call(
                lambda api: api.reader.read(BALANCES, account, tokens=tokens), only
            )
        except Problem as problem:
            is_for_now(problem)
            return None
        except (Unanswered, StoreUnavailable):
            return None
        seen = Seen(account, snapshot.token, snapshot.rows[0] if snapshot.rows else {})
        self.world.journal.seen.append(seen)
        return seen


def cause_of(command: Asked) -> Cause:
    """The identity of what is asked; a release has no key."""
    if isinstance(command, ReleasePoints):
        return release_cause(command.account, command.hold_id)
    return command_cause(command.account, command.idempotency_key)


def is_for_now(problem: Problem) -> None:
    """Raise Violation unless this is a problem that passes."""
    if problem.code not in PASSING:
        raise Violation(f"an answer that may not be: {problem.code} {problem}")


def _request(
    command: Asked, cause: Cause, ticket: Ticket | None
) -> Callable[[ApiNode], Awaitable[Response]]:
    """The command, or, once it was accepted, what became of it."""
    if isinstance(command, RedeemReward):
        return lambda api: _carried(api.rewards, command, cause, ticket)
    if isinstance(command, TransferPoints):
        return lambda api: _carried(api.transfers, command, cause, ticket)
    if isinstance(command, MergeAccount):
        return lambda api: _carried(api.merges, command, cause, ticket)
    if ticket is None:
        return lambda api: api.redemptions.ask(command)
    kind = REDEMPTION if isinstance(command, RedeemPoints) else REQUEST
    return lambda api: api.redemptions.status(command.account, cause.id, ticket, kind)


async def _carried(
    requests: CarriedRequests,
    command: RedeemReward | TransferPoints | MergeAccount,
    cause: Cause,
    ticket: Ticket | None,
) -> Response:
    """What two accounts decide; a link tells how far it has come, the request the last word."""
    if ticket is None:
        return await requests.ask(command)
    try:
        so_far = await requests.status(command.account, cause.id, ticket)
    except Problem as problem:
        if problem.code in {Code.IDEMPOTENCY_CONFLICT, *PASSING}:
            raise
        so_far = problem.response()
    if so_far.status_code == HTTPStatus.ACCEPTED:
        return so_far
    try:
        response = await requests.ask(command)
    except Problem as problem:
        if problem.code in PASSING:
            raise
        response = problem.response()
    if response.status_code not in {so_far.status_code, HTTPStatus.ACCEPTED}:
        raise Violation(f"I6: {cause.text} was told {so_far.body!r}, now {response.body!r}")
    return response


def _ticket_of(response: Response) -> Ticket | None:
    """The ticket of a link; what is known of has none."""
    ticket = response.headers["location"].partition(TICKET)[2]
    return Ticket.read(ticket) if ticket else None


async def _answered(
    work: Callable[[ApiNode], Awaitable[T]], node: ApiNode, reply: "asyncio.Future[T]"
) -> None:
    try:
        answer = await work(node)
    except Exception as error:  # noqa: BLE001  (whatever it is travels to the caller)
        if not reply.done():
            reply.set_exception(error)
            reply.exception()
    else:
        if not reply.done():
            reply.set_result(answer)


def _give_up(reply: "asyncio.Future[Any]") -> None:
    if not reply.done():
        reply.set_exception(Unanswered())
        reply.exception()
