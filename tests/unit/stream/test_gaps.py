"""What a poll passes over is looked for in the log: empty offsets are fine, records are not.

1. A poll that holds all there is goes through, whatever offsets are empty.
2. A record that was passed over ends the turn; the next one takes it, and it counts once (I1, I2).
"""

from collections.abc import Sequence

import pytest

from services.redeem.projection import ACCOUNT
from shared.chain.link import Header
from shared.events.topics import ACTIVITY
from shared.stream import gaps
from shared.stream.gaps import check_whole
from shared.stream.log import Outgoing, Place, Record
from shared.stream.memory import MemoryInputs, MemoryLog, MemoryRecord
from shared.stream.positions import Outpaced
from tests.ledgers import MemoryLedger

PLACE = Place("retail.purchases.v1", 0)
JO = "shop:jo"
EMPTY = "."


def log_of(offsets: str) -> MemoryLog:
    """A log with a record for each letter, and nothing at the offsets of dots."""
    log = MemoryLog({PLACE.topic: 1}, lambda: 1)
    for letter in offsets:
        log.put(PLACE, Outgoing(None, letter.encode(), ()))
    for offset, letter in enumerate(offsets):
        if letter == EMPTY:
            log.records[PLACE][offset] = MemoryRecord(*PLACE, offset, 0, None, None, ())
    return log


def polled(log: MemoryLog, letters: str) -> dict[Place, Sequence[Record]]:
    """The records of these letters, in this order."""
    records = {record.value: record for record in log.records[PLACE]}
    return {PLACE: [records[letter.encode()] for letter in letters]}


@pytest.mark.parametrize(
    ("offsets", "first", "handed_out"),
    [
        ("abc", 0, "abc"),
        ("abc", 1, "bc"),
        ("abc", 0, "a"),
        ("a..d", 0, "ad"),
        ("a..d", 1, "d"),
        (".....f", 0, "f"),
        (".b.d.", 0, "bd"),
    ],
)
async def test_empty_offsets_are_passed_over(offsets: str, first: int, handed_out: str) -> None:
    log = log_of(offsets)
    await check_whole(log, {PLACE: first}, polled(log, handed_out))


@pytest.mark.parametrize("step", [1, 2, 10_000])
@pytest.mark.parametrize(
    ("offsets", "first", "handed_out", "missing"),
    [
        ("abc", 0, "bc", 0),
        ("abc", 0, "ac", 1),
        ("abcd", 1, "d", 1),
        ("a.c.e", 0, "ae", 2),
        ("....e.g", 0, "g", 4),
        ("abcd", 0, "aabd", 2),
        ("abcde", 2, "abce", 3),
    ],
)
async def test_a_record_that_was_passed_over_is_told(
    offsets: str,
    first: int,
    handed_out: str,
    missing: int,
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gaps, "STEP", step)
    log = log_of(offsets)
    with pytest.raises(Outpaced, match=rf"offset {missing} was passed over"):
        await check_whole(log, {PLACE: first}, polled(log, handed_out))


@pytest.mark.parametrize(
    ("key", "value", "headers"), [(b"", None, ()), (None, b"", ()), (None, None, [("", b"")])]
)
async def test_a_record_of_no_time_and_hardly_any_content_is_a_record(
    key: bytes | None, value: bytes | None, headers: Sequence[Header]
) -> None:
    log = MemoryLog({PLACE.topic: 1})
    log.put(PLACE, Outgoing(key, value, headers))
    log.put(PLACE, Outgoing(None, b"a", ()))
    with pytest.raises(Outpaced, match="offset 0 was passed over"):
        await check_whole(log, {PLACE: 0}, polled(log, "a"))


class Skipping(MemoryInputs):
    """Loses the first record of a poll, once."""

    has_lost = False

    async def poll(self, limit: int, wait_ms: int) -> dict[Place, list[Record]]:
        """See `Inputs.poll`."""
        found = await super().poll(limit, wait_ms)
        for place, records in found.items():
            if place.topic == ACTIVITY.name and len(records) > 1 and not Skipping.has_lost:
                Skipping.has_lost = True
                del records[0]
        return found


def test_a_purchase_that_a_poll_lost_is_counted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Skipping, "has_lost", False)
    ledger = MemoryLedger(inputs_type=Skipping)
    for number, dollars in enumerate([5, 7, 11]):
        ledger.buy(JO, f"r{number}", dollars)
    with pytest.raises(Outpaced, match="passed over"):
        ledger.run()
    ledger.run()
    account = ledger.stores["redeem"].tables[ACCOUNT].rows[JO]
    assert account.earned == 23
