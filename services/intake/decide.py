"""What an upstream record says, whose it is, and whether it may go on: pure.

Guarantees: `read` never raises, whatever the bytes; every refusal has a reason and a detail. The
type comes from the envelope: CloudEvents binary (`ce_type`) or structured mode, else a field `type`
beside the others, else the topic's own type. Who, what and when come from the body alone.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from pydantic import ValidationError

from services.intake import strict_json
from services.intake.refusal import Refused, of_faults, shown
from shared.events import ids, registry
from shared.events.activity import (
    ActivityRecorded,
    CustomActionRecorded,
    PurchaseRecorded,
    ReferralRecorded,
    ReturnRecorded,
    ReviewRecorded,
    VoidRecorded,
)
from shared.events.base import RESERVED, instant, is_reserved, millis
from shared.events.bought import Bought, in_normal_form
from shared.events.quarantine import Reason
from shared.events.topics import DAY_MS, PURCHASES, RECORD_BYTES_MAX, REFERRALS, REVIEWS
from shared.events.upstream import Activity, CustomAction, Purchase, Referral, Return, Review, Void

AHEAD_MS_MAX = DAY_MS
"""How far an event may lie ahead of the broker's time of its record: clocks of shops go wrong."""

STRUCTURED = "application/cloudevents+json"
NATURAL: Mapping[str, str] = {
    PURCHASES.name: "retail.purchase.v1",
    REVIEWS.name: "retail.review.v1",
    REFERRALS.name: "retail.referral.v1",
}
"""The type of a body that names none, by topic."""
RECORDED: Mapping[type[Activity], type[ActivityRecorded]] = {
    Purchase: PurchaseRecorded,
    Return: ReturnRecorded,
    Void: VoidRecorded,
    Review: ReviewRecorded,
    Referral: ReferralRecorded,
    CustomAction: CustomActionRecorded,
}
"""Upstream model -> the activity that it becomes."""
_CONTENT = b',"brand":'
"""Where the content begins in normal form: behind event id and source."""
_FIELDS_SET = attrgetter("__pydantic_fields_set__")
_BASES = frozenset(name.rpartition(".v")[0] for name in registry.UPSTREAM)
_VERSION = re.compile(r"(?P<base>.+)\.v[0-9]+")


class Recognised(NamedTuple):
    """An event in normal form.

    `normal` is its JSON, `content` the digest of all but event id and source as upstream's contract
    writes them, `identities` are
    digests of what it may be known by: of a purchase first the receipt, of all the event id.
    `returned` is the receipt that a return or void is of.
    """

    type: str
    activity: Activity
    normal: bytes
    content: bytes
    identities: tuple[bytes, ...]
    returned: bytes | None = None

    @property
    def looked_up(self) -> tuple[bytes, ...]:
        """Whatever an earlier resolution may be found by."""
        return self.identities if self.returned is None else (*self.identities, self.returned)


class Resolution(NamedTuple):
    """The account to which an identity was first resolved, and the content that it came with."""

    account: str
    content: bytes


Known = Mapping[bytes, Resolution]
AnyHeaders = Sequence[tuple[str, bytes | None]]
AccountOf = Callable[[Activity], str | None]


def read(
    topic: str, value: bytes | None, headers: AnyHeaders, arrived_ms: int
) -> Recognised | Refused:
    """What a record says, in normal form, or why it is not taken.

    `arrived_ms` is the broker's time of the record; no other clock is read.
    """
    stripped = (value or b"").strip()
    if value is None or not stripped or stripped == b"null":
        return Refused(Reason.EMPTY, "the record has no value")
    if len(value) > RECORD_BYTES_MAX:
        return Refused(
            Reason.TOO_LARGE, f"{len(value)} bytes; at most {RECORD_BYTES_MAX} are taken"
        )
    opened = _open(topic, value, headers)
    if isinstance(opened, Refused):
        return opened
    if (unknown := _unknown(opened.type)) is not None:
        return unknown
    activity = _activity(opened)
    if isinstance(activity, Refused):
        return activity
    if millis(activity.occurred_at) > arrived_ms + AHEAD_MS_MAX:
        return Refused(
            Reason.IN_THE_FUTURE,
            f"occurred_at is {activity.occurred_at.isoformat()}, more than {AHEAD_MS_MAX} ms after "
            f"the record arrived ({instant(arrived_ms).isoformat()})",
        )
    if is_reserved(activity.member):
        return Refused(
            Reason.INVALID,
            f"member: found {shown(activity.member)}, but ids that begin with {RESERVED} are a "
            "program's own",
        )
    return _recognised(activity)


# the envelope


class _Body(NamedTuple):
    type: str
    value: bytes
    is_strict: bool
    """Whether it is known to be strict JSON."""


def _open(topic: str, value: bytes, headers: AnyHeaders) -> _Body | Refused:
    """Which type the record is of, and the bytes of its body."""
    named = dict(headers)
    declared = named.get("ce_type")
    if declared is not None:
        spec = named.get("ce_specversion", b"1.0")
        if spec != b"1.0":
            return Refused(Reason.UNKNOWN_VERSION, f"CloudEvents {spec!r}; 1.0 is taken")
        return _Body(declared.decode("utf-8", "backslashreplace"), value, is_strict=False)
    content_type = named.get("content-type") or b""
    if content_type.partition(b";")[0].strip().lower() == STRUCTURED.encode():
        return _structured(value)
    natural = NATURAL.get(topic, "")
    if b'"type"' not in value and b"\\u" not in value and natural:
        return _Body(natural, value, is_strict=False)
    data = strict_json.load(value)
    if isinstance(data, Refused):
        return data
    if not isinstance(data, dict):
        return _no_object(data)
    declared_type = data.get("type", natural)
    if not isinstance(declared_type, str):
        return Refused(Reason.UNKNOWN_TYPE, f"type: {shown(declared_type)} is no text")
    return _Body(declared_type, value, is_strict=True)


def _structured(value: bytes) -> _Body | Refused:
    """CloudEvents structured mode: the envelope around the body."""
    event = strict_json.load(value)
    if isinstance(event, Refused):
        return event
    if not isinstance(event, dict):
        return _no_object(event)
    if event.get("specversion") != "1.0":
        found = shown(event.get("specversion"))
        return Refused(Reason.UNKNOWN_VERSION, f"specversion: {found}; CloudEvents 1.0 is taken")
    declared = event.get("type")
    if not isinstance(declared, str):
        return Refused(Reason.UNKNOWN_TYPE, f"type: {shown(declared)} is no text")
    if "data" not in event:
        return Refused(Reason.MISSING_FIELD, "data: the envelope carries no JSON body")
    return _Body(declared, json.dumps(event["data"]).encode(), is_strict=True)


def _unknown(wire_type: str) -> Refused | None:
    if wire_type in registry.UPSTREAM:
        return None
    versioned = _VERSION.fullmatch(wire_type)
    if versioned is not None and versioned["base"] in _BASES:
        return Refused(Reason.UNKNOWN_VERSION, f"{shown(wire_type)} is not known (yet)")
    known = ", ".join(registry.UPSTREAM)
    return Refused(Reason.UNKNOWN_TYPE, f"{shown(wire_type)} is none of {known}")


def _no_object(data: object) -> Refused:
    return Refused(Reason.INVALID, f"an event is a JSON object, found {shown(data)}")


# the body


def _activity(body: _Body) -> Activity | Refused:
    """The body against its contract."""
    try:
        activity = registry.UPSTREAM[body.type].model_validate_json(body.value)
    except ValidationError as error:
        data = None if body.is_strict else strict_json.load(body.value)
        return data if isinstance(data, Refused) else of_faults(error)
    if not body.is_strict and not _is_plain(body.value, activity):
        data = strict_json.load(body.value)
        if isinstance(data, Refused):
            return data
    return activity


def _is_plain(value: bytes, activity: Activity) -> bool:
    """Whether it is plain that the body has each field once, and no field that is left out.

    Without blanks behind quotes every field shows as `":`, whatever else does. If that stands there
    as often as the contract found fields, they are all. A body of which this is not plain is looked
    at more closely, at three times the cost.
    """
    is_hiding = b"\n" in value or b"\r" in value or b"\t" in value or b'" ' in value
    return not is_hiding and value.count(b'":') == _fields(activity)


def _fields(activity: Activity) -> int:
    count = len(activity.model_fields_set)
    match activity:
        case Purchase():
            count += sum(map(len, map(_FIELDS_SET, activity.lines)))
            count += sum(map(len, map(_FIELDS_SET, activity.payments)))
        case Return():
            count += sum(map(len, map(_FIELDS_SET, activity.lines)))
            count += sum(map(len, map(_FIELDS_SET, activity.refunds)))
        case CustomAction():
            count += len(activity.attributes)
    return count


# normal form


def _recognised(activity: Activity) -> Recognised | Refused:
    if isinstance(activity, CustomAction):  # the same attributes in another order are the same
        ordered = dict(sorted(activity.attributes.items()))
        activity = activity.model_copy(update={"attributes": ordered})
    recorded = RECORDED[type(activity)]
    told = registry.encode(activity)  # lines as texts are shorter
    normal = registry.encode(in_normal_form(activity)) if isinstance(activity, Purchase) else told
    if len(told) > RECORD_BYTES_MAX:
        return Refused(Reason.TOO_LARGE, f"{len(told)} bytes in normal form")
    content = told[told.index(_CONTENT) :]  # no text holds a quote that has no backslash
    named = registry.first_type(recorded).encode()
    returned: bytes | None = None
    if isinstance(activity, Return | Void):
        returned = _receipt(activity.brand, activity.receipt_id)
    return Recognised(
        registry.TYPE_OF[recorded],
        activity,
        normal,
        ids.digest(named + content),
        identities_of(activity),
        returned,
    )


def identities_of(activity: Activity) -> tuple[bytes, ...]:
    """Digests of what an event may be known by: of a purchase first the receipt, of all the id."""
    event = ids.digest(f"event\0{activity.source}\0{activity.event_id}".encode())
    if isinstance(activity, Purchase | Bought):
        return _receipt(activity.brand, activity.receipt_id), event
    return (event,)


def _receipt(brand: str, receipt_id: str) -> bytes:
    return ids.digest(f"receipt\0{brand}\0{receipt_id}".encode())


# whose it is


class Resolving:
    """Finds the account of each event of a batch, in order; later events see the earlier ones.

    `known` is what was written down of their identities; `found` collects what is to be written
    down. An event that is refused leaves nothing behind.
    """

    def __init__(self, known: Known, account_of: AccountOf) -> None:
        self.known = known
        self.account_of = account_of
        self.found: dict[bytes, Resolution] = {}

    def resolve(self, event: Recognised) -> str | Refused:
        """The account to which the event was first resolved, or is now; or why it has none."""
        account: str | None = None
        for identity in event.identities:
            earlier = self.known.get(identity) or self.found.get(identity)
            if earlier is None:
                continue
            if earlier.content != event.content:
                return _conflict(event, identity)
            account = account or earlier.account
        if account is None and event.returned is not None:
            account = self._buyer(event.returned)
        if account is None:
            account = self.account_of(event.activity)
        if account is None:
            brand, at = shown(event.activity.brand), event.activity.occurred_at.isoformat()
            return Refused(Reason.UNKNOWN_BRAND, f"no program had the brand {brand} at {at}")
        for identity in event.identities:
            if identity not in self.known:
                self.found[identity] = Resolution(account, event.content)
        return account

    def _buyer(self, receipt: bytes) -> str | None:
        """The account that a receipt belongs to, if that is known."""
        bought = self.known.get(receipt) or self.found.get(receipt)
        return None if bought is None else bought.account


def _conflict(event: Recognised, identity: bytes) -> Refused:
    activity = event.activity
    if isinstance(activity, Purchase) and identity == event.identities[0]:
        which = f"receipt {shown(activity.receipt_id)} of brand {shown(activity.brand)}"
    else:
        which = f"event {shown(activity.event_id)} of {shown(activity.source)}"
    return Refused(Reason.CONFLICT, f"{which} was taken before with another content")
