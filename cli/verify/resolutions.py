"""Whose each event is: what intake has kept of those that it forwarded, against their activity.

A row that is missing or wrong does nothing until the event is sent again; then it counts for
another account as well, or is refused. Rows of which no activity is on the log are left alone: the
event may be forwarded in a moment.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cli.verify.report import Check, Report
from services.intake.decide import Resolution, identities_of
from shared.events import registry
from shared.events.activity import ActivityRecorded
from shared.events.wire import Source
from shared.stream.log import Place, Record

REMEDY = (
    "tessera rebuild intake: what was forwarded first says whose each event is. If this is told "
    "again then, the event has counted for both accounts: tessera member adjust takes it back"
)
EXISTS = "SELECT to_regclass('intake.resolution') IS NOT NULL"
ROWS = "SELECT identity, account, content FROM intake.resolution WHERE identity = ANY($1::bytea[])"


class Forwarded(NamedTuple):
    """An identity of a forwarded event, what intake was to keep of it, and where it stood."""

    identity: bytes
    resolution: Resolution
    source: Source
    where: str


def forwarded(record: Record) -> Iterator[Forwarded]:
    """What a record of activity says; nothing if intake has not written it, or cannot be read."""
    named = dict(record.headers)
    if not {"src", "body", "ce_type"} <= named.keys():
        return
    try:
        said = registry.decode(named["ce_type"].decode(), record.value or b"")
    except ValueError:
        return
    if isinstance(said, ActivityRecorded):
        source, kept = Source.decode(named["src"]), Resolution(said.account, named["body"])
        where = f"{record.topic}/{record.partition} offset {record.offset}"
        for identity in identities_of(said.activity):
            yield Forwarded(identity, kept, source, where)


class Resolutions:
    """Compares in batches; `read` is how far intake has read each upstream partition."""

    def __init__(self, connection: Any, read: Mapping[Place, int], report: Report) -> None:
        self.connection = connection
        self.read = read
        self.report = report
        self._noted: list[Forwarded] = []

    def note(self, record: Record) -> None:
        """Take in a record of activity."""
        self._noted.extend(forwarded(record))

    async def check(self) -> None:
        """Hold what was noted since the last time against the rows."""
        noted, self._noted = self._noted, []
        if not noted:
            return
        self.report.count(Check.RESOLUTIONS, len(noted))
        if not await self.connection.fetchval(EXISTS):
            what = f"intake has no table resolution, but has forwarded {len(noted):,} identities"
            self.report.find(Check.RESOLUTIONS, noted[0].resolution.account, what, REMEDY)
            return
        rows = await self.connection.fetch(ROWS, [each.identity for each in noted])
        kept = {identity: Resolution(account, content) for identity, account, content in rows}
        for each in noted:
            found = kept.get(each.identity)
            if found != each.resolution and (found is not None or self._is_due(each.source)):
                self._differs(each, found)

    def _is_due(self, source: Source) -> bool:
        """Whether intake had gone past the event: then it had written down before whose it is.

        Where intake knows no place in the topic any more, it has forgotten all.
        """
        read = self.read.get(Place(source.topic, source.partition))
        return read is None or source.offset < read

    def _differs(self, each: Forwarded, found: Resolution | None) -> None:
        said = f"intake.resolution of {each.source.encode().decode()}, forwarded as {each.where}"
        if found is None:
            what = f"{said}, is missing"
        elif found.account != each.resolution.account:
            what = f"{said}, is of {found.account}"
        else:
            what = f"{said}, has another content"
        self.report.find(Check.RESOLUTIONS, each.resolution.account, what, REMEDY)
