"""Who runs the program publishes it again and again while services are tormented.

Every version says the same but for its number and name: what is counted stays as it was, and each
decision names the version that it was taken under. So it shows for how long an older one goes on
to count once a newer one is acknowledged; `tessera verify` holds each decision against its version.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg

from cli.program import publish_behind
from cli.torture.found import Checked, Found
from cli.torture.journal import Journal
from shared.program.model import Program
from shared.stream.kafka import KafkaLog
from shared.stream.log import LogUnavailable
from shared.stream.programs import Programs

PAUSE_SECONDS = (3.0, 12.0)
RETRY_SECONDS = 0.5
OUTDATED_SECONDS_MAX = 45.0
"""A client that is cut off without a word asks again after 40 s (`shared.stream.kafka`)."""
LAST_COUNTED = """
SELECT (fact::json ->> 'program_version')::int AS version, max(decided_at), count(*)
FROM {service}.decision WHERE type = ANY($1) GROUP BY 1 ORDER BY 1
"""
COUNTED = {
    "earn": ("loyalty.points.earned.v1",),
    "redeem": ("loyalty.points.redeemed.v1", "loyalty.points.held.v1"),
}
"""Facts that name the version which counted when their input was sent."""


class Versions:
    """Publishes one version after the other until it is told to stop."""

    def __init__(self, bootstrap: str, first: Program, journal: Journal, seed: int) -> None:
        self.bootstrap = bootstrap
        self.latest = first
        self.journal = journal
        self._drawn = random.Random(f"{seed}/versions")  # noqa: S311

    async def run(self, stop: asyncio.Event) -> None:
        """What was begun is acknowledged in the end."""
        while not stop.is_set():
            await self._publish()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._drawn.uniform(*PAUSE_SECONDS))

    async def _publish(self) -> None:
        """The next version, tried until Kafka has it."""
        number = self.latest.version + 1
        following = self.latest.model_copy(update={"version": number, "name": f"Bank {number}"})
        while not await self._is_published(following):
            await asyncio.sleep(RETRY_SECONDS)
        self.latest = following
        self.journal.published[number] = datetime.now(UTC)

    async def _is_published(self, program: Program) -> bool:
        programs, log = Programs(self.bootstrap), KafkaLog(self.bootstrap)
        try:
            await programs.start()
            await log.start()
            await publish_behind(program, programs, log)
        except LogUnavailable:
            return False
        finally:
            await log.close()
            await programs.close()
        return True


async def versions_counted(
    connection: asyncpg.Connection, journal: Journal
) -> tuple[Checked, float]:
    """Whether each version counted soon, and for how many seconds an older one still did."""
    found = Found(
        f"what was sent {OUTDATED_SECONDS_MAX:.0f} s after a version was published counts under it",
        "I5",
    )
    longest = timedelta()
    for service, types in COUNTED.items():
        rows = await connection.fetch(LAST_COUNTED.format(service=service), types)
        for version, last, count in rows:
            found.looked_at += count
            outdated = last - _replaced_at(journal.published, version, last)
            longest = max(longest, outdated)
            if outdated > timedelta(seconds=OUTDATED_SECONDS_MAX):
                found.find(f"{service}: version {version} still counted {outdated} after the next")
    return found.checked, longest.total_seconds()


def _replaced_at(published: Mapping[int, datetime], version: int, never: datetime) -> datetime:
    """When the version behind this one was acknowledged."""
    return published.get(version + 1, never)
