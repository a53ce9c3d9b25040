"""Links of requests, and requests of two accounts that are asked and waited for."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import Response
from pydantic import BaseModel

from services.query.carried_requests import CarriedRequests
from services.query.courses import MERGES_MADE
from services.query.decisions import Decided
from services.query.problems import Code, Problem
from services.query.reading import Snapshot
from services.query.redemptions import REDEMPTION, Redemptions, Sent, Ticket
from services.query.tokens import Served, Token
from shared.events import registry
from shared.events.ids import command_cause, digest, merged_cause, settled_cause
from shared.events.merges import MergeAccount, MergeRequested, ParcelSettled, Part, PartMoved
from shared.events.movements import PointsHeld
from shared.events.points import RedemptionRefused, RefusalReason
from shared.events.topics import COMMANDS
from tests.stories.setting import ACCOUNT as JO
from tests.stories.setting import FRIEND

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REQUEST = command_cause(JO, "key").id
BODY, OTHER = digest(b"what was asked"), digest(b"something else")
REFUSED = RedemptionRefused(
    account=JO, redemption_id=REQUEST, asked=5, reason=RefusalReason.INSUFFICIENT_POINTS
)


def decided(fact: BaseModel, cause: UUID = REQUEST, seq: int = 7) -> Decided:
    text = registry.encode(fact).decode()
    return Decided(cause, JO, seq, registry.TYPE_OF[type(fact)], BODY, NOW, 5, text)


class Rows:
    """A reader of what is folded: up to which command, and a decision if there is one."""

    def __init__(self, next_command: int = 0, found: Decided | None = None) -> None:
        inputs = json.dumps({COMMANDS.name: [next_command]})
        cells = found._asdict() if found else dict.fromkeys(Decided._fields)
        self.row = {"inputs": inputs, **cells}
        self.served = Served()

    async def read(self, *_: object) -> Snapshot:
        """The one row."""
        return Snapshot(Token(0, 1), [self.row])


async def link(rows: Rows, ticket: Ticket | None) -> Response:
    nothing: Any = None
    reader: Any = rows
    redemptions = Redemptions(nothing, nothing, nothing, reader, partitions=1, answer_seconds=0)
    return await redemptions.status(JO, REQUEST, ticket, REDEMPTION)


@pytest.mark.parametrize("next_command", [0, 4, 5])
async def test_a_link_waits_until_its_command_is_folded(next_command: int):
    response = await link(Rows(next_command), Ticket(5, BODY))
    assert response.status_code == 202


@pytest.mark.parametrize("ticket", [None, Ticket(5, BODY)])
async def test_what_was_folded_without_a_decision_is_unknown(ticket: Ticket | None):
    with pytest.raises(Problem) as problem:
        await link(Rows(6), ticket)
    assert problem.value.code is Code.REDEMPTION_UNKNOWN


@pytest.mark.parametrize("ticket", [None, Ticket(5, BODY)])
async def test_a_link_tells_the_decision_and_no_later_answer_is_older(ticket: Ticket | None):
    rows = Rows(6, decided(REFUSED))
    response = await link(rows, ticket)
    assert json.loads(bytes(response.body))["code"] == "insufficient_points"
    assert rows.served.at(0) == 7


async def test_a_link_of_a_key_that_was_used_for_something_else_is_in_conflict():
    with pytest.raises(Problem) as problem:
        await link(Rows(6, decided(REFUSED)), Ticket(5, OTHER))
    assert problem.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_a_redemption_is_unknown_where_its_id_is_that_of_a_hold():
    held = PointsHeld(
        account=JO,
        hold_id=REQUEST,
        asked=5,
        points=5,
        value_minor=5,
        money="USD",
        order_minor=None,
        program_version=1,
        lapses_at=NOW,
        allocation=(),
    )
    with pytest.raises(Problem) as problem:
        await link(Rows(6, decided(held)), None)
    assert problem.value.code is Code.REDEMPTION_UNKNOWN


# a merge, of which the last word counts once the other account has all of it

WHO = {"actor": "ann", "reason": "two cards"}
ASKED = MergeAccount(account=JO, idempotency_key="key", to=FRIEND, **WHO)
BEGUN = decided(MergeRequested(account=JO, merge_id=REQUEST, to=FRIEND, **WHO), seq=1)
MOVED_CAUSE = merged_cause(JO, REQUEST).id
MOVED = decided(
    PartMoved(account=JO, merge_id=REQUEST, part_id=MOVED_CAUSE, to=FRIEND, part=Part(), last=True),
    MOVED_CAUSE,
)
TAKEN_CAUSE = settled_cause(JO, MOVED_CAUSE).id
TAKEN = decided(ParcelSettled(account=JO, parcel_id=MOVED_CAUSE, to=FRIEND), TAKEN_CAUSE)


class Asking(Redemptions):
    """What was decided on a request by the time that nobody waits any longer."""

    def __init__(self, body: bytes, *known: Decided) -> None:
        self.body = body
        self.known = {each.cause: each for each in known}
        self._partitions = 1

    async def sent(self, command: object) -> Sent:
        """See `Redemptions.sent`."""
        return Sent(REQUEST, self.body, self.known.get(REQUEST), 3)

    async def awaited(self, account: str, cause: UUID) -> Decided | None:
        """See `Redemptions.awaited`."""
        return self.known.get(cause)


async def merged(rows: Rows, *known: Decided, body: bytes = BODY) -> Response:
    reader: Any = rows
    return await CarriedRequests(MERGES_MADE, Asking(body, *known), reader).ask(ASKED)


@pytest.mark.parametrize("known", [(), (BEGUN,), (BEGUN, MOVED)])
async def test_a_merge_is_pending_until_the_other_account_has_everything(
    known: tuple[Decided, ...],
):
    response = await merged(Rows(), *known)
    assert response.status_code == 202


async def test_a_merge_is_told_once_the_other_account_has_everything():
    rows = Rows()
    response = await merged(rows, BEGUN, MOVED, TAKEN)
    told = json.loads(bytes(response.body))
    assert (response.status_code, told["status"], told["into"]) == (200, "merged", "flo")
    assert rows.served.at(0) == MOVED.seq


async def test_a_merge_is_in_conflict_where_its_key_was_used_for_something_else():
    with pytest.raises(Problem) as problem:
        await merged(Rows(), BEGUN, body=OTHER)
    assert problem.value.code is Code.IDEMPOTENCY_CONFLICT
