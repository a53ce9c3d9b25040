"""Shapes shared by all contracts: strict own messages, tolerant upstream ones, named limits.

Guarantees: numbers are integers (a JSON ``1.0`` or ``"1"`` is refused), instants are written out
with an offset (a count of seconds is refused), identifiers are 1 to 128 printable characters. Does
not know topics, services or storage.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

ID_LENGTH_MAX = 128
AMOUNT_MINOR_MAX = 10**11
"""Largest money amount of one line or payment, in minor units: 10**9 dollars in cents."""
POINTS_MAX = 10**12
"""Largest number of points that one message may name; sums stay far inside a Postgres bigint."""
QUANTITY_MAX = 10**9
LINES_MAX = 1_000
PAYMENTS_MAX = 50
ATTRIBUTES_MAX = 50
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
INSTANT_MIN = EPOCH
INSTANT_END = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
"""Instants lie before this one: no arithmetic of offsets and calendars runs out of years."""

# Printable: no control characters, no leading or trailing blank, no lone surrogates.
_ID_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
_SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$"
_CURRENCY_PATTERN = r"^[A-Z]{3}$"
_INSTANT_PATTERN = r"^[0-9]{4}-"
_IN_WORDS = {
    _ID_PATTERN: "one line of printable characters without a blank at either end",
    _SLUG_PATTERN: "lower-case letters, digits and hyphens, at most 64",
    _CURRENCY_PATTERN: "three capital letters such as USD",
    _INSTANT_PATTERN: "an instant with its offset such as 2026-03-01T09:30:00+01:00",
}

Id = Annotated[
    str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX, pattern=_ID_PATTERN, strict=True)
]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=_ID_PATTERN, strict=True)
]
"""Why an operator did something, in words: one line, and never whom it concerns."""
Slug = Annotated[str, StringConstraints(max_length=64, pattern=_SLUG_PATTERN, strict=True)]
"""Names that Tessera's own operators choose: programs, brands' programs, rules."""
AccountKey = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=2 * ID_LENGTH_MAX + 1,
        pattern=_SLUG_PATTERN.removesuffix("$") + ":" + _ID_PATTERN.removeprefix("^"),
        strict=True,
    ),
]
"""``program:member``; a program has no colon, so the first one separates."""
Currency = Annotated[str, StringConstraints(pattern=_CURRENCY_PATTERN, strict=True)]
AmountMinor = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX, strict=True)]
Points = Annotated[int, Field(ge=0, le=POINTS_MAX, strict=True)]
Version = Annotated[int, Field(ge=1, strict=True)]
Quantity = Annotated[int, Field(ge=0, le=QUANTITY_MAX, strict=True)]


class _WrittenOut:
    """A datetime with an offset, read from text that begins with a year, never from a count."""

    @staticmethod
    def __get_pydantic_core_schema__(source: object, handler: object) -> CoreSchema:
        """Text is looked at before it is read; in Python a datetime is taken too."""
        text = core_schema.chain_schema(
            [core_schema.str_schema(pattern=_INSTANT_PATTERN, strict=True), _instant(strict=False)]
        )
        python = core_schema.union_schema([_instant(strict=True), text], mode="left_to_right")
        return core_schema.json_or_python_schema(json_schema=text, python_schema=python)

    @staticmethod
    def __get_pydantic_json_schema__(
        schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The usual format of an instant in JSON."""
        return {"type": "string", "format": "date-time"}


def _instant(*, strict: bool) -> CoreSchema:
    return core_schema.datetime_schema(
        tz_constraint="aware", ge=INSTANT_MIN, lt=INSTANT_END, strict=strict
    )


Instant = Annotated[datetime, _WrittenOut]


class LineKind(StrEnum):
    """What a receipt line is; only products carry a basis unless a program says otherwise."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"
    FEE = "fee"
    REWARD = "reward"


class Contract(BaseModel):
    """A message of our own: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class Upstream(BaseModel):
    """A message of somebody else's: immutable, and an unknown field is left out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def in_words(pattern: str) -> str:
    """For people: what a text has to be that does not match the pattern of one of these shapes."""
    return _IN_WORDS.get(pattern, f"text of the form {pattern}")


def account_key(program: str, member: str) -> str:
    """The account of a member in a program: ``program:member``."""
    return f"{program}:{member}"


def split_account(account: str) -> tuple[str, str]:
    """``(program, member)`` of an account key."""
    program, _, member = account.partition(":")
    return program, member


RESERVED = "~"
"""Begins the names of a program's own accounts: no member's id does."""
_STOCK = f"{RESERVED}reward~"


def is_reserved(member: str) -> bool:
    """Whether no member can have this id, since it is for a program's own accounts."""
    return member.startswith(RESERVED)


def stock_account(program: str, reward: str) -> str:
    """The account of a reward's stock: its lots are units."""
    return account_key(program, f"{_STOCK}{reward}")


def split_stock(account: str) -> tuple[str, str] | None:
    """``(program, reward)`` of a stock's account; None for any other account."""
    program, member = split_account(account)
    return (program, member.removeprefix(_STOCK)) if member.startswith(_STOCK) else None


def millis(instant: datetime) -> int:
    """Milliseconds since the epoch, exactly (no float arithmetic)."""
    delta = instant - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


@lru_cache(maxsize=1_024)
def instant(at_ms: int) -> datetime:
    """The UTC instant of milliseconds since the epoch; the facts of a batch have one."""
    return EPOCH + timedelta(milliseconds=at_ms)
