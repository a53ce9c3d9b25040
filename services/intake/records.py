"""What intake forwards: an activity with its account."""

from json.encoder import encode_basestring

from services.intake.decide import Recognised
from shared.events.base import millis
from shared.events.ids import activity_cause
from shared.events.wire import Source, context
from shared.stream.log import Outgoing

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
