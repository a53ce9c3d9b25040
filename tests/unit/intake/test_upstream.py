"""Upstream records that are read past the client's decoder are what their producers made them."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from services.intake.upstream import _batches, _records
from shared.stream.log import Place

PLACE = Place("retail.purchases.v1", 0)
ATTRIBUTES, MAX_TIMESTAMP = slice(21, 23), slice(35, 43)
APPEND_TIME = 1 << 3
"""In the attributes of a batch: its time is the broker's, for all of its records."""


def batch(*, appended: int | None = None) -> bytes:
    """Two records of the times 5 and 7, with headers of any bytes and of none."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 5, b"k", b"v", [("NAME", b"1")])
    builder.append(1, 7, None, None, [("null", None)])
    data = bytearray(bytes(builder.build()).replace(b"NAME", b"N\xff\xfeE"))
    if appended is not None:
        data[ATTRIBUTES] = APPEND_TIME.to_bytes(2, "big")
        data[MAX_TIMESTAMP] = appended.to_bytes(8, "big")
    return bytes(data)


@pytest.mark.parametrize(("appended", "times"), [(None, [5, 7]), (9, [9, 9])])
def test_records_have_their_bytes_and_the_time_that_counts_on_their_topic(
    appended: int | None, times: list[int]
) -> None:
    [found] = _batches(batch(appended=appended))
    first, second = _records(PLACE, found)
    assert [first.timestamp, second.timestamp] == times
    assert (first.key, first.value, first.headers) == (b"k", b"v", [("N\\xff\\xfeE", b"1")])
    assert (second.key, second.value, second.headers) == (None, None, [("null", b"")])
    assert (first.offset, second.offset) == (0, 1)


@pytest.mark.parametrize("missing", [1, 50, len(batch()) - 1])
def test_a_batch_that_is_cut_off_is_left_out(missing: int) -> None:
    assert len(list(_batches(batch() + batch()[:-missing]))) == 1
