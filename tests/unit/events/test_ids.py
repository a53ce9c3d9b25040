"""Identities: the same for the same business fact, another for any other.

1. different tuples give different texts (and with them different ids)
2. what is no part of an identity does not change it
3. identities and digests never change from version to version
"""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import ids
from shared.events.upstream import Purchase, Return, Review

PARTS = st.lists(
    st.one_of(st.text(alphabet='a:/",[]\\ \x00', max_size=4), st.text(max_size=6)), min_size=2
).map(tuple)


def identity(parts: tuple[str, ...]) -> ids.Cause:
    source, account, *rest = parts
    return ids.cause(source, account, *rest)


@st.composite
def alike(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two tuples of the same pieces, with some neighbours run together by the same separator."""
    pieces = draw(st.lists(st.text(alphabet='ab:/",[]\\ ', max_size=2), min_size=2, max_size=5))
    separator = draw(st.sampled_from([":", "/", ",", '","', ""]))

    def joined() -> tuple[str, ...]:
        parts = [pieces[0]]
        for piece in pieces[1:]:
            if draw(st.booleans()):
                parts[-1] += separator + piece
            else:
                parts.append(piece)
        return (*parts, "") if len(parts) < 2 else tuple(parts)

    return joined(), joined()


@settings(deadline=None, max_examples=400)
@given(alike() | st.tuples(PARTS, PARTS))
def test_different_tuples_are_different_causes(pair):
    one, other = pair
    assert (identity(one).text == identity(other).text) is (one == other)
    assert (identity(one).id == identity(other).id) is (one == other)


@settings(deadline=None)
@given(PARTS)
def test_a_cause_says_what_it_was_made_of(parts):
    assert tuple(json.loads(identity(parts).text)) == parts
    assert identity(parts) == identity(parts)
    assert identity(parts).id == uuid5(ids.NAMESPACE, identity(parts).text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b", "c"), ("a", "b:c")),
        (("a", "b", "c"), ("a", "bc")),
        (("a", "b", ""), ("a", "b")),
        (("a", "b", "", "c"), ("a", "b", "c", "")),
        (("a", 'b","c'), ("a", "b", "c")),
        (("a", "b\\"), ("a", "b", "\\")),
        (("a", "g:1", "2"), ("a", "g", "1:2")),
        (("a", "é"), ("a", "e\u0301")),
    ],
)
def test_separators_inside_the_parts_do_not_run_together(one, other):
    assert identity(one).text != identity(other).text
    assert identity(one).id != identity(other).id


def purchase(**changed: object) -> Purchase:
    return Purchase.model_validate(
        {
            "event_id": "e1",
            "source": "pos",
            "brand": "grocer",
            "member": "1043",
            "occurred_at": "2026-03-14T18:05:00-04:00",
            "receipt_id": "r1",
            "currency": "USD",
            "lines": [],
            **changed,
        }
    )


def test_a_purchase_is_its_receipt_whatever_event_tells_of_it():
    known = ids.activity_cause("grocer:1043", purchase())
    for same in ({"event_id": "e2"}, {"source": "till"}, {"store": "9"}, {"currency": "EUR"}):
        assert ids.activity_cause("grocer:1043", purchase(**same)) == known
    for other in ({"receipt_id": "r2"}, {"brand": "baker"}):
        assert ids.activity_cause("grocer:1043", purchase(**other)) != known
    assert ids.activity_cause("grocer:1044", purchase()) != known


def test_any_other_activity_is_its_source_and_event():
    told = {
        "event_id": "e1",
        "source": "site",
        "brand": "grocer",
        "member": "1043",
        "occurred_at": "2026-03-14T18:05:00-04:00",
    }
    known = ids.activity_cause("grocer:1043", Review.model_validate(told))
    rated = Review.model_validate({**told, "rating": 5, "brand": "baker"})
    assert ids.activity_cause("grocer:1043", rated) == known
    for other in ({"event_id": "e2"}, {"source": "app"}):
        changed = Review.model_validate({**told, **other})
        assert ids.activity_cause("grocer:1043", changed) != known
    back = Return.model_validate(
        {
            **told,
            "receipt_id": "r1",
            "currency": "USD",
            "lines": [{"line_id": "1", "quantity": 1, "amount_minor": 1}],
        }
    )
    assert ids.activity_cause("grocer:1043", back) == known


def test_the_kinds_of_causes_never_meet():
    lot = UUID("5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11")
    at = datetime(2026, 10, 1, 4, tzinfo=UTC)
    made = [
        ids.activity_cause("grocer:1043", purchase()),
        ids.award_cause("grocer:1043", lot),
        ids.command_cause("grocer:1043", str(lot)),
        ids.expiry_cause("grocer:1043", lot, at),
        ids.expiry_cause("grocer:1043", lot, at + timedelta(milliseconds=1)),
    ]
    assert len({cause.id for cause in made}) == len(made)


def test_a_lot_passes_an_instant_once_however_it_is_written():
    lot = UUID("5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11")
    at = datetime(2026, 10, 1, 4, tzinfo=UTC)
    there = at.astimezone(timezone(timedelta(hours=-4)))
    assert ids.expiry_cause("grocer:1043", lot, at) == ids.expiry_cause("grocer:1043", lot, there)


def test_identities_stay_what_they_are():
    """Written down once: ids that stand in a log can never be computed in another way."""
    lot = UUID("5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11")
    receipt = ids.activity_cause("grocer:1043", purchase())
    assert receipt == ids.Cause(
        '["receipt","grocer:1043","grocer","r1"]', UUID("0f9ead01-d515-5b29-a3b9-57b7b13618bc")
    )
    command = ids.command_cause("grocer:Jürgen", "demo")
    assert command == ids.Cause(
        '["command","grocer:Jürgen","demo"]', UUID("c762a50a-1853-5ce5-b54e-333903521e34")
    )
    expiry = ids.expiry_cause("g:1", lot, datetime(2026, 10, 1, 4, tzinfo=UTC))
    assert expiry.text == f'["expiry","g:1","{lot}","1790827200000"]'
    assert ids.digest(b"") == bytes.fromhex("cae66941d9efbd404e4d88758ea67670")
    assert ids.digest(b"{}") == bytes.fromhex("2afb9b83f9314e5d029766197f539792")


@settings(deadline=None)
@given(st.binary(), st.binary())
def test_digests_tell_bodies_apart(one, other):
    assert len(ids.digest(one)) == ids.DIGEST_BYTES
    assert (ids.digest(one) == ids.digest(other)) is (one == other)
