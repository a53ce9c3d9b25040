"""The registry: bytes to messages and back, always the same bytes."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import awards, points, registry
from shared.events.base import POINTS_MAX, instant

LOT = UUID("5b4b64a6-6d8c-5d3e-8b39-0a0f2a8e2c11")
AT = instant(1_773_525_900_000)
INSTANTS = st.integers(0, 4_000_000_000_000).map(instant)
CREDITS = st.builds(
    points.PointsCredited,
    account=st.just("grocer:1043"),
    lot_id=st.uuids(),
    brand=st.sampled_from(["grocer", "Größe", "日本"]),
    receipt_id=st.none() | st.just("r1"),
    points=st.integers(0, POINTS_MAX),
    occurred_at=INSTANTS,
    active_from=INSTANTS,
    expires_at=st.none() | INSTANTS,
    covers=st.lists(
        st.builds(points.DebitShare, debit_id=st.uuids(), points=st.integers(0, POINTS_MAX)),
        max_size=3,
    ).map(tuple),
    expired=st.integers(0, POINTS_MAX),
)


@settings(deadline=None)
@given(CREDITS)
def test_a_message_is_read_as_it_was_written(credit):
    written = registry.encode(credit)
    read = registry.decode("loyalty.points.credited.v1", written)
    assert read == credit
    assert registry.encode(read) == written


def test_defaults_stay_off_the_wire_whether_named_or_not():
    credit = {
        "account": "g:1",
        "lot_id": LOT,
        "brand": "g",
        "points": 1,
        "occurred_at": AT,
        "active_from": AT,
    }
    plain = points.PointsCredited.model_validate(credit)
    named = points.PointsCredited.model_validate({**credit, "expired": 0, "covers": ()})
    assert registry.encode(plain) == registry.encode(named)
    assert b"expired" not in registry.encode(plain)


def test_numbers_are_written_out_in_full():
    expired = points.PointsExpired(account="g:1", lot_id=LOT, points=POINTS_MAX, expires_at=AT)
    assert b'"points":1000000000000' in registry.encode(expired)


@pytest.mark.parametrize("exact", ["0", "10", "349/100", "1/3"])
def test_exact_points_are_fractions(exact):
    share = awards.RuleShare(rule="base", basis_minor=349, rate="1/100", exact=exact)
    assert share.exact == exact


@pytest.mark.parametrize(
    "exact", ["", "1.5", "-1", "1/0", "1/", "/2", "1/2/3", "1 / 2", "٣", "1\n"]
)
def test_anything_else_is_no_exact_number(exact):
    with pytest.raises(ValueError, match="exact"):
        awards.RuleShare(rule="base", basis_minor=349, rate="1/100", exact=exact)


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "0", "null"])
def test_a_version_is_a_counting_number(version):
    value = (
        f'{{"program":"grocer","version":{version},'
        '"effective_from":"2000-01-01T05:00:00Z","document":{}}'
    )
    with pytest.raises(ValueError, match="version"):
        registry.decode("loyalty.program.published.v1", value.encode())


@pytest.mark.parametrize(
    "name", ["", "retail.purchase", "retail.purchase.v2", "Retail.purchase.v1"]
)
def test_a_type_is_known_by_its_exact_name(name):
    with pytest.raises(registry.UnknownType):
        registry.decode(name, b"{}")
