"""Quarantine: what arrived is kept byte for byte, and known again.

1. a quarantined record is read as it was given, whatever headers it arrived with
2. its id depends on where it stood and on nothing else
3. it is cut only where it must be, and says by how much
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.quarantine import (
    DETAIL_LENGTH_MAX,
    OVERHEAD_BYTES,
    Quarantined,
    Reason,
    decode,
    encode,
    fitted,
)
from shared.events.wire import Source

NAMES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["id", "reason", "detail", "by", "src", "original_", "original_id", "ce_type"]),
)
SOURCES = st.builds(
    Source,
    st.from_regex(r"\A[a-zA-Z0-9._-]{1,20}\Z"),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
)
ITEMS = st.builds(
    Quarantined,
    source=SOURCES,
    reason=st.sampled_from(Reason),
    detail=st.text(max_size=DETAIL_LENGTH_MAX),
    by=st.sampled_from(["intake", "earn", "redeem"]),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=5).map(tuple),
    is_note=st.booleans(),
)


@settings(deadline=None)
@given(ITEMS)
def test_a_record_comes_back_as_it_was_given(item):
    assert decode(item.key, item.value, encode(item)) == item


@settings(deadline=None)
@given(ITEMS, SOURCES)
def test_its_id_is_where_it_stood(item, elsewhere):
    again = item._replace(reason=Reason.CONFLICT, detail="", by="earn", key=None, value=None)
    assert again.id == item.id
    assert (item._replace(source=elsewhere).id == item.id) is (elsewhere == item.source)


def test_what_came_in_never_passes_for_what_was_found():
    claimed = (("reason", b"conflict"), ("src", b"other/0/0"), ("id", b"forged"))
    source = Source("retail.purchases.v1", 3, 99)
    item = Quarantined(source, Reason.NOT_JSON, "line 1", "intake", b"k", b"{", claimed)
    read = decode(b"k", b"{", encode(item))
    assert (read.reason, read.source, read.id) == (item.reason, item.source, item.id)
    assert read.headers == claimed


def test_a_detail_is_cut_and_written_whatever_is_in_it():
    item = Quarantined(
        Source("t", 0, 0), Reason.INVALID, "\ud800" + "x" * 5_000, "intake", None, None, ()
    )
    assert decode(None, None, encode(item)).detail == "?" + "x" * (DETAIL_LENGTH_MAX - 1)


ROOM = 1_000
BIG = b"x" * 2_000


@pytest.mark.parametrize(
    ("key", "value", "headers", "kept"),
    [
        (b"k", b"v", (("a", b"1"),), (b"k", 1, 1)),
        (b"k", BIG, (), (b"k", ROOM - 1, 0)),
        (BIG, b"v", (), (None, 1, 0)),
        (None, b"v", (("a", BIG),), (None, 1, 0)),
        (BIG, BIG, (("a", BIG), ("b", b"1")), (None, ROOM, 0)),
        (BIG, None, (), (None, None, 0)),
        (b"k", BIG, (("a", b"1"),), (b"k", ROOM - 1 - 34, 1)),
    ],
)
def test_what_no_record_can_hold_is_cut_and_says_so(key, value, headers, kept):
    item = Quarantined(Source("t", 0, 0), Reason.TOO_LARGE, "", "intake", key, value, headers)
    cut = fitted(item, ROOM + OVERHEAD_BYTES)
    length = None if cut.value is None else len(cut.value)
    assert (cut.key, length, len(cut.headers)) == kept
    assert (cut == item) is (cut.bytes_cut == 0) is (key == b"k" and value == b"v")
    assert decode(cut.key, cut.value, encode(cut)) == cut
    assert cut.id == item.id
