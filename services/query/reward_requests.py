"""Rewards redeemed over the API: the last word of two accounts as one answer.

A reward with stock is decided twice: the member's account sets the points aside, and once the stock
has said whether there is a unit, it spends them or gives them back. Guarantees: the caller is told
the second decision, and the same request gets the same bytes for ever. Whoever does not want to
wait so long gets a link to how far the reward has come. Decides nothing.
"""

import asyncio
import contextlib
from datetime import UTC
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Response

from services.query.arrivals import Arrivals, Decided
from services.query.outcomes import told_of
from services.query.pages import BIGINT_MAX
from services.query.problems import Code, Problem
from services.query.reading import CLAIMS, DECISION, Reader
from services.query.redemptions import (
    REWARD,
    Redemptions,
    Ticket,
    answer,
    next_command,
    pending,
)
from services.query.tokens import HEADER, Token
from services.query.told import as_json, of_member
from shared.events import registry
from shared.events.facts import RefusalReason
from shared.events.ids import conclude_cause
from shared.events.rewards import RedeemReward, RewardIssued, RewardRefused, RewardReserved
from shared.ledger.claims import ClaimState
from shared.stream.records import partition_of_account

RESERVED = registry.TYPE_OF[RewardReserved]


class RewardRequests:
    """Asks redeem for rewards, and tells what became of them."""

    def __init__(
        self,
        redemptions: Redemptions,
        arrivals: Arrivals,
        reader: Reader,
        *,
        partitions: int,
        answer_seconds: float,
    ) -> None:
        self._redemptions = redemptions
        self._arrivals = arrivals
        self._reader = reader
        self._partitions = partitions
        self._answer_seconds = answer_seconds

    async def ask(self, command: RedeemReward) -> Response:
        """The last word, or a status link. Raises Problem, AppendFailed, StoreUnavailable."""
        request = await self._redemptions.sent(command)
        last = request.decided
        if last is not None and last.body != request.body:
            raise Problem(Code.IDEMPOTENCY_CONFLICT)
        if last is not None and last.type == RESERVED:
            last = await self._concluded(command.account, request.id, request.partition)
        if last is None:
            return pending(command.account, REWARD, request.id, request.ticket)
        token = Token(request.partition, last.seq)
        self._reader.served.note(token)
        return told(last, token)

    async def _concluded(self, account: str, reward: UUID, partition: int) -> Decided | None:
        """What became of points that were set aside, if that is decided in time."""
        cause = conclude_cause(account, reward).id
        with (
            self._arrivals.expected(partition, cause) as decision,
            contextlib.suppress(TimeoutError),
        ):
            async with asyncio.timeout(self._answer_seconds):
                return await decision
        return None

    async def status(self, account: str, redemption_id: UUID, ticket: Ticket | None) -> Response:
        """How far a redeemed reward has come. Raises Problem, StoreUnavailable."""
        snapshot = await self._reader.read(CLAIMS, account, redemption_id, BIGINT_MAX, 1)
        row = snapshot.rows[0] if snapshot.rows else None
        if row is None or row["redemption_id"] is None:
            return await self._unclaimed(account, redemption_id, ticket)
        if row["state"] == ClaimState.RESERVED:
            return pending(account, REWARD, redemption_id, None)
        if row["state"] == ClaimState.REFUSED:
            raise _refused(row["reason"], redemption_id, row["points"], snapshot.token)
        return of_member(account, snapshot, {"claim": claim_of(row)})

    async def _unclaimed(
        self, account: str, redemption_id: UUID, ticket: Ticket | None
    ) -> Response:
        """Refused at once, not decided yet, or never asked for."""
        snapshot = await self._reader.read(DECISION, account, redemption_id)
        row = snapshot.rows[0] if snapshot.rows else None
        if row is not None and row["type"] in REWARD.outcomes:
            decided = Decided(*(row[name] for name in Decided._fields))
            return told(decided, Token(partition_of_account(account, self._partitions), row["seq"]))
        if ticket is not None and (row is None or next_command(row["inputs"]) <= ticket.offset):
            return pending(account, REWARD, redemption_id, ticket)
        raise Problem(Code.REDEMPTION_UNKNOWN)


def told(decided: Decided, token: Token) -> Response:
    """The last word about a reward; the same row gives the same bytes and headers."""
    fact = registry.decode(decided.type, decided.fact.encode())
    if isinstance(fact, RewardIssued):
        made = {**told_of(decided, fact, token), "request_id": fact.redemption_id}
        return as_json(made, headers={HEADER: str(token)})
    if isinstance(fact, RewardRefused):
        return _refused(fact.reason, fact.redemption_id, fact.points, token).response()
    return answer(decided, token)


def _refused(reason: str, redemption_id: UUID, points: int, token: Token) -> Problem:
    return Problem(
        Code(RefusalReason(reason).value),
        headers={HEADER: str(token)},
        status=HTTPStatus.CONFLICT,
        request_id=redemption_id,
        asked=points,
        token=str(token),
    )


def claim_of(row: Any) -> dict[str, Any]:
    """A row of `CLAIMS` as the API tells it."""
    return {
        "redemption_id": row["redemption_id"],
        "reward": row["reward"],
        "status": row["state"],
        "points": row["points"],
        "brand": row["brand"],
        "code": row["code"],
        "program_version": row["program_version"],
        "made_at": row["made_at"].astimezone(UTC),
        "changed_at": row["changed_at"].astimezone(UTC),
    }
