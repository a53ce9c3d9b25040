"""Whose an event is: the first resolution stands, the same identity with another content conflicts.

1. an event is resolved once: a re-send has the account of the first time, whatever the programs say
2. what is refused leaves nothing behind
3. in which batches events arrive makes no difference
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.decide import Recognised, Resolution, Resolving, read
from services.intake.refusal import Refused
from shared.events.quarantine import Reason
from shared.events.topics import PURCHASES
from tests.strategies.poison import ARRIVED_MS, encoded, line, purchase

Outcome = str | Reason


def event(number: int = 1, type: str = "retail.purchase.v1", **changes: Any) -> Recognised:
    said = read(
        PURCHASES.name,
        encoded(purchase(number, **changes)),
        (("ce_type", type.encode()),),
        ARRIVED_MS,
    )
    assert isinstance(said, Recognised), said
    return said


def told(number: int = 1, **fields: Any) -> Callable[[], Recognised]:
    """An event that is read once its test runs: then what it takes to read it is the test's."""
    return partial(event, number, **fields)


def account_of(program: str | None = "p"):
    return lambda activity: None if program is None else f"{program}:{activity.member}"


def outcome(said: str | Refused) -> Outcome:
    return said if isinstance(said, str) else said.reason


def resolve(*events: Recognised, known: Any = None, program: str | None = "p") -> list[Outcome]:
    resolving = Resolving(known or {}, account_of(program))
    return [outcome(resolving.resolve(one)) for one in events]


REVIEW, RETURN, VOID = "retail.review.v1", "retail.return.v1", "retail.void.v1"


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        ([told()], ["p:2"]),
        ([told(), told()], ["p:2", "p:2"]),
        ([told(), told(2)], ["p:2", "p:3"]),
        ([told(), told(event_id="e9")], ["p:2", "p:2"]),
        ([told(), told(event_id="e9"), told(event_id="e9")], ["p:2", "p:2", "p:2"]),
        ([told(), told(store="9")], ["p:2", Reason.CONFLICT]),
        ([told(), told(event_id="e9", store="9")], ["p:2", Reason.CONFLICT]),
        ([told(), told(receipt_id="r9")], ["p:2", Reason.CONFLICT]),
        ([told(), told(2, event_id="e1")], ["p:2", Reason.CONFLICT]),
        ([told(), told(type=REVIEW)], ["p:2", Reason.CONFLICT]),
        ([told(type=REVIEW), told(type=REVIEW, receipt_id="r9")], ["p:2", "p:2"]),
        ([told(type=REVIEW), told(type=REVIEW, event_id="e9")], ["p:2", "p:2"]),
        ([told(type=REVIEW), told(type=REVIEW, member="9")], ["p:2", Reason.CONFLICT]),
        ([told(source="pos"), told(2, source="web", event_id="e1")], ["p:2", "p:3"]),
    ],
)
def test_repeats_and_conflicts(events, outcomes):
    events = [read_now() for read_now in events]
    assert resolve(*events) == outcomes
    known: dict[bytes, Resolution] = {}
    found = []
    for one in events:  # each in a batch of its own
        resolving = Resolving(dict(known), account_of())
        found.append(outcome(resolving.resolve(one)))
        known.update(resolving.found)
    assert found == outcomes


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        # back from somebody else, or under another card: the receipt says whose it was
        ([told(), told(2, type=RETURN, receipt_id="r1")], ["p:2", "p:2"]),
        ([told(), told(2, type=VOID, receipt_id="r1")], ["p:2", "p:2"]),
        # the receipt is not known yet, or of another brand
        ([told(2, type=RETURN, receipt_id="r1"), told()], ["p:3", "p:2"]),
        ([told(), told(2, type=RETURN, receipt_id="r1", brand="b")], ["p:2", "p:3"]),
        # not known when it came first: what was found then stands
        (
            [told(2, type=RETURN, receipt_id="r1"), told(), told(2, type=RETURN, receipt_id="r1")],
            ["p:3", "p:2", "p:3"],
        ),
        # several returns of one receipt; one that is sent again, one that is not the same
        ([told(type=RETURN), told(2, type=RETURN, receipt_id="r1")], ["p:2", "p:3"]),
        ([told(type=RETURN), told(type=RETURN)], ["p:2", "p:2"]),
        ([told(type=RETURN), told(type=RETURN, lines=[line()])], ["p:2", Reason.CONFLICT]),
    ],
)
def test_a_return_belongs_to_whom_its_receipt_does(events, outcomes):
    events = [read_now() for read_now in events]
    known: dict[bytes, Resolution] = {}
    found = []
    for one in events:  # each in a batch of its own
        resolving = Resolving(dict(known), account_of())
        found.append(outcome(resolving.resolve(one)))
        known.update(resolving.found)
    assert found == outcomes == resolve(*events)


RECEIPT = bytes.fromhex("4272a5c5f81e0bf4d5543458210ac2d8")
EVENT = bytes.fromhex("8b067cb079026f94e3607adc9f92db5d")
"""What the purchase and the other events of this table have been known by since the beginning."""


@pytest.mark.parametrize(
    ("type", "further", "content"),
    [
        ("retail.purchase.v1", {}, "0924816b7191816febf565fcf345e29c"),
        (RETURN, {}, "5ba03dac7cc92b8fed4a3ca282119548"),
        (VOID, {}, "0b1f7f8dd8d18055a41cfc189964f77d"),
        (REVIEW, {"rating": 5}, "7a5b65267d8d8fba31fe16e3d9a03a97"),
        ("retail.referral.v1", {"advocate": "9"}, "06f57e08eda0314603a65fd70908926c"),
        (
            "retail.custom-action.v1",
            {"action": "signup", "attributes": {"b": 1, "a": "x"}},
            "d1ba07b3739f75b874983d180552821f",
        ),
    ],
)
def test_what_was_taken_by_an_older_version_is_still_a_repeat(
    type: str, further: dict[str, Any], content: str
):
    """The digests stand in the rows of old ledgers; with others it would be a conflict."""
    resolution = Resolution("old:7", bytes.fromhex(content))
    known = dict.fromkeys((RECEIPT, EVENT), resolution)
    assert resolve(event(type=type, **further), known=known) == ["old:7"]


@pytest.mark.parametrize(
    ("changes", "which"),
    [
        ({"event_id": "e9", "store": "9"}, "receipt 'r1' of brand 'grocer'"),
        ({"receipt_id": "r9"}, "event 'e1' of 'grocer-pos'"),
        ({"type": REVIEW}, "event 'e1' of 'grocer-pos'"),
    ],
)
def test_of_a_conflict_is_told_what_was_taken_before(changes: dict[str, Any], which: str):
    resolving = Resolving({}, account_of())
    resolving.resolve(event())
    detail = f"{which} was taken before with another content"
    assert resolving.resolve(event(**changes)) == Refused(Reason.CONFLICT, detail)


def test_a_refused_event_leaves_nothing_behind():
    conflict = event(event_id="e9", store="9")
    resolving = Resolving({}, account_of())
    assert outcome(resolving.resolve(event())) == "p:2"
    before = dict(resolving.found)
    assert outcome(resolving.resolve(conflict)) is Reason.CONFLICT
    assert resolving.found == before
    assert outcome(resolving.resolve(event(9))) == "p:10"


def test_an_unknown_brand_is_refused_and_leaves_nothing_behind():
    resolving = Resolving({}, account_of(None))
    detail = "no program had the brand 'grocer' at 2026-09-20T10:00:00-04:00"
    assert resolving.resolve(event()) == Refused(Reason.UNKNOWN_BRAND, detail)
    assert resolving.found == {}


def test_a_resend_keeps_its_account_when_its_brand_has_moved():
    first = event()
    known = {identity: Resolution("old:2", first.content) for identity in first.identities}
    assert resolve(first, known=known, program="new") == ["old:2"]
    assert resolve(first, known=known, program=None) == ["old:2"]
    assert resolve(event(event_id="e9"), known=known, program="new") == ["old:2"]


def test_what_is_known_is_not_written_down_again():
    first = event()
    resolving = Resolving({first.identities[0]: Resolution("p:2", first.content)}, account_of())
    assert resolving.resolve(first) == "p:2"
    assert set(resolving.found) == {first.identities[1]}


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            event,
            number=st.just(1),
            event_id=st.sampled_from(["e1", "e2"]),
            receipt_id=st.sampled_from(["r1", "r2", "r3"]),
            store=st.sampled_from(["1", "2"]),
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_batches_make_no_difference(events, cuts):
    known: dict[bytes, Resolution] = {}
    found: list[Outcome] = []
    bounds = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    for first, end in pairwise(bounds):
        resolving = Resolving(dict(known), account_of())
        found += [outcome(resolving.resolve(one)) for one in events[first:end]]
        known.update(resolving.found)
    assert found == resolve(*events)
