"""What stands on `loyalty.quarantine.v1`: the original key and bytes, and why they were not taken.

The value is what arrived, byte for byte; the reason and the origin are headers. The id is derived
from the origin, so that a record quarantined twice (at least once is the rule) counts once. Only
what no record can hold is cut, and then says so. That it was replayed is a note behind it.
"""

from enum import StrEnum
from typing import NamedTuple
from uuid import uuid5

from shared.events.ids import NAMESPACE
from shared.events.wire import Headers, Source, header_map

DETAIL_LENGTH_MAX = 1_000
ORIGINAL = "original_"
"""Prefix of the headers that the record arrived with."""
REPLAY_OF = "replay_of"
"""Header of a record that was replayed: the id that it stood in quarantine under at first."""
REPLAYED = "replayed"
"""Header of the note that a record was replayed."""
OVERHEAD_BYTES = 16 * 1024
"""More than what a record takes beside the key, value and headers that it arrived with."""
HEADER_OVERHEAD_BYTES = 32
"""More than what one more header takes beside its name and value."""


class Reason(StrEnum):
    """Why an input stands in quarantine, in the order in which it is looked at."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_ENCODING = "wrong_encoding"
    NOT_JSON = "not_json"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    NOT_A_NUMBER = "not_a_number"
    DUPLICATE_FIELD = "duplicate_field"
    MISSING_FIELD = "missing_field"
    INVALID = "invalid"
    FRACTIONAL = "fractional"
    OUT_OF_RANGE = "out_of_range"
    NO_OFFSET = "time_without_offset"
    IN_THE_FUTURE = "time_in_the_future"
    UNKNOWN_BRAND = "unknown_brand"
    UNKNOWN_PROGRAM = "unknown_program"
    WRONG_KEY = "wrong_key"
    CONFLICT = "conflict"


class Quarantined(NamedTuple):
    """One quarantined record."""

    source: Source
    reason: Reason
    detail: str
    by: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    bytes_cut: int = 0
    """How many bytes of key, value and headers are missing; the original stands at `source`."""
    is_note: bool = False
    """It says that the record of this id was replayed, and holds nothing of it."""

    @property
    def id(self) -> str:
        """The same for every copy of the same input."""
        return str(uuid5(NAMESPACE, f"quarantine/{self.source.encode().decode()}"))

    def replayed(self) -> "Quarantined":
        """The note that this record was replayed."""
        return self._replace(key=None, value=None, headers=(), is_note=True)

    @property
    def first_id(self) -> str:
        """The id of the first quarantine of what was replayed since, else its own."""
        claimed = dict(self.headers).get(REPLAY_OF)
        return claimed.decode("utf-8", "backslashreplace") if claimed else self.id


def encode(item: Quarantined) -> list[tuple[str, bytes]]:
    """The record's headers; key and value go as they are."""
    return [
        ("id", item.id.encode()),
        ("reason", item.reason.value.encode()),
        ("detail", item.detail[:DETAIL_LENGTH_MAX].encode("utf-8", "replace")),
        ("by", item.by.encode()),
        ("src", item.source.encode()),
        *([("cut", b"%d" % item.bytes_cut)] if item.bytes_cut else []),
        *([(REPLAYED, b"")] if item.is_note else []),
        *((ORIGINAL + name, value) for name, value in item.headers),
    ]


def decode(key: bytes | None, value: bytes | None, headers: Headers) -> Quarantined:
    """A quarantined record as it was given to `encode`."""
    named = header_map(headers)
    return Quarantined(
        source=Source.decode(named["src"]),
        reason=Reason(named["reason"].decode()),
        detail=named["detail"].decode(),
        by=named["by"].decode(),
        key=key,
        value=value,
        headers=tuple(
            (name.removeprefix(ORIGINAL), content)
            for name, content in headers
            if name.startswith(ORIGINAL)
        ),
        bytes_cut=int(named.get("cut", b"0")),
        is_note=REPLAYED in named,
    )


def fitted(item: Quarantined, bytes_max: int) -> Quarantined:
    """The item as it is, or cut to a record of at most `bytes_max`.

    Headers that do not fit in a quarter of that go all together, a key that does not goes too, and
    the value keeps its beginning.
    """
    headers, key, value = item.headers, item.key, item.value
    size = _size(headers) + len(key or b"") + len(value or b"")
    room = bytes_max - OVERHEAD_BYTES
    if size <= room:
        return item
    headers = headers if _size(headers) <= room // 4 else ()
    key = key if len(key or b"") <= room // 4 else None
    value = value and value[: room - _size(headers) - len(key or b"")]
    kept = _size(headers) + len(key or b"") + len(value or b"")
    return item._replace(headers=headers, key=key, value=value, bytes_cut=size - kept)


def _size(headers: Headers) -> int:
    return sum(
        len(name.encode()) + len(value or b"") + HEADER_OVERHEAD_BYTES for name, value in headers
    )
