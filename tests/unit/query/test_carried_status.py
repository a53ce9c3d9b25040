"""How far a request of two accounts has come, as its link tells it while redeem folds on."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.query.arrivals import Decided
from services.query.carried_requests import CarriedRequests
from services.query.courses import REWARDS
from services.query.problems import Code, Problem
from services.query.reading import CLAIM, Snapshot
from services.query.redemptions import Ticket
from services.query.tokens import Token
from shared.events import registry
from shared.events.facts import RefusalReason
from shared.events.ids import command_cause, conclude_cause, digest
from shared.events.movements import GivenBack
from shared.events.rewards import RedeemReward, RewardIssued, RewardRefused, RewardReserved
from shared.events.topics import COMMANDS

ACCOUNT = "shop:ann"
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
            row = {"redemption_id": now["cause"], "state": "reserved" if now["cause"] else None}
        return Snapshot(Token(0, now["seq"] or 1), [row])


class Left(Folding):
    """A reader of an account that is merged: the claim is another one's by now."""

    async def read(self, statement: str, *_: object) -> Snapshot:
        """What the statement shows now."""
        snapshot = await super().read(statement)
        return snapshot._replace(rows=[{"state": None}]) if statement is CLAIM else snapshot


class Own:
    """Redemptions that the account itself has decided, in the end on `last`."""

    def __init__(self, last: Decided | None) -> None:
        self.last = last

    async def followed(self, decided: Decided) -> Decided:
        """The decision is the account's own."""
        return decided

    async def known(self, account: str, cause: UUID) -> Decided | None:
        """The last word, under its own cause."""
        assert cause == conclude_cause(account, REQUEST).id
        return self.last

    def token(self, decided: Decided) -> Token:
        """Where a decision stands."""
        return Token(0, decided.seq)


def requests(reader: Any, last: Decided | None = None) -> CarriedRequests:
    redemptions: Any = Own(last)
    return CarriedRequests(REWARDS, redemptions, reader)


def concluded(fact: RewardIssued | RewardRefused) -> Decided:
    kind, told = registry.TYPE_OF[type(fact)], registry.encode(fact).decode()
    cause = conclude_cause(ACCOUNT, REQUEST).id
    return Decided(cause, ACCOUNT, 3, kind, b"", NOW, 0, told)


OF_MUG: Any = {"account": ACCOUNT, "redemption_id": REQUEST, "reward": "mug", "points": 3}
ISSUED = RewardIssued(**OF_MUG, brand="shop", program_version=1)
REFUSED = RewardRefused(
    **OF_MUG, reason=RefusalReason.REWARD_NOT_AVAILABLE, back=GivenBack(lots=(), covers=())
)


@pytest.mark.parametrize(
    "decisions",
    [(NOTHING,), (RESERVED,), (NOTHING, RESERVED)],
    ids=["not decided", "set aside", "set aside between two reads"],
)
async def test_a_reward_is_pending_when_its_points_are_not_spent_yet(decisions):
    response = await requests(Folding(*decisions)).status(ACCOUNT, REQUEST, TICKET)
    assert response.status_code == 202


@pytest.mark.parametrize(
    ("last", "status"),
    [(concluded(ISSUED), 200), (concluded(REFUSED), 409), (None, 202)],
    ids=["issued", "refused", "not folded yet"],
)
async def test_a_link_of_an_account_that_was_merged_since_tells_the_last_word(last, status):
    response = await requests(Left(RESERVED), last).status(ACCOUNT, REQUEST, TICKET)
    assert response.status_code == status


async def test_a_link_is_in_conflict_when_its_key_was_used_for_something_else():
    link = Ticket(0, digest(b"another reward"))
    with pytest.raises(Problem) as problem:
        await requests(Folding(RESERVED)).status(ACCOUNT, REQUEST, link)
    assert problem.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_a_reward_is_unknown_when_nobody_has_asked_for_it():
    with pytest.raises(Problem) as problem:
        await requests(Folding(NOTHING)).status(ACCOUNT, REQUEST, None)
    assert problem.value.code is Code.REDEMPTION_UNKNOWN
