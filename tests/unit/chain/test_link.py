"""The chain: which records are valid, and that nothing of a valid record can be changed.

Held here of the invariants of the protocol: I7 (per chain one valid line of records) as far as it
rests on one record; the simulation holds it for whole histories.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.chain.link import (
    HASH,
    LINKS,
    PREV,
    SEQ,
    TIME,
    Head,
    Header,
    digest,
    fingerprint,
    follow,
    genesis,
    link,
    valid,
)

CHAIN = ("ledger", "loyalty.points.v1", 3, 8, "redeem")
GENESIS = genesis(*CHAIN)
HEADERS: list[Header] = [("ce_id", b"1"), ("ce_type", b"t"), ("body", b""), ("src", b"a/0/7")]
VALUE = b'{"points":5}'


class Record(NamedTuple):
    """What validity reads."""

    value: bytes | None
    headers: Sequence[Header]


def linked(
    head: Head = GENESIS,
    headers: Sequence[Header] = HEADERS,
    value: bytes = VALUE,
    time_ms: int = 1_000,
) -> Record:
    return Record(value, link(head, headers, value, time_ms)[0])


# what link writes


def test_a_record_names_its_place_behind_all_other_headers():
    record, after = link(GENESIS, HEADERS, VALUE, 1_000)
    assert record[: len(HEADERS)] == HEADERS
    assert [name for name, _ in record[len(HEADERS) :]] == list(LINKS)
    assert dict(record)[TIME] == b"1000"
    assert dict(record)[SEQ] == b"1"
    assert dict(record)[PREV] == GENESIS.hash
    assert dict(record)[HASH] == after.hash
    assert after == Head(after.hash, 1, 1_000)


def test_a_chain_is_followed_record_by_record():
    head = followed = GENESIS
    for number in range(5):
        record, head = link(head, HEADERS, b"%d" % number, 1_000 + number // 2)
        following = follow(followed, Record(b"%d" % number, record))
        assert following == head
        followed = head
    assert followed == Head(head.hash, 5, 1_002)


def test_time_never_goes_back_inside_a_chain():
    _, head = link(GENESIS, HEADERS, VALUE, 1_000)
    link(head, HEADERS, VALUE, 1_000)
    with pytest.raises(AssertionError, match="time goes back"):
        link(head, HEADERS, VALUE, 999)


def test_the_hash_is_the_one_that_was_published():
    """Golden: another hash for the same record would make every ledger void."""
    record, after = link(GENESIS, HEADERS, VALUE, 1_000)
    assert genesis(*CHAIN).hash.hex() == (
        "80e0724d6fa74f0c444141133bd04b4e8950c4dcbb93bf3df5caa4fd844d12da"
    )
    assert after.hash.hex() == "91d99498d5c563e12e1e2ab35a60816b8664f544c118d19894891313168038ce"
    lengths = [len(part) for header in record[:-1] for part in header] + [len(VALUE)]
    by_hand = b"".join(
        [
            GENESIS.hash,
            *(length.to_bytes(4, "little") for length in lengths),
            *(name.encode() + content for name, content in record[:-1]),
            VALUE,
        ]
    )
    assert hashlib.sha256(by_hand).digest() == after.hash


# validity

ALTERED: dict[str, tuple[Callable[[Record], Record], bool]] = {
    "as it was written": (lambda record: record, True),
    "headers as a tuple": (lambda record: record._replace(headers=tuple(record.headers)), True),
    "another value": (lambda record: record._replace(value=VALUE + b" "), False),
    "no value": (lambda record: record._replace(value=None), False),
    "an empty value": (lambda record: record._replace(value=b""), False),
    "no headers": (lambda record: record._replace(headers=[]), False),
    "without hash": (lambda record: record._replace(headers=record.headers[:-1]), False),
    "without prev": (lambda record: without(record, PREV), False),
    "without seq": (lambda record: without(record, SEQ), False),
    "without time": (lambda record: without(record, TIME), False),
    "without another header": (lambda record: without(record, "src"), False),
    "one header more": (lambda record: with_header(record, 0, ("more", b"")), False),
    "a header behind the hash": (lambda record: with_header(record, 99, ("more", b"")), False),
    "a second hash before": (lambda record: with_header(record, 0, (HASH, b"x")), False),
    "the same hash twice": (lambda record: with_header(record, 99, record.headers[-1]), False),
    "a second prev": (lambda record: with_header(record, 0, (PREV, b"x")), False),
    "another prev": (lambda record: with_content(record, PREV, b"x" * 32), False),
    "another hash": (lambda record: with_content(record, HASH, b"x" * 32), False),
    "another seq": (lambda record: with_content(record, SEQ, b"2"), False),
    "another time": (lambda record: with_content(record, TIME, b"1001"), False),
}


def without(record: Record, name: str) -> Record:
    return record._replace(headers=[header for header in record.headers if header[0] != name])


def with_header(record: Record, at: int, header: Header) -> Record:
    return record._replace(headers=[*record.headers[:at], header, *record.headers[at:]])


def with_content(record: Record, name: str, content: bytes) -> Record:
    return record._replace(
        headers=[(known, content if known == name else old) for known, old in record.headers]
    )


@pytest.mark.parametrize(("alter", "is_valid"), ALTERED.values(), ids=ALTERED)
def test_a_record_is_valid_only_as_it_was_written(
    alter: Callable[[Record], Record], is_valid: bool
):
    head = follow(GENESIS, alter(linked()))
    assert (head is not None) == is_valid


@pytest.mark.parametrize(
    "head",
    [
        GENESIS._replace(hash=b"x" * 32),
        genesis("another", "loyalty.points.v1", 3, 8, "redeem"),
        follow(GENESIS, linked()),
    ],
    ids=["another head", "another ledger", "a head that it already made"],
)
def test_a_record_is_void_behind_any_other_head(head: Head):
    assert follow(head, linked()) is None


def test_of_two_records_on_one_head_the_first_counts():
    one, other = linked(value=b"one"), linked(value=b"other")
    head = follow(GENESIS, one)
    assert head is not None
    assert follow(head, other) is None
    assert follow(head, one) is None
    assert valid(GENESIS, [one, other, one]) == ([one], head)


def test_the_valid_records_are_those_of_the_one_line():
    first, head = link(GENESIS, HEADERS, b"1", 1_000)
    second, end = link(head, HEADERS, b"2", 2_000)
    line = [Record(b"1", first), Record(b"2", second)]
    late = linked(value=b"of an owner that was paused")
    assert valid(GENESIS, [line[0], late, Record(None, ()), line[1], late]) == (line, end)
    assert valid(end, [late]) == ([], end)


@pytest.mark.parametrize("seq", [b"", b"x", b"-1", b"1.0", "²".encode()])
@pytest.mark.parametrize("name", [SEQ, TIME])
def test_a_place_that_is_no_number_is_void_even_under_a_right_hash(name: str, seq: bytes):
    contents = {TIME: b"1000", SEQ: b"1", PREV: GENESIS.hash, name: seq}
    headers = [*HEADERS, *contents.items()]
    own = digest(GENESIS.hash, headers, VALUE)
    assert follow(GENESIS, Record(VALUE, [*headers, (HASH, own)])) is None


# properties

NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
HEADER_LISTS = st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=5)
RECORDS = st.builds(linked, st.just(GENESIS), HEADER_LISTS, st.binary(max_size=16), st.just(5))


@given(RECORDS)
def test_whatever_is_linked_can_be_followed(record: Record):
    head = follow(GENESIS, record)
    assert head is not None
    assert (head.seq, head.time_ms) == (1, 5)


@given(RECORDS, st.data())
def test_any_other_byte_anywhere_makes_a_record_void(record: Record, data: st.DataObject):
    assert record.value is not None
    pieces = [piece for name, content in record.headers for piece in (name.encode(), content)]
    pieces.append(record.value)
    number = data.draw(st.sampled_from([n for n, piece in enumerate(pieces) if piece]))
    at = data.draw(st.integers(0, len(pieces[number]) - 1))
    flipped = bytearray(pieces[number])
    flipped[at] ^= data.draw(st.integers(1, 255))
    pieces[number] = bytes(flipped)
    try:
        names = [piece.decode() for piece in pieces[:-1:2]]
    except UnicodeDecodeError:
        assume(False)
    headers = list(zip(names, pieces[1:-1:2], strict=True))
    assert follow(GENESIS, Record(pieces[-1], headers)) is None


@given(RECORDS, st.data())
def test_another_order_of_headers_makes_a_record_void(record: Record, data: st.DataObject):
    shuffled = data.draw(st.permutations(record.headers))
    assume(list(shuffled) != list(record.headers))
    assert follow(GENESIS, record._replace(headers=shuffled)) is None


@given(RECORDS, st.data())
def test_a_byte_that_moves_to_the_next_part_makes_a_record_void(
    record: Record, data: st.DataObject
):
    """Between name and content, between headers, and between the last header and the value."""
    headers = [*record.headers[: -len(LINKS)]]
    assume(any(content for _, content in headers))
    number = data.draw(st.sampled_from([n for n, (_, content) in enumerate(headers) if content]))
    name, content = headers[number]
    if data.draw(st.booleans()) and content[:1].isascii():
        headers[number] = (name + content[:1].decode("ascii"), content[1:])
        moved = record._replace(headers=[*headers, *record.headers[-len(LINKS) :]])
    else:
        headers[number] = (name, content[:-1])
        value = content[-1:] + (record.value or b"")
        moved = Record(value, [*headers, *record.headers[-len(LINKS) :]])
    assert follow(GENESIS, moved) is None


@given(st.none() | st.binary(max_size=8), HEADER_LISTS, st.booleans())
def test_no_record_at_all_makes_a_reader_fail(
    value: bytes | None, headers: list[Header], is_linked: bool
):
    if is_linked:
        headers = [*headers, *zip(LINKS, [b"1", b"1", GENESIS.hash, b"x"], strict=True)]
    assert follow(GENESIS, Record(value, headers)) is None


# genesis and fingerprints


@pytest.mark.parametrize(
    "other",
    [
        ("ledger2", "loyalty.points.v1", 3, 8, "redeem"),
        ("ledger", "loyalty.awards.v1", 3, 8, "redeem"),
        ("ledger", "loyalty.points.v1", 4, 8, "redeem"),
        ("ledger", "loyalty.points.v1", 3, 16, "redeem"),
        ("ledger", "loyalty.points.v1", 3, 8, "earn"),
    ],
    ids=["ledger", "topic", "partition", "partitions", "writer"],
)
def test_chains_that_differ_in_anything_never_share_a_genesis(
    other: tuple[str, str, int, int, str],
):
    assert genesis(*other).hash != genesis(*CHAIN).hash
    assert genesis(*other)[1:] == (0, 0)


def test_the_fingerprint_is_the_one_that_was_stored():
    """Golden: with another one every service would halt, since its log seems to be another."""
    told = fingerprint(b"key", None, [("name", b"content")])
    assert told.hex() == "8d676cbf4041f97ce85d0f06053289c0"


def test_names_of_headers_are_told_apart():
    assert fingerprint(None, b"", [("one", b"")]) != fingerprint(None, b"", [("two", b"")])


@given(st.tuples(*[st.none() | st.binary(max_size=3)] * 2, HEADER_LISTS), st.data())
def test_different_records_have_different_fingerprints(
    one: tuple[bytes | None, bytes | None, list[Header]], data: st.DataObject
):
    other = data.draw(st.tuples(*[st.none() | st.binary(max_size=3)] * 2, HEADER_LISTS))
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((None, b""), (b"", None)),
        ((None, b""), (b"", b"")),
        ((b"ab", b"c"), (b"a", b"bc")),
        ((b"1 x", b""), (b"1", b"x")),
    ],
)
def test_keys_and_values_are_told_apart(
    one: tuple[bytes | None, bytes | None], other: tuple[bytes | None, bytes | None]
):
    assert fingerprint(*one, []) != fingerprint(*other, [])
    assert len(fingerprint(*one, [])) == 16
