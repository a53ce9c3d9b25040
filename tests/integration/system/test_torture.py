"""A short campaign as an operator runs it, and its checks: each finds the damage that it is for."""

import copy
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from os import environ

import asyncpg
import pytest
import pytest_asyncio

from cli.program import publish_file
from cli.torture.checks import Checks
from cli.torture.command import PROGRAM
from cli.torture.driver import Driver
from cli.torture.found import Checked
from cli.torture.journal import Answer, Channel, Journal
from cli.torture.versions import OUTDATED_SECONDS_MAX
from services.query.answers.moves import TransferSeen
from tests.command import tessera
from tests.integration.system.system import System, running_system

EVENTS = 12
ASKED: tuple[tuple[str, str, str, dict[str, str | int]], ...] = (
    ("saver0", "a", "redemptions", {"points": 100}),
    ("saver0", "b", "redemptions", {"points": 10**7}),
    ("saver0", "given", "transfers", {"points": 50, "to": "saver1"}),
    ("saver0", "refused", "transfers", {"points": 50, "to": "nobody"}),
    ("saver2", "merged", "merges", {"into": "saver1", "actor": "ann", "reason": "one customer"}),
    ("saver5", "before", "redemptions", {"points": 7}),
    ("saver5", "given before", "transfers", {"points": 9, "to": "saver7"}),
    ("saver5", "leaves", "merges", {"into": "saver6", "actor": "ann", "reason": "one customer"}),
    ("saver5", "later", "redemptions", {"points": 11}),
    ("saver5", "given later", "transfers", {"points": 13, "to": "saver7"}),
)


async def test_a_short_campaign_finds_nothing_wrong() -> None:
    code, said = await tessera(environ, "torture", "--minutes", "0.3", "--seed", "4")
    assert code == 0, said
    counts = {
        name: number for number, name in re.findall(r"^ +([\d.,]+)  (.+)$", said, re.MULTILINE)
    }
    assert int(counts["kill -9 of a process"]) > 0, said
    assert int(counts["purchases, kafka"].replace(",", "")) > 0, said


class Rest:
    """An installation at rest, with what was told of it."""

    def __init__(self, system: System, journal: Journal) -> None:
        self.system = system
        self.journal = journal

    async def checked(self, journal: Journal) -> list[Checked]:
        host = self.system.host
        assert host.kafka is not None
        checks = Checks(host.bootstrap, host.dsn, host.environment, journal)
        return [
            await checks.events(),
            await checks.accounts(),
            await checks.answers(),
            await checks.stock(),
            await checks.gifts(),
            await checks.merges(),
            await checks.versions(),
            await checks.poison(),
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest() -> AsyncIterator[Rest]:
    async with running_system() as system:
        await publish_file(system.host.bootstrap, PROGRAM)
        journal = Journal()
        await Driver(system.host.bootstrap, system.host.dsn, journal, 1).grants(EVENTS)
        await system.drained()
        for member, key, what, asked in ASKED:
            answer = await system.write(f"members/{member}/{what}", key, asked, program="bank")
            journal.answered(member, key, Answer(answer.status_code, answer.content))
            if "to" in asked:
                journal.gifts[member, key] = str(asked["to"])
            if "into" in asked:
                journal.merges[member] = str(asked["into"])
        yield Rest(system, journal)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_was_given_before_a_merge_is_told_by_who_has_it_now(rest: Rest):
    given = rest.journal.answers["saver5", "given before"].told["request_id"]
    link = f"/v1/programs/bank/members/saver5/transfers/{given}"
    seen = TransferSeen.model_validate_json((await rest.system.client.get(link)).content)
    assert (seen.member, seen.transfer.status) == ("saver6", "received")


def one_more_event(journal: Journal) -> None:
    journal.events[Channel.GRANT] += 1


def one_event_less(journal: Journal) -> None:
    journal.events[Channel.GRANT] -= 1


def an_answer_of_nobody(journal: Journal) -> None:
    journal.answers["saver1", "z"] = Answer(409, b"{}")


def an_answer_forgotten(journal: Journal) -> None:
    del journal.answers["saver0", "b"]


def another_amount(journal: Journal) -> None:
    body = journal.answers["saver0", "a"].body.replace(b'"points":100', b'"points":101')
    journal.answers["saver0", "a"] = Answer(200, body)


def poison_that_is_nowhere(journal: Journal) -> None:
    journal.poison.add((0, 10_000))


def a_unit_that_is_nowhere(journal: Journal) -> None:
    journal.counts["units put in stock"] += 1


def a_gift_forgotten(journal: Journal) -> None:
    del journal.gifts["saver0", "given"]


def a_gift_to_another_member(journal: Journal) -> None:
    journal.gifts["saver0", "given"] = "saver3"


def a_gift_that_was_not_taken(journal: Journal) -> None:
    journal.answers["saver0", "refused"] = journal.answers["saver0", "given"]


def a_merge_forgotten(journal: Journal) -> None:
    del journal.merges["saver2"]


def a_merge_into_another_member(journal: Journal) -> None:
    journal.merges["saver2"] = "saver3"


def a_merge_that_was_not(journal: Journal) -> None:
    journal.merges["saver4"] = "saver3"


def a_spender_who_left_forgotten(journal: Journal) -> None:
    del journal.merges["saver5"]


def what_was_spent_later_forgotten(journal: Journal) -> None:
    del journal.answers["saver5", "later"]


def another_amount_spent_later(journal: Journal) -> None:
    body = journal.answers["saver5", "later"].body.replace(b'"points":11', b'"points":12')
    journal.answers["saver5", "later"] = Answer(200, body)


def a_later_gift_to_another_member(journal: Journal) -> None:
    journal.gifts["saver5", "given later"] = "saver3"


def a_later_gift_forgotten(journal: Journal) -> None:
    del journal.gifts["saver5", "given later"]


def a_version_long_ago(journal: Journal) -> None:
    journal.published[2] = journal.began - timedelta(seconds=OUTDATED_SECONDS_MAX + 1)


EVENT, ACCOUNT, ANSWER = "every acknowledged", "every account", "every answer"
UNIT, GIFT, MERGE, POISON = "every unit", "every transfer", "accounts are merged", "poison"
VERSION = "a version"
KINDS = (EVENT, ACCOUNT, ANSWER, UNIT, GIFT, MERGE, POISON, VERSION)
LIES: Mapping[Callable[[Journal], None], set[str]] = {
    one_more_event: {EVENT, ACCOUNT},
    one_event_less: {EVENT, ACCOUNT},
    an_answer_of_nobody: {ANSWER},
    an_answer_forgotten: {ANSWER},
    another_amount: {ACCOUNT, ANSWER},
    poison_that_is_nowhere: {POISON},
    a_unit_that_is_nowhere: {UNIT},
    a_gift_forgotten: {ACCOUNT, GIFT},
    a_gift_to_another_member: {ACCOUNT, GIFT},
    a_gift_that_was_not_taken: {ACCOUNT, ANSWER, GIFT},
    a_merge_forgotten: {ACCOUNT, MERGE},
    a_merge_into_another_member: {ACCOUNT, MERGE},
    a_merge_that_was_not: {ACCOUNT, MERGE},
    a_spender_who_left_forgotten: {ACCOUNT, GIFT, MERGE},
    what_was_spent_later_forgotten: {ACCOUNT, ANSWER},
    another_amount_spent_later: {ACCOUNT, ANSWER},
    a_later_gift_to_another_member: {ACCOUNT, GIFT},
    a_later_gift_forgotten: {ACCOUNT, GIFT},
    a_version_long_ago: {VERSION},
}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_truth_is_found_to_be_true(rest: Rest):
    checked = await rest.checked(rest.journal)
    assert [one.examples for one in checked] == [[]] * 8
    assert [one.looked_at for one in checked[:3]] == [EVENTS, EVENTS, len(ASKED)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("lie", LIES)
async def test_whatever_differs_from_the_journal_is_found(
    rest: Rest, lie: Callable[[Journal], None]
):
    journal = copy.deepcopy(rest.journal)
    lie(journal)
    wrong = [one.says for one in await rest.checked(journal) if one.wrong]
    assert {word for word in KINDS if _told(word, wrong)} == LIES[lie]


def _told(word: str, wrong: list[str]) -> bool:
    return any(word in says for says in wrong)


@pytest.mark.asyncio(loop_scope="module")
async def test_an_award_that_was_changed_is_found(rest: Rest):
    connection = await asyncpg.connect(rest.system.host.dsn)
    change = "UPDATE earn.decision SET points = points + $1 WHERE receipt_id = 'g3'"
    try:
        await connection.execute(change, 1)
        wrong = [one for one in await rest.checked(rest.journal) if one.wrong]
    finally:
        await connection.execute(change, -1)
        await connection.close()
    assert [one.examples for one in wrong] == [["g3 gave 250001 to bank:saver3"]]
