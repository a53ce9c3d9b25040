"""Verify on real servers: clean on a good system; damage of every kind to tables and log is named.

I1, I2, I7, I8.
"""

import re
from collections.abc import Callable, Mapping

import asyncpg
import pytest

from cli.refusals import Refused
from cli.verify.report import Check, Report
from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, Topic
from shared.postgres.rows import decode_inputs, encode_inputs
from shared.stream.log import Outgoing, Record
from shared.stream.positions import Halted
from shared.stream.store import InputMark
from tests.integration.operations.world import World, as_it_was

pytestmark = pytest.mark.asyncio(loop_scope="module")


def wheres(report: Report, check: Check) -> set[str]:
    return {finding.where for finding in report.findings if finding.check is check}


async def test_a_good_system_is_clean(world: World):
    report = await world.verify()
    assert report.findings == []
    nothing = {check for check in Check if not report.looked_at[check]}
    # no intake runs here, and nobody gives or merges
    of_intake = {Check.UPSTREAM, Check.RESOLUTIONS}
    assert nothing == {*of_intake, Check.TRANSFERS, Check.MERGES}


async def test_processes_find_what_one_finds(world: World, connection: asyncpg.Connection):
    await connection.execute("UPDATE redeem.account SET earned = earned + 1")
    alone, spread = await world.verify(1), await world.verify(2)
    assert alone.wrong == spread.wrong == {Check.ROWS: 12}
    assert alone.looked_at == spread.looked_at
    assert wheres(alone, Check.ROWS) == wheres(spread, Check.ROWS)


DAMAGES: Mapping[str, tuple[str, str, str]] = {
    "a changed account": (
        "UPDATE redeem.account SET redeemed = redeemed + 1 WHERE key = 'shop:3'",
        "shop:3",
        "redeem.account shop:3: redeemed is ",
    ),
    "a changed lot": (
        (
            "UPDATE redeem.lot SET expires_at = expires_at + interval '1 microsecond' "
            "WHERE receipt_id = 'r3'"
        ),
        "shop:3",
        "expires_at is",
    ),
    "a changed debit": (
        "UPDATE redeem.debit SET allocation = '[]' WHERE account = 'shop:4' AND amount = 3",
        "shop:4",
        "allocation is []",
    ),
    "a changed decision": (
        "UPDATE earn.decision SET fact = fact || ' ' WHERE receipt_id = 'r5'",
        "shop:5",
        "fact is",
    ),
    "a missing account": (
        "DELETE FROM redeem.account WHERE key = 'shop:6'",
        "shop:6",
        "is missing",
    ),
    "a missing lot": ("DELETE FROM redeem.lot WHERE receipt_id = 'r7'", "shop:7", "is missing"),
    "a missing decision": (
        "DELETE FROM earn.decision WHERE receipt_id = 'r8'",
        "shop:8",
        "is missing",
    ),
    "an account too many": (
        "INSERT INTO redeem.account VALUES ('shop:ghost', 'active', 1, now(), 0,0,0,0,0,0,0,0)",
        "shop:ghost",
        "redeem.account shop:ghost is in the table, but not in the log",
    ),
    "a decision too many": (
        (
            "INSERT INTO earn.decision SELECT gen_random_uuid(), account, seq, type, body, "
            "decided_at, brand, receipt_id, points, fact FROM earn.decision WHERE receipt_id = 'r9'"
        ),
        "shop:9",
        "is in the table, but not in the log",
    ),
    "a lot too many": (
        (
            "INSERT INTO redeem.lot SELECT account, gen_random_uuid(), brand, receipt_id, "
            'original, free, used, expired, clawed, occurred_at, active_from, expires_at, "order" '
            "FROM redeem.lot WHERE receipt_id = 'r11'"
        ),
        "shop:11",
        "is in the table, but not in the log",
    ),
}


@pytest.mark.parametrize(("damage", "account", "said"), DAMAGES.values(), ids=DAMAGES)
async def test_damage_to_a_table_is_found(
    world: World, connection: asyncpg.Connection, damage: str, account: str, said: str
):
    status = await connection.execute(damage)
    assert status.split()[-1] == "1"
    report = await world.verify()
    [finding] = report.findings
    assert (finding.check, finding.where) == (Check.ROWS, account)
    assert said in finding.what
    assert finding.remedy.startswith("tessera rebuild ")


POSITIONS: Mapping[str, tuple[str, str]] = {
    "a lost position": (
        "DELETE FROM redeem.stream_position WHERE partition = 0",
        "no position in it",
    ),
    "a position ahead of the log": (
        "UPDATE redeem.stream_position SET next_offset = next_offset + 1 WHERE partition = 0",
        "stored offset",
    ),
    "another place in the chain": (
        "UPDATE redeem.stream_position SET seq = seq + 1 WHERE partition = 0",
        "stored seq",
    ),
    "another time": (
        "UPDATE redeem.stream_position SET time_ms = time_ms + 1 WHERE partition = 0",
        "stored time",
    ),
    "another head": (
        "UPDATE earn.stream_position SET head = sha256(head) WHERE partition = 0",
        "stored head",
    ),
    "another mark": (
        "UPDATE earn.stream_position SET mark = NULL WHERE partition = 0",
        "stored mark",
    ),
    "another fold version": (
        "UPDATE redeem.stream_position SET fold_version = '0.7' WHERE partition = 0",
        "stored fold version",
    ),
    "another ledger": (
        "UPDATE redeem.stream_position SET ledger_id = 'x' WHERE partition = 0",
        "stored ledger_id",
    ),
}


@pytest.mark.parametrize(("damage", "said"), POSITIONS.values(), ids=POSITIONS)
async def test_damage_to_a_position_is_found(
    world: World, connection: asyncpg.Connection, damage: str, said: str
):
    assert (await connection.execute(damage)).split()[-1] == "1"
    report = await world.verify()
    told = [finding.what for finding in report.findings if finding.check is Check.POSITIONS]
    assert any(said in what for what in told), report.findings
    assert {finding.check for finding in report.findings} <= {Check.POSITIONS, Check.ROWS}


MARKS: Mapping[str, tuple[Callable[[InputMark], InputMark], Topic, str]] = {
    "more read than there is": (
        lambda mark: InputMark(mark.next + 1000),
        COMMANDS,
        "its reader halts",
    ),
    "another record before it": (
        lambda mark: mark._replace(mark=b"another record's"),
        COMMANDS,
        "the stored mark in loyalty.commands.v1/0",
    ),
    "another head of the awards": (
        lambda mark: mark._replace(head=b"of another chain"),
        AWARDS,
        "the stored head in loyalty.awards.v1/0",
    ),
}


@pytest.mark.parametrize(("change", "topic", "said"), MARKS.values(), ids=MARKS)
async def test_damage_to_how_far_an_input_was_read_is_found(
    world: World,
    connection: asyncpg.Connection,
    change: Callable[[InputMark], InputMark],
    topic: Topic,
    said: str,
):
    """Redeem would halt, or leave every further award out, when it opens the partition next."""
    stored = "redeem.stream_position WHERE partition = 0"
    inputs = decode_inputs(await connection.fetchval(f"SELECT inputs FROM {stored}"))
    damaged = encode_inputs({**inputs, topic.name: change(inputs[topic.name])})
    await connection.execute(
        "UPDATE redeem.stream_position SET inputs = $1 WHERE partition = 0", damaged
    )
    [finding] = (await world.verify()).findings
    assert (finding.check, finding.where) == (Check.POSITIONS, f"{topic.name}/0")
    assert said in finding.what
    assert finding.remedy.startswith(f"tessera positions reset {topic.name} --yes")


async def test_inputs_that_were_skipped_are_found(world: World, connection: asyncpg.Connection):
    """A position that says more was read than was decided."""
    await world.buy(12)
    for place, records in (await world.records(ACTIVITY)).items():
        inputs = encode_inputs({ACTIVITY.name: InputMark(len(records))})
        await connection.execute(
            "UPDATE earn.stream_position SET inputs = $1 WHERE partition = $2",
            inputs,
            place.partition,
        )
    report = await world.verify()
    assert {finding.check for finding in report.findings} == {Check.INPUTS}
    assert report.wrong[Check.INPUTS] == 12


UNREADABLE: Mapping[str, tuple[str, str]] = {
    "no table": ("DROP TABLE redeem.code", "redeem lacks code.account, code.code,"),
    "no column": ("ALTER TABLE earn.decision DROP COLUMN brand", "earn lacks decision.brand: run"),
    "inputs that are no JSON": (
        "UPDATE redeem.stream_position SET inputs = 'x' WHERE partition = 0",
        "the position of loyalty.points.v1/0 cannot be read",
    ),
    "inputs that are another JSON": (
        "UPDATE redeem.stream_position SET inputs = '[1]' WHERE partition = 0",
        "set it to '{}'",
    ),
}


@pytest.mark.parametrize(("damage", "said"), UNREADABLE.values(), ids=UNREADABLE)
async def test_tables_that_cannot_be_read_are_told_with_what_to_do(
    world: World, connection: asyncpg.Connection, damage: str, said: str
):
    await connection.execute(damage)
    with pytest.raises(Refused, match=re.escape(said)):
        await world.verify()


async def test_a_service_without_tables_is_found(world: World, connection: asyncpg.Connection):
    await connection.execute("DROP SCHEMA redeem CASCADE")
    report = await world.verify()
    told = [finding.what for finding in report.findings if finding.check is Check.POSITIONS]
    assert any("redeem has no tables" in what for what in told)


async def test_an_edited_record_is_found(world: World):
    """The chain ends before it: all that was folded behind it is not in the log any more."""
    offset = 5

    def edited(record: Record) -> Outgoing:
        if record.offset != offset or record.partition != 0:
            return as_it_was(record)
        value = (record.value or b"").replace(b'"points":', b'"points":1', 1)
        return Outgoing(record.key, value, record.headers)

    async with world.rewritten(LEDGER, edited):
        report = await world.verify()
    heads = [what for check, _, what, _ in report.findings if check is Check.POSITIONS]
    assert any(f"stored head of {LEDGER.name}/0" in what for what in heads)
    assert wheres(report, Check.CREDITS)
    assert any("void" in what for what in report.notes)
    assert (await world.verify()).findings == []


async def test_a_doubled_credit_on_a_forged_chain_is_found(world: World):
    """Whoever may write the ledger can link records; the award is credited twice all the same."""
    place, copy = await world.forged_copy(LEDGER, 1)
    account = (copy.key or b"").decode()
    async with world.rewritten(LEDGER, as_it_was):
        await world.log.append({place: [copy]})
        report = await world.verify()
        assert wheres(report, Check.CREDITS) == {account}
        assert wheres(report, Check.CAUSES) == {account}
    assert (await world.verify()).findings == []


async def test_a_log_of_another_ledger_is_refused(world: World):
    world.where = world.where._replace(ledger_id="another")
    with pytest.raises(Halted, match="another ledger"):
        await world.verify()


async def test_a_living_system_is_clean(world: World):
    """Rows are compared at the positions of one snapshot, whatever is folded meanwhile."""
    async with world.running() as services:
        for number in range(5):
            await world.buy(60)
            await world.redeem(f"living {number}", 2)
            report = await world.verify()
            assert report.findings == []
        await world.drained()
        assert not any(service.done() for service in services)
    assert (await world.verify()).findings == []
