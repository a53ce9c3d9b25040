"""What intake writes: an activity with its account, and what goes to quarantine."""

from json.encoder import encode_basestring

from services.intake.decide import Recognised
from services.intake.refusal import Refused
from shared.events.base import millis
from shared.events.ids import activity_cause
from shared.events.quarantine import Quarantined
from shared.events.wire import Source, context
from shared.stream.log import Outgoing, Record

SERVICE = "intake"


def activity(account: str, event: Recognised, src: Source) -> Outgoing:
    """The record on `loyalty.activity.v1`; the same event gives the same value, key and cause."""
    cause = activity_cause(account, event.activity)
    value = b'{"account":%b,"activity":%b}' % (encode_basestring(account).encode(), event.normal)
    headers = context(
        id=cause.id,
        source=event.activity.source,
        type=event.type,
        subject=account,
        time_ms=millis(event.activity.occurred_at),
    )
    headers.append(("cause", cause.text.encode()))
    headers.append(("body", event.content))
    headers.append(("src", src.encode()))
    return Outgoing(account.encode(), value, headers)


def set_aside(record: Record, why: Refused) -> Quarantined:
    """The record as it arrived, with why it was not taken."""
    return Quarantined(
        source=source_of(record),
        reason=why.reason,
        detail=why.detail,
        by=SERVICE,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )


def source_of(record: Record) -> Source:
    """Where a record stands."""
    return Source(record.topic, record.partition, record.offset)
