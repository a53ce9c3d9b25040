"""What must hold when all is drained: the journal against logs and tables, to the last event.

Each check says how much it has looked at and what it found; `tessera verify` and `tessera rebuild`
are run as an operator runs them.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import UUID

import asyncpg

from cli.stack.host import ROOT
from cli.torture.found import Checked, Found
from cli.torture.gifts import BETWEEN_ACCOUNTS, gifts_arrived
from cli.torture.journal import PROGRAM, Answer, Event, Journal
from cli.torture.merges import is_last_word, merges_done, sent_on
from cli.torture.versions import versions_counted
from shared.events import quarantine
from shared.events.ids import command_cause
from shared.events.quarantine import Reason
from shared.events.topics import PURCHASES, QUARANTINE
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Place

ROWS = 5_000
EARNED = "loyalty.points.earned.v1"
REBUILT = {
    "redeem": ("decision", "account", "lot", "debit", "claim", "code", "transfer", "parcel"),
    "earn": ("decision",),
}
SUMS = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} t"
STATUS_OF = {
    "loyalty.points.redeemed.v1": 200,
    "loyalty.redemption.refused.v1": 409,
    "loyalty.points.held.v1": 200,
    "loyalty.hold.captured.v1": 200,
    "loyalty.hold.released.v1": 200,
    "loyalty.request.refused.v1": 409,
    "loyalty.reward.issued.v1": 200,
    "loyalty.reward.refused.v1": 409,
    "loyalty.transfer.settled.v1": 200,
    "loyalty.transfer.returned.v1": 409,
    "loyalty.merge.part-moved.v1": 200,
    "loyalty.merge.declined.v1": 409,
}
OF_TWO_ACCOUNTS = {
    "loyalty.reward.issued.v1": "redemption_id",
    "loyalty.reward.refused.v1": "redemption_id",
    "loyalty.transfer.settled.v1": "transfer_id",
    "loyalty.transfer.returned.v1": "transfer_id",
    "loyalty.merge.part-moved.v1": "merge_id",
    "loyalty.merge.declined.v1": "merge_id",
}
"""Last words, whose cause is not the request: where they name it."""


class Checks:
    """Against one installation at rest."""

    def __init__(
        self, bootstrap: str, dsn: str, environment: Mapping[str, str], journal: Journal
    ) -> None:
        self.bootstrap = bootstrap
        self.dsn = dsn
        self.environment = environment
        self.journal = journal
        self.notes: dict[str, int] = {}
        self.outdated_seconds = 0.0
        """For how long at most an older version of the program went on to count."""

    async def all(self) -> list[Checked]:
        """Everything, in the order in which it is told."""
        return [
            await self.events(),
            await self.accounts(),
            await self.answers(),
            await self.stock(),
            await self.gifts(),
            await self.merges(),
            await self.versions(),
            await self.poison(),
            await self._verified(),
            *[await self._rebuilt(service) for service in REBUILT],
            self._seen(),
        ]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def events(self) -> Checked:
        """Every acknowledged purchase has one award, of its account and its points."""
        found = Found("every acknowledged purchase is decided once, for what it is worth", "I1 I2")
        missing = {event.receipt for event in self.journal.acknowledged()}
        async with self._connected() as connection, connection.transaction():
            rows = connection.cursor(
                "SELECT receipt_id, account, points FROM earn.decision WHERE type = $1",
                EARNED,
                prefetch=ROWS,
            )
            async for receipt, account, points in rows:
                found.looked_at += 1
                event = Event.of(receipt)
                if receipt not in missing:
                    found.find(f"{receipt} is decided twice, or was never sent")
                elif (account, points) != (f"{PROGRAM}:{event.member}", event.dollars):
                    found.find(f"{receipt} gave {points} to {account}")
                missing.discard(receipt)
        for receipt in missing:
            found.find(f"{receipt} was acknowledged and is not decided")
        return found.checked

    async def accounts(self) -> Checked:
        """Each account has what was bought and given to it, less what it lost, spent and gave."""
        found = Found(
            "every account has earned, spent, lost, given and been given what the journal says",
            "I2 I3 I4",
        )
        earned: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for event in self.journal.acknowledged():
            owner = self.journal.owner(event.member)
            earned[owner] += event.dollars
            lost[owner] += event.dollars * event.is_returned
        spent, (sent, received) = self.journal.spent(), self.journal.given()
        statement = (
            "SELECT key, earned, redeemed, expired, clawed_back, sent, received, "
            "free + held - due FROM redeem.account WHERE key NOT LIKE '%:~%'"
        )
        async with self._connected() as connection:
            for key, *told in await connection.fetch(statement):
                found.looked_at += 1
                member = key.partition(":")[2]
                given = [sent[member], received[member]]
                left = earned[member] - spent[member] - lost[member] - given[0] + given[1]
                due = [earned[member], spent[member], 0, lost[member], *given, left]
                if told != due:
                    found.find(f"{key} has {told}, not {due}")
                earned.pop(member, None)
        for member in earned:
            found.find(f"{member} has no account")
        return found.checked

    async def stock(self) -> Checked:
        """Each unit is in stock or with one member who has paid for it."""
        found = Found("every unit is in stock, or with one member who was told of it", "I4 I5")
        put = self.journal.counts["units put in stock"]
        told = Counter(
            answer.told["code"]
            for answer in self.journal.answers.values()
            if answer.status == HTTPStatus.OK and "code" in answer.told
        )
        async with self._connected() as connection:
            stock = await connection.fetchrow(
                "SELECT free, redeemed, expired FROM redeem.account WHERE key LIKE '%:~%'"
            )
            issued = await connection.fetch("SELECT code FROM redeem.claim WHERE state = 'issued'")
        found.looked_at = put + len(issued)
        there = (0, 0, 0) if stock is None else tuple(stock)
        expected = (put - told.total(), told.total(), 0)
        if there != expected:
            found.find(f"the stock has {there}, not {expected}")
        for code, count in (told - Counter(dict.fromkeys(told, 1))).items():
            found.find(f"{code} was given to {count + 1} members")
        if sorted(told) != sorted(code for (code,) in issued):
            found.find(f"{len(issued)} rewards are issued, {told.total()} were answered")
        return found.checked

    async def gifts(self) -> Checked:
        """Points that members gave to each other."""
        async with self._connected() as connection:
            return await gifts_arrived(connection, self.journal)

    async def merges(self) -> Checked:
        """Accounts that went to others."""
        async with self._connected() as connection:
            return await merges_done(connection, self.journal)

    async def versions(self) -> Checked:
        """What is decided under which version of the program."""
        async with self._connected() as connection:
            checked, self.outdated_seconds = await versions_counted(connection, self.journal)
            return checked

    async def answers(self) -> Checked:
        """Each answer is a decision of the ledger, and each decision was answered."""
        found = Found(
            "every answer is one decision of the ledger, and the other way round", "I2 I6"
        )
        asked = {
            command_cause(f"{PROGRAM}:{member}", key).id: answer
            for (member, key), answer in self.journal.answers.items()
        } | self.journal.releases
        statement = "SELECT cause, type, fact FROM redeem.decision WHERE type = ANY($1)"
        async with self._connected() as connection, connection.transaction():
            origins = await sent_on(connection)
            self.notes["requests that merged accounts sent on"] = len(
                asked.keys() & set(origins.values())
            )
            async for cause, kind, fact in connection.cursor(
                statement, list(STATUS_OF), prefetch=ROWS
            ):
                told = json.loads(fact)
                if told.get("request") in BETWEEN_ACCOUNTS or not is_last_word(kind, told):
                    continue
                found.looked_at += 1
                named = OF_TWO_ACCOUNTS.get(kind)
                request = origins.get(cause, cause) if named is None else UUID(told[named])
                answer = asked.pop(request, None)
                if answer is None:
                    found.find(f"{kind} {cause} was never answered")
                elif not _is_told(answer, STATUS_OF[kind], told):
                    found.find(f"{kind} {fact} was answered with {answer}")
        for cause, answer in asked.items():
            found.find(f"{answer} is no decision ({cause})")
        return found.checked

    async def poison(self) -> Checked:
        """What is poison stands in quarantine; what is not, does not."""
        found = Found("poison stands in quarantine, each record once, and nothing else", "I1 I13")
        missing = set(self.journal.poison)
        known: set[str] = set()
        again = 0
        async for item in self._set_aside():
            again += item.id in known
            if item.id in known:
                continue
            known.add(item.id)
            found.looked_at += 1
            missing.discard((item.source.partition, item.source.offset))
            if item.source.topic != PURCHASES.name or not (
                item.reason is Reason.CONFLICT or b'-10"' in (item.value or b'-10"')
            ):
                found.find(f"{item.source} was set aside: {item.reason}, {item.detail}")
        self.notes["copies of records in quarantine, known by their id"] = again
        for partition, offset in missing:
            found.find(f"partition {partition} offset {offset} is poison and was not set aside")
        return found.checked

    async def _set_aside(self) -> AsyncIterator[quarantine.Quarantined]:
        log = KafkaLog(self.bootstrap)
        await log.start()
        try:
            count = await log.partitions(QUARANTINE.name)
            places = [Place(QUARANTINE.name, number) for number in range(count)]
            for place, (first, end) in (await log.bounds(places)).items():
                for start in range(first, end, ROWS):
                    bounds = Bounds(start, min(end, start + ROWS))
                    for record in (await log.read({place: bounds}))[place]:
                        yield quarantine.decode(record.key, record.value, record.headers)
        finally:
            await log.close()

    async def _verified(self) -> Checked:
        found = Found("verify, as an operator runs it", "I1 I2 I3 I4 I5 I7 I8 I9")
        code, said, errors = await self._tessera("verify", "--json")
        if not said.startswith("{"):
            found.find(f"exit code {code}: {said} {errors}"[-1_500:])
            return found.checked
        told = json.loads(said)
        for check in told["checks"]:
            found.looked_at += check["looked_at"]
        for finding in told["findings"]:
            found.find(f"{finding['where']}: {finding['what']}")
        self.notes |= told["notes"]
        return found.checked

    async def _rebuilt(self, service: str) -> Checked:
        """The tables of a service are the same, row for row, after a rebuild from the log."""
        found = Found(f"{service} rebuilt from the log equals live, row by row", "I8")
        before = await self._sums(service)
        code, said, errors = await self._tessera("rebuild", service)
        if code != 0:
            found.find(f"exit code {code}: {said} {errors}"[-1_500:])
        after = await self._sums(service)
        for table, (rows, _) in before.items():
            found.looked_at += rows
            if before[table] != after[table]:
                found.find(f"{service}.{table}: {before[table]} before, {after[table]} after")
        return found.checked

    async def _sums(self, service: str) -> dict[str, tuple[int, int]]:
        async with self._connected() as connection:
            return {
                table: tuple(await connection.fetchrow(SUMS.format(f"{service}.{table}")))
                for table in REBUILT[service]
            }

    async def _tessera(self, *arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", *arguments),
            cwd=ROOT,
            env=dict(self.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await process.communicate()
        return process.returncode, said.decode(), errors.decode()

    def _seen(self) -> Checked:
        """What callers and readers have found all along."""
        found = Found(
            "answers and reads all along: sums, tokens, own writes, keys", "I4 I6 I10 I11"
        )
        counts = self.journal.counts
        found.looked_at = (
            counts["reads"]
            + counts["reads of what was just spent"]
            + counts["redemptions"]
            + counts["keys used again"]
            + counts["keys used with another body"]
        )
        for what in self.journal.findings:
            found.find(what)
        found.wrong = self.journal.found.total()
        return found.checked


def _is_told(answer: Answer, status: int, fact: Mapping[str, object]) -> bool:
    """Whether an answer says what a fact says: its points, where it has some."""
    if answer.status != status:
        return False
    return status != HTTPStatus.OK or answer.told.get("points") == fact.get("points")
