"""CloudEvents in Kafka's binary mode, and where an input stood."""

from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import wire
from shared.events.base import instant

OFFSETS = st.integers(0, 2**63 - 1)


def test_the_context_is_what_the_binding_names():
    headers = wire.context(
        id=UUID("5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11"),
        source="/earn",
        type="loyalty.points.earned.v1",
        subject="grocer:1043",
        time_ms=1_773_525_900_125,
    )
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
        ("ce_id", b"5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11"),
        ("ce_source", b"/earn"),
        ("ce_type", b"loyalty.points.earned.v1"),
        ("ce_subject", b"grocer:1043"),
        ("ce_time", b"2026-03-14T22:05:00.125+00:00"),
    ]


@settings(deadline=None)
@given(st.integers(0, 200_000_000_000_000), st.text(min_size=1))
def test_the_context_says_time_and_subject_exactly(time_ms, subject):
    named = wire.header_map(
        wire.context(id="1", source="/x", type="t", subject=subject, time_ms=time_ms)
    )
    assert datetime.fromisoformat(named["ce_time"].decode()) == instant(time_ms)
    assert named["ce_subject"].decode() == subject


@settings(deadline=None)
@given(st.from_regex(r"\A[a-zA-Z0-9._-]{1,249}\Z"), st.integers(0, 2**31 - 1), OFFSETS)
def test_a_source_is_read_as_it_was_written(topic, partition, offset):
    source = wire.Source(topic, partition, offset)
    assert wire.Source.decode(source.encode()) == source


@settings(deadline=None)
@given(st.one_of(st.binary(), st.from_regex(rb"\A[a-z/]{0,6}/[ +_0-9]{0,4}/[ +_0-9]{0,4}\Z")))
def test_anything_else_is_no_source(header):
    try:
        source = wire.Source.decode(header)
    except ValueError:
        return
    assert source.encode() == header


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"topic",
        b"topic/1",
        b"topic/1/",
        b"topic//2",
        b"topic/a/2",
        b"topic/1/2 ",
        b"\xff/1/2",
        b"topic/+1/2",
        b"topic/01/2",
        b"topic/1/1_0",
    ],
)
def test_a_source_that_was_not_written_here_is_refused(header):
    with pytest.raises(ValueError, match=r"."):
        wire.Source.decode(header)


def test_of_a_repeated_header_the_last_counts():
    assert wire.header_map([("a", b"1"), ("b", b"2"), ("a", b"3")]) == {"a": b"3", "b": b"2"}
