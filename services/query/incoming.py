"""Events over HTTP: CloudEvents (structured, batched, binary) or plain JSON, in normal form.

Guarantees: all events of a request are taken, or none; what is wrong names the event, the field and
what was found. Normal form: fields that the contract does not name are left out, so that no
personal data gets on the log unasked. Does not find accounts: that is intake's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import to_json

from services.query.bodies import media_type, parsed, read_body
from services.query.limits import ERRORS_TOLD_MAX, EVENT_BYTES_MAX, EVENTS_BYTES_MAX, EVENTS_MAX
from services.query.problems import Code, Problem, faults
from shared.events import registry
from shared.events.base import RESERVED, is_reserved, millis
from shared.events.topics import PURCHASES, REFERRALS, REVIEWS, Topic
from shared.events.upstream import Activity
from shared.events.wire import context
from shared.stream.log import Outgoing

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
TOPIC_OF: Mapping[str, Topic] = {
    "retail.purchase.v1": PURCHASES,
    "retail.return.v1": PURCHASES,
    "retail.void.v1": PURCHASES,
    "retail.custom-action.v1": PURCHASES,
    "retail.review.v1": REVIEWS,
    "retail.referral.v1": REFERRALS,
}
"""Where an event of each type is published."""


class Incoming(NamedTuple):
    """A valid event: its id, its topic, and the record that says it."""

    id: str
    topic: Topic
    record: Outgoing


class _Unwrapped(NamedTuple):
    """An event without its envelope."""

    type: Any
    data: Any


class _Wrong(Exception):
    """An envelope that is not as it must be."""

    def __init__(self, field: str, message: str, found: object = None) -> None:
        super().__init__(message)
        self.fault = {"field": field, "message": message}
        if isinstance(found, str):
            self.fault["found"] = found[:100]


async def read_events(request: Request) -> list[Incoming]:
    """The events of a request, in order. Raises Problem."""
    written = media_type(request)
    if written not in {JSON, STRUCTURED, BATCHED}:
        detail = f"send {JSON}, {STRUCTURED} or {BATCHED}"
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, detail)
    data = parsed(await read_body(request, EVENTS_BYTES_MAX))
    if written == JSON and "ce-type" in request.headers:
        return _taken([_from_headers(request, data)])
    items = data if isinstance(data, list) else [data]
    if not 1 <= len(items) <= EVENTS_MAX:
        detail = f"send 1 to {EVENTS_MAX} events, not {len(items)}"
        raise Problem(Code.INVALID, detail, limit=EVENTS_MAX)
    return _taken([_unwrapped(item, written) for item in items])


def _from_headers(request: Request, data: Any) -> _Unwrapped:
    """Binary mode: the context stands in `ce-` headers, percent-encoded, the event is the body."""
    named = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in request.headers.items()
        if name.startswith("ce-")
    }
    return _Unwrapped(named.get("type"), _with_context(data, named))


def _unwrapped(item: Any, written: str) -> _Unwrapped | _Wrong:
    """Structured mode where there is a `specversion`, else an object with its `type`."""
    if not isinstance(item, dict):
        return _Wrong("", "an event is a JSON object")
    if "specversion" not in item and written == JSON:
        return _Unwrapped(item.get("type"), {k: v for k, v in item.items() if k != "type"})
    if item.get("specversion") != "1.0":
        return _Wrong("specversion", "CloudEvents 1.0 are taken", item.get("specversion"))
    if "data" not in item:
        return _Wrong("data", "the event's data must stand here as JSON")
    return _Unwrapped(item.get("type"), _with_context(item["data"], item))


def _with_context(data: Any, envelope: Mapping[str, Any]) -> Any:
    """The data, with its id and source from the envelope where it does not say them itself."""
    if not isinstance(data, dict):
        return data
    named = {"event_id": envelope.get("id"), "source": envelope.get("source")}
    return {**{name: value for name, value in named.items() if value is not None}, **data}


def _taken(events: Sequence[_Unwrapped | _Wrong]) -> list[Incoming]:
    taken: list[Incoming] = []
    wrong: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        if isinstance(event, _Wrong):
            wrong.append({"index": index, **event.fault})
            continue
        try:
            taken.append(_event(event, index))
        except _Wrong as error:
            wrong.append({"index": index, **error.fault})
        except ValidationError as error:
            wrong.extend(faults(error, index))
    if wrong:
        detail = "nothing was published"
        raise Problem(Code.INVALID, detail, errors=wrong[:ERRORS_TOLD_MAX])
    return taken


def _event(event: _Unwrapped, index: int) -> Incoming:
    model = registry.UPSTREAM.get(event.type) if isinstance(event.type, str) else None
    if model is None:
        known = ", ".join(registry.UPSTREAM)
        raise _Wrong("type", f"the types taken are {known}", event.type)
    activity: Activity = model.model_validate_json(to_json(event.data))
    if is_reserved(activity.member):
        told = f"ids that begin with {RESERVED} are a program's own"
        raise _Wrong("member", told, activity.member)
    value = registry.encode(activity)
    if len(value) > EVENT_BYTES_MAX:
        raise Problem(Code.EVENT_TOO_LARGE, index=index, bytes=len(value), limit=EVENT_BYTES_MAX)
    headers = context(
        id=activity.event_id,
        source=activity.source,
        type=event.type,
        subject=activity.member,
        time_ms=millis(activity.occurred_at),
    )
    record = Outgoing(activity.member.encode(), value, headers)
    return Incoming(activity.event_id, TOPIC_OF[event.type], record)
