"""What a broker answers, as records: whole batches only, from the offset that was asked for on."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.stream.batches import BASE_OFFSET, LAST_OFFSET_DELTA, Chunk
from shared.stream.log import LogUnavailable, Place
from tests.contract.stream.logs import CHECKSUM

PLACE = Place("retail.purchases.v1", 0)


def batch(first: int, *values: bytes, taken: int = 0) -> bytes:
    """A batch of records from an offset on, of which compaction has taken so many at its end."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, 1, None, value, [])
    data = bytearray(builder.build())
    data[BASE_OFFSET] = first.to_bytes(8, "big")
    data[LAST_OFFSET_DELTA] = (len(values) - 1 + taken).to_bytes(4, "big")
    data[CHECKSUM] = calc_crc32c(bytes(data[CHECKSUM.stop :])).to_bytes(4, "big")
    return bytes(data)


def taken(chunk: Chunk, limit: int = 100, until: int | None = None) -> dict[int, bytes | None]:
    return {record.offset: record.value for record in chunk.take(limit, until)}


def test_records_come_from_the_offset_that_was_asked_for() -> None:
    """A broker sends the whole batch in which it lies."""
    chunk = Chunk(PLACE, 11, batch(10, b"a", b"b", b"c") + batch(13, b"d"))
    assert chunk.end == 14
    assert taken(chunk, 2) == {11: b"b", 12: b"c"}
    assert chunk.next == 13
    assert taken(chunk) == {13: b"d"}
    assert chunk.next == chunk.end


def test_a_batch_that_is_cut_off_is_left_to_the_next_answer() -> None:
    whole, other = batch(0, b"a", b"b"), batch(2, b"c")
    for missing in range(1, len(other) + 1):
        chunk = Chunk(PLACE, 0, (whole + other)[:-missing])
        assert (chunk.end, taken(chunk)) == (2, {0: b"a", 1: b"b"})
    assert Chunk(PLACE, 7, whole[:20]).end == 7


@pytest.mark.parametrize("spot", [-1, 17, 30])
def test_a_damaged_batch_is_told_and_nothing_of_it_is_taken(spot: int) -> None:
    damaged = bytearray(batch(1, b"b", b"c"))
    damaged[spot] ^= 1
    chunk = Chunk(PLACE, 0, batch(0, b"a") + bytes(damaged))
    assert taken(chunk, 1) == {0: b"a"}
    with pytest.raises(LogUnavailable, match="the batch that ends at 3 is damaged"):
        chunk.take(1)
    assert chunk.next == 1


@pytest.mark.parametrize("until", [None, 6])
def test_what_compaction_took_at_the_end_of_a_batch_is_passed_over(until: int | None) -> None:
    chunk = Chunk(PLACE, 0, batch(0, b"a", b"b", taken=4))
    assert taken(chunk, until=until) == {0: b"a", 1: b"b"}
    assert chunk.next == chunk.end == 6


@pytest.mark.parametrize("until", [0, 1, 2])
def test_nothing_is_taken_from_an_offset_on(until: int) -> None:
    chunk = Chunk(PLACE, 0, batch(0, b"a", b"b") + batch(2, b"c"))
    assert list(taken(chunk, until=until)) == list(range(until))
    assert chunk.next == until
