"""Upstream records of every bad kind, each with the reason that it must be set aside for.

`POISON` is the table; `purchase` and `encoded` make the good ones that it is mixed with; `mutated`
breaks real ones byte by byte, where only the outcome is known: taken or refused, never an error.
"""

import gzip
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from shared.events.base import LINES_MAX
from shared.events.quarantine import Reason
from shared.events.topics import PURCHASES, RECORD_BYTES_MAX, REFERRALS, REVIEWS

ARRIVED_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z: when the broker took the records of these tables."""
BRAND = "grocer"
Json = dict[str, Any]
Headers = tuple[tuple[str, bytes | None], ...]
BINARY: Headers = (("ce_specversion", b"1.0"), ("ce_type", b"retail.purchase.v1"))
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)


@dataclass(frozen=True)
class Poison:
    """A record that must stand in quarantine for `reason`; `detail` is in what people are told."""

    name: str
    reason: Reason
    value: bytes | None
    headers: Headers = BINARY
    detail: str = ""
    topic: str = PURCHASES.name


def purchase(number: int = 1, **changes: Any) -> Json:
    """A purchase as the demo's upstream system writes it; a change to None leaves a field out."""
    body = {
        "event_id": f"e{number}",
        "source": "grocer-pos",
        "brand": BRAND,
        "store": "330",
        "receipt_id": f"r{number}",
        "member": str(1 + number % 97),
        "occurred_at": "2026-09-20T10:00:00-04:00",
        "currency": "USD",
        "lines": [line(amount_minor=199 + number % 50), line(line_id="2", product_brand="Private")],
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def line(**changes: Any) -> Json:
    """A line of a purchase."""
    return {
        "line_id": "1",
        "sku": "1095275",
        "department": "GROCERY",
        "category": "FRUIT - SHELF STABLE",
        "product_type": "APPLE SAUCE",
        "product_brand": "National",
        "quantity": 1,
        "amount_minor": 199,
        **changes,
    }


def encoded(body: object) -> bytes:
    """As JSON."""
    return json.dumps(body, separators=(",", ":")).encode()


def structured(body: object, **changes: Any) -> bytes:
    """In the envelope of CloudEvents' structured mode; a change to None leaves a field out."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "grocer-pos",
        "type": "retail.purchase.v1",
        "data": body,
        **changes,
    }
    return encoded({name: value for name, value in event.items() if value is not None})


def _with(**changes: Any) -> bytes:
    return encoded(purchase(**changes))


def _amount(text: str) -> bytes:
    """A purchase whose first amount is written as `text`."""
    return _with(lines=[line(amount_minor="@")]).replace(b'"@"', text.encode())


def _nested(depth: int) -> bytes:
    return _with(note="@").replace(b'"@"', b"[" * depth + b"]" * depth)


def _not_json() -> Iterable[Poison]:
    whole = encoded(purchase())
    for name, value in {
        "cut_off": whole[:-20],
        "text": b"hello",
        "xml": b"<purchase/>",
        "two_documents": whole + whole,
        "single_quotes": whole.replace(b'"', b"'"),
        "trailing_comma": whole.replace(b"}]}", b"},]}"),
        "half_a_surrogate": _with(note="@").replace(b"@", b"\\ud83d"),
        "control_character": _with(note="@").replace(b"@", b"\x07"),
    }.items():
        yield Poison(f"not_json_{name}", Reason.NOT_JSON, value)
    yield Poison("not_json_structured", Reason.NOT_JSON, b"{", STRUCTURED)
    yield Poison("not_json_plain", Reason.NOT_JSON, b'{"type":', ())
    for name, value in {
        "latin_1": '{"note":"café"}'.encode("latin-1"),
        "utf_16": whole.decode().encode("utf-16"),
        "utf_16_unmarked": whole.decode().encode("utf-16-le"),
        "byte_order_mark": b"\xef\xbb\xbf" + whole,
        "gzip": gzip.compress(whole, mtime=0),
        "in_a_field_left_out": _with(note="@").replace(b"@", b"\xff"),
        "in_a_field": _with(store="@").replace(b"@", b"\xc3\x28"),
    }.items():
        yield Poison(f"wrong_encoding_{name}", Reason.WRONG_ENCODING, value)


def _strange_json() -> Iterable[Poison]:
    for name, depth in {"33": 32, "150": 150, "a_thousand": 1_000, "100_thousand": 100_000}.items():
        yield Poison(f"nested_{name}", Reason.NESTED_TOO_DEEPLY, _nested(depth))
    for number in ("NaN", "Infinity", "-Infinity"):
        yield Poison(f"amount_{number}", Reason.NOT_A_NUMBER, _amount(number), detail=number)
        left_out = _with(note="@").replace(b'"@"', number.encode())
        yield Poison(f"{number}_in_a_field_left_out", Reason.NOT_A_NUMBER, left_out)
    twice = encoded(purchase())
    for name, value in {
        "amount": twice.replace(b'"amount_minor":', b'"amount_minor":1,"amount_minor":', 1),
        "member": twice.replace(b'"member":', b'"member":"7","member":'),
        "member_escaped": twice.replace(b'"member":', b'"m\\u0065mber":"7","member":'),
        **{
            f"member_with_{ord(blank)}": twice.replace(
                b'"member":', b'"member"%b:"7","member":' % blank
            )
            for blank in (b" ", b"\t", b"\n", b"\r")
        },
        "field_left_out": twice[:-1] + b',"note":1,"note":2}',
        "field_left_out_of_a_line": twice.replace(b'"sku"', b'"a":{"b":1,"b":1},"sku"', 1),
    }.items():
        yield Poison(f"twice_{name}", Reason.DUPLICATE_FIELD, value, detail="twice")
        yield Poison(f"twice_{name}_untyped", Reason.DUPLICATE_FIELD, value, (), detail="twice")
    envelope = structured(purchase())[:-1] + b',"type":"retail.return.v1"}'
    yield Poison("twice_type_of_the_envelope", Reason.DUPLICATE_FIELD, envelope, STRUCTURED)


def _types() -> Iterable[Poison]:
    whole = encoded(purchase())
    for name, wire_type in {
        "unknown": "retail.coupon.v1",
        "without_version": "retail.purchase",
        "empty": "",
        "of_our_own": "loyalty.points.earned.v1",
        "odd_version": "retail.purchase.vX",
    }.items():
        header = (("ce_type", wire_type.encode()),)
        known = f"{wire_type!r} is none of retail.purchase.v1, retail.return.v1"
        yield Poison(f"type_{name}", Reason.UNKNOWN_TYPE, whole, header, known)
    yield Poison("type_of_any_bytes", Reason.UNKNOWN_TYPE, whole, (("ce_type", b"\xff\x00"),))
    yield Poison("type_in_body", Reason.UNKNOWN_TYPE, _with(type="coupon"), (), detail="coupon")
    escaped = _with(type="coupon").replace(b'"type"', b'"t\\u0079pe"')
    yield Poison("type_in_body_escaped", Reason.UNKNOWN_TYPE, escaped, (), detail="coupon")
    no_text = "type: 7 is no text"
    yield Poison("type_in_body_no_text", Reason.UNKNOWN_TYPE, _with(type=7), (), no_text)
    yield Poison(
        "type_in_envelope", Reason.UNKNOWN_TYPE, structured({}, type="retail.coupon.v1"), STRUCTURED
    )
    untyped, no_text = structured({}, type=None), "type: None is no text"
    yield Poison("type_not_in_envelope", Reason.UNKNOWN_TYPE, untyped, STRUCTURED, no_text)
    yield Poison(
        "type_in_envelope_no_text",
        Reason.UNKNOWN_TYPE,
        structured({}, type=7),
        STRUCTURED,
        "type: 7 is no text",
    )
    for version in ("v2", "v0", "v99999999999999999999"):
        wire_type = f"retail.purchase.{version}"
        header = (("ce_type", wire_type.encode()),)
        yield Poison(f"version_{version}", Reason.UNKNOWN_VERSION, whole, header, wire_type)
    later = (*BINARY[1:], ("ce_specversion", b"2.0"))
    yield Poison("version_of_cloudevents", Reason.UNKNOWN_VERSION, whole, later, "2.0")
    yield Poison(
        "version_of_envelope",
        Reason.UNKNOWN_VERSION,
        structured(purchase(), specversion="0.3"),
        STRUCTURED,
        "0.3",
    )
    action = (("ce_type", b"retail.custom-action.v1"),)
    yield Poison("purchase_as_an_action", Reason.MISSING_FIELD, whole, action, detail="action")
    yield Poison(
        "purchase_among_referrals", Reason.INVALID, _with(code=7), (), "code", REFERRALS.name
    )
    yield Poison(
        "rating_of_a_review", Reason.OUT_OF_RANGE, _with(rating=101), (), "rating", REVIEWS.name
    )


def _wrong_fields() -> Iterable[Poison]:
    for field in ("event_id", "source", "brand", "member", "occurred_at", "receipt_id", "lines"):
        missing = _with(**{field: None})
        yield Poison(f"missing_{field}", Reason.MISSING_FIELD, missing, detail=field)
    amountless = line()
    del amountless["amount_minor"]
    yield Poison(
        "missing_amount", Reason.MISSING_FIELD, _with(lines=[amountless]), detail="lines.0"
    )
    yield Poison("missing_data", Reason.MISSING_FIELD, structured(None), STRUCTURED, "data")
    for name, value in {
        "array": encoded([purchase()]),
        "text": b'"hello"',
        "number": b"7",
        "member_a_number": _with(member=7),
        "member_null": _with(member="@").replace(b'"@"', b"null"),
        "member_blank": _with(member=" "),
        "member_with_a_line_feed": _with(member="1\n2"),
        "member_too_long": _with(member="m" * 129),
        "currency": _with(currency="dollars"),
        "lines_an_object": _with(lines={"0": line()}),
        "line_kind": _with(lines=[line(kind="present")]),
        "amount_a_text": _amount('"199"'),
        "amount_a_truth": _amount("true"),
        "time_a_count": _with(occurred_at=1_790_000_000),
        "time_a_count_in_text": _with(occurred_at="1790000000"),
        "time_that_is_none": _with(occurred_at="2026-02-30T10:00:00Z"),
    }.items():
        yield Poison(f"invalid_{name}", Reason.INVALID, value)
    own, found = _with(member="~reward~mug"), "found '~reward~mug', but ids that begin with ~"
    yield Poison("member_of_the_program", Reason.INVALID, own, detail=found)
    yield Poison("invalid_data", Reason.INVALID, structured([1]), STRUCTURED, "body: ")
    yield Poison("invalid_envelope", Reason.INVALID, b"[1]", STRUCTURED, "object, found [1]")
    yield Poison("invalid_plain", Reason.INVALID, b'["type"]', (), "object, found ['type']")


def _wrong_numbers_and_times() -> Iterable[Poison]:
    for text in ("1.5", "199.0", "1e2", "-0.5", "1e-7"):
        yield Poison(
            f"amount_{text}", Reason.FRACTIONAL, _amount(text), detail="lines.0.amount_minor"
        )
    for text in ("-1", "100000000001", "9" * 30, "9" * 4_300, "-1" + "0" * 5_000, "1e400"):
        name = text if len(text) < 40 else f"{text[:4]}_{len(text)}_digits"
        yield Poison(f"amount_{name}", Reason.OUT_OF_RANGE, _amount(text))
    yield Poison(
        "digits_in_a_field_left_out",
        Reason.OUT_OF_RANGE,
        _amount("1")[:-1] + b',"n":%b}' % (b"9" * 5_000),
    )
    yield Poison("lines_too_many", Reason.OUT_OF_RANGE, _with(lines=[line()] * (LINES_MAX + 1)))
    yield Poison("time_before_1970", Reason.OUT_OF_RANGE, _with(occurred_at="1969-12-31T23:59:59Z"))
    for name, at in {
        "zone": "2026-09-20T10:00:00",
        "time": "2026-09-20",
    }.items():
        reason = Reason.NO_OFFSET
        yield Poison(f"time_without_{name}", reason, _with(occurred_at=at), detail="occurred_at")
    for name, at in {
        "by_a_day_and_a_second": "2026-09-22T14:13:21Z",
        "by_a_day_and_a_second_elsewhere": "2026-09-22T04:13:21-10:00",
        "by_a_century": "2126-09-20T10:00:00Z",
        "by_all_centuries": "9999-12-31T23:59:59Z",
    }.items():
        future = _with(occurred_at=at)
        yield Poison(f"in_the_future_{name}", Reason.IN_THE_FUTURE, future, detail="occurred_at")


def _sizes() -> Iterable[Poison]:
    for name, value in {
        "null": None,
        "nothing": b"",
        "blanks": b" \n",
        "json_null": b"null",
    }.items():
        yield Poison(f"empty_{name}", Reason.EMPTY, value)
    for name, size in {"a_byte_over": RECORD_BYTES_MAX + 1, "2_mib": 2 << 20}.items():
        padded = _with(note="x" * size)[-size:]
        yield Poison(f"too_large_{name}", Reason.TOO_LARGE, padded)


POISON: tuple[Poison, ...] = (
    *_sizes(),
    *_types(),
    *_not_json(),
    *_strange_json(),
    *_wrong_fields(),
    *_wrong_numbers_and_times(),
)
"""Every kind that shows in the record alone. Unknown brands and conflicts show in company."""


_NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="~"),
    min_size=1,
    max_size=12,
)
_AMOUNTS = st.integers(0, 10**6)


def purchases() -> st.SearchStrategy[Json]:
    """Good purchases of any text, with fields that nobody asked for."""
    lines = st.builds(
        lambda sku, amount, extra: {**extra, "line_id": "1", "sku": sku, "amount_minor": amount},
        _NAMES,
        _AMOUNTS,
        st.dictionaries(st.sampled_from(["x", "y", '":']), st.integers(), max_size=2),
    )
    return st.builds(
        lambda ids, lines, extra: {**extra, **purchase(**ids, lines=lines)},
        st.fixed_dictionaries(dict.fromkeys(("event_id", "receipt_id", "member", "store"), _NAMES)),
        st.lists(lines, max_size=4),
        st.dictionaries(
            st.sampled_from(["note", "type_", '","brand":"', "\\"]), _NAMES, max_size=2
        ),
    )


def mutated() -> st.SearchStrategy[bytes]:
    """A real purchase with some of its bytes cut, repeated, exchanged or written over."""
    whole = st.sampled_from(
        [encoded(purchase()), json.dumps(purchase(), indent=1).encode(), structured(purchase())]
    )
    spot = st.integers(0, 2**16)
    change = st.one_of(
        st.tuples(st.just("cut"), spot, st.integers(1, 40)),
        st.tuples(st.just("repeat"), spot, st.integers(1, 40)),
        st.tuples(st.just("write"), spot, st.binary(min_size=1, max_size=4)),
        st.tuples(
            st.just("write"),
            spot,
            st.sampled_from(
                [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"1e9", b"-", b"\x00"]
            ),
        ),
    )
    return st.builds(_changed, whole, st.lists(change, min_size=1, max_size=4))


def broken(drawn: random.Random) -> tuple[bytes, Headers]:
    """The same without Hypothesis, for great numbers: a real record, changed in a few places."""
    whole, headers = drawn.choice(
        [(encoded(purchase()), BINARY), (structured(purchase()), STRUCTURED)]
    )
    return _changed(whole, [_change(drawn) for _ in range(drawn.randrange(1, 5))]), headers


def _change(drawn: random.Random) -> tuple[str, int, Any]:
    kind = drawn.choice(["cut", "repeat", "write"])
    what = drawn.randbytes(drawn.randrange(1, 5)) if kind == "write" else drawn.randrange(1, 41)
    return kind, drawn.randrange(2**16), what


def _changed(value: bytes, changes: list[tuple[str, int, Any]]) -> bytes:
    for kind, spot, what in changes:
        at = spot % (len(value) + 1)
        match kind:
            case "cut":
                value = value[:at] + value[at + what :]
            case "repeat":
                value = value[: at + what] + value[at:]
            case _:
                value = value[:at] + what + value[at + len(what) :]
    return value
