"""What was said to a merged account: whoever asked gets the answer of the last account."""

from datetime import UTC, datetime
from uuid import UUID

from services.query.decisions import Decided
from services.query.forwarded import followed
from shared.events import registry
from shared.events.ids import delivery_cause
from shared.events.merges import InputForwarded
from shared.events.points import RedemptionRefused, RefusalReason

JO, FLO, MAX = "shop:jo", "shop:flo", "shop:max"
ASKED = UUID(int=7)
BODY = b"what the caller sent"


def decided(cause: UUID, fact: InputForwarded | RedemptionRefused, body: bytes) -> Decided:
    text = registry.encode(fact).decode()
    wire_type, now = registry.TYPE_OF[type(fact)], datetime(2026, 6, 1, tzinfo=UTC)
    return Decided(cause, fact.account, 1, wire_type, body, now, 5, text)


def sent_on(account: str, to: str, input_id: UUID) -> InputForwarded:
    return InputForwarded(
        account=account, input_id=input_id, to=to, origin=ASKED, input_type="any", input={}
    )


AT_FLO = delivery_cause(FLO, ASKED).id
AT_MAX = delivery_cause(MAX, AT_FLO).id
FIRST = decided(ASKED, sent_on(JO, FLO, ASKED), BODY)
SECOND = decided(AT_FLO, sent_on(FLO, MAX, AT_FLO), b"a parcel")
LAST = decided(
    AT_MAX,
    RedemptionRefused(
        account=MAX, redemption_id=ASKED, asked=5, reason=RefusalReason.INSUFFICIENT_POINTS
    ),
    b"another parcel",
)


async def told(*known: Decided, first: Decided = FIRST) -> Decided | None:
    """What is told of the first decision, where these are known besides."""
    by_place = {(each.account, each.cause): each for each in known}

    async def look(account: str, cause: UUID) -> Decided | None:
        return by_place.get((account, cause))

    return await followed(first, look)


async def test_the_last_decision_is_told_as_that_of_the_request() -> None:
    assert await told(SECOND, LAST) == LAST._replace(cause=ASKED, body=BODY)


async def test_nothing_is_told_before_the_last_account_has_decided() -> None:
    assert await told() is None
    assert await told(SECOND) is None


async def test_what_was_not_sent_on_is_its_own_answer() -> None:
    assert await told(first=LAST) == LAST
