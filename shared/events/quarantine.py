"""What stands on `loyalty.quarantine.v1`: the original key and bytes, and why they were not taken.

The value is what arrived, byte for byte; the reason and the origin are headers. The id is derived
from the origin, so that a record quarantined twice (at least once is the rule) counts once.
"""

from enum import StrEnum
from typing import NamedTuple
from uuid import uuid5

from shared.events.ids import NAMESPACE
from shared.events.wire import Headers, Source, header_map

DETAIL_LENGTH_MAX = 1_000
ORIGINAL = "original_"
"""Prefix of the headers that the record arrived with."""


class Reason(StrEnum):
    """Why an input stands in quarantine."""

    NOT_JSON = "not_json"
    WRONG_ENCODING = "wrong_encoding"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
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

    @property
    def id(self) -> str:
        """The same for every copy of the same input."""
        return str(uuid5(NAMESPACE, f"quarantine/{self.source.encode().decode()}"))


def encode(item: Quarantined) -> list[tuple[str, bytes]]:
    """The record's headers; key and value go as they are."""
    return [
        ("id", item.id.encode()),
        ("reason", item.reason.value.encode()),
        ("detail", item.detail[:DETAIL_LENGTH_MAX].encode("utf-8", "replace")),
        ("by", item.by.encode()),
        ("src", item.source.encode()),
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
    )
