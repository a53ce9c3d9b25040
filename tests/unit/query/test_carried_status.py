"""How far a request of two accounts has come, as its link tells it while redeem folds on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.query.carried_requests import CarriedRequests
from services.query.courses import REWARDS
from services.query.decisions import Decided
from services.query.problems import Code, Problem
from services.query.reading import CLAIM, Snapshot
from services.query.redemptions import Sent, Ticket
from services.query.tokens import Token
from shared.events import registry
from shared.events.ids import command_cause, digest
from shared.events.rewards import RedeemReward, RewardReserved
from shared.events.topics import COMMANDS

ACCOUNT, MERGED_INTO = "shop:ann", "shop:bob"
REQUEST = command_cause(ACCOUNT, "k").id
BODY = digest(registry.encode(RedeemReward(account=ACCOUNT, idempotency_key="k", reward="mug")))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TICKET = Ticket(0, BODY)
RESERVED = {
    "inputs": json.dumps({COMMANDS.name: [1]}),
    "cause": REQUEST,
    "account": ACCOUNT,
    "seq": 2,
    "type": registry.TYPE_OF[RewardReserved],
    "body": BODY,
    "decided_at": NOW,
    "balance": 0,
    "fact": "{}",
}
NOTHING = {**dict.fromkeys(RESERVED), "inputs": json.dumps({COMMANDS.name: [0]})}


class Folding:
    """A reader; between two of its reads redeem folds what was asked."""

    def __init__(self, *decisions: dict[str, Any]) -> None:
        self.decisions = list(decisions)

    async def read(self, statement: str, *_: object) -> Snapshot:
        """What the statement shows now."""
        now = self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]
        row = now
        if statement is CLAIM:
            state = "reserved" if now["cause"] else None
            row = {"redemption_id": now["cause"], "state": state, "merged_into": None}
        return Snapshot(Token(0, now["seq"] or 1), [row])


class Left(Folding):
    """A reader of an account that was merged: what it had is told of the other one."""

    def __init__(self, **told: object) -> None:
        super().__init__(RESERVED)
        self.told = told

    async def read(self, statement: str, *asked: object) -> Snapshot:
        """What the statement shows of an account."""
        if statement is not CLAIM:
            return await super().read(statement)
        moved = {"state": None, "merged_into": MERGED_INTO}
        return Snapshot(Token(1, 7), [moved if ACCOUNT in asked else self.told])


class Unmerged:
    """Redemptions of accounts whose requests are not sent on."""

    async def followed(self, decided: Decided) -> Decided:
        """The decision is the account's own."""
        return decided


def requests(reader: Any) -> CarriedRequests:
    redemptions: Any = Unmerged()
    return CarriedRequests(REWARDS, redemptions, reader)


@pytest.mark.parametrize(
    "decisions",
    [(NOTHING,), (RESERVED,), (NOTHING, RESERVED)],
    ids=["not decided", "set aside", "set aside between two reads"],
)
async def test_a_reward_is_pending_when_its_points_are_not_spent_yet(decisions):
    response = await requests(Folding(*decisions)).status(ACCOUNT, REQUEST, TICKET)
    assert response.status_code == 202


async def test_a_link_of_an_account_that_was_merged_since_is_told_by_the_other_one():
    claim = dict.fromkeys(("reward", "points", "brand", "code", "program_version"))
    dates = {"made_at": NOW, "changed_at": NOW, "as_of": NOW}
    reader = Left(redemption_id=str(REQUEST), state="issued", **claim, **dates)
    response = await requests(reader).status(ACCOUNT, REQUEST, TICKET)
    told = json.loads(bytes(response.body))
    assert (told["member"], told["claim"]["status"]) == ("bob", "issued")


async def test_a_reward_is_pending_until_the_other_account_has_it():
    reader = Left(state=None, merged_into=None)
    response = await requests(reader).status(ACCOUNT, REQUEST, TICKET)
    assert response.status_code == 202


async def test_a_link_is_in_conflict_when_its_key_was_used_for_something_else():
    link = Ticket(0, digest(b"another reward"))
    with pytest.raises(Problem) as problem:
        await requests(Folding(RESERVED)).status(ACCOUNT, REQUEST, link)
    assert problem.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_what_was_decided_before_is_pending_when_the_tables_have_lost_it():
    told: dict[str, Any] = RESERVED
    decided = Decided(*(told[name] for name in Decided._fields))
    lost = {**NOTHING, "inputs": told["inputs"]}
    link = Sent(REQUEST, BODY, decided).ticket
    response = await requests(Folding(lost)).status(ACCOUNT, REQUEST, link)
    assert response.status_code == 202
    assert Ticket.read(str(link)) == link


async def test_a_reward_is_unknown_when_nobody_has_asked_for_it():
    with pytest.raises(Problem) as problem:
        await requests(Folding(NOTHING)).status(ACCOUNT, REQUEST, None)
    assert problem.value.code is Code.REDEMPTION_UNKNOWN
